"""Ingest: an actor run's dataset becomes posts, page by page; then its leads and its cost are settled.

The cursor is committed with the page, so that a crash repeats at most one page, and repeating one changes
nothing. Memory does not grow with the dataset.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from harvester import log, tracing
from harvester.apify import Apify
from harvester.apify_answers import ApifyRun
from harvester.apify_errors import BadAnswer, Gone
from harvester.ledger import Ledger, Tx, actor_outputs, actor_runs, deliveries, outcomes, posts, run_events
from harvester.models import ActorRun, ActorRunState
from services import drift, run_records
from services.alerts import raise_alert
from services.attribution import Attribution
from services.dataset_pages import DatasetPages, ReadPage, page_of
from services.drift_judging import are_many
from services.late_costs import is_plausible
from services.outcome import (
    AT_CAP,
    UNANSWERED,
    Heard,
    cut_by_cap,
    decide_leads,
    ended_anew,
    hear,
    latest_cost,
    silence,
)
from services.reading import read_page
from services.reckoning import Reckoning
from services.storing import store_page

#: The `error_code` of an actor run for several profiles, much of which could not be understood: that says
#: more about the actor's output, or about us, than about any of the profiles.
NOT_UNDERSTOOD: Final = "output_not_understood"
#: The `error_code` of an actor run whose dataset has more items than are taken of one.
TOO_MANY: Final = "too_many_items"
#: Items that are taken of a dataset, or as many as were asked for where that is more. At the default actor's
#: prices they cost some 500 USD; a runaway actor may bring millions.
MOST_ITEMS: Final = 250_000
#: How often a long ingest brings the record's metrics up to date.
_SHOW_EVERY = timedelta(seconds=2)

_log = log.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an ended actor run is given to become whole, from the settings."""

    lease: timedelta
    cost_settles: timedelta
    items_lag: timedelta
    look_again: timedelta


class Ingest:
    """The steps of a row from `ended` to `ingested`."""

    def __init__(
        self,
        ledger: Ledger,
        apify: Apify,
        patience: Patience,
        reckon: Reckoning,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._apify = apify
        self._patience = patience
        self._reckon = reckon
        self._clock = clock

    def __call__(self, run: ActorRun) -> None:
        """Store what the dataset holds beyond the cursor, then finish the row if it is time."""
        failed: Gone | BadAnswer | None = None
        try:
            run = self._read_on(run)
        except (Gone, BadAnswer) as error:
            failed = error
        settled_at = (run.apify_finished_at or run.created_at) + self._patience.cost_settles
        if self._clock() < settled_at:
            self._wait_until(run, settled_at)
        elif failed is not None:  # perhaps for the last time
            self._note_cost(run)
            raise failed
        else:
            self._finish(run)

    def _read_on(self, run: ActorRun) -> ActorRun:
        with self._ledger.read() as tx:
            attribution = Attribution(actor_runs.targets(tx, run.id))
        read = partial(read_page, actor_id=run.actor_id, attribution=attribution)
        pages = DatasetPages(self._apify, run, self._most(run), read, self._renewed)
        shown_at = self._clock()
        while True:
            run, page = pages.next(run)
            if not page.items:
                return run
            show = self._clock() - shown_at >= _SHOW_EVERY
            with tracing.span("page", offset=page.offset, items=page.items):
                run = self._stored(run, page, show=show)
            shown_at = self._clock() if show else shown_at

    def _stored(self, run: ActorRun, page: ReadPage, *, show: bool) -> ActorRun:
        read, now = page.read, self._clock()
        with self._ledger.write() as tx:
            kept = actor_runs.keep(
                tx,
                run,
                until=now + self._patience.lease,
                state=ActorRunState.INGESTING,
                cursor=page.stop,
                failures=0,
            )
            store_page(tx, run, read, now=now)
            actor_outputs.count(tx, run, read.look(page.items), anew=page.offset == 0)
            told = _stored_words(page)
            run_events.add(tx, run.client_run_id, "page", told, now=now, batch=run.batch)
            if show:
                run_records.update(tx, run.client_run_id, run.client_id, source="ingest", now=now)
        return kept

    def _finish(self, run: ActorRun) -> None:
        run = self._renewed(run)
        with self._ledger.read() as tx:
            seen = deliveries.unread(tx, run.id)
        found = self._told(run)
        if found is None:
            raise Gone("Apify has this actor run no more")
        if not found.ended:
            self._goes_on(run)
        elif ended_anew(run, found):
            self._ended_anew(run, found)
        else:
            self._finish_ended(self._renewed(run), found, seen)

    def _finish_ended(self, run: ActorRun, found: ApifyRun, seen: list[int]) -> None:
        page = page_of(self._apify, run, 1)
        missing = max((page.total or 0) - run.cursor, len(page.items))
        ended_at = found.finished_at or run.apify_finished_at or run.created_at
        lags = missing > 0 or not is_plausible(run, found, was_read=True)
        if page.items and run.cursor < self._most(run):
            self._wait_until(run, self._clock())
        elif lags and not page.items and self._clock() - ended_at < self._patience.items_lag:
            self._wait_until(run, self._clock() + self._patience.look_again)
        else:
            self._settle(run, found, seen, missing, cut=bool(page.items))

    def _most(self, run: ActorRun) -> int:
        """Give how many items of a dataset are taken: all that were asked for, in any case."""
        return max(MOST_ITEMS, self._reckon.may_be_charged(run))

    def _told(self, run: ActorRun) -> ApifyRun | None:
        assert run.apify_run_id is not None, "an ended actor run has its ID"
        try:
            return self._apify.run(run.apify_run_id)
        except Gone:
            return None

    def _renewed(self, run: ActorRun) -> ActorRun:
        """Take the lease anew: it outlasts one call to Apify, and not several slow ones."""
        with self._ledger.write() as tx:
            return actor_runs.keep(tx, run, until=self._clock() + self._patience.lease)

    def _goes_on(self, run: ActorRun) -> None:
        """It was resurrected after its end, and its webhook fires no second time."""
        _log.info("Actor run was resurrected")
        now = self._clock()
        with self._ledger.write() as tx:
            actor_runs.move(tx, run, ActorRunState.RUNNING, now=now, next_check_at=now)

    def _ended_anew(self, run: ActorRun, found: ApifyRun) -> None:
        """It was resurrected and has ended again, unseen: its cost and its items settle from that end on."""
        now = self._clock()
        with self._ledger.write() as tx:
            actor_runs.move(
                tx,
                run,
                ActorRunState.ENDED,
                now=now,
                next_check_at=now,
                apify_finished_at=found.finished_at or now,
                resurrections=found.resurrections,
            )

    def _note_cost(self, run: ActorRun) -> None:
        """Keep what it cost in the end, as far as Apify still tells: its dataset may stay gone."""
        found = self._told(run)
        if found is not None:
            with self._ledger.write() as tx:
                held = actor_runs.still_held(tx, run)
                actor_runs.keep(tx, held, **self._cost(held, found, was_read=False))

    def _cost(self, run: ActorRun, found: ApifyRun, *, was_read: bool) -> dict[str, Any]:
        """Give the cost as told now, and when to ask again: never, if that is for good."""
        for_good = is_plausible(run, found, was_read=was_read)
        return {"cost_micros": latest_cost(run, found), "cost_due_at": None if for_good else self._clock()}

    def _settle(self, run: ActorRun, found: ApifyRun, seen: list[int], missing: int, *, cut: bool) -> None:
        now = self._clock()
        with self._ledger.write() as tx:
            left = _left_off(run, found, missing) if cut else None
            heard, code, error = _judged(tx, run, found, missing, left)
            done = actor_runs.move(
                tx,
                run,
                ActorRunState.INGESTED,
                now=now,
                next_check_at=None,
                apify_status=found.status,
                status_message=found.status_message,
                **self._cost(run, found, was_read=True),
                items_expected=run.cursor + max(missing, 0),
                error_code=code,
                error=error,
            )
            deliveries.processed(tx, run.id, seen=seen, result=f"ended {found.status}", now=now)
            decide_leads(tx, done, heard, now=now)
            run_records.update(tx, run.client_run_id, run.client_id, source="ingest", now=now)
            drift.judge(tx, done, heard, now=now)
            self._reckon(tx, done, now=now)
            if left is not None:
                _tell_of_the_rest(tx, run, left, now)
            tx.after_commit(lambda: _log.info("Ingested %d items", run.cursor, code=code))

    def _wait_until(self, run: ActorRun, at: datetime) -> None:
        with self._ledger.write() as tx:
            held = actor_runs.still_held(tx, run)
            actor_runs.move(tx, held, ActorRunState.INGESTING, now=self._clock(), next_check_at=at)


def _stored_words(page: ReadPage) -> str:
    posts, rejects = len(page.read.found), len(page.read.refused)
    return f"Items {page.offset + 1} to {page.stop} stored: {posts} posts, {rejects} rejects"


def _left_off(run: ActorRun, found: ApifyRun, missing: int) -> str:
    return (
        f"the dataset has {run.cursor + missing} items or more, far beyond what was asked for: the first "
        f"{run.cursor} were taken, the others are in dataset {found.dataset_id} at Apify "
        f"(the actor run ended {found.status})"
    )


def _tell_of_the_rest(tx: Tx, run: ActorRun, left: str, now: datetime) -> None:
    told = f"batch {run.batch} of {run.client_run_id}: {left}"
    remedy = (
        "see in Apify Console what the actor brings; if the rest is wanted, export it there before it expires"
    )
    key = f"items of {run.client_id} left off"
    raise_alert(tx, key, f"There are too many items. {told}. What to do: {remedy}", now=now)


def _judged(
    tx: Tx, run: ActorRun, found: ApifyRun, missing: int, left: str | None
) -> tuple[list[Heard], str | None, str | None]:
    """Give what was heard about each target, and by code and reason what is wrong with it, if anything is."""
    code, error = (TOO_MANY, left) if left is not None else _verdict(tx, run, found, missing)
    heard = hear(tx, run, answered_all=code is None, found=found)
    silent = silence(heard)
    if silent is None:
        return heard, code, error
    tx.after_commit(lambda: _log.error("The actor swallowed errors: %s", silent))
    return heard, UNANSWERED, silent


def _verdict(tx: Tx, run: ActorRun, found: ApifyRun, missing: int) -> tuple[str | None, str | None]:
    """Say what, if anything, keeps this actor run from having answered for all its profiles.

    Items that nobody understands are one profile's own, as long as most of those beside it are understood.
    """
    if found.status != "SUCCEEDED":
        told = f": {found.status_message}" if found.status_message else ""
        return (
            f"actor_run_{found.status.lower().replace('-', '_')}",
            f"the actor run ended {found.status}{told}",
        )
    if missing > 0:
        return "partial", f"the dataset says that it has {missing} items more than it gives out"
    misfits = posts.misfits(tx, run.id)
    if are_many(misfits, run.cursor) and 2 * len(outcomes.posts_by_lead(tx, run.id)) < run.profiles != 1:
        return NOT_UNDERSTOOD, f"{misfits} of {run.cursor} items could not be understood"
    capped = cut_by_cap(tx, run, found)
    return (AT_CAP, capped) if capped is not None else (None, None)
