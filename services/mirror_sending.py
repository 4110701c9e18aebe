"""Sending one batch of rows to Airtable: what became of each is in the outbox when it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from harvester import log, tracing
from harvester.airtable_errors import Denied, OutcomeUnknown, Refused, RowGone, SeveralMatch, UnknownField
from harvester.airtable_schema import Table, TableSpec
from harvester.errors import LostLease
from harvester.ledger import Ledger, Tx, mirrored_runs, outbox_sending, run_events
from harvester.ledger.group_commit import GroupCommit
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox import State
from harvester.ledger.outbox_sending import Owed
from services import run_records
from services.alerts import raise_alert
from services.mirror_cells import Prepared, is_about_a_field, named
from services.mirror_duplicates import Duplicates
from services.mirror_turn import Turn

_log = log.get_logger(__name__)

Change = tuple[str | None, Mapping[str, Any]]


class Gateway(Protocol):
    """How records are written. At most ten at a time; raises `AirtableError`."""

    def update(self, base: str, table: Table, changes: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Change records by their IDs."""

    def upsert(self, base: str, table: Table, merge: str, changes: Sequence[Change]) -> list[str]:
        """Change records by their IDs, or by the value of `merge`, or create them. Gives the IDs in order."""


class Sending:
    """Sends the rows of one kind to one table, in one turn."""

    def __init__(
        self,
        ledger: Ledger,
        gateway: Gateway,
        duplicates: Duplicates,
        turn: Turn,
        table: Table,
        spec: TableSpec,
        clock: Callable[[], datetime],
        *,
        fence: timedelta,
        doubtful: Callable[[], bool],
        together: GroupCommit,
    ) -> None:
        """Build it. `doubtful` says whether the base may look otherwise by now than we know.

        What is answered at the same time is written down `together`.
        """
        self._doubtful = doubtful
        self._together = together
        self._ledger = ledger
        self._gateway = gateway
        self._duplicates = duplicates
        self._turn = turn
        self._table = table
        self._spec = spec
        self._clock = clock
        self._fence = fence

    def __call__(self, batch: Sequence[Prepared]) -> None:
        """Send up to ten rows.

        A row that Airtable refuses is parked, and the others are sent without it. Raises `AirtableError` for
        what concerns them all, `LostLease` if the turn is over, and `LedgerUnavailable`.
        """
        self._turn.check()
        began = self._clock()
        try:
            records = self._sent(batch)
        except OutcomeUnknown as error:
            self._wait_for_outcome(batch, str(error))
        except RowGone as error:
            self._gone(batch, error)
        except UnknownField:
            self._untouched(batch)
            raise
        except (Refused, SeveralMatch) as error:
            self._refused(batch, error)
        else:
            self._done(batch, records, began)

    def _sent(self, batch: Sequence[Prepared]) -> list[str]:
        base = batch[0].row.base
        by_id = [(one.row.record_id, dict(one.cells)) for one in batch]
        known = [(record_id, cells) for record_id, cells in by_id if record_id is not None]
        if len(known) == len(by_id) or self._spec.merge is None:
            self._gateway.update(base, self._table, known)
            return [record_id for record_id, _ in known]
        return self._gateway.upsert(base, self._table, self._spec.merge, by_id)

    def _done(self, batch: Sequence[Prepared], records: Sequence[str], began: datetime) -> None:
        now = self._clock()

        def note(tx: Tx) -> bool:
            done = [one.sent(record) for one, record in zip(batch, records, strict=True)]
            outbox_sending.acknowledge(tx, done, now=now)
            self._told(tx, [one.row for one in batch], began, now)
            held = self._turn.renew(tx)
            if not held:  # somebody else may have sent something newer before this arrived
                outbox_sending.send_anew(tx, [one.row.id for one in batch], now=now)
            return held

        if not self._together(note):
            raise LostLease("another process took the turn over; what this one sent is sent anew")

    def _told(self, tx: Tx, rows: Sequence[Owed], began: datetime, now: datetime) -> None:
        """Tell each client run that some of these are about how many of its records were written."""
        table, written = self._table.name, mirrored_runs.of_rows(tx, rows)
        told = {
            full_id: f"Airtable: {'1 record' if count == 1 else f'{count} records'} of {table} written"
            for full_id, count in written.items()
        }
        for full_id, count in written.items():
            traced = partial(tracing.past, "mirror", full_id, began, now, table=table, records=count)
            tx.after_commit(traced)
        run_events.add_to_each(tx, "mirror", told, now=now)

    def _wait_for_outcome(self, batch: Sequence[Prepared], told: str) -> None:
        """It may still be carried out: until that is over nothing is sent, and then by key or by ID."""
        _log.warning("Airtable's answer was lost, %d rows wait: %s", len(batch), told)
        with self._ledger.write() as tx:
            until = self._clock() + self._fence
            row_ids = [one.row.id for one in batch]
            if not self._turn.renew(tx):  # it may yet arrive over what somebody else has sent
                outbox_sending.send_anew(tx, row_ids, now=until)
            outbox_sending.put_off(tx, row_ids, until=until, error=told)

    def _gone(self, batch: Sequence[Prepared], error: RowGone) -> None:
        gone = [one for one in batch if error.record_id and one.row.record_id == error.record_id]
        if len(batch) == 1 and batch[0].row.record_id and error.record_id is None:
            gone = list(batch)
        if gone:
            with self._ledger.write() as tx:
                self._missing(tx, gone[0])
                self._turn.renew(tx)
            rest = [one for one in batch if one is not gone[0]]
            if rest:
                self(rest)
        elif error.record_id and self._unlinked(error.record_id):
            self._again(batch)  # without the link to a lead that a person deleted
        else:
            self._refused(batch, error)

    def _missing(self, tx: Tx, one: Prepared) -> None:
        told = "its record was deleted in Airtable"
        outbox_sending.give_up(tx, one.row, State.MISSING, error=told)
        if one.row.kind is Kind.CLIENT_RUN:
            run_records.deleted_in_airtable(tx, one.row.key, one.row.client_id or "", now=self._clock())
        else:
            _log.warning("%s of %s: %s", one.row.key, self._table.name, told)

    def _unlinked(self, record_id: str) -> bool:
        with self._ledger.write() as tx:
            linked = outbox_sending.get(tx, Kind.LEAD, record_id)
            if linked is None:
                return False
            if linked.state is State.MISSING:  # another request has found out
                return True
            outbox_sending.give_up(tx, linked, State.MISSING, error="its record was deleted in Airtable")
            return True

    def _again(self, batch: Sequence[Prepared]) -> None:
        with self._ledger.write() as tx:
            now = self._clock()
            outbox_sending.send_anew(tx, [one.row.id for one in batch], now=now)

    def _refused(self, batch: Sequence[Prepared], error: Denied) -> None:
        """Of several, find the one that is at fault by halves. Airtable writes all of a request or none."""
        if is_about_a_field(error.told) and self._doubtful():
            # Its type or choices may have changed, and then all rows would be refused one by one.
            self._untouched(batch)
            raise UnknownField(error.told, error.told)
        if len(batch) > 1:
            half = len(batch) // 2
            self(batch[:half])
            self(batch[half:])
        elif isinstance(error, SeveralMatch):
            self._keep_one(batch[0], error)
        else:
            self._parked(batch[0], error)

    def _untouched(self, batch: Sequence[Prepared]) -> None:
        """Nothing was written: Airtable shows what it showed before."""
        with self._ledger.write() as tx:
            outbox_sending.not_sent(tx, [one.row for one in batch])

    def _keep_one(self, one: Prepared, error: Denied) -> None:
        try:
            self._duplicates(one.row, self._table, self._spec)
        except (LookupError, Refused, RowGone):  # gone meanwhile, or Airtable compares otherwise
            self._parked(one, error)
        else:
            with self._ledger.write() as tx:
                self._turn.renew(tx)

    def _parked(self, one: Prepared, error: Denied) -> None:
        row, now = one.row, self._clock()
        told = named(error.told or error.type, one.cells)
        text = f"Airtable refuses {row.key} in {self._table.name} of {row.base}: {told}"
        with self._ledger.write() as tx:
            outbox_sending.give_up(tx, row, State.PARKED, error=told)
            if row.kind is Kind.CLIENT_RUN and row.record_id is None and not row.failures:
                creation_refused(tx, row.key, row.client_id, told, now)
            run_events.add_to_each(
                tx, "refused", dict.fromkeys(mirrored_runs.of_rows(tx, [row]), text), now=now
            )
            raise_alert(tx, f"airtable refuses {row.base} {self._table.name}", text, now=now)
            self._turn.renew(tx)


def creation_refused(tx: Tx, full_id: str, client_id: str | None, told: str, now: datetime) -> None:
    """Airtable takes no record of a client run: log and count it, and go on."""
    run_records.creation_failed(
        tx,
        run_id=full_id,
        client_id=client_id or "",
        source="mirror",
        reason=f"Airtable: {told}",
        now=now,
    )
