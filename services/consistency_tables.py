"""One table of Airtable compared with what the ledger has told it, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from harvester import run_ids
from harvester.airtable_schema import NOT_WRITABLE, Table, TableSpec, adapt
from harvester.errors import InvalidInput
from harvester.ledger import Ledger, outbox_checks
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox import State
from harvester.ledger.outbox_checks import Known
from harvester.ledger.outbox_sending import Owed
from services.consistency_findings import Code, Finding, Remedy
from services.mirror_records import render
from services.record_marks import NOTES, STATUS, Record, is_marked

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_APIFY_ID_CHARS: Final = 17
#: What `repair_run_records` writes into the notes of a job tracking record whose run ID nobody can tell.
NAMELESS: Final = "Its run ID cannot be told"
_PROCESSING: Final = "Processing"
_HARVEST_STATUS: Final = "Posts Harvest Status"


@dataclass(frozen=True, slots=True)
class Target:
    """One table to be compared: of which base, what it shows, and of which client if it is one's own."""

    base: str
    kind: Kind
    client_id: str | None
    table: Table
    spec: TableSpec


@dataclass(frozen=True, slots=True)
class _Seen:
    """One record as it was read."""

    id: str
    key: str
    created_at: datetime
    marked: bool
    #: Of a lead: it is shown as being harvested.
    at_work: bool


class Comparison:
    """What one table shows against what it should. Feed it pages, then ask for the rest.

    What the ledger is still to send, or has sent since `began`, is on its way, and is not compared. `deleted`
    are the outbox rows whose records were known then as deleted by people.
    """

    def __init__(
        self,
        ledger: Ledger,
        target: Target,
        *,
        began: datetime,
        whole: bool,
        deleted: Collection[int] = frozenset(),
    ) -> None:
        self._ledger = ledger
        self._target = target
        self._merge = target.spec.merge
        self._began = began
        self._whole = whole
        self._deleted = deleted
        self._seen: dict[str, _Seen] = {}

    def page(self, records: Sequence[Record]) -> list[Finding]:
        """Take in a page. Gives what is different in it, and the records that lack their key."""
        for record in records:
            key = str(record.fields.get(self._merge) or "").strip() if self._merge else record.id
            marked = self._merge is not None and is_marked(record.fields, self._merge)
            at_work = record.fields.get(_HARVEST_STATUS) == _PROCESSING
            self._seen[record.id] = _Seen(record.id, key, record.created_at or _NEVER, marked, at_work)
        target = self._target
        keys = {self._seen[record.id].key for record in records} - {""}
        with self._ledger.read() as tx:
            rows = outbox_checks.of_records(
                tx, target.base, target.kind, record_ids=[record.id for record in records], keys=keys
            )
            by_record = {row.record_id: row for row in rows if row.record_id}
            values = render(tx, target.kind, [row for row in by_record.values() if self._is_settled(row)])
        found = []
        for record in records:
            row = by_record.get(record.id)
            if row is None:
                found += self._nameless(record)
            elif row.id in values:
                found += self._different(record, row, values[row.id])
        return found

    def _is_settled(self, row: Owed | Known) -> bool:
        """Say whether Airtable should show exactly this now."""
        sent_since = row.sent_at is not None and row.sent_at >= self._began
        return (
            row.state is State.OK
            and row.due_at is None
            and row.version == row.sent_version
            and row.version > 0
            and not sent_since
        )

    def _nameless(self, record: Record) -> list[Finding]:
        """A job tracking record without its run ID belongs to nobody, unless that was said of it already."""
        if self._target.kind is not Kind.JOB_RUN or not is_nameless(record.fields):
            return []
        told = "no Run ID; scripts/repair_run_records.py says what can be done"
        return [self._finding(Code.NO_RUN_ID, told, Remedy.PERSON, record_id=record.id)]

    def _different(self, record: Record, row: Owed, values: Mapping[str, Any]) -> list[Finding]:
        wrong = [name for name in values if self._is_wrong(name, record, row, values[name])]
        if not wrong:
            return []
        told = f"{', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} not what the ledger has"
        return [
            self._finding(
                Code.DIFFERENT, told, Remedy.SEND_AGAIN, row=row, record_id=record.id, columns=tuple(wrong)
            )
        ]

    def _is_wrong(self, name: str, record: Record, row: Owed, value: object) -> bool:
        target, column, field = self._target, self._target.spec.column(name), self._target.table.field(name)
        if field is None or not column.written or name not in self.columns():
            return False
        cell = adapt(value, field, column)
        if cell is NOT_WRITABLE or (_is_blank(cell) and name not in (row.sent or {})):
            return False
        shows = record.fields.get(name)
        if target.kind is Kind.LEAD:  # a person may set a lead back; nobody sets one to be at work
            return name == _HARVEST_STATUS and shows == _PROCESSING and cell != shows
        return not same(cell, shows)

    def columns(self) -> list[str]:
        """Name the columns to read: the key alone, or all that we write."""
        every = [c.name for c in self._target.spec.columns if c.written and self._target.table.field(c.name)]
        if self._whole:
            return every
        return [name for name in every if name in (self._merge, STATUS, _HARVEST_STATUS)]

    def rest(self, unshown: set[str], *, all_read: bool) -> Iterator[Finding]:
        """Give what only the whole table tells: missing, several of one key, and what the ledger knows not.

        `unshown` are keys that the ledger has and is yet to show; `all_read`: no record was left out.
        """
        with self._ledger.read() as tx:
            rows = list(outbox_checks.known(tx, self._target.base, self._target.kind))
        by_key = {row.key: row for row in rows}
        groups = self._groups({row.record_id: row for row in rows if row.record_id})
        for key, members in groups.items():
            yield from self._of_key(key, members, by_key.get(key), unshown)
        for row in rows:
            if all_read and row.key not in groups:
                yield from self._absent(row)

    def _groups(self, by_record: Mapping[str, Known]) -> dict[str, list[_Seen]]:
        """Sort records by whose they are: the row's that knows them, whatever they show; else their key's."""
        groups: dict[str, list[_Seen]] = {}
        for one in self._seen.values():
            row = by_record.get(one.id)
            key = row.key if row else one.key
            if key and (row or not one.marked):
                groups.setdefault(key, []).append(one)
        return groups

    def _of_key(
        self, key: str, members: list[_Seen], row: Known | None, unshown: set[str]
    ) -> Iterator[Finding]:
        in_order = sorted(members, key=lambda one: (one.created_at, one.id))
        kept = next((one for one in in_order if row and one.id == row.record_id), in_order[0])
        for one in in_order:
            if one is not kept:
                told = f"one of {len(members)} records of one key; {kept.id} is kept"
                yield self._finding(
                    Code.DUPLICATE, told, Remedy.MARK, row=row, key=key, record_id=one.id, kept=kept.id
                )
        if row is None:
            if key not in unshown and _is_ours(self._target.kind, key):
                told = "the ledger does not know it; harvester airtable adopt takes in what was there before"
                yield self._finding(Code.EXTRA, told, Remedy.PERSON, key=key, record_id=kept.id)
        elif row.record_id != kept.id and not row.owed and row.state is not State.RETIRED:
            told = "another record shows it than the one that the ledger knew"
            yield self._finding(
                Code.OTHER_RECORD, told, Remedy.RELINK, row=row, record_id=kept.id, kept=kept.id
            )
        elif self._is_back(row, kept):
            told = "it was deleted in Airtable, and somebody has brought it back"
            yield self._finding(Code.RETURNED, told, Remedy.TAKE_BACK, row=row, record_id=kept.id)

    def _is_back(self, row: Known, kept: _Seen) -> bool:
        """Say whether a record is there again. Any other lead's is read by intake before it is harvested."""
        known = row.state is State.MISSING and row.id in self._deleted and row.record_id == kept.id
        return known and (self._target.kind is not Kind.LEAD or kept.at_work)

    def _absent(self, row: Known) -> Iterator[Finding]:
        if row.state is State.MISSING:
            told = row.error or "its record was deleted in Airtable"
            yield self._finding(Code.DELETED, told, Remedy.RECREATE, row=row, record_id=row.record_id)
        elif row.state is State.OK and not (row.owed or row.forgotten or self._sent_since(row)):
            if row.record_id is None and row.told:
                told = "it was sent, and no record shows it"
                yield self._finding(Code.UNSENT, told, Remedy.SEND_AGAIN, row=row)
            elif row.record_id is not None:
                told = f"its record {row.record_id} is gone: somebody deleted it"
                yield self._finding(Code.MISSING, told, Remedy.NOTE, row=row, record_id=row.record_id)

    def _sent_since(self, row: Known) -> bool:
        return row.sent_at is not None and row.sent_at >= self._began

    def _finding(
        self,
        code: Code,
        told: str,
        remedy: Remedy,
        *,
        row: Owed | Known | None = None,
        key: str | None = None,
        **more: Any,
    ) -> Finding:
        target = self._target
        key = row.key if row else key
        client_id = target.client_id or (row.client_id if row else _client_of(target.kind, key))
        return Finding(
            code,
            told,
            remedy,
            key,
            client_id,
            target.base,
            target.table.name,
            row_id=row.id if row else None,
            **more,
        )


def is_nameless(fields: Mapping[str, Any]) -> bool:
    """Say whether a job tracking record lacks its run ID, and nobody has looked into that yet."""
    said = NAMELESS in str(fields.get(NOTES, ""))
    return not str(fields.get("Run ID") or "").strip() and not said and not is_marked(fields, "Run ID")


def same(cell: object, shows: object) -> bool:
    """Say whether a cell shows what it was sent. Empty cells are not there; Airtable trims text."""
    if _is_blank(cell) or _is_blank(shows):
        return _is_blank(cell) and _is_blank(shows)
    if isinstance(cell, str) and isinstance(shows, str):
        return cell.rstrip() == shows.replace("\r\n", "\n").rstrip()
    if isinstance(cell, list) and isinstance(shows, list):
        return set(cell) == set(shows)
    if isinstance(cell, int | float) and isinstance(shows, int | float):
        return abs(cell - shows) <= 1e-9 * max(1.0, abs(cell))
    return cell == shows


def _is_blank(value: object) -> bool:
    return value is None or value is False or value == "" or value == []


def _is_ours(kind: Kind, key: str) -> bool:
    """Say whether a key is of the form that we give: the rest of a table is nobody's business."""
    if kind is Kind.ACTOR_RUN:
        return len(key) == _APIFY_ID_CHARS and key.isascii() and key.isalnum()
    if kind is Kind.JOB_RUN:
        return _is_run_id(key) and len(key) == run_ids.BASE_LENGTH
    if kind is Kind.CLIENT_RUN:
        return _is_run_id(key) and len(key) > run_ids.BASE_LENGTH
    return kind is Kind.POST


def _is_run_id(key: str) -> bool:
    try:
        return run_ids.require(key) == key
    except InvalidInput:
        return False


def _client_of(kind: Kind, key: str | None) -> str | None:
    if kind is not Kind.CLIENT_RUN or key is None or not _is_ours(kind, key):
        return None
    return run_ids.client_of(key)


#: Told which base and table is being read, and how many records were.
Told = Callable[[str, int], object]
