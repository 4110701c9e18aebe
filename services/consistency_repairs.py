"""What is done about the findings of a check: each by the service whose business it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from harvester import log
from harvester.airtable_errors import AirtableError
from harvester.errors import HarvesterError, LedgerUnavailable
from harvester.ledger import Ledger, Tx, job_clients, job_runs, outbox_checks
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox import State
from harvester.models import ClientRunStatus
from services import record_marks, run_records
from services.consistency_airtable import Schemas
from services.consistency_findings import Finding, Remedy
from services.jobs import summed_up
from services.mirror_records import TABLES
from services.record_marks import Gateway, Mark

#: Rows that are written in one transaction.
_AT_ONCE: Final = 100
_KINDS: Final = {spec.name: kind for kind, spec in TABLES.items()}

_log = log.get_logger(__name__)


class Heal(Protocol):
    """Sets leads free that were left behind."""

    def __call__(self) -> int:
        """Give how many there were."""


@dataclass(slots=True)
class Repaired:
    """What came of a repair: what was put right, or will be sent now; what was left, and why."""

    done: list[Finding] = field(default_factory=list)
    left: list[tuple[Finding, str]] = field(default_factory=list)


class Repairs:
    """Repairs findings. Every repair can be repeated, and what was done before an interruption stays."""

    def __init__(
        self,
        ledger: Ledger,
        settle: Callable[[str], object],
        heal: Heal,
        clock: Callable[[], datetime],
        *,
        gateway: Gateway | None = None,
        schemas: Schemas | None = None,
    ) -> None:
        self._ledger = ledger
        self._settle = settle
        self._heal = heal
        self._clock = clock
        self._gateway = gateway
        self._schemas = schemas

    def __call__(
        self,
        findings: Sequence[Finding],
        *,
        remedies: Collection[Remedy],
        told: Callable[[int], object] = lambda _: None,
    ) -> Repaired:
        """Do these remedies, in this order; `told` hears how many findings are done with.

        What fails is left, with the reason. Raises `LedgerUnavailable`.
        """
        result = Repaired()
        for remedy in Remedy:
            these = [one for one in findings if one.remedy is remedy]
            if remedy not in remedies or remedy is Remedy.PERSON:
                result.left += [(one, _LEFT.get(remedy, "not repaired by this")) for one in these]
                continue
            for start in range(0, len(these), _AT_ONCE):
                self._repair(remedy, these[start : start + _AT_ONCE], result)
                told(len(result.done) + len(result.left))
        return result

    def _repair(self, remedy: Remedy, some: Sequence[Finding], result: Repaired) -> None:
        try:
            if remedy is Remedy.HEAL:
                self._heal()
            elif remedy is Remedy.SETTLE:
                for one in some:
                    self._settle(one.key or "")
            elif remedy is Remedy.MARK:
                self._mark(some)
            else:
                self._written(_WRITTEN[remedy], some)
        except LedgerUnavailable:
            raise
        except HarvesterError as error:
            result.left += [(one, str(error)) for one in some]
        else:
            result.done += some

    def _written(self, write: _Write, some: Sequence[Finding]) -> None:
        with self._ledger.write() as tx:
            for one in sorted(some, key=lambda one: one.row_id or 0):
                write(tx, one, self._clock())

    def _mark(self, some: Sequence[Finding]) -> None:
        """Mark duplicates, table by table."""
        if self._gateway is None or self._schemas is None:
            raise AirtableError("Airtable is not switched on")
        for (base, name), marks in _by_table(some).items():
            table = self._schemas.of(base).table(name)
            if table is not None:
                spec = TABLES[_KINDS[name]]
                record_marks.mark(self._gateway, base, table, spec, marks, self._clock)
                _log.warning("Marked %d duplicates in %s of %s", len(marks), name, base)


def _by_table(some: Sequence[Finding]) -> dict[tuple[str, str], list[Mark]]:
    found: dict[tuple[str, str], list[Mark]] = {}
    for one in some:
        if one.base and one.table and one.record_id:
            mark = Mark(one.record_id, one.key or "", one.kept or "")
            found.setdefault((one.base, one.table), []).append(mark)
    return found


def _recount(tx: Tx, one: Finding, now: datetime) -> None:
    run_records.update(tx, one.key or "", one.client_id or "", source="check", now=now)


def _sum_up(tx: Tx, one: Finding, now: datetime) -> None:
    """Bring a job run into line with its client runs, whoever ends or joins it now waiting here."""
    job = job_runs.get(tx, one.key or "", lock=True)
    if job is None:
        return
    if job_clients.any_live(tx, job.run_id):
        if job.status is not ClientRunStatus.RUNNING:
            job_runs.reopen(tx, job.run_id)
        return
    runs = job_clients.runs_of(tx, job.run_id)
    nothing = not runs and not job_clients.of_job(tx, job.run_id)
    deleted = job_clients.deleted(tx, job.run_id)
    status = ClientRunStatus.FAILED if nothing else summed_up(tx, job, deleted)
    ended = max((run.finished_at for run in runs if run.finished_at), default=now)
    if job.status is not status:
        job_runs.close(tx, job.run_id, status=status, now=job.finished_at or ended)


def _send_again(tx: Tx, one: Finding, now: datetime) -> None:
    if one.row_id is not None:
        outbox_checks.send_again(tx, one.row_id, one.columns, now=now)


def _send(tx: Tx, one: Finding, now: datetime) -> None:
    """Owe Airtable what it was never told of; the outbox gets its row with this transaction."""
    tx.owe(_KINDS[one.table or ""], one.owe)


def _relink(tx: Tx, one: Finding, now: datetime) -> None:
    if one.row_id is not None and one.kept is not None:
        outbox_checks.relink(tx, one.row_id, one.kept, now=now)


def _note(tx: Tx, one: Finding, now: datetime) -> None:
    """A deleted lead is done with; anything else stays known as missing, until a person wants it back."""
    if one.row_id is None or one.record_id is None:
        return
    is_lead = one.table == TABLES[Kind.LEAD].name
    outbox_checks.gone(tx, one.row_id, one.record_id, state=State.RETIRED if is_lead else State.MISSING)
    if one.table == TABLES[Kind.CLIENT_RUN].name:
        run_records.deleted_in_airtable(tx, one.key or "", one.client_id or "", now=now)


def _take_back(tx: Tx, one: Finding, now: datetime) -> None:
    if one.row_id is not None and one.record_id is not None:
        outbox_checks.take_back(tx, one.row_id, one.record_id, now=now)


def _recreate(tx: Tx, one: Finding, now: datetime) -> None:
    if one.row_id is not None:
        outbox_checks.make_anew(tx, one.row_id, now=now)


_Write = Callable[[Tx, Finding, datetime], None]
_WRITTEN: Final[Mapping[Remedy, _Write]] = {
    Remedy.RECOUNT: _recount,
    Remedy.SUM_UP: _sum_up,
    Remedy.SEND_AGAIN: _send_again,
    Remedy.TRY_AGAIN: _send_again,
    Remedy.SEND: _send,
    Remedy.RELINK: _relink,
    Remedy.NOTE: _note,
    Remedy.TAKE_BACK: _take_back,
    Remedy.RECREATE: _recreate,
}
_LEFT: Final = {
    Remedy.PERSON: "a person has to decide",
    Remedy.RECREATE: "deleted by a person: --recreate makes it anew",
}
