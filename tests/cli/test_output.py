"""Output that cannot be written ends a command in one line, and a reader that has gone in none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
from factories import opened

from harvester.cli import main

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
