"""The days of an agency, as more rules: harvests of all clients, schedules, smart resume, pauses."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
from factories import NOW
from hypothesis.stateful import precondition, rule
from sqlalchemy import select

from harvester.jobs import JobDecision, JobPlan
from harvester.ledger import Tx, actor_runs, client_runs, job_runs, job_tables, pauses
from harvester.models import ClientRun, ClientRunStatus
from services import Services
from services.process import Ask, JobAnswer
from services.resume_lock import ResumeInProgress
from services.scheduled import Scheduled, job_runs_of

from . import truths
from .harvests import Harvests
from .workers import Sleeper
from .world import CLIENTS, PAUSED, STALE_SECONDS

#: The first midnight that comes: of a client in Chicago.
MIDNIGHT = NOW.replace(hour=6)
STANDING = {"target_met", "budget_spent", "completed_recently", "batches_used_up"}


class Days(Harvests):
    """Rules: what is done with all clients at once."""

    # Job runs

    @rule(
        stream=st.sampled_from([None, None, 1, 2]),
        client=st.sampled_from([None, None, "Ada", PAUSED]),
        limit=st.sampled_from([None, None, 1, 2]),
        dies=st.none() | st.integers(0, 9),
    )
    def process(self, stream: int | None, client: str | None, limit: int | None, dies: int | None) -> None:
        """Somebody has all clients harvested, or some; the process may be killed between two of them."""
        self._order(Ask(stream=stream, client_id=client, limit=limit), dies)

    @rule(dies=st.none() | st.integers(0, 9), seconds=st.sampled_from([0, 0, STALE_SECONDS + 1]))
    def smart_resume(self, dies: int | None, seconds: float) -> None:
        """Somebody has everything gone on with, though another one may be at it, or may have died over it."""
        self.clock.advance(seconds=seconds)
        self._order(Ask(JobPlan.RESUME, "smart_resume_workflow"), dies)

    @precondition(lambda self: self.orders.asks)
    @rule(data=st.data())
    def order_again(self, data: st.DataObject) -> None:
        """A caller that may not have had its answer asks once more, with the same key.

        Whose order was lost before it was on disk gives it for the first time now, with all that it does.
        """
        key = data.draw(st.sampled_from(sorted(self.orders.asks)))
        ask = self.orders.asks[key]
        with self.ledger.read() as tx:
            known = len(truths.rows(tx, f"select 1 from idempotency_keys where key = '{key}'"))
        before = len(self._jobs())
        if known:
            self.orders.told(key, self._ordered(ask))
        else:
            self._told(ask)
        refused = key not in self.orders.asks
        assert len(self._jobs()) == before + (not known and not refused)

    @rule()
    def reset(self) -> None:
        """A person ends the smart resume that is live; its harvests go on."""
        run_id = self.services.smart_resume.reset("a person")
        if run_id is not None:
            self.orders.cut_short[run_id] = ClientRunStatus.CANCELLED

    @precondition(lambda self: self.sleeper is None)
    @rule(points=st.integers(0, 9), seconds=st.sampled_from([0, 26, 301]))
    def order_and_sleep(self, points: int, seconds: float) -> None:
        """A process is stopped between two of its clients; a worker may go on for it before it wakes."""
        ask = self._keyed(Ask())
        key = str(ask.idempotency_key)
        self._fall_asleep(points, lambda: self.orders.told(key, self.others.process.order(ask)))
        self.clock.advance(seconds=seconds)
        self._chores()

    def _order(self, ask: Ask, dies: int | None) -> None:
        ask = self._keyed(ask)
        if dies is None:
            self._told(ask)
            return
        self.ledger.points.die_in = dies
        with suppress(ResumeInProgress):
            self._die_over(lambda: self._told(ask))

    def _keyed(self, ask: Ask) -> Ask:
        key = f"order {next(self.orders.numbers)}"
        asked = {name: getattr(ask, name) for name in ("plan", "source", "stream", "client_id", "limit")}
        self.orders.asks[key] = Ask(**asked, idempotency_key=key)
        return self.orders.asks[key]

    def _told(self, ask: Ask) -> None:
        """Have an order carried out, and its answer judged by what was there before."""
        with self.ledger.read() as tx:
            live = {one: run for one in CLIENTS if (run := client_runs.live_of(tx, one)) is not None}
            left_alone = self._left_alone(tx, live) if ask.plan is JobPlan.RESUME else {}
            holder = job_runs.holder(tx, JobPlan.RESUME) if ask.plan is JobPlan.RESUME else None
        fresh = holder is not None and self._is_fresh(holder.heartbeat_at or holder.started_at)
        if holder is not None and not fresh:
            self.orders.cut_short[holder.run_id] = ClientRunStatus.FAILED  # unless this dies before that
        try:
            answer = self._ordered(ask)
        except ResumeInProgress as error:
            del self.orders.asks[str(ask.idempotency_key)]
            assert fresh and holder is not None and error.run_id == holder.run_id, "it is not live"  # noqa: PT017,PT018
            return
        except BaseException:
            self._forget_what_was_not_cut_short()
            raise
        assert not fresh, "two smart resumes at once"
        self.orders.told(str(ask.idempotency_key), answer)
        self._judge(ask, answer, {client: run.client_run_id for client, run in live.items()}, left_alone)

    def _left_alone(self, tx: Tx, live: Mapping[str, ClientRun]) -> dict[str, str]:
        """Say for whom a smart resume does not wait, and with which code: nobody else could have one."""
        by_hand = {
            client: "run_in_progress"
            for client, run in live.items()
            if run.source == "manual" and not actor_runs.last_batch(tx, run.client_run_id)
        }
        return by_hand | {one: "starts_paused" for one in CLIENTS if pauses.get(tx, one) is not None}

    def _is_fresh(self, seen: Any) -> bool:
        return bool(self.clock() - seen <= timedelta(seconds=STALE_SECONDS))

    def _forget_what_was_not_cut_short(self) -> None:
        live = {job.run_id for job in self._jobs() if job.holds is not None}
        for run_id in live & self.orders.cut_short.keys():
            del self.orders.cut_short[run_id]

    def _ordered(self, ask: Ask) -> JobAnswer:
        if ask.plan is JobPlan.RESUME:
            return self.services.smart_resume.start(ask)
        return self.services.process.order(ask)

    def _judge(self, ask: Ask, answer: JobAnswer, live: dict[str, str], left_alone: dict[str, str]) -> None:
        wanted = self.orders.expected(ask.stream, ask.client_id, ask.limit)
        assert [one.client_id for one in answer.clients] == wanted
        for one in answer.clients:
            if one.client_id == PAUSED:
                assert (one.decision, one.code) == (JobDecision.SKIPPED, "client_inactive")
            elif one.client_id in left_alone:
                assert (one.decision, one.code) == (JobDecision.SKIPPED, left_alone[one.client_id])
            elif one.client_id not in live:
                assert one.decision is JobDecision.STARTED or one.code in STANDING, one
            elif ask.plan is JobPlan.RESUME:
                assert (one.decision, one.client_run_id) == (JobDecision.TAKEN_ON, live[one.client_id])
            else:
                assert (one.decision, one.code) == (JobDecision.SKIPPED, "run_in_progress")
                assert live[one.client_id] in str(one.reason)

    def _jobs(self) -> list[Any]:
        with self.ledger.read() as tx:
            return truths.rows(tx, "select * from job_runs where plan is not null")

    # Schedules, and the clock

    @rule(client=st.sampled_from(CLIENTS), expression=st.sampled_from([None, "*/20 * * * *", "0 0 * * *"]))
    def give_a_schedule(self, client: str, expression: str | None) -> None:
        """A person gives a client a schedule of its own, or takes it away."""
        self._scheduled({client: expression})

    @precondition(lambda self: self.sleeper is None)
    @rule(seconds=st.sampled_from([0, 1_201, 4_000]), points=st.integers(0, 3))
    def look_at_once(self, seconds: float, points: int) -> None:
        """Two workers look at the schedules; one has read them, or fired one, when the other comes."""
        self.clock.advance(seconds=seconds)
        due, before = self._due_schedules(), self._fired()
        self.second.points.sleep_in, self.second.points.reads = points, True
        self.sleeper = Sleeper(lambda: self._fire(self.others))
        self._sleeper_goes_on()
        self._fire(self.services)
        if self.sleeper is not None:
            self._sleeper_goes_on()
        assert self._fired() == before + due

    def _fire(self, services: Services) -> None:
        """Fire what is due, as the chore does; its lock runs out over a worker that sleeps."""
        fire = job_runs_of(services.process)
        Scheduled(services.ledger, fire, self.clock, missed="last")()

    def _due_schedules(self) -> int:
        with self.ledger.read() as tx:
            return sum(
                at is not None and at <= self.clock()
                for (at,) in tx.execute(select(job_tables.schedules.c.next_at))
            )

    def _fired(self) -> int:
        return sum(job.schedule is not None for job in self._jobs())

    @precondition(lambda self: self.clock() < MIDNIGHT)
    @rule(seconds=st.sampled_from([-0.5, 0, 1]))
    def midnight(self, seconds: float) -> None:
        """A client's day is about to end, or has begun."""
        self.clock.now = max(self.clock.now, MIDNIGHT + timedelta(seconds=seconds))

    # Pauses

    @rule(scope=st.sampled_from(["*", *CLIENTS]))
    def pause(self, scope: str) -> None:
        """A person stops the starts of all, or of one."""
        self.services.pauses.pause(scope, by="a person")
        self.starts.paused.setdefault(scope, self.clock())

    @precondition(lambda self: self.starts.paused)
    @rule(data=st.data())
    def lift(self, data: st.DataObject) -> None:
        """A person lets them start again."""
        scope = data.draw(st.sampled_from(sorted(self.starts.paused)))
        assert self.services.pauses.lift(scope, by="a person")
        del self.starts.paused[scope]
