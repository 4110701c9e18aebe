"""The schemas of Airtable's bases: read when they are needed, kept in the ledger for an hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from harvester import log
from harvester.airtable_schema import Schema
from harvester.ledger import Ledger, airtable_schemas

_FRESH: Final = timedelta(hours=1)

_log = log.get_logger(__name__)


class Gateway(Protocol):
    """What is asked of Airtable here."""

    def schema(self, base: str) -> Schema:
        """Read a base's schema. Raises `AirtableError`."""


class Schemas:
    """Gives schemas, and says in the log when one has changed."""

    def __init__(self, ledger: Ledger, gateway: Gateway, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._gateway = gateway
        self._clock = clock

    def of(self, base: str, *, fresh: bool = False) -> Schema:
        """Give a base's schema; with `fresh`, read it now. Raises `AirtableError`, `LedgerUnavailable`."""
        with self._ledger.read() as tx:
            kept = airtable_schemas.get(tx, base)
        known = None if kept is None else _readable(kept[0])
        if known is not None and kept is not None and not fresh and self._clock() - kept[1] < _FRESH:
            return known
        found = self._gateway.schema(base)
        for told in _renamed(known, found) if known else []:
            _log.warning("Airtable base %s: %s", base, told)
        with self._ledger.write() as tx:
            airtable_schemas.keep(tx, base, found.to_json(), now=self._clock())
        return found


def _readable(kept: object) -> Schema | None:
    """Read what an older version may have kept otherwise."""
    try:
        return Schema.from_json(kept) if isinstance(kept, dict) else None
    except (KeyError, TypeError):
        return None


def _renamed(known: Schema, found: Schema) -> list[str]:
    """Tell of tables and fields that have another name than before, by their IDs."""
    told = []
    names = {table.id: table for table in found.tables.values()}
    for before in known.tables.values():
        now = names.get(before.id)
        if now is None:
            told.append(f"table {before.name} is gone")
            continue
        if now.name != before.name:
            told.append(f"table {before.name} is now called {now.name}")
        fields = {field.id: field.name for field in now.fields.values()}
        for field in before.fields.values():
            new = fields.get(field.id)
            if new is None:
                told.append(f"field {field.name} of {now.name} is gone")
            elif new != field.name:
                told.append(f"field {field.name} of {now.name} is now called {new}")
    return told
