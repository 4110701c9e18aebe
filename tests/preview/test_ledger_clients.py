"""For clients of the ledger: the same leads in the same batches as at the kickoff, and no higher cost."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from factories import (
    NOW,
    FakeClock,
    end_run,
    make_client,
    make_leads,
    make_limits,
    make_run,
    on_one_ledger,
)
from hypothesis import given
from hypothesis import strategies as st
from records import batches, record, sent
from sqlalchemy import update

from harvester.errors import InvalidInput
from harvester.ledger import (
    Ledger,
    actor_runs,
    client_runs,
    clients,
    job_tables,
    lead_verdicts,
    outcomes,
    tables,
)
from harvester.ledger.lead_verdicts import Verdict
from harvester.ledger.outcomes import Outcome
from harvester.models import ActorRun, ActorRunState, ClientRunStatus, LeadStatus
from preview.whole import untouched
from services import budgets, lots
from services.eligibility import Skip
from services.kickoff import Kickoff, Order, UnknownClient
from services.preview import Previews
from services.preview_leads import Why
from services.settle import Settle

_numbers = itertools.count(1)

#: How leads stand, and why each is due; None: it is not.
STANDING: dict[str, tuple[dict[str, Any], Why | None]] = {
    "new": ({}, Why.NEW),
    "pending": ({"status": LeadStatus.PENDING}, Why.PENDING),
    "stuck": (
        {"status": LeadStatus.PROCESSING, "last_check_at": NOW - timedelta(hours=1)},
        Why.STUCK,
    ),
    "at work": ({"status": LeadStatus.PROCESSING, "last_check_at": NOW}, None),
    "done": ({"status": LeadStatus.DONE}, None),
    "actioned": ({"posts_actioned": "Yes"}, None),
    "scored": ({"posts_scored_at": NOW}, None),
    "unreachable": ({"unanswered": 3, "unreachable_at": NOW}, None),
}


@dataclass(frozen=True)
class Case:
    """A client, its leads, and what is ordered."""

    standing: list[str]
    target: int
    batch_size: int
    max_batches: int
    override: int | None
    run_cap: int
    day: int
    chosen: list[int] | None
    actor: str | None


cases = st.builds(
    Case,
    standing=st.lists(st.sampled_from(sorted(STANDING)), max_size=14),
    target=st.integers(0, 14),
    batch_size=st.integers(1, 5),
    max_batches=st.integers(0, 4),
    override=st.none() | st.integers(1, 5),
    run_cap=st.sampled_from([20_000, 500_000, 1_000_000]),
    day=st.sampled_from([30_000, 1_200_000, 5_000_000]),
    chosen=st.none() | st.lists(st.integers(0, 16), min_size=1, max_size=6),
    actor=st.sampled_from([None, "apimaestro/linkedin-profile-posts"]),
)


@on_one_ledger
@given(case=cases, seed=st.integers(0, 10_000))
def test_a_kickoff_does_what_its_preview_says_and_costs_no_more(
    ledger: Ledger, case: Case, seed: int
) -> None:
    clock, client_id = FakeClock(), f"client-{next(_numbers)}"
    limits = make_limits(
        budgets=replace(make_limits().budgets, run_micros=case.run_cap, daily_micros=case.day)
    )
    whys = stored_leads(ledger, client_id, case)
    order = Order(client_id, max_batches=case.override, target_urls=chosen_urls(client_id, case, whys))
    with untouched(ledger):
        preview = Previews(ledger, limits, clock)(order)
    answer = Kickoff(ledger, limits, clock)(order)
    if preview.skip is not None:
        assert (answer.outcome, answer.code, answer.reason) == (
            "skipped",
            preview.skip.code,
            preview.skip.reason,
        )
        return
    assert answer.client_run_id is not None
    parts = [part for batch in preview.batches for part in lots.split(batch, preview.actor_id)]
    assert [sorted(lead.profile_url for lead in part) for part in parts] == sent(ledger, answer.client_run_id)
    assert {run.actor_id for run in batches(ledger, answer.client_run_id)} <= {preview.actor_id}
    assert preview.actor_runs == len(parts)
    if order.target_urls is None:
        assert {lead.profile_url: lead.why for lead in preview.leads}.items() <= whys.items()
    cost = harvested(ledger, limits, clock, answer.client_run_id, random.Random(seed))
    assert cost <= preview.at_most_micros
    assert len(batches(ledger, answer.client_run_id)) <= preview.most_actor_runs
    assert lots.batches_in(batches(ledger, answer.client_run_id)) <= preview.most_batches
    assert record(ledger, answer.client_run_id).status is not ClientRunStatus.RUNNING


def stored_leads(ledger: Ledger, client_id: str, case: Case) -> dict[str, Why | None]:
    """Store the client and its leads. Gives for each why it is due."""
    make_client(
        ledger,
        client_id,
        daily_target=case.target,
        batch_size=case.batch_size,
        max_batches=case.max_batches,
        actor_id=case.actor,
    )
    found: dict[str, Why | None] = {}
    for name in case.standing:
        values, why = STANDING[name]
        (lead,) = make_leads(ledger, client_id, **values)
        found[lead.profile_url] = why
    return found


def chosen_urls(client_id: str, case: Case, whys: dict[str, Why | None]) -> list[str] | None:
    """Name known leads by their place, and unknown ones behind them."""
    if case.chosen is None:
        return None
    known = list(whys)
    return [
        known[one] if one < len(known) else f"https://linkedin.com/in/{client_id}-{one}"
        for one in case.chosen
    ]


def harvested(ledger: Ledger, limits: Any, clock: FakeClock, full_id: str, chance: random.Random) -> int:
    """Have Apify answer for every batch of a client run until it is over. Gives what it has cost."""
    settle = Settle(ledger, limits, clock, timeout=timedelta(days=1))
    for _ in range(60):
        planned = [run for run in batches(ledger, full_id) if run.state is ActorRunState.PLANNED]
        for run in planned:
            answered(ledger, limits, clock, run, chance)
        settle(full_id)
        if record(ledger, full_id).status is not ClientRunStatus.RUNNING:
            break
    return sum(run.cost_micros or 0 for run in batches(ledger, full_id))


def answered(ledger: Ledger, limits: Any, clock: FakeClock, run: ActorRun, chance: random.Random) -> None:
    """Start a batch as its budgets allow, and have it cost as much as it may, or less."""
    with ledger.read() as tx:
        client = clients.get(tx, run.client_id)
        assert client is not None
        allowed = budgets.verdict(tx, client, limits.budgets, clock())
    if not isinstance(allowed, budgets.Start):
        end_run(
            ledger,
            run,
            ActorRunState.FAILED,
            now=clock(),
            apify_run_id=None,
            start_requested_at=None,
            error_code="budget_spent",
            error="its budget is spent",
        )
        return
    cost = chance.choice([0, allowed.cap // 3, allowed.cap])
    end_run(ledger, run, now=clock(), cursor=1, cost_micros=cost, cap_micros=allowed.cap)
    with ledger.write() as tx:
        for target in actor_runs.targets(tx, run.id):
            status = chance.choice([LeadStatus.DONE, LeadStatus.NO_POSTS, LeadStatus.PENDING])
            found, now = int(status is LeadStatus.DONE), clock()
            outcomes.decide(tx, run.id, [Outcome(target.lead_id, status, found)], now=now)
            verdict = Verdict(target.lead_id, status, found)
            lead_verdicts.decide(tx, [verdict], client_run_id=run.client_run_id, now=now)


def previewed(ledger: Ledger, order: Order, clock: FakeClock | None = None) -> Any:
    return Previews(ledger, make_limits(), clock or FakeClock())(order)


def test_newest_leads_come_first(ledger: Ledger) -> None:
    make_client(ledger, "One", batch_size=1)
    found = make_leads(ledger, "One", 8)
    assert [lead.profile_url for lead in previewed(ledger, Order("One")).leads] == [
        lead.profile_url for lead in found[:5]
    ]


def test_a_client_that_is_harvested_is_not_harvested_anew(ledger: Ledger) -> None:
    make_client(ledger, "One")
    make_leads(ledger, "One")
    answer = Kickoff(ledger, make_limits(), FakeClock())(Order("One"))
    assert previewed(ledger, Order("One")).skip == Skip(
        "run_in_progress", f"client run {answer.client_run_id} is still running"
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "Paused"}, "client_inactive"),
        ({"service_level": 1}, "not_entitled"),
        ({"daily_target": 0}, "no_target"),
        ({"airtable_error": "its base is gone"}, "client_closed"),
    ],
)
def test_why_nothing_would_be_started_is_said(ledger: Ledger, changes: dict[str, Any], code: str) -> None:
    make_client(ledger, "One", **changes)
    make_leads(ledger, "One")
    found = previewed(ledger, Order("One"))
    assert (found.skip.code, found.batches, found.at_most_micros) == (code, (), 0)


def test_what_makes_no_sense_is_refused_as_a_kickoff_refuses_it(ledger: Ledger) -> None:
    with pytest.raises(UnknownClient):
        previewed(ledger, Order("Nobody"))
    with pytest.raises(InvalidInput):
        previewed(ledger, Order("One", target_urls=["https://example.com"]))


def test_it_costs_about_what_profiles_cost_lately_the_clients_own_before_everybodys(ledger: Ledger) -> None:
    clock = FakeClock()
    make_client(ledger, "One", daily_target=4)
    make_client(ledger, "Two", daily_target=4)
    make_leads(ledger, "One", 2)
    make_leads(ledger, "Two", 4)
    assert previewed(ledger, Order("Two")).about_micros is None
    full_id = str(Kickoff(ledger, make_limits(), clock)(Order("One")).client_run_id)
    (run,) = batches(ledger, full_id)
    end_run(ledger, run, now=clock(), cost_micros=8_000)
    assert previewed(ledger, Order("Two"), clock).about_micros == 8_000
    full_id = str(Kickoff(ledger, make_limits(), clock)(Order("Two")).client_run_id)
    (run,) = batches(ledger, full_id)
    end_run(ledger, run, now=clock(), cost_micros=2_000)
    with ledger.write() as tx:
        tx.execute(update(tables.client_runs).values(status="Completed"))
    assert previewed(ledger, Order("Two"), clock).about_micros == 2_000
    clock.advance(days=31)
    assert previewed(ledger, Order("Two"), clock).about_micros is None


def test_a_pause_is_said(ledger: Ledger) -> None:
    make_client(ledger, "One")
    make_leads(ledger, "One")
    with ledger.write() as tx:
        row = {"scope": "*", "since": NOW, "reason": "holidays", "paused_by": "Guy"}
        tx.execute(job_tables.pauses.insert().values(**row))
    found = previewed(ledger, Order("One"))
    assert "holidays" in found.paused
    assert found.batches


def test_all_clients_are_shown_that_a_job_run_would_be_for(ledger: Ledger) -> None:
    for number in range(1, 4):
        make_client(ledger, f"Client-{number}", stream=1 + number // 3)
        make_leads(ledger, f"Client-{number}", number)
    make_client(ledger, "Gone", status="Left")
    every = Previews(ledger, make_limits(), FakeClock()).every
    with untouched(ledger):
        assert [(one.client_id, len(one.leads)) for one in every()] == [
            ("Client-1", 1),
            ("Client-2", 2),
            ("Client-3", 3),
        ]
        assert [one.client_id for one in every(stream=2)] == ["Client-3"]
        assert [one.client_id for one in every(limit=2)] == ["Client-1", "Client-2"]
        (gone,) = every(client_id="Gone")
    assert gone.skip is not None
    with pytest.raises(UnknownClient):
        list(every(client_id="Nobody"))


def test_whose_batches_of_the_day_are_used_up_is_said_and_not_shown_as_nobody(ledger: Ledger) -> None:
    make_client(ledger, "One", max_batches=1, batch_size=1)
    make_leads(ledger, "One", 3)
    (batch,) = make_run(ledger, [make_leads(ledger, "One")], client_id="One")
    end_run(ledger, batch, now=NOW)
    with ledger.write() as tx:
        client_runs.finish(tx, batch.client_run_id, status=ClientRunStatus.COMPLETED, now=NOW)
    told = "the client's batches of the day are used up"
    assert (previewed(ledger, Order("One")).remark, previewed(ledger, Order("One")).leads) == (told, [])
    assert len(previewed(ledger, Order("One", max_batches=2)).leads) == 2
    (found,) = Previews(ledger, make_limits(), FakeClock()).every()
    assert found.skip == Skip("batches_used_up", told)
