"""What every command starts and ends with: settings, services, and errors told in one line."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from harvester import log
from harvester.cli.checked_settings import settings as settings
from harvester.cli.display import show_line
from harvester.errors import HarvesterError, InvalidInput
from harvester.part_file import Refused
from harvester.settings import Settings
from services import Services, build
from services.backfill import CannotBackfill
from services.backup import CannotBackUp
from services.dead_letters import NothingToReplay
from services.eligibility import TooManyKickoffs
from services.replay import NotReplayable
from services.restore import CannotRestore, IsBackup, refuse_backup

#: Who asks, as the activity log has it.
BY = "command line"

EXIT_FAILED = 1
EXIT_BAD_ARGUMENTS = 2
EXIT_REFUSED = 3


class Declined(HarvesterError):
    """A command was given rightly, and will not do what it says."""


#: Asked for rightly, and not done for a reason of ours; nothing was changed.
_REFUSALS = (
    Declined,
    Refused,
    CannotBackfill,
    CannotBackUp,
    CannotRestore,
    IsBackup,
    NotReplayable,
    NothingToReplay,
    TooManyKickoffs,
)


@contextmanager
def services(*, quiet: bool = True) -> Iterator[Services]:
    """Give the services, and end the process with one line if something goes wrong.

    `quiet` keeps the log to warnings, so that a command's own output stays readable.
    """
    found = settings()
    log.configure(found.log_format, "WARNING" if quiet and found.log_level == "INFO" else found.log_level)
    with told():
        refuse_backup(found.database_url.get_secret_value())
        with services_from(found) as built:
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
    except (HarvesterError, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            raise  # the reader, such as head, has seen enough: click ends quietly
        show_line(f"Error: {error}", err=True)
        sys.exit(_exit_code(error))


def _exit_code(error: Exception) -> int:
    if isinstance(error, InvalidInput):
        return EXIT_BAD_ARGUMENTS
    return EXIT_REFUSED if isinstance(error, _REFUSALS) else EXIT_FAILED
