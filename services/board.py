"""The board: how everything stands now, for whoever looks first. It only reads, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from harvester.ledger import (
    Ledger,
    Tx,
    at_work,
    client_runs,
    due_actor_runs,
    job_clients,
    job_runs,
    outbox_sending,
    schedules,
    today,
    usage,
)
from harvester.ledger.mirroring import Kind
from harvester.models import ClientRun, ClientRunStatus
from services import job_shapes, matters, shapes
from services.account import most_in_flight
from services.budgets import Budgets
from services.days import day_start, month_start
from services.plan import ACTIVE

#: Client runs at work that are shown one by one, and how many that are over, and job runs.
_AT_WORK: Final = 10
_ENDED: Final = 8
_JOBS: Final = 5


class Board:
    """Reads how everything stands."""

    def __init__(
        self,
        ledger: Ledger,
        budgets: Budgets,
        clock: Callable[[], datetime],
        *,
        mirrored: bool,
        max_in_flight: int,
        scheduled: bool = False,
    ) -> None:
        """Build it. `mirrored`: Airtable is to show what the ledger holds; `scheduled`: `SCHEDULE` is set."""
        self._ledger = ledger
        self._budgets = budgets
        self._clock = clock
        self._mirrored = mirrored
        self._max_in_flight = max_in_flight
        self._scheduled = scheduled

    def __call__(self) -> dict[str, Any]:
        """Show it all. Raises `LedgerUnavailable`."""
        now = self._clock()
        with self._ledger.read() as tx:
            jobs, last = _jobs(tx)
            found, more = matters.standing(tx, now=now, mirrored=self._mirrored)
            return {
                "at": shapes.time(now.replace(microsecond=0)),
                "matters": found,
                "moreMatters": more,
                "atWork": self._at_work(tx),
                "today": self._today(tx, now),
                "month": self._month(tx, now),
                "schedule": {**_coming(tx, now), "set": self._scheduled, "last": last},
                "ended": self._shown(tx, at_work.ended(tx, limit=_ENDED)),
                "jobs": jobs,
            }

    def _at_work(self, tx: Tx) -> dict[str, Any]:
        live, cursor = client_runs.page(tx, limit=_AT_WORK, status=ClientRunStatus.RUNNING)
        progress = at_work.progress(tx, [run.client_run_id for run in live])
        rows = [
            {**shown, "progress": _progress(progress[shown["clientRunId"]])}
            for shown in self._shown(tx, live)
        ]
        return {
            "runs": rows,
            "clientRuns": len(live) if cursor is None else at_work.count_live(tx),
            "actorRuns": due_actor_runs.in_flight(tx),
            "mostActorRuns": most_in_flight(tx, self._max_in_flight),
            "waiting": due_actor_runs.count_planned(tx),
        }

    def _today(self, tx: Tx, now: datetime) -> dict[str, Any]:
        """Sum up each client's own day: posts of those that have a target now, and everybody's cost."""
        aims = today.aims(tx, status=ACTIVE, daily_micros=self._budgets.daily_micros)
        days = {zone: day_start(zone, now) for zone in aims}
        brought = today.brought(tx, days, status=ACTIVE) if days else today.Brought()
        return {
            "clients": sum(one.clients for one in aims.values()),
            "clientRuns": dict(brought.runs),
            "posts": brought.posts,
            "postsNew": brought.posts_new,
            "postsTarget": sum(one.posts for one in aims.values()),
            "costUsd": shapes.usd(today.spent(tx, days) if days else 0),
            "budgetUsd": shapes.usd(sum(one.micros for one in aims.values())),
        }

    def _month(self, tx: Tx, now: datetime) -> dict[str, Any]:
        money = usage.of_all(tx, since=month_start(now))
        return {
            "costUsd": shapes.usd(money.paid),
            "reservedUsd": shapes.usd(money.reserved),
            "budgetUsd": shapes.usd(self._budgets.monthly_micros),
        }

    def _shown(self, tx: Tx, runs: Sequence[ClientRun]) -> list[dict[str, Any]]:
        owed = outbox_sending.of_keys(tx, Kind.CLIENT_RUN, [run.client_run_id for run in runs])
        return [
            shapes.client_run(run, shapes.in_airtable(owed.get(run.client_run_id), on=self._mirrored))
            for run in runs
        ]


def _progress(found: at_work.Progress) -> dict[str, int]:
    told = asdict(found)
    return {"batches": told.pop("batches"), "atWork": told.pop("at_work"), **told}


def _coming(tx: Tx, now: datetime) -> dict[str, Any]:
    coming = schedules.coming(tx)
    return {
        "name": coming.name if coming else None,
        "nextAt": shapes.time(coming.next_at) if coming else None,
        "overdue": coming is not None and coming.next_at is not None and coming.next_at < now,
    }


def _jobs(tx: Tx) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Show the newest job runs, and the last one that a schedule has fired."""
    found, _ = job_runs.page(tx, limit=_JOBS)
    fired = at_work.last_scheduled(tx)
    every = {job.run_id: job for job in (*found, *([fired] if fired else []))}
    sums = job_clients.sums(tx, list(every))
    shown = {one: job_shapes.job(job, sums[one][1], sums[one][0]) for one, job in every.items()}
    return [shown[job.run_id] for job in found], shown[fired.run_id] if fired else None
