"""What every command starts and ends with: settings, services, and errors told in one line."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from harvester import log
from harvester.cli.display import show_line
from harvester.errors import HarvesterError, InvalidInput
from harvester.settings import EXIT_BAD_SETTINGS, Settings, SettingsError, describe, load
from services import Services, build

EXIT_FAILED = 1
EXIT_BAD_ARGUMENTS = 2
EXIT_REFUSED = 3


def settings() -> Settings:
    """Load the settings, or end the process with all that is wrong with them."""
    try:
        return load()
    except SettingsError as error:
        click.echo(describe(error), err=True, nl=False)
        sys.exit(EXIT_BAD_SETTINGS)


@contextmanager
def services(*, quiet: bool = True) -> Iterator[Services]:
    """Give the services, and end the process with one line if something goes wrong.

    `quiet` keeps the log to warnings, so that a command's own output stays readable.
    """
    found = settings()
    log.configure(found.log_format, "WARNING" if quiet and found.log_level == "INFO" else found.log_level)
    with told(), services_from(found) as built:
        yield built


@contextmanager
def services_from(found: Settings) -> Iterator[Services]:
    """Build services, and close them afterwards."""
    built = build(found)
    try:
        yield built
    finally:
        built.close()


@contextmanager
def told() -> Iterator[None]:
    """Turn an error of ours into a line on stderr and an exit code."""
    try:
        yield
    except InvalidInput as error:
        show_line(f"Error: {error}", err=True)
        sys.exit(EXIT_BAD_ARGUMENTS)
    except HarvesterError as error:
        show_line(f"Error: {error}", err=True)
        sys.exit(EXIT_FAILED)
    except OSError as error:
        if error.errno == errno.EPIPE:  # the reader, such as head, has seen enough: click ends quietly
            raise
        show_line(f"Error: {error}", err=True)
        sys.exit(EXIT_FAILED)
