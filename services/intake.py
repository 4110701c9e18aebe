"""Intake: the leads of a client run that are due in its client's Airtable base, read and planned.

One process at a time reads for a client run, through a lock in the ledger. What it finds is taken over and
planned in one transaction; until then nothing is.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from harvester import log
from harvester.airtable_errors import AirtableError, Blocked
from harvester.errors import HarvesterError, LedgerUnavailable, LostLease
from harvester.ledger import Ledger, Tx, actor_runs, client_runs, clients, locks
from harvester.models import ActorRun, Client, ClientRun, ClientRunStatus
from services import run_records
from services.lead_choice import Reading, take_in, usable
from services.lead_reading import Gateway, LeadReading
from services.lead_rows import LEADS
from services.lots import batches_in
from services.no_access import in_words
from services.outages import backoff
from services.plan import Limits, plan_due, plan_these, profiles_for
from services.roster import Schemas, Unfit
from services.settle import Settle

#: Tries before the ledger's own knowledge is taken: with waits of 1, 2, 4 … seconds about a minute in all.
_TRIES: Final = 7
#: And where each try takes long: no longer than this, from the kickoff on.
_PATIENCE: Final = timedelta(seconds=75)
_LONGEST_WAIT: Final = timedelta(seconds=32)
#: How long a read belongs to its process; renewed with each page.
_TURN: Final = timedelta(seconds=120)
_AT_ONCE: Final = 100

_log = log.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be read: so many `profiles` of this client's base, for this client run."""

    run: ClientRun
    client: Client
    base: str
    profiles: int
    owner: str


class Intake:
    """Reads leads for the client runs that want them."""

    def __init__(
        self,
        ledger: Ledger,
        gateway: Gateway,
        schemas: Schemas,
        settle: Settle,
        limits: Limits,
        clock: Callable[[], datetime],
        *,
        master_base: str,
        retry_base: timedelta,
        stale: timedelta = timedelta(days=1),
    ) -> None:
        """Build it. `stale`: what was read longer ago is not harvested by when nothing newer can be read."""
        self._stale = stale
        self._ledger = ledger
        self._reading = LeadReading(gateway, schemas, clock, stale_lead=limits.stale_lead)
        self._settle = settle
        self._limits = limits
        self._clock = clock
        self._master_base = master_base
        self._retry_base = retry_base

    def due(self) -> list[str]:
        """Name the client runs for which leads are to be read now, and that no process has at hand."""
        now = self._clock()
        with self._ledger.read() as tx:
            found = client_runs.to_read_leads(tx, now=now, limit=_AT_ONCE)
            held = locks.held(tx, [_lock(full_id) for full_id in found], now=now) if found else set()
        return [full_id for full_id in found if _lock(full_id) not in held]

    def __call__(self, full_id: str) -> None:
        """Read and plan for one client run, unless another process does. Raises `LedgerUnavailable`."""
        owner = secrets.token_hex(8)
        now = self._clock()
        with self._ledger.write() as tx:
            if not locks.take(tx, _lock(full_id), now=now, until=now + _TURN, owner=owner):
                return
        try:
            with log.bound(clientRunId=full_id):
                self._done(full_id, owner)
        except LostLease as error:
            told = "Leads read for %s are thrown away: %s"
            _log.warning(told, full_id, error, clientRunId=full_id)
        finally:
            with suppress(LedgerUnavailable), self._ledger.write() as tx:  # it runs out by itself
                locks.give_back(tx, _lock(full_id), owner=owner)

    def _done(self, full_id: str, owner: str) -> None:
        task = self._task(full_id, owner)
        if task is None:
            return
        try:
            reading = self._read(task)
        except (AirtableError, Unfit) as error:
            if error.permanent:
                self._failed(task, error)
            else:
                self._put_off(task, error)
        else:
            self._planned(task, reading)

    def _task(self, full_id: str, owner: str) -> _Task | None:
        """Say what is to be read. None, and nothing to read any more, where settling has to decide."""
        with self._ledger.write() as tx:
            run = self._wanting(tx, full_id, owner)
            if run is None:
                return None
            client = clients.get(tx, run.client_id)
            profiles = self._profiles(tx, run, client)
            base = client.airtable_base if client is not None else None
            if client is None or client.airtable_error or profiles < 1 or base in (None, self._master_base):
                client_runs.ask_for_leads(tx, full_id, at=None)
                return None
            return _Task(run, client, str(base), profiles, owner)

    def _wanting(self, tx: Tx, full_id: str, owner: str) -> ClientRun | None:
        """Give the client run, if it is live and still wants leads. Raises `LostLease`."""
        if not locks.renew(tx, _lock(full_id), until=self._clock() + _TURN, owner=owner):
            raise LostLease("it took so long that another process has begun to")
        run = client_runs.get(tx, full_id, lock=True)
        live = run is not None and run.status is ClientRunStatus.RUNNING
        return run if live and client_runs.leads_asked_for(tx, full_id) is not None else None

    def _profiles(self, tx: Tx, run: ClientRun, client: Client | None) -> int:
        """Count the leads that a client run may still plan."""
        batches = actor_runs.of_client_run(tx, run.client_run_id)
        posts = self._settle.missing(tx, run, client, batches)
        if client is None or not posts:
            return 0
        return profiles_for(client, self._limits, posts=posts, batches=_batches_left(run, batches))

    def _read(self, task: _Task) -> Reading:
        return self._reading(
            task.base,
            task.client.client_id,
            task.run.client_run_id,
            enough=task.profiles,
            usable=lambda page: self._usable(task, page),
        )

    def _usable(self, task: _Task, page: Reading) -> set[str]:
        with self._ledger.write() as tx:
            until = self._clock() + _TURN
            if not locks.renew(tx, _lock(page.client_run_id), until=until, owner=task.owner):
                raise LostLease("it took so long that another process has begun to")
        with self._ledger.read() as tx:
            return usable(tx, page, now=self._clock(), stale_after=self._limits.stale_lead)

    def _planned(self, task: _Task, reading: Reading) -> None:
        full_id, base, now = task.run.client_run_id, task.base, self._clock()
        with self._ledger.write() as tx:
            run = self._wanting(tx, full_id, task.owner)
            client = clients.get(tx, task.client.client_id)
            if run is None or client is None or client.airtable_error or client.airtable_base != base:
                return  # asked for again, if it is to be
            due = take_in(tx, reading, now=now, stale_after=self._limits.stale_lead)
            chosen = due[: max(0, self._profiles(tx, run, client))]
            planned = plan_these(
                tx,
                client,
                self._limits,
                chosen,
                client_run_id=full_id,
                max_posts=self._limits.max_posts,
                now=now,
                batches=_batches_left(run, actor_runs.of_client_run(tx, full_id)),
            )
            locks.extend(tx, _read_lock(client.client_id), until=reading.read_at, times=len(due), reason="")
            self._decided(tx, run, planned)
        rows = len(reading.rows)
        _log.info("Intake of %s: %d leads of %d read, %d batches", full_id, len(chosen), rows, planned)

    def _decided(self, tx: Tx, run: ClientRun, planned: int, *, failed: str | None = None) -> None:
        """Leads are not asked for again by this; a client run for which nothing was planned is over."""
        client_runs.ask_for_leads(tx, run.client_run_id, at=None)
        if not planned:
            self._settle.no_more(tx, run, failed=failed)

    def _failed(self, task: _Task, error: HarvesterError) -> None:
        """The base is not as it must be: nothing else is read there, nor elsewhere."""
        with self._ledger.write() as tx:
            run = self._wanting(tx, task.run.client_run_id, task.owner)
            if run is not None:
                self._settle.no_more(tx, run, failed=_told(task.base, error))

    def _put_off(self, task: _Task, error: HarvesterError) -> None:
        """Airtable cannot be asked now: try again in a while, and in the end do with what is known."""
        full_id, now = task.run.client_run_id, self._clock()
        with self._ledger.write() as tx:
            run = self._wanting(tx, full_id, task.owner)
            asked = client_runs.leads_asked_for(tx, full_id)
            if run is None or asked is None:
                return
            tries = asked[1] + 1
            if tries >= _TRIES or (tries > 1 and now - run.created_at >= _PATIENCE):
                self._planned_as_known(tx, run, error, now)
                return
            at = now + self._wait(error, tries - 1, now)
            client_runs.ask_for_leads(tx, full_id, at=at, tries=tries)
        _log.warning("Leads of %s cannot be read now, and are tried again: %s", full_id, error)

    def _wait(self, error: HarvesterError, times: int, now: datetime) -> timedelta:
        wait = min(backoff(self._retry_base, times), _LONGEST_WAIT)
        if isinstance(error, Blocked) and error.until - now <= _LONGEST_WAIT:
            return max(wait, error.until - now)
        return wait  # one that is blocked for long is not waited for

    def _planned_as_known(self, tx: Tx, run: ClientRun, error: HarvesterError, now: datetime) -> None:
        client = clients.get(tx, run.client_id)
        batches = actor_runs.of_client_run(tx, run.client_run_id)
        posts = self._settle.missing(tx, run, client, batches)
        planned = 0
        read = locks.get(tx, _read_lock(run.client_id))
        known = read is not None and now - read.until <= self._stale
        if client is not None and not client.airtable_error and known:
            left, full_id = _batches_left(run, batches), run.client_run_id
            planned = plan_due(
                tx, client, self._limits, client_run_id=full_id, posts=posts, batches=left, now=now
            )
        told = f"Airtable could not be asked for leads ({error})"
        as_of = _as_of(tx, run.client_id)
        if planned:
            note = f"{told}: {planned} batches planned from those that the ledger knows, {as_of}"
            notes = f"{run.system_notes}\n{run_records.noted(note, now)}"
            client_runs.change(tx, run.client_run_id, system_notes=notes)
            tx.after_commit(lambda: _log.warning("%s: %s", run.client_run_id, note))
        none = "knows of none that is due" if known else "has nothing to go by that is new enough"
        self._decided(tx, run, planned, failed=f"{told}, and the ledger {none}, {as_of}")


def _batches_left(run: ClientRun, batches: Sequence[ActorRun]) -> int:
    return run.max_batches - batches_in(batches)


def _as_of(tx: Tx, client_id: str) -> str:
    found = locks.get(tx, _read_lock(client_id))
    return f"as of {found.until:%Y-%m-%d %H:%M:%S} UTC" if found else "none of this client's was ever read"


def _told(base: str, error: HarvesterError) -> str:
    if isinstance(error, Unfit):
        return f"{error} (harvester airtable check shows all that is missing)"
    return f"table {LEADS} of base {base} could not be read: {in_words(error, base, master=False)}"


def _lock(full_id: str) -> str:
    return f"intake {full_id}"


def _read_lock(client_id: str) -> str:
    """Name what remembers when a client's leads were last read. It locks nothing."""
    return f"leads read {client_id}"
