"""What a benchmark has measured: each figure beside its floor in the same run, and what is asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson
from rich.console import Console
from rich.table import Table

#: Names the file that a benchmark leaves its figures in, for `docs/performance.md`.
TOLD_TO: Final = "MEASURED_TO"
COLUMNS: Final = ("what", "ours", "floor", "ratio", "asked for", "met")
_MARKS: Final = {True: "yes", False: "**no**", None: ""}


@dataclass(frozen=True)
class Measured:
    """One line: a figure of ours with its unit, the floor's, their ratio, and what is asked for."""

    what: str
    ours: str
    floor: str = ""
    ratio: str = ""
    aim: str = ""
    #: Whether it is as good as is asked for; None where nothing is.
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """Give it as a row under `COLUMNS`."""
        return self.what, self.ours, self.floor, self.ratio, self.aim, _MARKS[self.met]


def tell(lines: Sequence[Measured]) -> int:
    """Print the lines, leave them where `MEASURED_TO` names a file, and give the exit code."""
    shown = Table(*COLUMNS)
    for line in lines:
        shown.add_row(*(cell.replace("*", "") for cell in line.cells()))
    Console(width=None if sys.stdout.isatty() else 140).print(shown)
    if TOLD_TO in os.environ:
        Path(os.environ[TOLD_TO]).write_bytes(orjson.dumps([asdict(line) for line in lines]))
    return 1 if any(line.met is False for line in lines) else 0


def share(ours: float, floor: float, *, least: float, what: str, unit: str = "/s") -> Measured:
    """Compare two rates: ours must be at least that share of the floor's."""
    ratio = ours / floor
    shown = f"{ours:,.0f}{unit}", f"{floor:,.0f}{unit}"
    return Measured(what, *shown, f"{ratio:.2f}", f">= {least:g}", ratio >= least)


def times(
    ours: float, floor: float, *, most: float, what: str, unit: str = " s", digits: int = 2
) -> Measured:
    """Compare two durations, in whatever unit: ours must be at most so many times the floor's."""
    ratio = ours / floor
    shown = f"{ours:,.{digits}f}{unit}", f"{floor:,.{digits}f}{unit}"
    return Measured(what, *shown, f"{ratio:.2f}", f"<= {most:g}", ratio <= most)


def at_most(ours: float, most: float, *, what: str, unit: str, digits: int = 1) -> Measured:
    """Hold a figure against a bound."""
    return Measured(what, f"{ours:,.{digits}f}{unit}", aim=f"<= {most:g}{unit}", met=ours <= most)


def shown_only(what: str, ours: str, floor: str = "", ratio: str = "") -> Measured:
    """Give a line of which nothing is asked."""
    return Measured(what, ours, floor, ratio)
