"""Settings: from the environment and `.env`, checked together, with secrets that never print.

`load` is the way in. Only this package and the entry points read the environment.
"""

from harvester.settings.documentation import Doc, documented, env_example
from harvester.settings.dormant import dormant
from harvester.settings.loading import load
from harvester.settings.model import Settings
from harvester.settings.problems import EXIT_BAD_SETTINGS, Problem, SettingsError, describe
from harvester.settings.urls import is_loopback, without_password

__all__ = [
    "EXIT_BAD_SETTINGS",
    "Doc",
    "Problem",
    "Settings",
    "SettingsError",
    "describe",
    "documented",
    "dormant",
    "env_example",
    "is_loopback",
    "load",
    "without_password",
]
