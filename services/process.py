"""Process: one job run for many clients, each kicked off by itself, all under one base run ID.

The job run is reserved first, in a transaction of its own, with the moment from which on anybody may go on
with its kickoffs. Then clients are decided about, some at a time; whoever dies in between leaves a job run
that a worker goes on with. Nobody is forgotten and nobody kicked off twice, whoever does it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from harvester import log, run_ids
from harvester.errors import HarvesterError, InvalidInput, LedgerUnavailable
from harvester.jobs import JobClient, JobPlan, JobRun
from harvester.ledger import CannotUndo, Ledger, Tx, activity, clients, idempotency, job_clients, job_runs
from harvester.models import ClientRunStatus
from services import jobs, resume_lock, run_records
from services.decisions import Decisions, HeldUp
from services.kickoff import ClientsNotRead, KeyReused, ReadClients, UnknownClient, Unread
from services.plan import ACTIVE, AIRTABLE

#: Clients decided about in one transaction, which on SQLite nobody else can write beside.
AT_ONCE: Final = 25

_log = log.get_logger(__name__)


class RunExists(HarvesterError):
    """There is a job run of this ID, for many clients; it was left as it is."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"there is a job run {run_id} already")
        self.run_id = run_id


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for: a plan, for all active clients or those that it is narrowed to.

    `limit` counts clients in the order of their IDs, before any is skipped. `schedule` names what fired it;
    `without_schedule`: only the clients that have no schedule of their own. `by`: which person asks, for the
    activity log.
    """

    plan: JobPlan = JobPlan.PROCESS
    source: str = "master_process"
    stream: int | None = None
    client_id: str | None = None
    limit: int | None = None
    run_id: str | None = None
    idempotency_key: str | None = None
    schedule: str | None = None
    without_schedule: bool = False
    by: str | None = None


@dataclass(frozen=True, slots=True)
class JobAnswer:
    """What came of it: what was decided about each client, by ID. `going_on`: not about all of them yet."""

    run_id: str
    clients: tuple[JobClient, ...]
    going_on: bool = False


class Process:
    """Takes orders for many clients at once."""

    def __init__(
        self,
        ledger: Ledger,
        decide: Decisions,
        clock: Callable[[], datetime],
        *,
        lease: timedelta,
        stale: timedelta,
        owner: str,
        read_clients: ReadClients | None = None,
        at_once: int = AT_ONCE,
    ) -> None:
        """Build it. After `lease` others go on with the kickoffs of who has died over them; after `stale` a
        smart resume that nobody looks after is taken over. `at_once` clients are decided about together.
        """
        self._ledger = ledger
        self._decide = decide
        self._clock = clock
        self._lease = lease
        self._stale = stale
        self._owner = owner
        self._read_clients = read_clients
        self._at_once = at_once

    def order(self, ask: Ask) -> JobAnswer:
        """Reserve the job run, and kick its clients off. What is answered is on disk.

        Raises `InvalidInput`, `UnknownClient`, `ClientsNotRead`, `KeyReused`, `RunExists`,
        `ResumeInProgress`, and `LedgerUnavailable`; each of them when nothing was done.
        """
        _check(ask)
        unread = self._read()
        try:
            with self._ledger.write() as tx:
                self._refuse_stale(tx, ask.client_id, unread)
                now = self._clock()
                run_id = self.reserve(tx, ask, now, due_at=now + self._lease)
        except UnknownClient as error:
            if unread is None:
                raise
            raise ClientsNotRead(
                f"{error} as far as is known, and Clients was not read: {unread.problem}"
            ) from error
        try:
            self._kick_off(run_id)
            return self.answer(run_id)
        except LedgerUnavailable as error:
            told = "Job run %s is reserved, a worker goes on with its kickoffs: %s"
            _log.error(told, run_id, error, runId=run_id)
            return JobAnswer(run_id, (), going_on=True)

    def reserve(self, tx: Tx, ask: Ask, now: datetime, *, due_at: datetime | None = None) -> str:
        """Reserve a job run whose kickoffs anybody may go on with from `due_at` on, and give its run ID.

        Without `due_at` that is now. The same idempotency key gives the same job run. Raises what `order`
        raises, but `ClientsNotRead`.
        """
        _check(ask)
        key = ask.idempotency_key
        kept = idempotency.get(tx, key) if key is not None else None
        if kept is not None:
            return _same(kept, ask)
        if ask.client_id is not None and clients.get(tx, ask.client_id) is None:
            raise UnknownClient(f"there is no client {ask.client_id}")
        resumes = ask.plan is JobPlan.RESUME
        stale = resume_lock.to_take_over(tx, now, self._stale) if resumes else None
        run_id = _taken(tx, ask, now)
        if stale is not None:
            resume_lock.taken_over(tx, stale, run_id, now)
        self._planned(tx, run_id, ask, due_at or now, now)
        if key is not None:
            answer = {"runId": run_id, "ask": _as_json(ask)}
            idempotency.keep(tx, key, idempotency.KeptAnswer(idempotency.MANY, answer), now=now)
        if ask.by is not None:
            _noted(tx, run_id, ask, ask.by, now)
        return run_id

    def _planned(self, tx: Tx, run_id: str, ask: Ask, due_at: datetime, now: datetime) -> None:
        job_runs.change(
            tx,
            run_id,
            source=ask.source,
            status=ClientRunStatus.RUNNING,
            finished_at=None,
            plan=ask.plan,
            stream=ask.stream,
            only_client=ask.client_id,
            most_clients=ask.limit,
            schedule=ask.schedule,
            without_schedule=ask.without_schedule,
            holds=ask.plan if ask.plan is JobPlan.RESUME else None,
            kickoffs_due_at=due_at,
            owner=self._owner,
            heartbeat_at=now,
        )

    def carry_on(self, run_id: str) -> None:
        """Go on with the kickoffs of a job run. Raises `ClientsNotRead`, `LedgerUnavailable`: try later."""
        unread = self._read()
        with self._ledger.read() as tx:
            job = job_runs.get(tx, run_id)
            if job is None:
                return
            self._refuse_stale(tx, job.only_client, unread)
        self._kick_off(run_id)

    def answer(self, run_id: str) -> JobAnswer:
        """Give what was decided so far."""
        with self._ledger.read() as tx:
            job = job_runs.get(tx, run_id)
            going_on = job is not None and job.kickoffs_due_at is not None
            return JobAnswer(run_id, tuple(job_clients.of_job(tx, run_id)), going_on)

    def _read(self) -> Unread | None:
        return self._read_clients() if self._read_clients is not None else None

    def _refuse_stale(self, tx: Tx, client_id: str | None, unread: Unread | None) -> None:
        """Raise `ClientsNotRead` where what is known of Airtable's clients is too old to go by."""
        if unread is None or not unread.too_old:
            return
        client = clients.get(tx, client_id) if client_id is not None else None
        if client is None or client.origin == AIRTABLE:
            raise ClientsNotRead(f"what is known of the clients is too old to go by: {unread.problem}")

    def _kick_off(self, run_id: str) -> None:
        """Decide about all clients that are left, some at a time; one at a time once one was held up.

        Who is held up alone has failed. If the next one is as well it is not the clients: that is raised.
        """
        at_once, held_up, has_failed, left = self._at_once, None, False, True
        while left:
            try:
                left = self._some(run_id, at_once, held_up)
                has_failed, held_up = held_up is not None, None
            except (HeldUp, CannotUndo) as error:
                if has_failed or (at_once == 1 and not isinstance(error, HeldUp)):
                    raise
                held_up = error if at_once == 1 and isinstance(error, HeldUp) else None
                at_once = 1
            time.sleep(0)  # a web worker on gevent does nothing else meanwhile

    def _some(self, run_id: str, at_once: int, held_up: HeldUp | None) -> bool:
        """Decide about some clients more; after the last ones the job run may end. False if none are left."""
        with self._ledger.write() as tx:
            tx.exclusively(f"kickoffs:{run_id}")
            job = job_runs.get(tx, run_id)
            if job is None or not _is_kicking_off(job):
                return False
            now = self._clock()
            found = job_clients.undecided(tx, job, status=ACTIVE, limit=at_once)
            job_clients.decide(tx, [self._decided(tx, job, each, held_up, now) for each in found])
            # Of those who kick off and those who end client runs, each locks this row last.
            job = job_runs.get(tx, run_id, lock=True)
            if job is None or not _is_kicking_off(job):  # ended by hand meanwhile, or taken over
                return False
            left = len(found) == at_once
            due_at = self._clock() + self._lease if left else None
            job_runs.look(tx, run_id, kickoffs_due_at=due_at, owner=self._owner, heartbeat_at=now)
            if not left:
                jobs.close_if_over(tx, run_id, now=now)
        return left

    def _decided(
        self, tx: Tx, job: JobRun, client_id: str, held_up: HeldUp | None, now: datetime
    ) -> JobClient:
        if held_up is not None and held_up.client_id == client_id:
            return self._decide.failed(tx, job, client_id, held_up, now)
        return self._decide(tx, job, client_id, now)


def _is_kicking_off(job: JobRun) -> bool:
    return job.kickoffs_due_at is not None and job.status is ClientRunStatus.RUNNING


def _check(ask: Ask) -> None:
    if ask.source not in run_records.KICKOFF_SOURCES:
        known = ", ".join(sorted(run_records.KICKOFF_SOURCES))
        raise InvalidInput(f"source {ask.source!r} is not one of {known}", code="invalid_source")
    if ask.run_id is not None:
        run_ids.parse_base(ask.run_id)
    if ask.limit is not None and ask.limit < 1:
        raise InvalidInput(f"limit must be 1 or more, not {ask.limit}", code="invalid_limit")
    if ask.client_id is not None:
        try:
            run_ids.require_client_id(ask.client_id)
        except InvalidInput as error:
            raise UnknownClient(str(error)) from error


def _same(kept: idempotency.KeptAnswer, ask: Ask) -> str:
    if kept.client_id != idempotency.MANY or kept.answer["ask"] != _as_json(ask):
        raise KeyReused("this Idempotency-Key was used before, for another order")
    return str(kept.answer["runId"])


def _as_json(ask: Ask) -> dict[str, Any]:
    return {name: value for name, value in asdict(ask).items() if name not in ("idempotency_key", "by")}


def _noted(tx: Tx, run_id: str, ask: Ask, by: str, now: datetime) -> None:
    narrowed = [
        f"{name} {value}"
        for name, value in (("client", ask.client_id), ("stream", ask.stream), ("at most", ask.limit))
        if value is not None
    ]
    told = f"job run {run_id}: {', '.join(narrowed) or 'all active clients'}"
    ids = {"client_run_id": None, "client_id": ask.client_id}
    activity.record(tx, ask.plan.value, source=by, **ids, ok=True, detail=told, now=now)


def _taken(tx: Tx, ask: Ask, now: datetime) -> str:
    """Mint a run ID, or take the one that was given: a new one, or that of kickoffs of single clients."""
    if ask.run_id is None:
        return job_runs.mint(tx, run_ids.candidates(now), source=ask.source, now=now)
    run_id = run_ids.parse_base(ask.run_id)
    if not job_runs.reserve(tx, run_id, source=ask.source, now=now):
        found = job_runs.get(tx, run_id, lock=True)
        if found is not None and found.plan is not None:
            raise RunExists(run_id)
    return run_id
