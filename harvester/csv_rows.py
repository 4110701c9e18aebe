"""CSV as spreadsheets and people write it: rows with their lines, and no row that takes others with it."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Final, TextIO

from harvester.errors import InvalidInput

#: Beyond this a cell, in characters, is taken for a quote that was never closed.
_LONGEST_CELL: Final = 4_000_000
#: What bytes that are no UTF-8 become under `surrogateescape`; NUL stands between the letters of UTF-16.
_UNDECODED: Final = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line of the file that it begins on, and its cells, or why it has none."""

    line: int
    cells: list[str]
    damage: str | None = None

    def checked(self) -> list[str]:
        """Give the cells. Raises `InvalidInput` for a row that is no CSV, no UTF-8, or holds a NUL."""
        if self.damage is not None:
            raise InvalidInput(f"the row is no CSV: {self.damage}")
        whole = "".join(self.cells)
        if _UNDECODED.search(whole) or "\x00" in whole:
            raise InvalidInput("the row is not UTF-8 text: save the file as CSV UTF-8")
        return self.cells


def read_rows(stream: TextIO) -> Iterator[Row]:
    """Read all rows that are not empty, the header first; its first line tells what separates cells.

    The stream must be opened with `newline=""` and `errors="surrogateescape"`. A row whose quotes are wrong
    ends with its first line, so that those after it are read.
    """
    header = stream.readline()
    lines = _Lines(chain([header], stream))
    reader = csv.reader(lines, delimiter=max(",;\t", key=header.count), strict=True)
    while True:
        lines.begin_row()
        try:
            with _long_cells():
                cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lines.give_back_all_but_the_first()
            yield Row(lines.first, [], str(error))
        else:
            if any(cell.strip() for cell in cells):
                yield Row(lines.first, cells)


@contextmanager
def _long_cells() -> Iterator[None]:
    """Let cells be long while one row is read: the limit is the whole process's."""
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


class _Lines:
    """A file's lines, numbered, of which those of the row at hand can be given back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again: deque[str] = deque()
        self._row: list[str] = []
        self._taken = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._taken += 1
        self._row.append(line)
        return line

    @property
    def first(self) -> int:
        """The line that the row at hand begins on."""
        return self._taken - len(self._row) + 1

    def begin_row(self) -> None:
        """Begin a row."""
        self._row.clear()

    def give_back_all_but_the_first(self) -> None:
        """Let the lines of the row at hand be read again, but for its first."""
        again = self._row[1:]
        del self._row[1:]
        self._taken -= len(again)
        self._again.extendleft(reversed(again))
