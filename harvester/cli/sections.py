"""The group of all commands: listed by what a person wants, and each with its exit codes in its help."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import partial
from importlib import import_module
from typing import Any

import click

from harvester.cli.exit_codes import finish_help
from harvester.cli.output import to_be_written

#: What the commands are called by, however Python was started.
PROGRAM = "harvester"


#: A section's commands by name: the module of this package that has it, and what it does in a few words.
Section = Mapping[str, tuple[str, str]]


class Later(MutableMapping[str, click.Command]):
    """Commands by name, each imported when it is asked for.

    All their modules together take a hundred times as long as a help needs that shows only names.
    """

    def __init__(self) -> None:
        #: Of each name what its command is, or how it comes to be.
        self._known: dict[str, click.Command | Callable[[], click.Command]] = {}

    def promise(self, name: str, make: Callable[[], click.Command]) -> None:
        """Know a command by its name, and how it is made when it is asked for."""
        self._known[name] = make

    def __getitem__(self, name: str) -> click.Command:
        found = self._known[name]
        if not isinstance(found, click.Command):
            found = self._known[name] = found()
        return found

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._known[name] = command

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class Commands(click.Group):
    """A group whose help lists its commands in sections, and which imports only those that are called."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._later = Later()
        self.commands = self._later
        #: Titles with the names beneath them, in the order of the help.
        self.sections: dict[str, list[str]] = {}
        self._words: dict[str, str] = {}

    def fill(self, sections: Mapping[str, Section], within: Mapping[str, Mapping[str, str]]) -> None:
        """Take commands in, each under the title of its section.

        `within`: of a group those of its commands that are in modules of their own, by name.
        """
        for title, commands in sections.items():
            self.sections[title] = list(commands)
            for name, (module, words) in commands.items():
                self._words[name] = words
                self._later.promise(name, partial(_command, name, module, words, within.get(name, {})))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands, section by section."""
        return [name for names in self.sections.values() for name in names]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each section with its commands and what they do."""
        longest = max(map(len, self.commands))
        for title, names in self.sections.items():
            rows = [(f"{name:<{longest}}", self._words[name]) for name in names]
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


def _command(name: str, module: str, words: str, more: Mapping[str, str]) -> click.Command:
    """Import a command, with those of a group that are elsewhere, and finish its help."""
    command = _imported(module, name)
    command.short_help = words
    if isinstance(command, click.Group):
        for other, place in more.items():
            command.add_command(_imported(place, other))
    finish_help(name, command)
    return command


def _imported(module: str, name: str) -> click.Command:
    found: click.Command = getattr(import_module(f"harvester.cli.{module}"), name.replace("-", "_"))
    return found
