"""Watching: a command's output drawn anew every so often, until Ctrl-C or until it is over."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from typing import Any, Final

import click

from harvester.cli.arguments import Seconds
from harvester.cli.display import show_line
from harvester.errors import HarvesterError
from harvester.wording import counted

#: Shows something on stdout, and says whether it is over.
Show = Callable[[], bool]

_DEFAULT: Final = 2.0
#: A screen of its own without a cursor, and back; the cursor home, the rest of a line gone, all below gone.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _END_OF_LINE, _BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


class _Every(Seconds):
    """So many seconds, where the word behind `--watch` may have been meant as something else."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check the value, or fail as a bad argument."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            self.fail(f"{error.message} Give --watch last, or with a number of seconds.", param, ctx)


watch_option = click.option(
    "--watch",
    type=_Every(0.2, 3_600),
    is_flag=False,
    flag_value=_DEFAULT,
    metavar="[SECONDS]",
    help=f"Draw it anew every so often, until Ctrl-C.  [default: {_DEFAULT:.0f}]",
)


def require_terminal(every: float | None, *, json_: bool) -> None:
    """Refuse to watch where nobody looks. None: nothing is to be watched."""
    if every is None:
        return
    if json_:
        raise click.UsageError("--watch is for people: a script calls again with --json when it wants to")
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        raise click.UsageError("--watch needs a terminal: a script calls again by itself")


def watched(show: Show, every: float | None) -> None:
    """Show once; or, with `every` so many seconds, again and again until it is over or Ctrl-C comes.

    What it showed last stays on the terminal. While something cannot be read that is said instead.
    """
    if every is None:
        show()
        return
    last = ""
    with _own_screen():
        over = False
        while not over:
            shown, over = _picture(show)
            last = shown or last
            _draw(shown, every)
            if not over:
                time.sleep(every)
    click.echo(last, nl=False)


@contextmanager
def _own_screen() -> Iterator[None]:
    """Draw on a screen of its own, and leave it whatever comes: a terminal must not stay without a cursor."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        for number in before:
            signal.signal(number, signal.default_int_handler)
        click.echo(_ENTER, nl=False)
        yield
    except KeyboardInterrupt:
        pass
    finally:
        click.echo(_LEAVE, nl=False)
        for number, handler in before.items():
            signal.signal(number, handler)


class _Terminal(io.StringIO):
    """Keeps what is shown, as it would be on the terminal."""

    def isatty(self) -> bool:
        return True


def _picture(show: Show) -> tuple[str, bool]:
    kept = _Terminal()
    with redirect_stdout(kept):
        try:
            over = show()
        except HarvesterError as error:
            if error.permanent:
                raise
            show_line(f"Error: {error}. It is tried again.")
            over = False
    return kept.getvalue(), over


def _draw(shown: str, every: float) -> None:
    """Put a picture in the place of the last one, as much of it as there is room for."""
    lines, room = shown.splitlines(), shutil.get_terminal_size().lines - 1
    if len(lines) > room:
        more = counted(len(lines) - room + 1, "more line")
        lines = [*lines[: room - 1], f"… {more}: make the window higher"]
    foot = f"Every {every:g} s, last at {datetime.now(UTC):%H:%M:%S} UTC. Ctrl-C ends."
    drawn = "".join(f"{line}{_END_OF_LINE}\n" for line in lines)
    click.echo(f"{_HOME}{drawn}{_BELOW}{foot}", nl=False)
