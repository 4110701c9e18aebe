"""Rows of run tables in Airtable that only a person can put right, and what is proposed for each.

Job tracking records without a run ID, and several client run records of one run ID. Nothing is deleted and
nothing summed: what cannot be told for certain is said to be so in the row itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from harvester import run_ids
from harvester.airtable_schema import Schema, Table, TableSpec
from harvester.errors import HarvesterError, InvalidInput
from harvester.ledger import Ledger, outbox_checks
from harvester.ledger.mirroring import Kind
from harvester.models import ClientRunStatus
from harvester.normalise.values import iso_time
from services.consistency_airtable import Schemas
from services.consistency_tables import NAMELESS, is_nameless
from services.mirror_records import TABLES
from services.record_marks import (
    NOTES,
    STATUS,
    Gateway,
    Mark,
    Record,
    changed,
    is_marked,
    mark,
    noted,
    writable,
)

_RUN_ID: Final = "Run ID"
_START: Final = "Start Time"
#: A job tracking record was made at most so long before or after the second of its run ID.
_NEAR: Final = timedelta(seconds=60)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class What(StrEnum):
    """What is proposed for a row."""

    SET_RUN_ID = "set_run_id"
    MARK_FAILED = "mark_failed"
    MARK_DUPLICATE = "mark_duplicate"


class CannotRead(HarvesterError):
    """A table, or the field that names its rows, is not there."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One row that would be touched: where, what would be done, and why."""

    what: What
    why: str
    table: str
    record_id: str
    #: The run ID that it gets, or that it shares with `kept`.
    run_id: str | None = None
    kept: str | None = None


class RunRecordRows:
    """Looks through the run tables of the master base, and carries proposals out."""

    def __init__(
        self,
        ledger: Ledger,
        gateway: Gateway,
        schemas: Schemas,
        clock: Callable[[], datetime],
        *,
        master_base: str,
    ) -> None:
        self._ledger = ledger
        self._gateway = gateway
        self._schemas = schemas
        self._clock = clock
        self._master = master_base

    def find(self) -> list[Proposal]:
        """Propose what to do, row by row. Raises `AirtableError`, `CannotRead`, `LedgerUnavailable`."""
        schema = self._schemas.of(self._master)
        runs = self._read(schema, Kind.CLIENT_RUN)
        jobs = self._read(schema, Kind.JOB_RUN)
        with self._ledger.read() as tx:
            known_runs = {
                row.key: row.record_id for row in outbox_checks.known(tx, self._master, Kind.CLIENT_RUN)
            }
            known_jobs = {
                row.record_id: row.key
                for row in outbox_checks.known(tx, self._master, Kind.JOB_RUN)
                if row.record_id
            }
        of_runs = {_base(str(run.fields.get(_RUN_ID, ""))) for run in runs} | {
            _base(key) for key in known_runs
        }
        return [*_nameless(jobs, of_runs - {None}, known_jobs), *_duplicates(runs, known_runs)]

    def apply(self, proposals: Sequence[Proposal], done: Callable[[Proposal], object]) -> None:
        """Carry proposals out, one row at a time; `done` hears of each. Those of a row that is gone are done.

        Raises `AirtableError`, `CannotRead`: what was done stays, and another time the rest is done.
        """
        schema = self._schemas.of(self._master)
        for one in proposals:
            table, spec = _table(
                schema, Kind.JOB_RUN if one.what is not What.MARK_DUPLICATE else Kind.CLIENT_RUN
            )
            if one.what is What.MARK_DUPLICATE:
                marks = [Mark(one.record_id, one.run_id or "", one.kept or "")]
                mark(self._gateway, self._master, table, spec, marks, self._clock)
            else:
                self._name(table, spec, one)
            done(one)

    def _name(self, table: Table, spec: TableSpec, one: Proposal) -> None:
        """Give a job tracking record its run ID, or say in it that nobody can; if it has none still."""
        from harvester.airtable_formulas import records_are  # imports pyairtable, which takes long

        fields = [name for name in (_RUN_ID, STATUS, NOTES) if table.field(name)]
        pages = self._gateway.pages(self._master, table, fields=fields, formula=records_are([one.record_id]))
        for record in (record for page in pages for record in page if is_nameless(record.fields)):
            values: dict[str, Any] = {_RUN_ID: one.run_id}
            if one.what is What.MARK_FAILED:
                told = noted(record.fields.get(NOTES), f"{NAMELESS}: {one.why}", self._clock())
                values = {STATUS: ClientRunStatus.FAILED.value, NOTES: told}
            cells = writable(table, spec, values)
            if len(cells) < len(values):
                raise CannotRead(
                    f"{table.name} needs the fields {', '.join(values)}: see harvester airtable check"
                )
            changed(self._gateway, self._master, table, [(record.id, cells)])

    def _read(self, schema: Schema, kind: Kind) -> list[Record]:
        table, _ = _table(schema, kind)
        fields = [name for name in (_RUN_ID, STATUS, _START, NOTES) if table.field(name)]
        return [record for page in self._gateway.pages(self._master, table, fields=fields) for record in page]


def _table(schema: Schema, kind: Kind) -> tuple[Table, TableSpec]:
    spec = TABLES[kind]
    table = schema.table(spec.name)
    if table is None or table.field(_RUN_ID) is None:
        raise CannotRead(
            f"base {schema.base} has no {spec.name} with a {_RUN_ID}: see harvester airtable check"
        )
    return table, spec


def _base(run_id: str) -> str | None:
    """Give the base of a run ID, if it is one of ours."""
    try:
        return run_ids.require(run_id.strip())[: run_ids.BASE_LENGTH]
    except InvalidInput:
        return None


def _nameless(
    jobs: Sequence[Record], of_runs: Iterable[str | None], known: Mapping[str, str]
) -> list[Proposal]:
    """Propose a run ID for each record without one, if exactly one can be meant, and it alone."""
    nameless = [job for job in jobs if is_nameless(job.fields)]
    taken = {_base(str(job.fields.get(_RUN_ID, ""))) for job in jobs} | {
        known[job.id] for job in nameless if job.id in known
    }
    free = sorted(one for one in of_runs if one is not None and one not in taken)
    near = {job.id: _near(job, free) for job in nameless if job.id not in known}
    claims = Counter(run_id for found in near.values() for run_id in found)
    return [_proposal(job, known.get(job.id), near.get(job.id, []), claims) for job in nameless]


def _near(job: Record, free: Sequence[str]) -> list[str]:
    start = iso_time(job.fields.get(_START))
    return [one for one in free if start is not None and abs(_second(one) - start) <= _NEAR]


def _second(run_id: str) -> datetime:
    return datetime.strptime(f"20{run_id}", "%Y%m%d-%H%M%S").replace(tzinfo=UTC)


def _proposal(job: Record, known: str | None, near: Sequence[str], claims: Counter[str]) -> Proposal:
    table = TABLES[Kind.JOB_RUN].name
    if known:
        return Proposal(What.SET_RUN_ID, "the ledger knows this record", table, job.id, known)
    if len(near) == 1 and claims[near[0]] == 1:
        why = f"its client runs have no job tracking record, and it began within {_NEAR.seconds} s of them"
        return Proposal(What.SET_RUN_ID, why, table, job.id, near[0])
    if not near:
        why = "no client run without a job tracking record began at its Start Time"
    else:
        why = f"it could be {' or '.join(near)}, and so could others" if len(near) == 1 else " or ".join(near)
    return Proposal(What.MARK_FAILED, why, table, job.id)


def _duplicates(runs: Sequence[Record], known: Mapping[str, str | None]) -> list[Proposal]:
    """Propose to mark all records of one run ID but one: the one that the ledger knows, else the oldest."""
    groups: dict[str, list[Record]] = {}
    for run in runs:
        key = str(run.fields.get(_RUN_ID) or "").strip()
        if key and (not is_marked(run.fields, _RUN_ID) or known.get(key) == run.id):
            groups.setdefault(key, []).append(run)
    found = []
    for key, some in sorted(groups.items()):
        in_order = sorted(some, key=lambda run: (run.created_at or _NEVER, run.id))
        kept = next((run for run in in_order if known.get(key) == run.id), in_order[0])
        which = "the ledger knows it" if known.get(key) == kept.id else "it is the oldest"
        why = f"one of {len(some)} records of {key}; {kept.id} is kept: {which}"
        found += [
            Proposal(What.MARK_DUPLICATE, why, TABLES[Kind.CLIENT_RUN].name, run.id, key, kept.id)
            for run in in_order
            if run is not kept
        ]
    return found
