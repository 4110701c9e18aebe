"""The group of all commands: listed by what a person wants, and each with its exit codes in its help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from harvester.cli.output import to_be_written

#: What the commands are called by, however Python was started.
PROGRAM = "harvester"


class Commands(click.Group):
    """A group whose help lists its commands in sections."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        #: Titles with the names beneath them, in the order of the help.
        self.sections: dict[str, list[str]] = {}

    def fill(self, sections: Mapping[str, Mapping[click.Command, str]]) -> None:
        """Take commands in, each under the title of its section, with what it does in a few words."""
        for title, commands in sections.items():
            self.sections[title] = [str(command.name) for command in commands]
            for command, words in commands.items():
                command.short_help = words
                self.add_command(command)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands, section by section."""
        return [name for names in self.sections.values() for name in names]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each section with its commands and what they do."""
        longest = max(map(len, self.commands))
        for title, names in self.sections.items():
            rows = [(f"{name:<{longest}}", self.commands[name].short_help or "") for name in names]
            with formatter.section(title):
                formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse what is no text: an argument of other bytes comes with half characters in their place."""
        for arg in args:
            if any("\ud800" <= character <= "\udfff" for character in arg):
                raise click.UsageError(f"this argument is not UTF-8 text: {arg!a}")
        return super().parse_args(ctx, args)

    def main(self, *arguments: Any, **more: Any) -> Any:
        """Run a command, and end in one line where what it shows cannot be written."""
        more["prog_name"] = more.get("prog_name") or PROGRAM
        with to_be_written():
            return super().main(*arguments, **more)
