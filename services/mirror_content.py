"""Posts in bases that keep them in their leads: merged into `Posts Content`, never written over.

The cell is read, merged and written back, ten leads at a time. What a person, or a scorer, put into it stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from harvester import log
from harvester.airtable_errors import OutcomeUnknown, Refused, RowGone
from harvester.airtable_schema import Schema, Table
from harvester.errors import LostLease
from harvester.ledger import Ledger, Tx, mirrored_runs, outbox_sending, run_events, shown
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox import State
from harvester.ledger.outbox_sending import Owed, Sent
from services import posts_content
from services.alerts import raise_alert
from services.mirror_cells import named
from services.mirror_duplicates import Found, Update
from services.mirror_turn import Turn

COLUMN: Final = "Posts Content"
_LEADS: Final = "Leads"
_AT_ONCE: Final = 10
_POSTS_AT_MOST: Final = 1_000

#: Gives the records of a base and table with these IDs, with the fields named last.
Read = Callable[[str, Table, Sequence[str], Sequence[str]], Sequence[Found]]

_log = log.get_logger(__name__)


@dataclass(slots=True)
class _Page:
    """What became of what was due: rows that were sent, by ID; leads that are up to date, or unreadable."""

    sent: dict[int, Owed]
    done: set[str] = field(default_factory=set)
    unreadable: list[tuple[str, str, object, list[Owed]]] = field(default_factory=list)


class Content:
    """Sends posts into the leads that they were seen under."""

    def __init__(
        self, ledger: Ledger, read: Read, change: Update, clock: Callable[[], datetime], *, fence: timedelta
    ) -> None:
        self._ledger = ledger
        self._read = read
        self._update = change
        self._clock = clock
        self._fence = fence

    def kept_in(self, schema: Schema) -> bool:
        """Say whether this base keeps posts in its leads."""
        table = schema.table(_LEADS)
        return table is not None and table.field(COLUMN) is not None

    def __call__(self, schema: Schema, owed: Sequence[Owed], turn: Turn) -> None:
        """Send these rows of posts, and what else is due for the same leads. Raises `AirtableError`."""
        table = schema.table(_LEADS)
        assert table is not None
        records = self._records(schema.base, owed)
        wanted = sorted({record for of_row in records.values() for record in of_row})
        page = _Page({row.id: row for row in owed if not records[row.id]})
        for start in range(0, len(wanted), _AT_ONCE):
            turn.check()
            self._send(schema.base, table, wanted[start : start + _AT_ONCE], turn, page)
        for record, told, cell, rows in page.unreadable:  # when its posts are in their other leads
            self._kept_aside(schema.base, record, told, cell, rows)
        records |= self._records(schema.base, [row for row in page.sent.values() if row.id not in records])
        with self._ledger.write() as tx:
            whole = [row for row in page.sent.values() if set(records[row.id]) <= page.done]
            outbox_sending.acknowledge(tx, [Sent(row, {}, None) for row in whole], now=self._clock())
            turn.renew(tx)

    def _records(self, base: str, owed: Sequence[Owed]) -> dict[int, list[str]]:
        """Name, for each of these rows, the records of the leads that its post was seen under."""
        with self._ledger.read() as tx:
            found = shown.posts_by_id(tx, [row.subject_id for row in owed if row.subject_id is not None])
            records = shown.records_of_posts(tx, base, found)
        return {row.id: records.get(row.subject_id or 0, []) for row in owed}

    def _send(self, base: str, table: Table, records: Sequence[str], turn: Turn, page: _Page) -> None:
        """Bring these leads' cells up to date. What became of them is added to the page."""
        rows, posts = self._owed_to(base, records)
        there = {one.id: one.fields.get(COLUMN) for one in self._read(base, table, records, [COLUMN])}
        for record in set(records) - set(there):
            self._lead_missing(record)
        changes: dict[str, Mapping[str, Any]] = {}
        for record, cell in there.items():
            try:
                text = posts_content.merged(posts_content.parse(cell), posts.get(record, []))
            except posts_content.Unreadable as error:
                page.unreadable.append((record, str(error), cell, rows.pop(record, [])))
                continue
            if text != cell:
                changes[record] = {COLUMN: text}
            else:
                page.done.add(record)
        turn.check()
        if self._written(base, table, changes, rows, turn):
            page.done.update(changes)
            page.sent.update((row.id, row) for of_record in rows.values() for row in of_record)

    def _owed_to(
        self, base: str, records: Sequence[str]
    ) -> tuple[dict[str, list[Owed]], dict[str, list[dict[str, Any]]]]:
        """Give, for each record, the rows of its lead's posts that are due, and all those posts."""
        with self._ledger.read() as tx:
            rows = outbox_sending.posts_of_records(tx, base, records, now=self._clock(), limit=_POSTS_AT_MOST)
            ids = {row.subject_id for of_record in rows.values() for row in of_record if row.subject_id}
            found = shown.posts_by_id(tx, ids)
        posts = {
            record: [
                posts_content.entry(found[row.subject_id]) for row in of_record if row.subject_id in found
            ]
            for record, of_record in rows.items()
        }
        return rows, posts

    def _written(
        self,
        base: str,
        table: Table,
        changes: Mapping[str, Mapping[str, Any]],
        rows: Mapping[str, Sequence[Owed]],
        turn: Turn,
    ) -> bool:
        """Write these cells. False if that failed; what is to be done about the rows is done then.

        Raises `OutcomeUnknown`, and has ended the turn: until the fence is over nobody may read a cell that
        the write may still change, or what comes of it would be lost.
        """
        try:
            if changes:
                self._update(base, table, list(changes.items()))
                self._require_turn(base, changes, turn)
        except OutcomeUnknown as error:
            self._leave_alone(base, changes, str(error), turn)
            raise
        except RowGone as error:
            if error.record_id is None:
                raise
            self._lead_missing(error.record_id)
            return False
        except Refused as error:
            self._refused(base, table, changes, rows, error, turn)
            return False
        return True

    def _leave_alone(self, base: str, records: Collection[str], told: str, turn: Turn) -> None:
        with self._ledger.write() as tx:
            until = self._clock() + self._fence
            if not turn.renew(tx):
                self._write_anew(tx, base, records, until)
            turn.shut(tx, until=until)
        _log.warning("Airtable's answer was lost, %s of %s waits: %s", COLUMN, base, told)

    def _require_turn(self, base: str, records: Collection[str], turn: Turn) -> None:
        with self._ledger.write() as tx:
            counts = mirrored_runs.of_lead_records(tx, base, records)
            told = {
                full_id: f"Airtable: {COLUMN} of {count} leads written" for full_id, count in counts.items()
            }
            run_events.add_to_each(tx, "mirror", told, now=self._clock())
            held = turn.renew(tx)
            if not held:
                self._write_anew(tx, base, records, self._clock())
        if not held:
            raise LostLease(f"another process took the turn over; {COLUMN} is written anew")

    def _write_anew(self, tx: Tx, base: str, records: Collection[str], at: datetime) -> None:
        """Owe all posts of these leads: what somebody else has put into their cells may be written over."""
        rows = outbox_sending.posts_of_records(tx, base, records, now=None, limit=_POSTS_AT_MOST)
        outbox_sending.send_anew(tx, {row.id for of_one in rows.values() for row in of_one}, now=at)

    def _refused(
        self,
        base: str,
        table: Table,
        changes: Mapping[str, Mapping[str, Any]],
        rows: Mapping[str, Sequence[Owed]],
        error: Refused,
        turn: Turn,
    ) -> None:
        """Find the lead that is at fault one by one: there are ten at the most."""
        for record, cells in changes.items():
            if len(changes) > 1:
                self._written(base, table, {record: cells}, {record: rows.get(record, [])}, turn)
                continue
            text = f"Airtable refuses the posts of lead {record} in {base}: {named(error.told, cells)}"
            with self._ledger.write() as tx:
                for row in rows.get(record, []):
                    outbox_sending.give_up(tx, row, State.PARKED, error=text)
                raise_alert(tx, f"airtable refuses {base} {COLUMN}", text, now=self._clock())

    def _kept_aside(self, base: str, record: str, told: str, cell: object, rows: Sequence[Owed]) -> None:
        """Leave the cell as it is, with a copy in the ledger; its lead's posts stay in the ledger."""
        text = f"{told} in lead {record} of {base}: it is left as it is, a copy is in the ledger"
        with self._ledger.write() as tx:
            for row in rows:
                outbox_sending.give_up(tx, row, State.PARKED, error=text, kept=str(cell))
            raise_alert(tx, f"airtable unreadable {base}", text, now=self._clock())

    def _lead_missing(self, record: str) -> None:
        with self._ledger.write() as tx:
            row = outbox_sending.get(tx, Kind.LEAD, record)
            if row is not None:
                told = "its record was deleted in Airtable"
                outbox_sending.give_up(tx, row, State.MISSING, error=told)
