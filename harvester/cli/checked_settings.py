"""Settings for a command, or the end of the process."""

from __future__ import annotations

import sys

import click

from harvester.settings import EXIT_BAD_SETTINGS, Settings, SettingsError, describe, load


def settings() -> Settings:
    """Load the settings, or end the process with all that is wrong with them."""
    try:
        return load()
    except SettingsError as error:
        click.echo(describe(error), err=True, nl=False)
        sys.exit(EXIT_BAD_SETTINGS)
