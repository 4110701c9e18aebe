"""What came of an adoption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.adopt_rows import Left


@dataclass(slots=True)
class Tally:
    """Of one table: rows taken over (or that would be), rows that the ledger has already, rows left."""

    new: int = 0
    there: int = 0
    left: int = 0


@dataclass(slots=True)
class Report:
    """What came of an adoption, by table; every row that was left; and what could not be read."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def of(self, table: str) -> Tally:
        """Give the tally of a table."""
        return self.tallies.setdefault(table, Tally())

    def leave(self, rows: Sequence[Left]) -> None:
        """Note rows that are left."""
        self.left += rows
        for row in rows:
            self.of(row.table).left += 1
