"""Everything that can happen to harvests, as the rules of a state machine.

The services and the ledger are the real ones; time and Apify obey the test.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import precondition, rule
from sqlalchemy import delete

from harvester.ledger import tables
from harvester.models import DeliveryOutcome
from services import run_records
from services.deliveries import Unauthorised
from services.kickoff import Order
from services.run_ends import NothingToRetry, RunIsOver

from .endings import Endings
from .fake_apify import Webhook
from .world import CLIENTS, CONSOLE_TOKEN

TERMINAL = ("SUCCEEDED", "FAILED", "ABORTED", "TIMED-OUT")


class Harvests(Endings):
    """Rules: what people, workers and the world do."""

    # What people do

    @rule(
        client=st.sampled_from(CLIENTS),
        key=st.none() | st.sampled_from(["k1", "k2"]),
        named=st.booleans(),
    )
    def kickoff(self, client: str, key: str | None, named: bool) -> None:
        """Somebody asks for a harvest of who is due, or of certain profiles."""
        name = key and f"{client}-{key}"
        urls = self.urls[client][:3] if named else None
        self._kick_off(Order(client_id=client, idempotency_key=name, target_urls=urls))

    @precondition(lambda self: self.records.there)
    @rule(data=st.data())
    def delete_a_record(self, data: st.DataObject) -> None:
        """A person deletes a client run record."""
        full_id = data.draw(st.sampled_from(sorted(self.records.there)))
        with self.ledger.write() as tx:
            tx.execute(delete(tables.client_runs).where(tables.client_runs.c.client_run_id == full_id))
        self.records.delete(full_id)

    @precondition(lambda self: self.records.there)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """A person wants a client run ended."""
        full_id = data.draw(st.sampled_from(sorted(self.records.there)))
        with suppress(RunIsOver):
            self.services.cancel(full_id, by="a person")
            self.records.cancelled.add(full_id)

    @precondition(lambda self: self.records.final)
    @rule(data=st.data())
    def try_again(self, data: st.DataObject) -> None:
        """A person has a client run go on after its end."""
        full_id = data.draw(st.sampled_from(sorted(self.records.final)))
        with suppress(NothingToRetry):
            if self.services.retry(full_id, by="a person").outcome == "accepted":
                self.records.go_on(full_id)

    @precondition(lambda self: self.records.made.keys() - self.records.there)
    @rule(data=st.data())
    def make_a_record_again(self, data: st.DataObject) -> None:
        """A person makes a deleted record again, as `scripts/create_run_record.py` does."""
        full_id = data.draw(st.sampled_from(sorted(self.records.made.keys() - self.records.there)))
        client = full_id[14:]
        with suppress(run_records.ClientBusy):
            with self.ledger.write() as tx:
                run_records.create(
                    tx,
                    run_id=full_id,
                    client_id=client,
                    client_name=client,
                    source=run_records.MANUAL,
                    now=self.clock(),
                )
            self.records.create(full_id)

    @precondition(lambda self: not any(run.foreign for run in self.apify.runs.values()))
    @rule(client=st.sampled_from(CLIENTS))
    def start_in_console(self, client: str) -> None:
        """A person starts an actor run in Apify Console."""
        self.apify.start_in_console(self.urls[client][:2])

    @precondition(lambda self: self.apify.ended())
    @rule(data=st.data())
    def resurrect(self, data: st.DataObject) -> None:
        """A person resurrects an actor run in Apify Console."""
        self.apify.resurrect(data.draw(st.sampled_from(self.apify.ended())))

    # What workers do

    @rule()
    def work(self) -> None:
        """A worker does what is due."""
        self._work()

    @rule(points=st.integers(0, 30))
    def die(self, points: int) -> None:
        """The worker is killed around one of its calls to Apify or its commits."""
        self.ledger.points.die_in = points
        self._work_and_die()

    @rule(fault=st.sampled_from(["lost", "refused", "not_now", "crash_before", "crash_after"]))
    def fail_a_start(self, fault: str) -> None:
        """The next start goes wrong."""
        self.apify.next_start = fault
        self._work_and_die()

    @precondition(lambda self: self.sleeper is None)
    @rule(
        due_in=st.sampled_from([0, 12, 301]),
        points=st.integers(0, 12),
        seconds=st.sampled_from([0, 30, 901]),
        wakes=st.booleans(),
        chores=st.sampled_from([False, False, True]),
    )
    def fall_asleep(self, due_in: float, points: int, seconds: float, wakes: bool, chores: bool) -> None:
        """A second worker is stopped around one of its calls or after one of its commits; time goes by.

        What it holds may be taken over by the first worker, which works on. It wakes then, or later.
        """
        self.clock.advance(seconds=due_in)
        self._fall_asleep(points, self._others_chores if chores else self._others_tick)
        if seconds:
            self.clock.advance(seconds=seconds)
            self._work()
            self._chores()
        if wakes:
            self._wake_up()

    @precondition(lambda self: self.sleeper is not None)
    @rule()
    def wake_up(self) -> None:
        """The second worker goes on; if others took its row meanwhile, it may neither write nor start."""
        self._wake_up()

    @rule(asked=st.booleans())
    def reconcile(self, asked: bool) -> None:
        """A worker does the chores that are due; reconcile is, if a person asks for it."""
        self._reconcile(asked=asked)

    @precondition(lambda self: self._parked())
    @rule(data=st.data(), replay=st.booleans())
    def decide_about_a_dead_letter(self, data: st.DataObject, replay: bool) -> None:
        """A person replays a dead letter, or discards it."""
        row_id = data.draw(st.sampled_from(self._parked()))
        (self._replay if replay else self._discard)(row_id)

    # What the world does

    @precondition(lambda self: not self.poisoned and self.apify.running())
    @rule(data=st.data(), what=st.sampled_from(["items", "items", "run"]))
    def poison(self, data: st.DataObject, what: str) -> None:
        """An actor run ends, and what Apify answers about it is damaged, for so long that it is parked."""
        run_id = data.draw(st.sampled_from(self.apify.running()))
        run = self.apify.runs[run_id]
        run.poison, self.poisoned = what, True
        self.apify.end(run_id, "SUCCEEDED", [self._item(data, run)])
        for _ in range(7):
            if not self._parked():
                self.clock.advance(seconds=301)
                self._work()

    @precondition(lambda self: self.poisoned)
    @rule()
    def cure(self) -> None:
        """Apify's answers are whole again."""
        self._cure()

    @rule(seconds=st.sampled_from([0.5, 5, 12, 30, 301, 901, 4000]))
    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.clock.advance(seconds=seconds)

    @rule(down=st.sampled_from([True, False, False]))
    def outage(self, down: bool) -> None:
        """Apify goes down, or comes back."""
        self.apify.outage = down

    @precondition(lambda self: self.apify.running())
    @rule(data=st.data(), lag=st.sampled_from([0, 0, 2]), swallows=st.booleans())
    def end_a_run(self, data: st.DataObject, lag: int, swallows: bool) -> None:
        """An actor run ends, with posts and whatever else; its webhook is sent, perhaps only later."""
        run_id = data.draw(st.sampled_from(self.apify.running()))
        status = data.draw(st.sampled_from(TERMINAL))
        run = self.apify.runs[run_id]
        items = [self._item(data, run) for _ in range(data.draw(st.integers(0, 5)))]
        self.apify.end(run_id, status, items, lag=lag, swallows=swallows)

    @precondition(lambda self: self.apify.sent)
    @rule(data=st.data(), static=st.booleans())
    def deliver(self, data: st.DataObject, static: bool) -> None:
        """A webhook arrives: for the first time, again, late, or in another order.

        Besides its own there may be one that a person made in Apify Console, with the static token.
        """
        webhook = data.draw(st.sampled_from(self.apify.sent))
        run = self.apify.runs[webhook.run_id]
        if run.foreign:
            self._told_of_a_foreign_run(webhook)
            return
        missing = self._record_missing(webhook.run_id)
        before = self.lines.missing.total()
        if static:
            webhook = replace(webhook, token=CONSOLE_TOKEN, dispatch_id=f"console-{webhook.dispatch_id}")
        outcome = self._deliver(webhook)
        if outcome is DeliveryOutcome.ACCEPTED and missing is not None:
            assert self.lines.missing.total() > before
            self.told_missing.add(missing)
        known = {DeliveryOutcome.ACCEPTED, DeliveryOutcome.DUPLICATE}
        assert outcome in (known | {DeliveryOutcome.UNKNOWN_RUN} if static else known)

    @precondition(lambda self: len(self.apify.runs) > 1)
    @rule(data=st.data())
    def forge(self, data: st.DataObject) -> None:
        """A webhook arrives with the token of another actor run, or of nobody."""
        run, other = data.draw(st.permutations(list(self.apify.runs.values())))[:2]
        if other.foreign or run.batch == other.batch:
            return
        token = data.draw(st.sampled_from([f"{run.token[:-9]}AAAAAAAAA", "nobody", other.token]))
        if token == other.token and run.facts.id not in self._known_runs():
            return  # it may be the run of the other's lost start, for all we can tell
        before = self._deliveries()
        with pytest.raises(Unauthorised):
            self._deliver(Webhook(run.facts.id, "ACTOR.RUN.SUCCEEDED", token, "forged"))
        assert self._deliveries() == before
