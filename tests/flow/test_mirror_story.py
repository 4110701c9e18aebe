"""The mirror under everything that can go wrong with Airtable at once: in the end each row is there, once."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from harvester.ledger import client_runs, lead_verdicts, leads
from harvester.ledger.lead_verdicts import Verdict
from harvester.ledger.mirroring import Kind
from harvester.models import ClientRunStatus, Lead, LeadStatus
from harvester.sandbox.airtable.agency import MASTER_ID
from harvester.sandbox.airtable.faults import Fault
from services import run_records

from .mirror_rows import CLIENT, Owing, owing, post
from .on_airtable import base_id

#: What goes wrong: of a hundred requests ten lose their answer after they were carried out, five are told
#: 429, and some fail in every other way.
FAULTS = (
    Fault(kind="answer-lost", method="PATCH", probability=0.10),
    Fault(kind="too-fast", probability=0.05),
    Fault(kind="bad-gateway-after", method="PATCH", probability=0.02),
    Fault(kind="bad-gateway", probability=0.02),
    Fault(kind="unavailable", probability=0.02),
    Fault(kind="reset", probability=0.02),
    Fault(kind="iterator-expired", probability=0.3),
)
#: A lock-out of 0.2 s, so that the test does not wait for the most part.
QUICK: dict[str, Any] = {
    "airtable": {"lockout_seconds": 8, "seed": 3},
    "airtable_lockout_seconds": 0.2,
    "airtable_timeout_seconds": 1,
    "airtable_fence_seconds": 1.1,
}
SHOWN = ((Kind.JOB_RUN, None), (Kind.CLIENT_RUN, None), (Kind.ACTOR_RUN, None))
OF_CLIENT = ((Kind.LEAD, CLIENT), (Kind.POST, CLIENT))


def wrongs(rows: Owing) -> dict[str, object]:
    """Name all that Airtable shows twice, or otherwise than the ledger has it."""
    held = rows.airtable.ledger().duplicates
    found: dict[str, object] = {"twice": {base: tables for base, tables in held.items() if tables}}
    for kind, client_id in (*SHOWN, *OF_CLIENT):
        found[kind] = rows.differences(kind, client_id)
    return {name: wrong for name, wrong in found.items() if wrong}


@pytest.mark.slow
def test_a_thousand_posts_arrive_once_in_hardly_more_calls_than_it_takes(ledger_url: str) -> None:
    with owing(ledger_url, {CLIENT: [f"lead-{n}" for n in range(25)]}, **QUICK) as rows:
        people = rows.took_in()
        run = rows.run(people)
        rows.in_step()
        before = len(rows.airtable.ledger().requests)
        rows.posts(1_000, run, people)
        rows.airtable.faults = FAULTS
        rows.in_step(60)
        sent = rows.calls(base=base_id(CLIENT), since=before)
        in_vain = sum(one.status != 200 for one in sent)
        print(f"{len(sent)} calls, {in_vain} of them lost or refused")
        assert not wrongs(rows)
        assert len(rows.agency.rows("Posts", CLIENT)) == 1_000
        assert in_vain > 10
        assert len(sent) <= 1.1 * (math.ceil(1_000 / 10) + in_vain)


@pytest.mark.slow
def test_whatever_changes_while_whatever_fails_airtable_shows_the_ledger_in_the_end(
    ledger_url: str,
) -> None:
    """Two services on one ledger take turns, and are never asked which of them sent what."""
    with owing(ledger_url, {CLIENT: [f"lead-{n}" for n in range(12)]}, **QUICK) as rows:
        other = rows.stage.web.airtable
        assert other is not None
        people, chance = rows.took_in(), random.Random(2)
        story = _Story(rows, people, chance)
        rows.in_step()
        rows.airtable.faults = FAULTS
        for _ in range(60):
            story.step()
            if chance.random() < 0.7:
                rows.turn(side=chance.choice((rows.side, other)))
        rows.in_step(40)
        rows.airtable.faults = []
        rows.in_step()
        assert not wrongs(rows)
        print(f"{len(rows.airtable.ledger().requests)} calls, {len(rows.agency.rows('Posts', CLIENT))} posts")


class _Story:
    """Changes of the ledger, one at a time, such as a harvest makes them."""

    def __init__(self, rows: Owing, people: list[Lead], chance: random.Random) -> None:
        self._rows = rows
        self._people = people
        self._chance = chance
        self._stored = 0
        self._run = rows.run(people)
        self._steps: tuple[Callable[[], object], ...] = (
            self._new_posts,
            self._known_posts,
            self._leads,
            self._leads,
            self._metrics,
            self._another_run,
        )

    def step(self) -> None:
        """Change something."""
        self._chance.choice(self._steps)()

    def _new_posts(self) -> None:
        count = self._chance.randint(1, 40)
        self._rows.posts(count, self._run, self._people, first=self._stored)
        self._stored += count

    def _known_posts(self) -> None:
        """Change their counts to and fro: what is sent is what changed since it was sent last."""
        for number in self._chance.sample(range(self._stored), min(self._stored, 15)):
            changed = post(number, likes=self._chance.randint(0, 1), text=self._chance.choice("ab"))
            self._rows.store(self._run, [(changed, self._chance.choice(self._people))])

    def _leads(self) -> None:
        lead = self._chance.choice(self._people)
        now, run_id = self._rows.stage.clock(), self._run.client_run_id
        with self._rows.ledger.write() as tx:
            if self._chance.random() < 0.5:
                leads.claim(tx, [lead.id], client_run_id=run_id, now=now)
                return
            status = self._chance.choice((LeadStatus.PENDING, LeadStatus.NO_POSTS))
            lead_verdicts.decide(tx, [Verdict(lead.id, status, 0)], client_run_id=run_id, now=now)

    def _metrics(self) -> None:
        with self._rows.ledger.write() as tx:
            now = self._rows.stage.clock()
            run_records.update(tx, self._run.client_run_id, CLIENT, source="test", now=now)

    def _another_run(self) -> None:
        """End the client run, and begin the next."""
        with self._rows.ledger.write() as tx:
            record = client_runs.get(tx, self._run.client_run_id)
            assert record is not None
            now = self._rows.stage.clock()
            done = ClientRunStatus.COMPLETED
            run_records.complete(tx, record, done, source="test", note="over", now=now)
        self._run = self._rows.run(self._people)


def test_an_answer_that_is_lost_hides_no_change_that_is_taken_back(sqlite_url: str) -> None:
    """Airtable has what was sent although nobody said so: what it is sent next must not be worked out from
    what it had before.
    """
    with owing(sqlite_url, **QUICK) as rows:
        people = rows.took_in()
        run = rows.run(people)
        before, meanwhile = post(1, likes=1), post(1, likes=2)
        rows.store(run, [(before, people[0])])
        rows.in_step()
        rows.airtable.inject("answer-lost", method="PATCH", table="Posts")
        rows.store(run, [(meanwhile, people[0])])
        while rows.agency.rows("Posts", CLIENT)[0]["Like Count"] == 1:
            rows.turn(Kind.POST)
        rows.store(run, [(before, people[0])])
        rows.in_step()
        assert not rows.differences(Kind.POST, CLIENT)


def test_several_lost_answers_and_refusals_are_no_reason_to_ask_sooner(sqlite_url: str) -> None:
    """After 429 in either shape nothing is asked of the base until the lock-out is over."""
    with owing(
        sqlite_url, **{**QUICK, "airtable": {"lockout_seconds": 40}, "airtable_lockout_seconds": 1.1}
    ) as rows:
        people = rows.took_in()
        run = rows.run(people)
        rows.in_step()
        rows.posts(60, run, people)
        rows.airtable.inject("too-fast", base=base_id(CLIENT), times=1, skip=2)
        rows.in_step()
        refused = [one for one in rows.calls(base=base_id(CLIENT)) if one.status == 429]
        assert 1 <= len(refused) <= 3, "those that were on their way at once, and no others"
        assert not rows.differences(Kind.POST, CLIENT)
        assert not rows.airtable.duplicates(base_id(CLIENT), "Posts", "Post Key")
        assert {one.status for one in rows.calls(base=MASTER_ID)} == {200}
