"""Help: every command explains itself by an example."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from harvester.cli import main


def every_command(group: click.Group = main, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from every_command(command, *path, name)
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(every_command()), ids=lambda path: " ".join(path) or "harvester")
def test_the_help_of_every_command_shows_an_example_of_itself(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0
    words = " ".join(result.output.split())
    assert f"Example: {' '.join(('harvester', *path))}" in words


def test_the_contracts_commands_of_this_step_are_there() -> None:
    wanted = {"demo", "serve", "worker", "migrate", "kickoff", "status", "runs", "clients", "leads"}
    assert wanted | {"posts", "deliveries", "doctor", "hash-password"} <= set(main.commands)


@pytest.mark.parametrize(
    "arguments", [["nothing"], ["--nothing"], ["clients", "nothing"], ["leads", "import"]]
)
def test_what_no_command_knows_is_a_bad_argument(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2


def test_an_argument_that_is_no_text_is_a_bad_argument() -> None:
    result = CliRunner().invoke(main, ["clients", "add", "A", "--name", "M\udcfcller"])
    assert result.exit_code == 2
    assert "not UTF-8" in result.output
