"""Adoption: what another system has left in Airtable is taken over into the ledger, once.

So that an agency can switch over without losing its history, and without harvesting anybody twice. Airtable
is only read. What cannot be taken over as it is, is left and reported: nothing is guessed, nothing repaired.
A second adoption takes over what is new since.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from harvester.airtable_errors import AirtableError
from harvester.airtable_schema import Schema
from harvester.ledger import Ledger, Tx, adopting, client_runs, clients, outbox_checks
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox_checks import Found
from harvester.models import ClientRunStatus
from services import adopt_rows, run_records
from services.adopt_base import BaseAdoption, Reading
from services.adopt_report import Report
from services.adopt_rows import ClientRunRow, JobRow, Left, Terms
from services.consistency_airtable import Schemas
from services.consistency_tables import Told
from services.jobs import worst_of
from services.mirror_records import TABLES
from services.record_marks import Gateway, Record

#: Records that are taken over in one transaction.
_AT_ONCE: Final = 100


class Adopt:
    """Reads the tables of the master base, and of the clients' that are open, and takes over what it can.

    `timeout`: a run that is Running for longer is taken for dead.
    """

    def __init__(
        self,
        ledger: Ledger,
        gateway: Gateway,
        schemas: Schemas,
        clock: Callable[[], datetime],
        *,
        master_base: str,
        timeout: timedelta,
    ) -> None:
        self._ledger = ledger
        self._reading = Reading(ledger, gateway, clock)
        self._schemas = schemas
        self._clock = clock
        self._master = master_base
        self._timeout = timeout

    def __call__(
        self,
        *,
        client_id: str | None = None,
        apply: bool = False,
        told: Told = lambda _table, _count: None,
    ) -> Report:
        """Take over, or without `apply` say what would be. Raises `LedgerUnavailable`."""
        report = Report()
        try:
            self._runs(self._schemas.of(self._master), client_id, report, apply=apply, told=told)
        except AirtableError as error:
            report.trouble.append(f"the master base {self._master}: {error}")
        with self._ledger.read() as tx:
            every = clients.every(tx).values()
        for one in every:
            if one.airtable_base and one.airtable_error is None and client_id in (None, one.client_id):
                base = BaseAdoption(
                    self._reading, one.client_id, one.airtable_base, report, apply=apply, told=told
                )
                try:
                    base.take_over(self._schemas.of(one.airtable_base))
                except AirtableError as error:
                    report.trouble.append(f"base {one.airtable_base} of {one.client_id}: {error}")
        return report

    def _records(self, schema: Schema, kind: Kind, told: Told) -> list[Record]:
        spec = TABLES[kind]
        table = schema.table(spec.name)
        if table is None or table.field(spec.merge or "") is None:
            return []
        columns = [column.name for column in spec.columns if column.written]
        pages = self._reading.pages(schema.base, table, columns, told, of="the agency")
        return [record for page in pages for record in page]

    def _runs(
        self, schema: Schema, client_id: str | None, report: Report, *, apply: bool, told: Told
    ) -> None:
        """Take over client runs, then their job runs, which sum them up, and what ran at Apify."""
        terms = Terms(self._clock(), self._timeout)
        jobs, jobs_left = adopt_rows.jobs(self._records(schema, Kind.JOB_RUN, told), terms)
        runs, runs_left = adopt_rows.client_runs(self._records(schema, Kind.CLIENT_RUN, told), terms)
        at_work = {row.key for row in jobs_left if row.live}
        runs_left += [_at_work(row) for row in runs if row.run_id in at_work]
        runs = [row for row in runs if row.run_id not in at_work and client_id in (None, row.client_id)]
        report.leave([row for row in runs_left if client_id in (None, row.client_id)])
        self._client_runs(runs, report, apply=apply)
        of_client = {row.run_id for row in runs}
        wanted = [row for row in jobs if client_id is None or row.run_id in of_client]
        report.leave(jobs_left if client_id is None else [])
        self._jobs(wanted, runs, report, apply=apply)
        self._actor_runs(self._records(schema, Kind.ACTOR_RUN, told), client_id, report, apply=apply)

    def _client_runs(self, runs: Sequence[ClientRunRow], report: Report, *, apply: bool) -> None:
        with self._ledger.read() as tx:
            known = adopting.known_client_runs(tx, [row.full_id for row in runs])
        tally = report.of(TABLES[Kind.CLIENT_RUN].name)
        new = [row for row in runs if row.full_id not in known]
        tally.new += len(new)
        tally.there += len(runs) - len(new)
        for start in range(0, len(new) if apply else 0, _AT_ONCE):
            with self._ledger.write() as tx:
                self._adopted(tx, new[start : start + _AT_ONCE])

    def _adopted(self, tx: Tx, rows: Sequence[ClientRunRow]) -> None:
        now = self._clock()
        for row in rows:
            run_records.adopt(
                tx,
                full_id=row.full_id,
                client_id=row.client_id,
                client_name=row.client_name,
                status=row.status,
                started_at=row.started_at,
                finished_at=row.finished_at,
                system_notes=row.notes,
                last_webhook_at=row.last_webhook_at,
                metrics=row.metrics,
                now=now,
            )
        ids = adopting.client_run_rows(tx, [row.full_id for row in rows])
        shown = [Found(row.full_id, row.record_id, row.client_id, ids[row.full_id]) for row in rows]
        outbox_checks.note(tx, self._master, Kind.CLIENT_RUN, shown, now=now)

    def _jobs(
        self, jobs: Sequence[JobRow], runs: Sequence[ClientRunRow], report: Report, *, apply: bool
    ) -> None:
        """Take over job runs; one whose row is missing is made of its client runs, and stays unshown."""
        shown = {row.run_id for row in jobs}
        of_runs: dict[str, list[ClientRunRow]] = {}
        for run in runs:
            of_runs.setdefault(run.run_id, []).append(run)
        every = [*jobs, *(_summed(run_id, some) for run_id, some in of_runs.items() if run_id not in shown)]
        with self._ledger.read() as tx:
            known = adopting.known_jobs(tx, [row.run_id for row in every])
        tally = report.of(TABLES[Kind.JOB_RUN].name)
        new = [row for row in every if row.run_id not in known]
        tally.new += len(new)
        tally.there += len(every) - len(new)
        for start in range(0, len(new) if apply else 0, _AT_ONCE):
            with self._ledger.write() as tx:
                for row in new[start : start + _AT_ONCE]:
                    self._job(tx, row)

    def _job(self, tx: Tx, row: JobRow) -> None:
        statuses = [run.status for run in client_runs.of_job(tx, row.run_id)]
        if ClientRunStatus.RUNNING not in statuses:
            status = worst_of(statuses) if statuses else row.status
            adopting.job(
                tx, row.run_id, status=status, started_at=row.started_at, finished_at=row.finished_at
            )
        if row.record_id:
            shown = [Found(row.run_id, row.record_id)]
            outbox_checks.note(tx, self._master, Kind.JOB_RUN, shown, now=self._clock())

    def _actor_runs(
        self, records: Sequence[Record], client_id: str | None, report: Report, *, apply: bool
    ) -> None:
        """Remember what ran at Apify, so that nobody takes it for unknown; it is not followed up."""
        found, left = adopt_rows.actor_runs(records)
        kind = Kind.ACTOR_RUN
        rows = [
            Found(key, record.id, str(record.fields.get("Client ID") or "")[:64] or None, held=False)
            for key, record in found.items()
        ]
        rows = [row for row in rows if client_id in (None, row.client_id)]
        report.leave([row for row in left if client_id in (None, row.client_id)])
        with self._ledger.read() as tx:
            known = outbox_checks.keys_of(tx, self._master, kind, [row.key for row in rows])
        new = [row for row in rows if row.key not in known]
        tally = report.of(TABLES[kind].name)
        tally.new += len(new)
        tally.there += len(rows) - len(new)
        for start in range(0, len(new) if apply else 0, _AT_ONCE):
            with self._ledger.write() as tx:
                outbox_checks.note(tx, self._master, kind, new[start : start + _AT_ONCE], now=self._clock())


def _at_work(row: ClientRunRow) -> Left:
    why = "its job run is at work: try again when it is over"
    return Left(TABLES[Kind.CLIENT_RUN].name, row.record_id, row.full_id, why, row.client_id, live=True)


def _summed(run_id: str, runs: Sequence[ClientRunRow]) -> JobRow:
    return JobRow(
        record_id="",
        run_id=run_id,
        status=worst_of([run.status for run in runs]),
        started_at=min(run.started_at for run in runs),
        finished_at=max(run.finished_at for run in runs),
    )
