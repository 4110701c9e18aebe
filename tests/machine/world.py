"""The world of the state machine: a ledger, its clients, an Apify that may fail, a worker, and another."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
from factories import FakeClock, make_client, make_leads, make_settings
from hypothesis.stateful import RuleBasedStateMachine, initialize
from sqlalchemy import select, update

from harvester import webhook_payload
from harvester.ledger import Ledger, tables
from harvester.models import DeliveryOutcome
from services import RECONCILE, Services, build
from services.dead_letters import NothingToReplay
from services.kickoff import Answer, Order

from . import truths
from .fake_apify import FakeApify, FakeRun, Webhook
from .orders import Orders, Person
from .starts import Starts
from .watch import Watch
from .workers import Crash, Mortal, Sleeper

CLIENTS = ("Ada", "Ada-Lovelace", "ada")
#: A client that may not be harvested.
PAUSED = "Babbage"
#: Where they are: it is 23:00 with the first, and their midnights are an hour away, and seven, and thirteen.
ZONES = {"Ada": "America/Chicago", "Ada-Lovelace": "America/Anchorage", "ada": "UTC", PAUSED: "UTC"}
#: Kept small, in millionths of a USD: five items are 10,050. Of those of a month, one is that of a story.
DAILY_MICROS = {"Ada": 1_000_000, "Ada-Lovelace": 22_000, "ada": 1_000_000}
MONTHLY_MICROS = (None, None, None, 60_000)
CONSOLE_TOKEN = "the-static-token-of-apify-console"
UNKNOWN_START_SECONDS = 900
STALE_SECONDS = 600
SETTINGS = {
    "unknown_start_seconds": UNKNOWN_START_SECONDS,
    "reconcile_seconds": 300,
    "client_run_timeout_seconds": 3 * 3600,
    "lease_seconds": 25,
    "cost_settle_seconds": 10,
    "items_lag_seconds": 300,
    "not_now_seconds": 10,
    "apify_timeout_seconds": 20,
    "queued_seconds": 30,
    "resume_stale_seconds": STALE_SECONDS,
    "apify_max_charge_usd": 0.02,
    "daily_budget_usd": 1,
}


def emptied(ledger: Ledger) -> None:
    """Make a ledger as good as new, which takes a tenth of the time that a new one takes.

    On PostgreSQL the tables are cut off: where deleted rows had been, the order of new ones would be chance,
    and the same story would not come out the same.
    """
    names = [table.name for table in reversed(tables.metadata.sorted_tables)]
    with ledger.write() as tx:
        if tx.on_sqlite:
            for name in names:
                tx.connection.exec_driver_sql(f"delete from {name}")
        else:
            tx.connection.exec_driver_sql(f"truncate {', '.join(names)} restart identity")


class World(RuleBasedStateMachine):
    """One ledger, three clients, an Apify that may fail, a worker, and another that may fall asleep."""

    def __init__(self, ledger: Mortal, second: Mortal) -> None:
        super().__init__()
        emptied(ledger)
        self.ledger, self.second = ledger, second
        self.clock = FakeClock()
        self.apify = FakeApify(self.clock, console_token=CONSOLE_TOKEN)
        self.watch = Watch(self.apify)
        self.records = truths.Records()
        people = [Person(one, 1 + (one == "ada"), one != PAUSED) for one in ZONES]
        self.orders = Orders(people)
        self.starts = Starts(self.apify, ZONES, daily=dict(DAILY_MICROS), discarded=self.watch.discarded)
        self.answers: dict[str | None, Answer] = {}
        self.posted: dict[str, set[str]] = {client: set() for client in CLIENTS}
        self.next_id = 7_000_000_000
        self.poisoned = False
        self.sleeper: Sleeper | None = None
        self.asleep_with: dict[int, int] = {}
        self.told_missing: set[str] = set()
        self.lines = truths.LogLines()
        self.log = logging.getLogger("services")

    @initialize(
        at_once=st.booleans(), monthly=st.sampled_from(MONTHLY_MICROS), tired=st.sampled_from([0, 0, 2])
    )
    def agency(self, at_once: bool, monthly: int | None, tired: int) -> None:
        """Three clients whose IDs are easily confused, each with a few leads, and one that may not harvest.

        Leads that are `tired` were silent so often before.
        """
        self.log.addHandler(self.lines)
        self.urls: dict[str, list[str]] = {}
        self.starts.monthly = monthly
        for person in self.orders.people:
            self._client(person, tired)
        self.apify.on_start = self._started
        for ledger in (self.ledger, self.second):
            ledger.committing, ledger.committed = self.watch.committing, self.watch.committed
        self.services, self.others = self._built(self.ledger), self._built(self.second)
        for client_id in CLIENTS if at_once else ():
            self._kick_off(Order(client_id))

    def _client(self, person: Person, tired: int) -> None:
        client_id = person.client_id
        make_client(
            self.ledger,
            client_id,
            status="Active" if person.is_active else "Paused",
            stream=person.stream,
            timezone=ZONES[client_id],
            daily_budget_micros=DAILY_MICROS[client_id] if client_id == "Ada-Lovelace" else None,
            daily_target=6,
            batch_size=2,
            max_batches=4,
        )
        if person.is_active:
            found = make_leads(self.ledger, client_id, 5, unanswered=tired)
            self.urls[client_id] = [lead.profile_url for lead in found]

    def _built(self, ledger: Mortal) -> Services:
        wanted: dict[str, object] = {**SETTINGS, "apify_webhook_token": CONSOLE_TOKEN}
        if self.starts.monthly is not None:
            wanted["monthly_budget_usd"] = self.starts.monthly / 1e6
        services = build(make_settings(**wanted), clock=self.clock, apify=self.apify, ledger=ledger)
        services.process._at_once = 1  # so that one can die between two clients
        return services

    # How it is done

    def _kick_off(self, order: Order) -> None:
        key, again = order.idempotency_key, order.idempotency_key in self.answers
        answer = self.services.kickoff(order)
        if key is not None:
            assert self.answers.setdefault(key, answer) == answer
        if answer.outcome == "accepted" and answer.client_run_id is not None and not again:
            self.records.create(answer.client_run_id)

    def _work(self) -> None:
        self.services.tick(self.services.advance)

    def _work_and_die(self) -> None:
        self._die_over(self._work)

    def _die_over(self, work: Callable[[], object]) -> None:
        self.apify.points = self.ledger.points
        try:
            work()
        except Crash:
            self.services = self._built(self.ledger)
        finally:
            self.apify.next_start = self.ledger.points.die_in = None

    def _reconcile(self, *, asked: bool) -> None:
        if asked:
            self.services.reconcile.wake(lambda tx: self.services.chores.ask(tx, RECONCILE))
        self._chores()

    def _chores(self) -> None:
        for chore in self.services.chores.due():
            self.services.chores(chore)

    def _cure(self) -> None:
        for run in self.apify.runs.values():
            run.poison = None

    def _parked(self) -> list[int]:
        with self.ledger.read() as tx:
            found = truths.rows(tx, "select id from actor_runs where parked_at is not null order by id")
        return [row_id for (row_id,) in found]

    def _replay(self, row_id: int) -> None:
        try:
            self.services.dead_letters.replay(row_id)
        except NothingToReplay:
            self._discard(row_id)

    def _discard(self, row_id: int) -> None:
        self.watch.discarded.add(row_id)
        self.services.dead_letters.discard(row_id)

    def _others_tick(self) -> None:
        self.others.tick(self.others.advance)

    def _others_chores(self) -> None:
        for chore in self.others.chores.due():
            self.others.chores(chore)

    def _fall_asleep(self, points: int, work: Callable[[], object]) -> None:
        self.second.points.sleep_in = points
        self.sleeper = Sleeper(work)
        self._sleeper_goes_on()
        with self.ledger.read() as tx:
            self.asleep_with = self.watch.held_by(tx, self.second.points)

    def _wake_up(self) -> None:
        if self.sleeper is None:
            return
        with self.ledger.read() as tx:
            self.watch.woken(tx, self.second.points, self.asleep_with)
        self._sleeper_goes_on()

    def _sleeper_goes_on(self) -> None:
        assert self.sleeper is not None
        self.apify.points = self.second.points
        self.sleeper.go_on()
        self.apify.points = self.ledger.points
        self.second.points.sleep_in = None
        if not self.sleeper.asleep:
            self.sleeper = None
            self.second.points.robbed = self.second.points.reads = False

    def _record_missing(self, apify_run_id: str) -> str | None:
        with self.ledger.read() as tx:
            statement = f"select client_run_id from actor_runs where apify_run_id = '{apify_run_id}'"
            return next(
                (full for (full,) in truths.rows(tx, statement) if full not in self.records.there), None
            )

    def _told_of_a_foreign_run(self, webhook: Webhook) -> None:
        before = self._all_but_deliveries()
        outcome = self._deliver(webhook)
        assert outcome in (DeliveryOutcome.UNKNOWN_RUN, DeliveryOutcome.DUPLICATE)
        assert self._all_but_deliveries() == before

    def _all_but_deliveries(self) -> list[Any]:
        others = [table for table in tables.metadata.sorted_tables if table.name != "deliveries"]
        with self.ledger.read() as tx:
            return [sorted(map(repr, tx.execute(select(table)))) for table in others]

    def _known_runs(self) -> set[str]:
        with self.ledger.read() as tx:
            return {run_id for (run_id,) in truths.rows(tx, "select apify_run_id from actor_runs")}

    def _deliveries(self) -> int:
        with self.ledger.read() as tx:
            return int(truths.rows(tx, "select count(*) from deliveries")[0][0])

    def _deliver(self, webhook: Webhook) -> DeliveryOutcome:
        proof = self.services.deliveries.prove(f"Bearer {webhook.token}")
        body = f'{{"eventType":"{webhook.event}","eventData":{{"actorRunId":"{webhook.run_id}"}}}}'
        payload = webhook_payload.parse(body.encode())
        return self.services.deliveries.keep(
            proof, payload, dispatch_id=webhook.dispatch_id, headers={}, body=body
        )

    def _item(self, data: st.DataObject, run: FakeRun) -> Any:
        kind = data.draw(st.sampled_from(["post", "post", "again", "comment", "error", "nonsense"]))
        target = data.draw(st.sampled_from(run.targets))
        query = {"targetUrl": target}
        if kind == "comment":
            about = {"postId": "2", "query": {"post": "2"}}
            return {"type": "comment", "id": "1", "commentary": "so true", **about}
        if kind == "error":
            return {"error": "could not be scraped", "query": query}
        if kind == "nonsense":
            return ["not", "an", "item"]
        self.next_id += kind == "post"
        client = next(client for client, urls in self.urls.items() if target in urls)
        if not run.foreign:
            self.posted[client].add(str(self.next_id))
        return {"type": "post", "id": str(self.next_id), "content": f"Post {self.next_id}", "query": query}

    def _started(self, run: FakeRun) -> None:
        others = self.apify.points is self.second.points
        with self.ledger.read() as tx:
            self.watch.started(tx, run, robbed=self.apify.points.robbed)
            # Written down, and not raised: a step takes every error for its own.
            self.watch.wrong += self.starts.judge(tx, run, may_be_late=others and self.sleeper is not None)

    def _scheduled(self, schedules: dict[str, str | None]) -> None:
        clients = tables.clients
        with self.ledger.write() as tx:
            for client_id, expression in schedules.items():
                changed = update(clients).where(clients.c.client_id == client_id)
                tx.execute(changed.values(schedule=expression))
        self.services.schedule.sync()
