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

from harvester import log
from harvester.apify import Apify
from harvester.apify_answers import ApifyRun
from harvester.apify_errors import NotNow, Refused, StartUnknown, Unavailable
from harvester.errors import InvalidInput
from harvester.ledger import (
    Ledger,
    Tx,
    actor_runs,
    client_runs,
    clients,
    deliveries,
    due_actor_runs,
    locks,
    pauses,
)
from harvester.models import ActorRun, ActorRunState, Client, ClientRunStatus
from harvester.normalise import Ask, actor_of
from harvester.webhook_tokens import TokenSigner
from services import budgets
from services.account import most_in_flight
from services.budgets import MONTH_RESERVED, Budgets, Spent, Wait
from services.outcome import BUDGET_SPENT, CANCELLED, CANCELLED_REASON, give_up
from services.plan import not_entitled
from services.search import Search

#: Where one at a time passes who is about to start something, or to say that nothing is to be started.
STARTS: Final = "starts"
#: While this lock is held, Apify takes no starts: for want of memory or free runs, or to slow us down.
STARTS_BARRED: Final = "starts at Apify"
#: Apify's word for a cap that is lower than the actor takes.
_CAP_TOO_LOW: Final = "max-total-charge-usd-below-minimum"

_log = log.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StartTerms:
    """What every start is bounded by and told, from the settings."""

    webhook_url: str
    posted_limit: str
    max_comments: int
    max_reactions: int
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
        if not self._has_place(run):  # whoever sees none need not queue for the lock to see it again
            self._moved(run, ActorRunState.PLANNED, self._terms.look_again)
            return False
        starting = self._reserved(run)
        if starting is None:
            return False
        if self._is_stopped(starting):
            self._moved(starting, ActorRunState.PLANNED, self._terms.look_again, attempt=starting.attempt - 1)
            return False
        self._send(starting)
        return True

    def _is_stopped(self, starting: ActorRun) -> bool:
        """Say whether somebody has paused starts, or cancelled the client run, since this one was intended.

        Between the intent and the call a busy machine may let seconds go by.
        """
        with self._ledger.read() as tx:
            paused = pauses.of_start(tx, starting.client_id, starting.actor_id)
            return bool(paused) or client_runs.is_cancelled(tx, starting.client_run_id)

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
        except (Refused, InvalidInput) as error:  # the latter before any call: no input can be built of it
            self._refused(starting, error)
        else:
            self._search.started(starting, found)
            self._starts_work()

    def _refused(self, run: ActorRun, error: Refused | InvalidInput) -> None:
        code, reason = error.code, str(error)
        cap = run.cap_micros or 0
        if code == _CAP_TOO_LOW and cap < self._terms.budgets.run_micros:
            full = budgets.usd(self._terms.budgets.run_micros)
            code = BUDGET_SPENT
            reason = f"the budget has {budgets.usd(cap)} USD left instead of {full} for one start: {reason}"
        with self._ledger.write() as tx:
            now = self._clock()
            client = clients.get(tx, run.client_id)
            if code == BUDGET_SPENT and client is not None:
                standing = budgets.both(tx, client, self._terms.budgets, now)
                budgets.tell(tx, min(standing, key=lambda budget: budget.room), now=now)
            give_up(tx, run, code=code, reason=reason, now=now)

    def _has_place(self, run: ActorRun) -> bool:
        with self._ledger.read() as tx:
            barred = locks.held(tx, [STARTS_BARRED, MONTH_RESERVED], now=self._clock())
            paused = pauses.of_start(tx, run.client_id, run.actor_id)
            return not barred and not paused and self._is_place_free(tx)

    def _is_place_free(self, tx: Tx) -> bool:
        return due_actor_runs.in_flight(tx) < most_in_flight(tx, self._terms.max_in_flight)

    def _reserved(self, run: ActorRun) -> ActorRun | None:
        """Write down that a start is to be sent, and what it may cost. None if it is not to be sent now."""
        with self._ledger.write() as tx:
            tx.exclusively(STARTS)
            now = self._clock()
            client = clients.get(tx, run.client_id)
            barred = self._barred(tx, run, client)
            if barred is not None or client is None:
                code, reason = barred or ("client_gone", f"client {run.client_id} is gone")
                give_up(tx, run, code=code, reason=reason, now=now)
                return None
            money = budgets.verdict(tx, client, self._terms.budgets, now)
            if isinstance(money, Spent):
                self._spent(tx, run, money, now)
            elif pauses.of_start(tx, run.client_id, run.actor_id) or not self._is_place_free(tx):
                self._waits(tx, run, now, self._terms.look_again)
            elif isinstance(money, Wait):
                self._waits_for_money(tx, run, money, now)
            elif not self._may_try(tx, now):
                self._waits(tx, run, now, self._terms.look_again)
            elif run.attempt and deliveries.unread_run_ids(tx, run.id):  # the lost one turned up just now
                self._waits(tx, run, now, timedelta(0))
            else:
                return self._begun(tx, run, money.cap, now)
        return None

    def _begun(self, tx: Tx, run: ActorRun, cap: int, now: datetime) -> ActorRun:
        return actor_runs.keep(
            tx,
            run,
            now=now,
            state=ActorRunState.STARTING,
            attempt=run.attempt + 1,
            start_requested_at=now,
            search_until=None,
            cap_micros=cap,
        )

    def _waits(self, tx: Tx, run: ActorRun, now: datetime, wait: timedelta) -> None:
        actor_runs.move(tx, run, ActorRunState.PLANNED, now=now, next_check_at=now + wait)

    def _spent(self, tx: Tx, run: ActorRun, money: Spent, now: datetime) -> None:
        budgets.tell(tx, money.budget, now=now)
        locks.release(tx, MONTH_RESERVED)  # the others need not wait to be told the same
        give_up(tx, run, code=BUDGET_SPENT, reason=money.budget.for_one, now=now)

    def _waits_for_money(self, tx: Tx, run: ActorRun, money: Wait, now: datetime) -> None:
        """Let what is under way end first, and nobody else wait behind rows that would only wait, too."""
        until = now + self._terms.not_now
        self._waits(tx, run, now, self._terms.not_now)
        if money.of_all:
            locks.extend(tx, MONTH_RESERVED, until=until, times=1, reason=money.reason)
        else:
            due_actor_runs.hold_back(tx, run.client_id, now=now, until=until)
        tx.after_commit(lambda: _log.info("A start waits for its budget: %s", money.reason))

    def _may_try(self, tx: Tx, now: datetime) -> bool:
        """Of all rows that wait for Apify to take starts again, let one at a time find out."""
        barred = locks.get(tx, STARTS_BARRED, lock=True)
        return barred is None or locks.take(tx, STARTS_BARRED, now=now, until=now + self._terms.not_now)

    def _starts_work(self) -> None:
        """Let the others start, too, if they were told to wait."""
        waited_for = (STARTS_BARRED, MONTH_RESERVED)
        with self._ledger.read() as tx:
            told = [name for name in waited_for if locks.get(tx, name) is not None]
        if told:
            with self._ledger.write() as tx:
                for name in told:
                    locks.release(tx, name)

    def _barred(self, tx: Tx, run: ActorRun, client: Client | None) -> tuple[str, str] | None:
        """Say by code and reason why nobody wants this start any more."""
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
        if record is not None and record.cancel_requested_at is not None:
            return CANCELLED, CANCELLED_REASON
        return None

    def _sent(self, run: ActorRun) -> ApifyRun:
        with self._ledger.read() as tx:
            targets = actor_runs.targets(tx, run.id)
            actor_runs.still_held(tx, run)  # whoever was paused past its lease must not pay when it wakes
        ask = Ask(
            [target.target_url for target in targets],
            max_posts=run.max_posts,
            posted_limit=self._terms.posted_limit,
            max_comments=self._terms.max_comments,
            max_reactions=self._terms.max_reactions,
            today=self._clock().date(),
        )
        return self._apify.start(
            run.actor_id,
            actor_of(run.actor_id).input_for(ask),
            marker=f"{run.marker}.{run.attempt}",
            max_charge_usd=Decimal(run.cap_micros or 0) / 1_000_000,
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
