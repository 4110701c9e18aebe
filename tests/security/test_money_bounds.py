"""How often a client is kicked off: never more than is allowed in any hour, whoever asks, and however."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
from factories import FakeClock, make_client, make_limits, on_one_ledger
from hypothesis import given
from pages.operator import Operator, page_settings, text_of
from web.asking import opened_web

from harvester import run_ids
from harvester.ledger import Ledger, activity, client_runs, job_runs, tables
from harvester.models import ClientRunStatus
from services import run_records
from services.eligibility import TooManyKickoffs
from services.kickoff import Kickoff, Order
from services.preview import Previews

HOUR = timedelta(hours=1)
KICKOFF = "/api/apify/process-client"
#: Tables that a kickoff writes to.
MADE = ("client_runs", "job_runs", "actor_runs", "lead_outcomes", "leads", "idempotency_keys", "activity")
_numbers = itertools.count(1)


@dataclass
class Day:
    """A client that is kicked off again and again; each of its client runs is over at once."""

    ledger: Ledger
    most: int
    clock: FakeClock = field(default_factory=FakeClock)
    client_id: str = field(default_factory=lambda: f"C{next(_numbers)}")
    #: When each kickoff was accepted.
    accepted: list[datetime] = field(default_factory=list)

    def __post_init__(self) -> None:
        limits = make_limits(kickoffs_per_hour=self.most)
        self.kickoff = Kickoff(self.ledger, limits, self.clock)
        self.previews = Previews(self.ledger, limits, self.clock)
        make_client(self.ledger, self.client_id)

    @property
    def wait(self) -> int:
        """Seconds until there may be another, 0 for none: what must hold, told by its plain definition."""
        of_hour = sorted(at for at in self.accepted if at > self.clock.now - HOUR)
        if len(of_hour) < self.most:
            return 0
        return math.ceil((of_hour[-self.most] + HOUR - self.clock.now).total_seconds())

    def held(self) -> list[list[Any]]:
        """Give all rows of what a kickoff makes."""
        with self.ledger.read() as tx:
            return [list(tx.execute(tables.metadata.tables[name].select()).all()) for name in MADE]

    def asked(self, how: str) -> None:
        """Kick off in one of the ways, and compare what comes of it with what must."""
        wait = self.wait
        skip = self.previews(Order(self.client_id)).skip
        assert (skip.code if skip else None) == ("too_many_kickoffs" if wait else None)
        if how == "hand":
            self._by_hand()
        elif how == "job":
            self._of_a_job(wait)
        elif not wait:
            self._ended(self.kickoff(self._order(how)).client_run_id)
        else:
            before = self.held()
            with pytest.raises(TooManyKickoffs, match="KICKOFFS_PER_HOUR") as refused:
                self.kickoff(self._order(how))
            assert refused.value.seconds == wait
            assert self.held() == before

    def _order(self, how: str) -> Order:
        return {
            "plain": Order(self.client_id, by="api"),
            "key": Order(self.client_id, idempotency_key=f"{next(_numbers)}", by="api"),
            "profiles": Order(self.client_id, target_urls=["https://www.linkedin.com/in/ann"]),
            "resume": Order(self.client_id, source="smart_resume_workflow"),
        }[how]

    def _of_a_job(self, wait: int) -> None:
        now = self.clock.now
        with self.ledger.write() as tx:
            run_id = job_runs.mint(tx, run_ids.candidates(now), source="master_process", now=now)
            answer = self.kickoff.within(tx, Order(self.client_id, source="master_process", run_id=run_id))
        assert (answer.outcome, answer.code) == (
            ("skipped", "too_many_kickoffs") if wait else ("accepted", None)
        )
        if not wait:
            self._ended(answer.client_run_id)

    def _by_hand(self) -> None:
        now = self.clock.now
        with self.ledger.write() as tx:
            run_id = job_runs.mint(tx, run_ids.candidates(now), source="manual", now=now)
            made: dict[str, Any] = {
                "client_id": self.client_id,
                "client_name": "C",
                "source": "manual",
                "now": now,
            }
            run = run_records.create(tx, run_id=run_id, **made)
            client_runs.finish(tx, run.client_run_id, status=ClientRunStatus.COMPLETED, now=now)

    def _ended(self, full_id: str | None) -> None:
        assert full_id is not None, "it was not accepted"
        self.accepted.append(self.clock.now)
        with self.ledger.write() as tx:
            client_runs.finish(tx, full_id, status=ClientRunStatus.COMPLETED, now=self.clock.now)


#: Without looking for the least of all days that go wrong: on a database that takes minutes.
_PHASES = (hypothesis.Phase.explicit, hypothesis.Phase.reuse, hypothesis.Phase.generate)
_STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.4, 60.0, 1199.6, 1800.0, 3599.5, 3600.0]),
        st.sampled_from(["plain", "plain", "key", "profiles", "resume", "job", "hand"]),
    ),
    min_size=3,
    max_size=9,
)


@hypothesis.settings(on_one_ledger, max_examples=10, phases=_PHASES)
@given(most=st.integers(1, 3), steps=_STEPS)
def test_no_client_is_kicked_off_more_often_in_an_hour_than_it_may_be(
    ledger: Ledger, most: int, steps: list[tuple[float, str]]
) -> None:
    """By none of the ways. What is refused leaves no row, and is taken once the seconds told are over."""
    day = Day(ledger, most)
    for seconds, how in steps:
        day.clock.advance(seconds=seconds)
        day.asked(how)
    day.clock.advance(seconds=day.wait)
    assert day.wait == 0
    day.asked("plain")


def test_a_clock_that_was_ahead_bars_nobody_for_longer_than_an_hour(ledger: Ledger) -> None:
    day = Day(ledger, 1)
    day.clock.advance(days=400)
    day._ended(day.kickoff(Order(day.client_id)).client_run_id)
    day.clock.advance(days=-400)
    assert day.kickoff(Order(day.client_id)).outcome == "accepted"


def test_a_refused_kickoff_says_when_to_come_again(sqlite_url: str) -> None:
    """With 429, Retry-After and a sentence; it is no failed creation, and another client is not touched."""
    with opened_web(sqlite_url, kickoffs_per_hour=2) as web:
        for client_id in ("Ada", "Bo"):
            make_client(web.ledger, client_id)
        for _ in range(2):
            done = web.post(KICKOFF, {"clientId": "Ada"})
            assert done.status_code == 202
            with web.ledger.write() as tx:
                full_id, now = done.json["clientRunId"], web.services.clock()
                client_runs.finish(tx, full_id, status=ClientRunStatus.COMPLETED, now=now)
        before = web.counts()
        for path in (KICKOFF, "/api/smart-resume/process-client", "/api/apify/run"):
            body = {"clientId": "Ada", "targetUrls": ["https://www.linkedin.com/in/ann"]}
            refused = web.post(path, body, headers={"Idempotency-Key": "one"})
            assert (refused.status_code, refused.json["code"]) == (429, "too_many_kickoffs")
            assert 3500 < int(refused.headers["Retry-After"]) <= 3600
            assert "2 times within an hour" in refused.json["error"]
        assert web.counts() == before
        with web.ledger.read() as tx:
            assert activity.page(tx, limit=9, ok=False) == ([], None)
        assert web.post(KICKOFF, {"clientId": "Bo"}, headers={"Idempotency-Key": "one"}).status_code == 202
        job = web.post("/api/apify/process").json["clients"]
        codes = {one["clientId"]: one.get("code") for one in job}
        assert codes == {"Ada": "too_many_kickoffs", "Bo": "run_in_progress"}


def test_the_page_says_so_before_and_after(sqlite_url: str) -> None:
    """It shows no button; a form from before is answered with a sentence, and nothing is started."""
    with opened_web(sqlite_url, kickoffs_per_hour=1, **page_settings()) as web:
        make_client(web.ledger)
        operator = Operator(web)
        assert operator.sign_in().status_code == 303
        there = "/clients/Guy-Wilson/kickoff"
        first = operator.send(there).location.removeprefix("/runs/")
        with web.ledger.write() as tx:
            done = ClientRunStatus.COMPLETED
            client_runs.finish(tx, first, status=done, now=web.services.clock())
        before = web.counts()
        late = operator.send(there, {"key": "page-" + "x" * 22, "maxBatches": ""})
        assert (late.status_code, late.location) == (303, "/clients/Guy-Wilson")
        told = text_of(operator.get("/"))
        assert "Nothing was started: client Guy-Wilson was kicked off 1 time within an hour" in told
        page = operator.get(there)
        assert "Nothing would be started now: client Guy-Wilson was kicked off" in text_of(page)
        assert web.counts() == before
