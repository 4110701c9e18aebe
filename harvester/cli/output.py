"""Output that cannot be written: a disk that is full, a reader that has gone."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_FAILED: Final = 1


@contextmanager
def to_be_written() -> Iterator[None]:
    """Run a whole command: if what it shows cannot be written, it says so in one line, and exits with 1.

    Of a pipe whose reader, such as head, has seen enough nothing is said. A command that has failed by
    itself keeps its exit code.
    """
    ended: SystemExit | None = None
    try:
        try:
            yield
        except SystemExit as error:
            ended = error
        if sys.stdout is not None:  # the shell's >&-
            sys.stdout.flush()
    except OSError as error:
        _let_go()
        if ended is None or not ended.code:
            if error.errno != errno.EPIPE:
                from harvester.cli.display import show_line  # its tables take longer to import than a help

                show_line(f"Error: {error}", err=True)
            sys.exit(_FAILED)
    if ended is not None:
        raise ended


def _let_go() -> None:
    """Throw away what stdout does not take, or Python tries again at its end, and tells at length."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            sys.stdout.close()
