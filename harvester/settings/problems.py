"""What is wrong with the settings, told so that the reader can put it right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harvester.errors import HarvesterError
from harvester.log import one_line

#: Exit code of a process whose settings are not usable.
EXIT_BAD_SETTINGS = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """One setting that cannot be used. Neither text holds the value of a secret."""

    #: The variable, such as `API_TOKENS`, or the place in `.env` that cannot be read.
    name: str
    #: What is wrong with it, such as "it is required, and is not set".
    problem: str
    #: What to do about it, as a sentence.
    remedy: str


class SettingsError(HarvesterError):
    """The settings cannot be used; `problems` holds all that is wrong with them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(f"{found.name}: {found.problem}" for found in self.problems))


def describe(error: SettingsError) -> str:
    """Return the text for stderr, newline included: each problem on a line with its remedy below it."""
    count = len(error.problems)
    lines = [f"The settings cannot be used: {count} problem{'' if count == 1 else 's'}."]
    for found in error.problems:
        lines += [one_line(f"  {found.name}: {found.problem}"), one_line(f"      {found.remedy}")]
    return "\n".join(lines) + "\n"
