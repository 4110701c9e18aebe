"""Leads: who is due, exactly; and what each actor run found, lead by lead."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import pytest
from factories import (
    CLIENT_ID,
    NOW,
    RUN_ID,
    end_run,
    found,
    make_client,
    make_leads,
    make_post,
    make_run,
    on_one_ledger,
)
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from harvester.ledger import Ledger, Tx, lead_verdicts, leads, outcomes, posts, tables
from harvester.ledger.lead_verdicts import Verdict
from harvester.ledger.outcomes import Outcome
from harvester.ledger.posts import Refused
from harvester.models import ActorRunState, Lead, LeadStatus
from harvester.posts import Reject, RejectReason

STALE = timedelta(seconds=1800)


def due(
    ledger: Ledger, client_id: str = CLIENT_ID, *, limit: int = 1_000, not_in: str = "none"
) -> list[Lead]:
    with ledger.write() as tx:
        return leads.due(tx, client_id, now=NOW, stale_after=STALE, limit=limit, not_in=not_in)


def test_a_known_lead_is_left_as_it_is(ledger: Ledger) -> None:
    make_client(ledger)
    (lead,) = make_leads(ledger)
    again = {
        "profile_url": lead.profile_url,
        "given_url": "linkedin.com/in/other",
        "name": "Other",
        "extra": {"a": 1},
        "created_at": NOW,
    }
    with ledger.write() as tx:
        assert (
            leads.add(tx, CLIENT_ID, [again, {**again, "profile_url": "https://www.linkedin.com/in/x"}]) == 1
        )
        assert leads.by_urls(tx, CLIENT_ID, [lead.profile_url]) == [lead]
        assert leads.add(tx, "Other", [again]) == 1
        assert leads.count_by_status(tx, CLIENT_ID) == {"": 2}


def test_leads_are_listed_in_the_order_they_came(ledger: Ledger) -> None:
    make_client(ledger)
    newest_first = make_leads(ledger, count=5)
    with ledger.read() as tx:
        first = leads.page(tx, CLIENT_ID, limit=3)
        rest = leads.page(tx, CLIENT_ID, limit=3, after=first[-1].id)
    assert [*first, *rest] == newest_first[::-1]


blank = st.sampled_from([None, ""])
statuses = st.one_of(blank, st.sampled_from([str(status) for status in LeadStatus]))
ages = st.sampled_from([None, timedelta(0), STALE, STALE + timedelta(microseconds=1), timedelta(days=9)])
actioned = st.sampled_from([None, "", "0", "false", "1", "true", "yes"])
scored = st.sampled_from([None, NOW - timedelta(days=1)])


@on_one_ledger
@given(rows=st.lists(st.tuples(statuses, ages, actioned, scored), min_size=1, max_size=12))
def test_due_are_those_of_the_contract_newest_first(
    ledger: Ledger, rows: list[tuple[str | None, timedelta | None, str | None, datetime | None]]
) -> None:
    with ledger.write() as tx:
        tx.execute(tables.leads.delete())
        for i, (status, age, action, score) in enumerate(rows):
            values: dict[str, Any] = {
                "client_id": CLIENT_ID,
                "profile_url": str(i),
                "given_url": str(i),
                "extra": {},
                "status": status,
                "last_check_at": None if age is None else NOW - age,
                "posts_actioned": action,
                "posts_scored_at": score,
                "created_at": NOW - timedelta(hours=(i * 7) % 12),
            }
            tx.execute(insert(tables.leads).values(**values))
    expected = [str(i) for i in sorted(range(len(rows)), key=lambda i: ((i * 7) % 12, i)) if is_due(*rows[i])]
    assert [lead.profile_url for lead in due(ledger)] == expected


def is_due(status: str | None, age: timedelta | None, action: str | None, score: datetime | None) -> bool:
    waiting = status in (None, "", "Pending") or (status == "Processing" and (age is None or age > STALE))
    return waiting and action in (None, "", "0", "false") and score is None


def test_due_are_only_the_clients_own_up_to_the_limit(ledger: Ledger) -> None:
    make_client(ledger)
    make_client(ledger, "Other")
    mine, theirs = make_leads(ledger, count=4), make_leads(ledger, "Other", 2)
    assert due(ledger) == mine
    assert due(ledger, limit=2) == mine[:2]
    assert due(ledger, "Other") == theirs
    assert due(ledger, "nobody") == []


def test_a_client_run_gets_no_lead_twice(ledger: Ledger) -> None:
    make_client(ledger)
    newest, middle, oldest = make_leads(ledger, count=3)
    for run in make_run(ledger, [[newest], [oldest]]):
        end_run(ledger, run, now=NOW)
    assert due(ledger, not_in=f"{RUN_ID}-{CLIENT_ID}") == [middle]
    assert due(ledger, not_in="another") == [newest, middle, oldest]


@pytest.mark.parametrize(
    "state",
    [state for state in ActorRunState if state not in (ActorRunState.INGESTED, ActorRunState.FAILED)],
)
def test_a_lead_is_left_to_the_open_actor_run_that_has_it(ledger: Ledger, state: ActorRunState) -> None:
    make_client(ledger)
    free, had = make_leads(ledger, count=2, status="Processing", last_check_at=NOW - timedelta(days=9))
    (run,) = make_run(ledger, [[had]])
    end_run(ledger, run, state, now=NOW)
    assert due(ledger) == [free]


def test_a_lead_that_another_transaction_is_taking_is_not_picked(postgres_ledger: Ledger) -> None:
    make_client(postgres_ledger)
    newest, older = make_leads(postgres_ledger, count=2)
    with postgres_ledger.write() as tx:
        first = leads.due(tx, CLIENT_ID, now=NOW, stale_after=STALE, limit=1, not_in="none")
        assert first == [newest]
        assert due(postgres_ledger) == [older]


def test_a_lead_goes_through_its_states(ledger: Ledger) -> None:
    make_client(ledger)
    done, none, back = make_leads(ledger, count=3)
    with ledger.write() as tx:
        leads.claim(tx, [done.id, none.id, back.id], client_run_id="run", now=NOW - STALE)
    assert due(ledger) == []
    with ledger.write() as tx:
        assert leads.count_by_status(tx, CLIENT_ID) == {"Processing": 3}
        for lead, status, count in ((done, "Done", 2), (none, "No Posts", 0), (back, "Pending", None)):
            decided(tx, lead, "run", LeadStatus(status), count)
        rows = {lead.id: asdict(lead) for lead in leads.page(tx, CLIENT_ID, limit=9)}
    kept = ("status", "posts_found_last_run", "client_run_id", "last_check_at")
    assert {i: tuple(row[name] for name in kept) for i, row in rows.items()} == {
        done.id: ("Done", 2, "run", NOW),
        none.id: ("No Posts", 0, "run", NOW),
        back.id: ("Pending", None, "run", NOW),
    }
    assert [lead.id for lead in due(ledger)] == [back.id]


def test_a_lead_that_a_later_client_run_has_is_left_to_it(ledger: Ledger) -> None:
    make_client(ledger)
    (lead,) = make_leads(ledger)
    with ledger.write() as tx:
        leads.claim(tx, [lead.id], client_run_id="first", now=NOW)
        leads.claim(tx, [lead.id], client_run_id="second", now=NOW)
        decided(tx, lead, "second", LeadStatus.DONE, 3)
        decided(tx, lead, "first", LeadStatus.PENDING, None)
        (now,) = leads.page(tx, CLIENT_ID, limit=9)
    assert (now.status, now.posts_found_last_run) == (LeadStatus.DONE, 3)


def decided(tx: Tx, lead: Lead, client_run_id: str, status: LeadStatus, count: int | None) -> None:
    lead_verdicts.decide(tx, [Verdict(lead.id, status, count)], client_run_id=client_run_id, now=NOW)


def test_what_an_actor_run_found_is_told_lead_by_lead(ledger: Ledger) -> None:
    make_client(ledger)
    busy, quiet, gone = make_leads(ledger, count=3)
    (run,) = make_run(ledger, [[busy, quiet, gone]])
    errors = [
        Refused(7, Reject(RejectReason.ERROR_ITEM, "profile is private"), gone.id, None),
        Refused(8, Reject(RejectReason.ERROR_ITEM, "belongs to nobody"), None, None),
        Refused(9, Reject(RejectReason.DAMAGED, "no text"), quiet.id, None),
    ]
    with ledger.write() as tx:
        posts.store(tx, run, [found(make_post(key), busy) for key in ("1", "2", "1")], now=NOW)
        posts.store(tx, run, [found(make_post("2"), quiet)], now=NOW)
        posts.store_rejects(tx, run, errors)
        assert outcomes.posts_by_lead(tx, run.id) == {busy.id: 2, quiet.id: 1}
        assert outcomes.errors_by_lead(tx, run.id) == {gone.id: "profile is private"}


@pytest.mark.parametrize("again", [1, 3])
def test_posts_of_the_day_count_from_its_start_however_often_they_are_decided(
    ledger: Ledger, again: int
) -> None:
    make_client(ledger)
    first, second = make_leads(ledger, count=2)
    (run,) = make_run(ledger, [[first, second]])
    moments = [NOW, NOW + timedelta(hours=2)]
    for _ in range(again):
        with ledger.write() as tx:
            for lead, number, moment in zip((first, second), (3, 4), moments, strict=True):
                outcomes.decide(tx, run.id, [Outcome(lead.id, "Done", number)], now=moment)
    with ledger.read() as tx:
        assert outcomes.posts_since(tx, CLIENT_ID, since=NOW) == 7
        assert outcomes.posts_since(tx, CLIENT_ID, since=NOW + timedelta(microseconds=1)) == 4
        assert outcomes.posts_since(tx, "Other", since=NOW) == 0
        (told,) = outcomes.by_lead(tx, second.id, limit=9)
    assert (told["client_run_id"], told["outcome"], told["posts_found"]) == (run.client_run_id, "Done", 4)
