"""The whole ledger, to compare before and after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harvester.ledger import Ledger, tables


def contents(ledger: Ledger) -> dict[str, list[Any]]:
    """Give every row of every table."""
    with ledger.read() as tx:
        return {
            table.name: sorted(map(repr, tx.execute(table.select())))
            for table in tables.metadata.sorted_tables
        }


@contextmanager
def untouched(ledger: Ledger) -> Iterator[None]:
    """Nothing of the ledger may be another after the block than before it."""
    before = contents(ledger)
    yield
    assert contents(ledger) == before
