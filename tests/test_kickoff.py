"""Kickoff: every answer of the contract, and exactly what each leaves in the ledger."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from factories import CLIENT_ID, NOW, RUN_ID, FakeClock, make_client, make_leads, make_limits, opened
from records import FULL_ID, NOTHING, batches, count, ended, found_today, sent, urls

from harvester.errors import InvalidInput, InvalidRunId, LedgerUnavailable
from harvester.ledger import Ledger, activity, actor_runs, client_runs, clients, job_runs, leads, tables
from harvester.models import ActorRunState, LeadStatus
from services import run_records
from services.kickoff import Answer, Kickoff, Order, UnknownClient


def test_an_accepted_order_is_wholly_on_disk_when_it_is_answered(ledger: Ledger, kickoff: Kickoff) -> None:
    make_client(ledger, daily_target=6)
    found = make_leads(ledger, count=5)
    answer = kickoff(Order(CLIENT_ID, source="batch_process"))
    assert answer == Answer("accepted", CLIENT_ID, RUN_ID, FULL_ID)
    with opened(ledger.url.render_as_string(hide_password=False)) as another, another.read() as tx:
        record = client_runs.get(tx, FULL_ID)
        job = job_runs.get(tx, RUN_ID)
        (batch,) = actor_runs.of_client_run(tx, FULL_ID)
        states = {lead.id: (lead.status, lead.client_run_id) for lead in leads.page(tx, CLIENT_ID, limit=9)}
    assert record is not None
    assert (record.source, record.status, record.started_at) == ("batch_process", "Running", NOW)
    assert (record.client_name, record.target_posts, record.max_batches) == ("Guy Wilson", 6, 10)
    assert job is not None
    assert (job.source, job.status) == ("batch_process", "Running")
    assert (batch.state, batch.next_check_at, batch.max_posts) == (ActorRunState.PLANNED, NOW, 2)
    assert sent(ledger) == [urls(*found[:3])]
    assert states == {
        **{lead.id: (LeadStatus.PROCESSING, FULL_ID) for lead in found[:3]},
        **{lead.id: (None, None) for lead in found[3:]},
    }


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "Paused"}, "client_inactive"),
        ({"status": ""}, "client_inactive"),
        ({"status": "active"}, "client_inactive"),
        ({"service_level": 1}, "not_entitled"),
        ({"daily_target": 0}, "no_target"),
        ({"status": "Paused", "service_level": 0, "daily_target": 0}, "client_inactive"),
        ({"service_level": 0, "daily_target": 0}, "not_entitled"),
    ],
)
def test_a_client_that_may_not_harvest_is_skipped_without_a_record(
    ledger: Ledger, kickoff: Kickoff, changes: dict[str, Any], code: str
) -> None:
    make_client(ledger, **changes)
    make_leads(ledger)
    answer = kickoff(Order(CLIENT_ID))
    assert (answer.outcome, answer.code, answer.client_run_id) == ("skipped", code, None)
    assert answer.reason
    assert count(ledger) == NOTHING


@pytest.mark.parametrize(
    ("posts_today", "cost", "code"),
    [
        (10, 0, "target_met"),
        (11, 0, "target_met"),
        (9, 5_000_000, "budget_spent"),
        (0, 5_000_001, "budget_spent"),
        (10, 5_000_000, "target_met"),
        (9, 4_990_001, "budget_spent"),  # less is left than any actor run may be started with
        (9, 4_990_000, None),
    ],
)
def test_what_the_day_has_brought_and_cost_is_the_limit(
    ledger: Ledger, kickoff: Kickoff, posts_today: int, cost: int, code: str | None
) -> None:
    make_client(ledger)
    found_today(ledger, posts_today, cost_micros=cost)
    make_leads(ledger)
    answer = kickoff(Order(CLIENT_ID))
    assert answer.code == code
    assert count(ledger)["client_runs"] == (2 if code is None else 1)


def test_a_client_with_a_live_client_run_is_told_which(ledger: Ledger, kickoff: Kickoff) -> None:
    make_client(ledger)
    make_leads(ledger, count=9)
    kickoff(Order(CLIENT_ID))
    before = count(ledger)
    for order in (
        Order(CLIENT_ID),
        Order(CLIENT_ID, source="smart_resume_workflow"),
        Order(CLIENT_ID, run_id="261122-070000"),
        Order(CLIENT_ID, target_urls=["https://www.linkedin.com/in/somebody"]),
    ):
        assert kickoff(order) == Answer("run_in_progress", CLIENT_ID, RUN_ID, FULL_ID)
    assert count(ledger) == before


@pytest.mark.parametrize("limit", ["target", "budget"])
def test_a_live_client_run_is_named_even_when_the_day_is_done(
    ledger: Ledger, kickoff: Kickoff, limit: str
) -> None:
    make_client(ledger)
    found_today(ledger, 10 if limit == "target" else 0, cost_micros=0 if limit == "target" else 9_000_000)
    with ledger.write() as tx:
        run_records.create(
            tx, run_id=RUN_ID, client_id=CLIENT_ID, client_name="Guy", source="orchestrator", now=NOW
        )
    assert kickoff(Order(CLIENT_ID)) == Answer("run_in_progress", CLIENT_ID, RUN_ID, FULL_ID)


def test_an_inactive_client_is_skipped_even_with_a_live_client_run(ledger: Ledger, kickoff: Kickoff) -> None:
    make_client(ledger)
    kickoff(Order(CLIENT_ID))
    with ledger.write() as tx:
        clients.change(tx, CLIENT_ID, status="Paused")
    assert kickoff(Order(CLIENT_ID)).code == "client_inactive"


def test_a_run_id_that_the_client_had_is_refused_and_counted(
    ledger: Ledger, kickoff: Kickoff, caplog: pytest.LogCaptureFixture
) -> None:
    make_client(ledger)
    kickoff(Order(CLIENT_ID, run_id=RUN_ID))
    ended(ledger)
    before = count(ledger)
    with caplog.at_level(logging.INFO):
        answer = kickoff(Order(CLIENT_ID, run_id=RUN_ID))
    assert answer == Answer("run_exists", CLIENT_ID, RUN_ID, FULL_ID)
    assert count(ledger) == before
    assert f"Client run record already exists for {FULL_ID}" in caplog.messages
    assert not any("Successfully" in message for message in caplog.messages)
    with ledger.read() as tx:
        assert activity.count(tx, "create") == (1, 1)


def test_a_record_that_was_deleted_may_be_made_anew(ledger: Ledger, kickoff: Kickoff) -> None:
    """Its actor runs are still there, so the new batches are numbered after theirs."""
    make_client(ledger, batch_size=1)
    make_leads(ledger, count=9)
    kickoff(Order(CLIENT_ID, run_id=RUN_ID, max_batches=2))
    with ledger.write() as tx:
        tx.execute(tables.client_runs.delete())
    answer = kickoff(Order(CLIENT_ID, run_id=RUN_ID, max_batches=2))
    assert answer.outcome == "accepted"
    assert [run.batch for run in batches(ledger)] == [1, 2, 3, 4]
    assert len({url for batch in sent(ledger) for url in batch}) == 4


@pytest.mark.parametrize("given", [RUN_ID, FULL_ID, f" {RUN_ID}\n", f"{FULL_ID}-{CLIENT_ID}"])
def test_a_run_id_is_taken_as_base_or_in_full(ledger: Ledger, kickoff: Kickoff, given: str) -> None:
    make_client(ledger)
    assert kickoff(Order(CLIENT_ID, run_id=given)) == Answer("accepted", CLIENT_ID, RUN_ID, FULL_ID)


@pytest.mark.parametrize(
    "given",
    [
        "",
        f"{RUN_ID}-Wilson",
        f"{RUN_ID}-Guy-Wilson-2",
        "260231-120000",
        "SR-250922-001",
        "job_x",
        "AeljThOnfXhim2T31",
    ],
)
def test_what_is_no_run_id_of_the_client_is_refused(ledger: Ledger, kickoff: Kickoff, given: str) -> None:
    make_client(ledger)
    with pytest.raises(InvalidRunId) as caught:
        kickoff(Order(CLIENT_ID, run_id=given))
    assert caught.value.code == "invalid_run_id"
    assert count(ledger) == NOTHING


def test_the_suffix_of_another_client_is_not_taken_for_the_clients_own(
    ledger: Ledger, kickoff: Kickoff
) -> None:
    make_client(ledger, "Wilson")
    with pytest.raises(InvalidRunId):
        kickoff(Order("Wilson", run_id=FULL_ID))


def test_two_kickoffs_in_one_second_get_two_ids(ledger: Ledger, kickoff: Kickoff) -> None:
    names = ["Ada", "Bo", "Cy"]
    for name in names:
        make_client(ledger, name)
    answers = [kickoff(Order(name)) for name in names]
    assert [answer.run_id for answer in answers] == ["261122-050000", "261122-050001", "261122-050002"]


def test_a_run_id_that_is_given_is_joined_by_other_clients(ledger: Ledger, kickoff: Kickoff) -> None:
    for name in ("Ada", "Bo"):
        make_client(ledger, name)
        assert kickoff(Order(name, run_id=RUN_ID)).run_id == RUN_ID
    assert count(ledger) == {**NOTHING, "client_runs": 2, "job_runs": 1}


@pytest.mark.parametrize(
    "source", ["orchestrator", "master_process", "smart_resume_workflow", "batch_process"]
)
def test_authorised_sources_may_ask(ledger: Ledger, kickoff: Kickoff, source: str) -> None:
    make_client(ledger)
    assert kickoff(Order(CLIENT_ID, source=source)).outcome == "accepted"


@pytest.mark.parametrize("source", ["manual", "webhook", "", "ORCHESTRATOR"])
def test_any_other_source_is_refused(ledger: Ledger, kickoff: Kickoff, source: str) -> None:
    make_client(ledger)
    with pytest.raises(InvalidInput) as caught:
        kickoff(Order(CLIENT_ID, source=source))
    assert caught.value.code == "invalid_source"
    assert count(ledger) == NOTHING


@pytest.mark.parametrize("client_id", ["Nobody", CLIENT_ID.lower(), "Guy Wilson", "", "-x", "a" * 65])
def test_a_client_that_is_not_there_is_unknown(ledger: Ledger, kickoff: Kickoff, client_id: str) -> None:
    make_client(ledger)
    with pytest.raises(UnknownClient):
        kickoff(Order(client_id))
    assert count(ledger) == NOTHING


@pytest.mark.parametrize(
    "changes",
    [
        {"max_batches": 0},
        {"max_batches": -1},
        {"target_urls": ["https://www.linkedin.com/in/x"], "max_posts": 0},
        {"target_urls": ["https://www.linkedin.com/in/x"], "max_posts": -3},
        {"target_urls": []},
        {"target_urls": ["https://www.linkedin.com/in/x", "https://example.org/in/x"]},
    ],
)
def test_an_order_that_makes_no_sense_is_refused(
    ledger: Ledger, kickoff: Kickoff, changes: dict[str, Any]
) -> None:
    make_client(ledger)
    with pytest.raises(InvalidInput):
        kickoff(Order(CLIENT_ID, **changes))
    assert count(ledger) == NOTHING


def test_a_locked_ledger_is_unavailable_and_nothing_is_started(sqlite_url: str, clock: FakeClock) -> None:
    with opened(sqlite_url) as other, opened(sqlite_url, lock_seconds=0.05) as ledger:
        make_client(other)
        with other.write(), pytest.raises(LedgerUnavailable):
            Kickoff(ledger, make_limits(), clock)(Order(CLIENT_ID))
        assert count(other) == NOTHING
        assert Kickoff(ledger, make_limits(), clock)(Order(CLIENT_ID)).outcome == "accepted"
