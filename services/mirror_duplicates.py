"""Several records of one key in Airtable: the oldest is kept, the others are marked, and it is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from harvester import log
from harvester.airtable_schema import Cell, Table, TableSpec
from harvester.ledger import Ledger, activity, outbox_sending
from harvester.ledger.outbox_sending import Owed

DUPLICATE: Final = "Duplicate"
_STATUS: Final = "Status"
_AT_ONCE: Final = 10
_NEVER: Final = datetime.max.replace(tzinfo=UTC)

_log = log.get_logger(__name__)


class Found(Protocol):
    """One record as it was read: its cells by field name, and when it was made, to the second."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def fields(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def created_at(self) -> datetime | None: ...  # noqa: D102


#: Gives the records of a base and table whose field is a key, with the fields named last.
Find = Callable[[str, Table, str, str, Sequence[str]], Sequence[Found]]
#: Changes up to ten records of a base and table by their IDs.
Update = Callable[[str, Table, Sequence[tuple[str, Mapping[str, Any]]]], None]


class Duplicates:
    """Leaves one record of a key, and remembers which."""

    def __init__(self, ledger: Ledger, find: Find, change: Update, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._find = find
        self._update = change
        self._clock = clock

    def __call__(self, row: Owed, table: Table, spec: TableSpec) -> None:
        """Keep the oldest record of a row's key; the row is sent to it next. Raises `AirtableError`."""
        assert spec.merge is not None, "only what has a key of its own can be there twice"
        status = [_STATUS] if table.field(_STATUS) else []
        found = self._find(row.base, table, spec.merge, row.key, status)
        kept, others = oldest_first(found)
        marked = [(one.id, _mark(table, spec.merge, row.key, kept.id)) for one in others]
        for start in range(0, len(marked), _AT_ONCE):
            self._update(row.base, table, marked[start : start + _AT_ONCE])
        told = f"{len(found)} records of {row.key} in {table.name}: {kept.id} is kept, the others are marked"
        now = self._clock()
        with self._ledger.write() as tx:
            outbox_sending.remember(tx, row.id, kept.id)
            activity.record(
                tx,
                "duplicates",
                source="mirror",
                client_run_id=None,
                client_id=row.client_id,
                ok=True,
                detail=told,
                now=now,
            )
        _log.warning("%s", told)


def oldest_first(found: Sequence[Found]) -> tuple[Found, list[Found]]:
    """Give the record to keep, and the others: the oldest that is not marked, the smallest ID of those.

    Airtable tells the time of creation in whole seconds. Raises `LookupError` if there is none at all.
    """
    if not found:
        raise LookupError("there is no record of this key any more")
    in_order = sorted(
        found, key=lambda one: (one.fields.get(_STATUS) == DUPLICATE, one.created_at or _NEVER, one.id)
    )
    return in_order[0], in_order[1:]


def _mark(table: Table, merge: str, key: str, kept: str) -> dict[str, Cell]:
    """Mark by the status, where there is one for it; else by the key, which must be one record's alone."""
    status = table.field(_STATUS)
    if status is not None and (not status.choices or DUPLICATE in status.choices):
        return {_STATUS: DUPLICATE}
    return {merge: f"{DUPLICATE} of {key} ({kept})"}
