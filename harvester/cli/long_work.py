"""Commands that take long: how far they are, and how they end early."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from harvester.ledger.copying import Progress as Told
from harvester.wording import counted

T = TypeVar("T")

_TOLD_EVERY = 100


class Interrupted(click.ClickException):
    """Somebody has ended a command that only waited: of what it waited for that says nothing."""

    exit_code = 130


@contextmanager
def interruptible(state: str, *, ends: type[click.ClickException] = click.ClickException) -> Iterator[None]:
    """Take a polite kill for Ctrl-C, and say in what state either leaves things. `ends` is the error."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        for number in before:
            signal.signal(number, signal.default_int_handler)
        yield
    except KeyboardInterrupt:
        raise ends(f"interrupted. {state}") from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def bar(doing: str, at_last: str) -> Iterator[Told]:
    """Show progress on a terminal, and nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(doing, total=None)

        def told(done: int, total: int) -> None:
            shown.update(task, completed=done, total=total, description=at_last if done >= total else doing)

        yield told


def counted_out(rows: Iterable[T], doing: str, one: str) -> Iterator[T]:
    """Give rows on, and count them on a terminal while they go elsewhere: how many there are nobody knows."""
    console = Console(stderr=True)
    hidden = not console.is_terminal or sys.stdout.isatty()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=hidden) as shown:
        task = shown.add_task(doing, total=None)
        for number, row in enumerate(rows, 1):
            yield row
            if not number % _TOLD_EVERY:
                shown.update(task, description=f"{doing} {counted(number, one)}")
