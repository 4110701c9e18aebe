"""The page docs/commands.md, made from the commands themselves: python -m harvester.cli.documentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from harvester.cli import exit_codes, main
from harvester.cli.sections import PROGRAM, Commands

_HEAD: Final = f"""# Commands

Made from the commands themselves: `python -m harvester.cli.documentation > docs/commands.md`.

Each reads its settings from the environment and `.env`, as the processes do, so it is called where they run.
With `--json` a command shows JSON, for scripts, and nothing else on stdout. Colours come on terminals alone,
and not where `NO_COLOR` is set. `{PROGRAM} COMMAND --help` says what is written here.

Tab completes commands and options after `{PROGRAM} completion bash`, `zsh` or `fish`, put where your shell
looks: see its help.
"""
_EVERY: Final = """## Exit codes

A command that says nothing else ends with one of these:
"""


def page() -> str:
    """Give the whole page."""
    assert isinstance(main, Commands)
    parts = [_HEAD, _EVERY, _codes(exit_codes.COMMON), ""]
    for title, names in main.sections.items():
        parts += [f"## {title}", ""]
        for name in names:
            command = main.commands[name]
            for path, one in _of((name,), command):
                parts += [*_one(path, one), ""]
    return "\n".join(parts).rstrip() + "\n"


def _of(path: exit_codes.Path, command: click.Command) -> Iterator[tuple[exit_codes.Path, click.Command]]:
    if isinstance(command, click.Group):
        yield from exit_codes.every_command(command, *path)
    else:
        yield path, command


def _one(path: exit_codes.Path, command: click.Command) -> Iterator[str]:
    """Describe one command: what it does, how it is called, its options, an example, its exit codes."""
    words = " ".join((PROGRAM, *path))
    told, example = exit_codes.told_and_example(command)
    with click.Context(command, info_name=words) as ctx:
        usage = " ".join(command.collect_usage_pieces(ctx))
        options = [record for one in command.params if (record := one.get_help_record(ctx))]
    yield from (f"### {words}", "", told, "", "```sh", example, "```", "")
    yield from (f"Usage: `{words} {usage}`", "")
    if options:
        yield from ("| option | what it does |", "|---|---|")
        yield from (f"| `{_cell(name)}` | {_cell(what)} |" for name, what in options)
        yield ""
    yield _codes(exit_codes.of(path))


def _codes(codes: exit_codes.Codes) -> str:
    rows = (f"| {code} | {_cell(when)} |" for code, when in codes.items())
    return "\n".join(("| exit code | when |", "|---|---|", *rows))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    click.echo(page(), nl=False)
