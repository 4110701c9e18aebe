"""Output that cannot be written ends a command in one line, and a reader that has gone in none."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import click
import pytest
from factories import opened
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.cli import main
from harvester.cli.display import show_table

from .processes import HARVESTER, REPOSITORY, STARTS_WITHIN, environment

Way = Callable[[], AbstractContextManager[int]]
FULL = "Error: [Errno 28] No space left on device\n"


@contextmanager
def full_disk() -> Iterator[int]:
    """Give a file that takes nothing."""
    file = os.open("/dev/full", os.O_WRONLY)
    try:
        yield file
    finally:
        os.close(file)


@contextmanager
def closed_pipe() -> Iterator[int]:
    """Give a pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


WAYS = [pytest.param(full_disk, FULL, id="full"), pytest.param(closed_pipe, "", id="pipe")]


@pytest.mark.parametrize(("way", "told"), WAYS)
@pytest.mark.parametrize(
    "arguments", [["--help"], ["clients", "list"], ["clients", "list", "--json"]], ids=" ".join
)
def test_a_command_says_so_in_one_line_and_fails(
    arguments: list[str],
    way: Way,
    told: str,
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in environment(DATABASE_URL=sqlite_url).items():
        monkeypatch.setenv(name, value)
    with opened(sqlite_url), way() as file, open(file, "w", closefd=False) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        with suppress(OSError):
            stdout.close()
    assert (ended.value.code, capsys.readouterr().err) == (1, told)


@pytest.mark.slow
@pytest.mark.parametrize(("way", "told"), WAYS)
@pytest.mark.parametrize(
    "command",
    [(*HARVESTER, "--version"), (str(REPOSITORY / "scripts" / "repair_run_records.py"), "--help")],
    ids=["command", "script"],
)
def test_a_process_ends_without_a_traceback(
    command: tuple[str, ...], way: Way, told: str, tmp_path: Path
) -> None:
    """Python writes what is left at its end, when nothing of ours is there to catch what comes of it."""
    with way() as file:
        ended = subprocess.run(
            [sys.executable, *command],
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environment() | {"PYTHONPATH": str(REPOSITORY)},
            timeout=STARTS_WITHIN,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (1, told)


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        """Be one."""
        return True


@pytest.mark.parametrize(("width", "left_out"), [(80, {"Ended", "Started (UTC)"}), (200, set())])
def test_on_a_narrow_terminal_an_id_stays_whole(
    width: int, left_out: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    columns = ("Client run", "Status", "Posts", "Cost", "Reason", "Started (UTC)", "Ended")
    times = ("2026-11-22 16:44:41", "2026-11-22 16:44:49")
    row = ("261122-164441-Guy-Wilson", "Failed", 24, "$0.0482", "because of it " * 9, *times)
    show_table("1 client run", columns, [row], spare=("Ended", "Started (UTC)", "Posts"))
    shown = terminal.getvalue()
    assert "261122-164441-Guy-Wilson" in shown
    assert {name for name in columns if name not in shown} == left_out
    assert max(len(click.unstyle(line)) for line in shown.splitlines()) <= width


def letters(text: str) -> str:
    """Give what is shown, whatever lines it is broken into, sorted: columns stand side by side."""
    return "".join(sorted(one for one in click.unstyle(text) if one.isalnum()))


@settings(max_examples=100, deadline=None)
@given(
    row=st.lists(st.text("abcdefgh", min_size=6, max_size=45), min_size=4, max_size=4),
    more=st.integers(-20, 20),
)
def test_at_no_width_is_anything_cut(row: list[str], more: int) -> None:
    """Least of all about the width from which on all of it has room."""
    width = max(60, sum(map(len, row)) + 12 + more)
    terminal = Terminal()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        patch.setattr(sys, "stdout", terminal)
        show_table("Title", ("First", "Second", "Third", "Fourth"), [row])
    assert letters(terminal.getvalue()) == letters("TitleFirstSecondThirdFourth" + "".join(row))


def test_a_table_of_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show_table("0 client runs", ("Client run", "Status"), [])
    assert "Client run" in capsys.readouterr().out
