"""Starting an actor run at Apify: once, or not at all.

The row says `starting` on disk before the call goes out. Whatever is lost after that, the answer or this
process, leaves a row that must look for its marker at Apify before it may start again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from harvester import actor_inputs, log
from harvester.apify import Apify
from harvester.apify_answers import ApifyRun
from harvester.apify_errors import NotNow, Refused, StartUnknown, Unavailable
from harvester.ledger import Ledger, Tx, actor_runs, client_runs, clients, deliveries, locks
from harvester.models import ActorRun, ActorRunState, ClientRunStatus
from harvester.webhook_tokens import TokenSigner
from services import budgets
from services.budgets import Budgets
from services.outcome import give_up
from services.plan import not_entitled
from services.search import Search

#: While this lock is held, Apify takes no starts: for want of memory or free runs, or to slow us down.
STARTS_BARRED: Final = "starts at Apify"

_log = log.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StartTerms:
    """What every start is bounded by and told, from the settings."""

    webhook_url: str
    posted_limit: str
    max_comments: int
    max_reactions: int
    max_charge_usd: Decimal
    run_timeout_seconds: float
    budgets: Budgets
    max_in_flight: int
    not_now: timedelta
    look_again: timedelta


class Start:
    """The step of a row that is `planned`."""

    def __init__(
        self,
        ledger: Ledger,
        apify: Apify,
        signer: TokenSigner,
        terms: StartTerms,
        search: Search,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._apify = apify
        self._signer = signer
        self._terms = terms
        self._search = search
        self._clock = clock

    def planned(self, run: ActorRun) -> bool:
        """Start the row's actor run, if a free place and the client's budget allow it. False if not.

        Raises `StartUnknown` and `Unavailable` after it has moved the row on: others need to know of these.
        """
        if run.attempt and self._search.adopt_told(run):
            return True
        if not self._has_place():  # whoever sees none need not queue for the lock to see it again
            self._moved(run, ActorRunState.PLANNED, self._terms.look_again)
            return False
        starting = self._reserved(run)
        if starting is None:
            return False
        self._send(starting)
        return True

    def _send(self, starting: ActorRun) -> None:
        try:
            found = self._sent(starting)
        except StartUnknown as error:
            self._moved(starting, ActorRunState.START_UNKNOWN, timedelta(0), error=str(error))
            _log.warning("A start was sent and its answer lost; it is searched for", attempt=starting.attempt)
            raise
        except (NotNow, Unavailable) as error:
            self._not_started(starting, error)
            if isinstance(error, Unavailable):
                raise
        except Refused as error:
            with self._ledger.write() as tx:
                give_up(tx, starting, code=error.code, reason=str(error), now=self._clock())
        else:
            self._search.adopted(starting, found)
            self._starts_work()

    def _has_place(self) -> bool:
        with self._ledger.read() as tx:
            barred = locks.held(tx, [STARTS_BARRED], now=self._clock())
            return not barred and actor_runs.in_flight(tx) < self._terms.max_in_flight

    def _reserved(self, run: ActorRun) -> ActorRun | None:
        with self._ledger.write() as tx:
            tx.exclusively("starts")
            now = self._clock()
            barred = self._barred(tx, run, now)
            if barred is not None:
                give_up(tx, run, code=barred[0], reason=barred[1], now=now)
                return None
            if actor_runs.in_flight(tx) >= self._terms.max_in_flight or not self._may_try(tx, now):
                actor_runs.move(
                    tx, run, ActorRunState.PLANNED, now=now, next_check_at=now + self._terms.look_again
                )
                return None
            if run.attempt and deliveries.unread_run_ids(tx, run.id):  # the lost one turned up a moment ago
                actor_runs.move(tx, run, ActorRunState.PLANNED, now=now, next_check_at=now)
                return None
            return actor_runs.keep(
                tx,
                run,
                state=ActorRunState.STARTING,
                attempt=run.attempt + 1,
                start_requested_at=now,
                search_until=None,
            )

    def _may_try(self, tx: Tx, now: datetime) -> bool:
        """Of all rows that wait for Apify to take starts again, let one at a time find out."""
        barred = locks.get(tx, STARTS_BARRED, lock=True)
        return barred is None or locks.take(tx, STARTS_BARRED, now=now, until=now + self._terms.not_now)

    def _starts_work(self) -> None:
        """Let the others start, too, if they were told to wait."""
        with self._ledger.read() as tx:
            barred = locks.get(tx, STARTS_BARRED)
        if barred is not None:
            with self._ledger.write() as tx:
                locks.release(tx, STARTS_BARRED)

    def _barred(self, tx: Tx, run: ActorRun, now: datetime) -> tuple[str, str] | None:
        """Say by code and reason why nobody wants, or may pay for, this start any more."""
        client = clients.get(tx, run.client_id)
        if client is None:
            return "client_gone", f"client {run.client_id} is gone"
        barred = not_entitled(client)
        if barred is not None:
            return barred
        if client.airtable_error is not None:
            return "client_closed", f"the client is closed: {client.airtable_error}"
        record = client_runs.get(tx, run.client_run_id)
        if record is not None and record.status is not ClientRunStatus.RUNNING:
            return "client_run_over", f"its client run has ended {record.status}"
        spent = budgets.spent(tx, client, self._terms.budgets, now)
        return ("budget_spent", spent) if spent is not None else None

    def _sent(self, run: ActorRun) -> ApifyRun:
        with self._ledger.read() as tx:
            targets = actor_runs.targets(tx, run.id)
            actor_runs.still_held(tx, run)  # whoever was paused past its lease must not pay when it wakes
        asked = actor_inputs.harvestapi(
            [target.target_url for target in targets],
            max_posts=run.max_posts,
            posted_limit=self._terms.posted_limit,
            max_comments=self._terms.max_comments,
            max_reactions=self._terms.max_reactions,
        )
        return self._apify.start(
            run.actor_id,
            asked,
            marker=f"{run.marker}.{run.attempt}",
            max_charge_usd=self._terms.max_charge_usd,
            run_timeout_seconds=self._terms.run_timeout_seconds,
            webhook_url=self._terms.webhook_url,
            webhook_token=self._signer.sign(run.marker, run.attempt, run.client_id),
        )

    def _not_started(self, run: ActorRun, error: NotNow | Unavailable) -> None:
        """Apify took no start: wait, without counting it as an attempt."""
        now = self._clock()
        until = now + self._terms.not_now
        with self._ledger.write() as tx:
            values = {"attempt": run.attempt - 1, "error": str(error)}
            actor_runs.move(tx, run, ActorRunState.PLANNED, now=now, next_check_at=until, **values)
            if isinstance(error, NotNow):
                locks.extend(tx, STARTS_BARRED, until=until, times=1, reason=str(error))
        _log.warning("Apify takes no start now: %s", error)

    def _moved(self, run: ActorRun, to: ActorRunState, wait: timedelta, **values: Any) -> None:
        now = self._clock()
        with self._ledger.write() as tx:
            actor_runs.move(tx, run, to, now=now, next_check_at=now + wait, **values)
