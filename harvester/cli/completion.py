"""Completion: the shell script that completes commands and options with the Tab key."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

from harvester.cli.sections import PROGRAM

_SHELLS: Final = ("bash", "zsh", "fish")
_VARIABLE: Final = f"_{PROGRAM.upper()}_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script for bash, zsh or fish that completes commands and options.

    For good: put the line of the example in ~/.bashrc or ~/.zshrc (there with zsh for bash); for fish, write
    the script to ~/.config/fish/completions/harvester.fish.

    Example: harvester completion bash > harvester-completion.sh && source harvester-completion.sh
    """
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(ctx.find_root().command, {}, PROGRAM, _VARIABLE).source())
