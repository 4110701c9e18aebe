"""Exit codes: what each command tells a script that called it. Help and docs/commands.md show them."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator, Mapping
from typing import Final

import click

DONE, FAILED, BAD_ARGUMENTS, REFUSED, INTERRUPTED = 0, 1, 2, 3, 130
Path = tuple[str, ...]
Codes = Mapping[int, str]

#: Of every command that says nothing else.
COMMON: Final[Codes] = {
    DONE: "done",
    FAILED: "failed; one line on stderr says why",
    BAD_ARGUMENTS: "bad arguments or settings; nothing was done",
}
_WAITED: Final = {
    DONE: "accepted; with --wait: it ended Completed",
    FAILED: "failed; with --wait: it ended Failed",
    INTERRUPTED: "the waiting was interrupted; the harvest goes on",
}
_ENDED_BY_CTRL_C: Final = {DONE: "shown; with --watch: ended by Ctrl-C"}
_REPAIR: Final = {REFUSED: "it cannot be, or need not be; nothing was changed"}

#: What differs from the common ones, by the words of the command.
_OWN: Final[Mapping[Path, Codes]] = {
    ("demo",): {
        DONE: "all harvested, and all numbers add up",
        FAILED: "a client run did not complete, numbers do not add up, or Airtable lacks something",
        REFUSED: "refused; nothing was started",
        INTERRUPTED: "interrupted by Ctrl-C before its end",
    },
    ("backfill",): {REFUSED: "another one of the same source is at work, or it is read by itself"},
    ("serve",): {DONE: "ended by SIGTERM or Ctrl-C"},
    ("worker",): {DONE: "ended by SIGTERM or Ctrl-C, after what it had at hand"},
    ("clients", "add"): {REFUSED: "there is such a client already, or its Airtable base is another's"},
    ("clients", "set"): {REFUSED: "the client is kept in Airtable, or the base is another client's"},
    ("clients", "disable"): {REFUSED: "the client is kept in Airtable: change it there"},
    ("leads", "import"): {REFUSED: "some rows were refused, each is named; all others are imported"},
    ("kickoff",): {
        DONE: "started, or skipped for the reason that is told",
        REFUSED: "nothing was started: a client run is still running, or has this ID, or too many in an hour",
    },
    ("process",): _WAITED | {REFUSED: "there is a job run of this ID; with --wait: it ended otherwise"},
    ("resume",): _WAITED | {REFUSED: "another smart resume is live; with --wait: it ended otherwise"},
    ("retry",): _WAITED
    | {REFUSED: "nothing is left to retry, or it still runs; with --wait: ended otherwise"},
    ("cancel",): _WAITED
    | {
        DONE: "it ends, or has ended; with --wait: it ended Cancelled",
        REFUSED: "it was over already; with --wait: it ended otherwise",
    },
    ("canary",): {
        DONE: "each lead was answered, and it ended Completed",
        FAILED: "it failed",
        REFUSED: "some were not answered, it was not over in time, or nothing was started",
        INTERRUPTED: "the waiting was interrupted; the harvest goes on",
    },
    ("runs",): _ENDED_BY_CTRL_C,
    ("status",): _ENDED_BY_CTRL_C,
    ("logs",): {DONE: "shown; with --follow: the client run is over, or ended by Ctrl-C"},
    ("alerts",): {REFUSED: "--over: no matter of this key stands"},
    ("reconcile",): {REFUSED: "Apify could not be asked about all of it; a worker asks again"},
    ("check",): {
        DONE: "nothing is wrong, or all of it is put right",
        FAILED: "something could not be read",
        REFUSED: "something was found and not put right",
    },
    ("replay",): _REPAIR,
    ("dead-letters", "replay"): _REPAIR,
    ("dead-letters", "discard"): _REPAIR,
    ("doctor",): {
        DONE: "all is well",
        FAILED: "something is not well; each finding says what to do",
        BAD_ARGUMENTS: "bad arguments, or settings are wrong; each finding says what to do",
    },
    ("airtable", "check"): {
        DONE: "all is as it must be",
        FAILED: "Airtable cannot be read",
        REFUSED: "something is not as it must be",
    },
    ("airtable", "setup"): {
        FAILED: "Airtable cannot be read",
        REFUSED: "something could not be made, or you said no",
    },
    ("airtable", "sync"): {
        DONE: "Airtable is owed nothing any more",
        REFUSED: "something still waits, or Airtable did not take it",
    },
    ("airtable", "adopt"): {FAILED: "a base could not be read; all others were"},
    ("tokens", "create"): {REFUSED: "a token that is good has this name; nothing was made"},
    ("tokens", "rotate"): {REFUSED: "the token is revoked or expired; nothing was changed"},
    ("backup",): {REFUSED: "there is such a file, or this ledger cannot be backed up; nothing was written"},
    ("restore",): {REFUSED: "the ledger has rows, or the file is no backup; nothing was changed"},
}


def of(path: Path) -> Codes:
    """Give the exit codes of a command, by its words behind `harvester`, with what they mean."""
    return dict(sorted({**COMMON, **_OWN.get(path, {})}.items()))


def described() -> set[Path]:
    """Name the commands that have exit codes of their own."""
    return set(_OWN)


def every_command(group: click.Group, *path: str) -> Iterator[tuple[Path, click.Command]]:
    """Give all commands that do something, in the order of the help."""
    for name in group.list_commands(click.Context(group)):
        command = group.commands[name]
        if isinstance(command, click.Group):
            yield from every_command(command, *path, name)
        else:
            yield (*path, name), command


def told_and_example(command: click.Command) -> tuple[str, str]:
    """Give what the help of a command says, and its example in one line."""
    told, _, example = inspect.cleandoc(command.help or "").rpartition("Example:")
    return told.rstrip("\b \n"), " ".join(example.split())


def finish_help(name: str, command: click.Command) -> None:
    """End the help of a command, or of all in a group, with its example, to be copied, and its exit codes."""
    if isinstance(command, click.Group):
        for path, one in every_command(command, name):
            _finish(path, one)
    else:
        _finish((name,), command)


def _finish(path: Path, command: click.Command) -> None:
    told, example = told_and_example(command)
    command.help = f"{told}\n\n\b\nExample:\n  {example}"  # \b: click leaves these lines alone
    lines = [
        textwrap.fill(f"{code:>5}  {meaning}", 78, subsequent_indent=" " * 7)
        for code, meaning in of(path).items()
    ]
    command.epilog = "\n".join(["\b", "Exit codes:", *lines])
