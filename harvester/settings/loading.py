"""From environment and `.env` to `Settings`, or to everything that is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from harvester.log import redact
from harvester.settings.documentation import Doc, documented
from harvester.settings.model import Settings
from harvester.settings.problems import Problem, SettingsError
from harvester.settings.sources import Sources

_SHOWN = 80


def load(environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")) -> Settings:
    """Return the settings of `environ` (this process's environment) and, below it, `env_file`.

    Raises SettingsError with every problem at once. Nothing that it carries holds a secret.
    """
    settings, problems = _attempt(os.environ if environ is None else environ, env_file)
    if settings is None or problems:
        raise SettingsError(problems)
    return settings


def _attempt(environ: Mapping[str, str], env_file: Path | None) -> tuple[Settings | None, list[Problem]]:
    """Apart from `load`, so that no raw secret is in a frame or a context of the error that `load` raises."""
    docs = {doc.name: doc for doc in documented()}
    sources = Sources(docs, [doc.name for doc in docs.values() if doc.secret])
    if env_file is not None:
        sources.add_env_file(env_file)
    sources.add_environment(environ)
    values = sources.values()
    try:
        return Settings.model_validate(
            {name.lower(): text for name, text in values.items()}
        ), sources.problems
    except ValidationError as error:
        unreadable = {found.name.removesuffix("_FILE") for found in sources.problems}
        refused = [_problem(docs, values, details) for details in error.errors()]
        return None, sources.problems + [found for found in refused if found.name not in unreadable]


def _problem(docs: Mapping[str, Doc], values: Mapping[str, str], details: ErrorDetails) -> Problem:
    name, *entry = details["loc"]
    doc = docs[str(name).upper()]
    where = f"entry {entry[0] + 1}: " if entry and isinstance(entry[0], int) else ""
    given = values.get(doc.name)
    value = "" if doc.secret or given is None else f" (now {_shown(given)})"
    return Problem(doc.name, f"{where}{_reason(details)}{value}", doc.remedy)


def _reason(details: ErrorDetails) -> str:
    if details["type"] == "missing":
        return "it is required, and is not set"
    if details["type"] == "value_error":
        return str(details["ctx"]["error"])
    return details["msg"].replace("Input should", "it must").replace("String should", "it must")


def _shown(value: str) -> str:
    text = redact(value)
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
