"""The commands as they are told of: the page of them all, their examples, and their exit codes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from harvester.cli import documentation, exit_codes, main
from harvester.cli.sections import Commands

from .processes import REPOSITORY

EVERY = list(exit_codes.every_command(main))
NAMES = [" ".join(path) for path, _ in EVERY]
PAGE = REPOSITORY / "docs" / "commands.md"
#: Of the contract, and what later steps have added.
WANTED = (
    "demo serve worker migrate kickoff process resume status runs clients leads posts deliveries reconcile "
)
WANTED += "check doctor airtable hash-password logs completion alerts cancel retry costs pause schedule jobs"


def example(command: click.Command) -> list[str]:
    """Give the words of a command's example, without what is a shell's."""
    found = exit_codes.told_and_example(command)[1]
    return shlex.split(re.split(r" [<>] ", found)[0])


def test_the_page_says_what_the_code_says() -> None:
    told = "make it anew: python -m harvester.cli.documentation > docs/commands.md"
    assert PAGE.read_text() == documentation.page(), told


def test_exit_codes_are_told_of_commands_that_there_are() -> None:
    assert exit_codes.described() <= {path for path, _ in EVERY}


@pytest.mark.parametrize(("path", "command"), EVERY, ids=NAMES)
def test_help_ends_with_the_exit_codes_and_fits_a_terminal(
    path: exit_codes.Path, command: click.Command
) -> None:
    shown = CliRunner().invoke(main, [*path, "--help"]).output
    words = " ".join(shown.split())
    for code, when in exit_codes.of(path).items():
        assert f"{code} {when}" in words
    example = exit_codes.told_and_example(command)[1]
    lines = shown.splitlines()
    assert example in [line.strip() for line in lines], "in one line, to be copied"
    assert max(len(line) for line in lines if example not in line) <= 80


@pytest.mark.parametrize(("path", "command"), EVERY, ids=NAMES)
def test_each_example_is_a_call_that_the_command_takes(
    path: exit_codes.Path, command: click.Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program, *words = example(command)
    assert (program, tuple(words[: len(path)])) == ("harvester", path)
    for word in words:
        if Path(word).suffix in (".csv", ".db"):
            Path(word).write_text("")  # a file that must be there
    with command.make_context(" ".join(path), words[len(path) :]) as ctx:
        assert not ctx.args


def test_every_command_stands_once_in_a_section_and_is_told_in_a_line() -> None:
    assert isinstance(main, Commands)
    names = [name for section in main.sections.values() for name in section]
    assert sorted(names) == sorted(main.commands)
    assert set(WANTED.split()) <= set(names)
    shown = CliRunner().invoke(main, ["--help"]).output
    for name in names:
        lines = [line for line in shown.splitlines() if line.startswith(f"  {name} ")]
        assert len(lines) == 1
        assert lines[0].endswith(".")
