"""The schemas of Airtable's bases: read when they are needed, kept in the ledger for an hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from harvester import log
from harvester.airtable_schema import Schema, changes, with_known_names
from harvester.ledger import Ledger, airtable_schemas, outbox_sending
from services.alerts import raise_alert

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
        told = changes(known, found) if known is not None else []
        found = with_known_names(known, found) if known is not None else found
        now = self._clock()
        with self._ledger.write() as tx:
            airtable_schemas.keep(tx, base, found.to_json(), now=now)
            if known is not None and known != found:  # what it refused it may take now
                outbox_sending.try_again(tx, base, now=now)
            if told:
                text = f"Airtable base {base} has changed: {'; '.join(told)}. See harvester airtable check"
                raise_alert(tx, f"airtable schema {base}", text, now=now)
        for one in told:
            _log.warning("Airtable base %s: %s", base, one)
        return found


def _readable(kept: object) -> Schema | None:
    """Read what an older version may have kept otherwise."""
    try:
        return Schema.from_json(kept) if isinstance(kept, dict) else None
    except (KeyError, TypeError):
        return None
