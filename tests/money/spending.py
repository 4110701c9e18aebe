"""Everything that can happen to money, as the rules of a state machine: nothing that is sent passes a budget.

The services and the ledger are the real ones; time and Apify obey the test, and Apify's word is the truth.
"""

from __future__ import annotations

import hypothesis.strategies as st
from factories import FakeClock, make_client, make_leads, make_settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from machine.workers import Crash, Mortal
from machine.world import emptied
from sqlalchemy import func, select

from harvester.ledger import tables
from harvester.ledger.pauses import ALL
from services import Services, build
from services.budgets import LEAST_MICROS
from services.days import day_start, month_start
from services.kickoff import Order

from .till import Till

CLIENTS = {"Ada": "UTC", "Bob": "Australia/Sydney", "Cyd": "America/New_York", "Dan": "UTC"}
MOST_AT_ONCE = 3
CAP = 1_000_000
TIMERS = {
    "unknown_start_seconds": 60,
    "reconcile_seconds": 20,
    "client_run_timeout_seconds": 7 * 86400,
    "stale_lead_seconds": 8 * 86400,
    "lease_seconds": 25,
    "cost_settle_seconds": 10,
    "items_lag_seconds": 60,
    "not_now_seconds": 10,
    "apify_timeout_seconds": 20,
}


class Spending(RuleBasedStateMachine):
    """Four clients in three time zones with budgets, a worker that may die, an Apify that may fail."""

    def __init__(self, ledger: Mortal) -> None:
        super().__init__()
        emptied(ledger)
        self.ledger = ledger
        self.clock = FakeClock()
        self.apify = Till(self.clock)
        self.apify.arrived = self._arrived
        self.paused: set[str] = set()
        self.deaths = 0
        self.wrong: list[str] = []

    @initialize(
        daily=st.sampled_from([150_000, 1_000_000, 2_300_000, 2_700_000, 50_000_000]),
        own=st.sampled_from([None, 0, 700_000, 3_100_000]),
        monthly=st.sampled_from([None, None, 900_000, 6_500_000]),
    )
    def agency(self, daily: int, own: int | None, monthly: int | None) -> None:
        """Four clients with several batches each; one may have a budget of its own."""
        self.daily = dict.fromkeys(CLIENTS, daily) | ({} if own is None else {"Bob": own})
        self.monthly = monthly
        for client_id, zone in CLIENTS.items():
            budget = own if client_id == "Bob" else None
            make_client(
                self.ledger,
                client_id,
                timezone=zone,
                daily_target=12,
                batch_size=2,
                max_batches=50,
                daily_budget_micros=budget,
            )
            for lead in make_leads(self.ledger, client_id, 10):
                self.apify.clients[lead.profile_url] = client_id
        budgets = {"daily_budget_usd": daily / 1e6, "max_actor_runs": MOST_AT_ONCE}
        if monthly is not None:
            budgets["monthly_budget_usd"] = monthly / 1e6
        self.settings = make_settings(**TIMERS, **budgets)
        self.services = self._built()
        for client_id in CLIENTS:
            self.services.kickoff(Order(client_id))

    def _built(self) -> Services:
        return build(self.settings, clock=self.clock, apify=self.apify, ledger=self.ledger)

    def _arrived(self, client: str) -> None:
        """Look at each start as it arrives at Apify. What is wrong is told later: steps are caught."""
        now = self.clock()
        if self.apify.most(since=day_start(CLIENTS[client], now), client=client) > self.daily[client]:
            self.wrong.append(f"{client} may pass its budget of the day")
        if self.monthly is not None and self.apify.most(since=month_start(now)) > self.monthly:
            self.wrong.append("all together may pass the budget of the month")
        if self.paused & {ALL, client}:
            self.wrong.append(f"{client} is paused")
        if len(self.apify.running()) >= MOST_AT_ONCE:
            self.wrong.append("there was no free place")

    @invariant()
    def all_is_well(self) -> None:
        """What all that is at Apify may cost is within the budgets, and started with leave."""
        assert not self.wrong, self.wrong

    @rule(client=st.sampled_from(list(CLIENTS)))
    def kickoff(self, client: str) -> None:
        """Somebody asks for a harvest."""
        self.services.kickoff(Order(client))

    @rule()
    def work(self) -> None:
        """A worker does what is due."""
        self.services.tick(self.services.advance)

    @rule(seconds=st.sampled_from([1, 11, 21, 61]))
    def wait(self, seconds: int) -> None:
        """Time goes by."""
        self.clock.advance(seconds=seconds)
        self.work()
        if seconds > TIMERS["items_lag_seconds"]:
            self.services.reconcile()

    @rule(hours=st.sampled_from([5, 24, 24 * 9]))
    def wait_long(self, hours: int) -> None:
        """Another day begins, or another month."""
        self.clock.advance(hours=hours)

    @precondition(lambda self: self.apify.running())
    @rule(data=st.data(), part=st.sampled_from([0.0, 0.01, 0.6, 1.0]))
    def end(self, data: st.DataObject, part: float) -> None:
        """An actor run ends, in any order, and has cost some part of its cap."""
        self.apify.close(data.draw(st.sampled_from(self.apify.running())), part)
        self.wait(21)

    @precondition(lambda self: self.deaths < 3)
    @rule(points=st.integers(0, 12))
    def die(self, points: int) -> None:
        """The worker is killed around one of its commits or calls; its lease runs out later."""
        self.deaths += 1
        self.ledger.points.die_in = points
        self.apify.points = self.ledger.points
        try:
            self.work()
        except Crash:
            self.services = self._built()
        finally:
            self.ledger.points.die_in = None

    @rule(fault=st.sampled_from(["lost", "refused", "not_now"]))
    def fail_a_start(self, fault: str) -> None:
        """The next start goes wrong."""
        self.apify.next_start = fault
        self.work()
        self.apify.next_start = None

    @rule(scope=st.sampled_from([ALL, "Ada", "Bob"]), lifted=st.booleans())
    def pause(self, scope: str, lifted: bool) -> None:
        """A person pauses starts, or lets them go on."""
        if lifted:
            assert self.services.pauses.lift(scope, by="test") == (scope in self.paused)
            self.paused.discard(scope)
        else:
            self.services.pauses.pause(scope, by="test")
            self.paused.add(scope)

    def teardown(self) -> None:
        """Nobody starves: in the end every batch was started, or its budget does not allow another one."""
        if not hasattr(self, "services"):
            return
        for scope in list(self.paused):
            self.pause(scope, lifted=True)
        for _ in range(200):
            if not self._left():
                break
            for run_id in self.apify.running():
                self.apify.close(run_id, 0.1)
            self.wait(61)
        assert not self._left(), "batches still wait, although places and budgets are free"
        self._judge_refusals()

    def _left(self) -> int:
        states = tables.actor_runs.c.state
        still = select(func.count()).where(states.not_in(["ingested", "failed"]))
        with self.ledger.read() as tx:
            return int(tx.execute(still.where(tables.actor_runs.c.parked_at.is_(None))).scalar_one())

    def _judge_refusals(self) -> None:
        refused = select(tables.actor_runs.c.client_id).where(
            tables.actor_runs.c.error_code == "budget_spent"
        )
        with self.ledger.read() as tx:
            clients = set(tx.execute(refused).scalars())
        for client in clients:
            day = min(self.daily[client], self.monthly or self.daily[client])
            spent = max(self._spent_in_days(client), 0)
            month = self.monthly is not None and self._all_spent() > self.monthly - LEAST_MICROS
            assert month or spent > day - LEAST_MICROS or day == 0, f"{client} was refused for no reason"

    def _spent_in_days(self, client: str) -> int:
        """Give what the client's dearest day has cost."""
        days: dict[object, int] = {}
        for run_id, began in self.apify.began.items():
            if self.apify.whose[run_id] == client:
                day = day_start(CLIENTS[client], began)
                days[day] = days.get(day, 0) + (self.apify.runs[run_id].facts.cost_micros or 0)
        return max(days.values(), default=0)

    def _all_spent(self) -> int:
        months: dict[object, int] = {}
        for run_id, began in self.apify.began.items():
            month = month_start(began)
            months[month] = months.get(month, 0) + (self.apify.runs[run_id].facts.cost_micros or 0)
        return max(months.values(), default=0)
