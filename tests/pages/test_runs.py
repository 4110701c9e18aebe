"""The pages of client runs."""

from __future__ import annotations

from factories import NOW, end_run, make_client, make_leads, make_run
from web.asking import Web

from harvester.ledger import tables
from harvester.models import ActorRunState

from .operator import Operator, text_of

HOSTILE = '<script>alert("x")</script>'


def test_a_client_run_shows_what_went_wrong_and_what_to_do(operator: Operator) -> None:
    ledger = operator.web.ledger
    make_client(ledger, name=HOSTILE)
    (first, second) = make_run(ledger, [make_leads(ledger, count=2), make_leads(ledger)])
    end_run(ledger, first, ActorRunState.FAILED, now=NOW, error_code="budget_spent", error=HOSTILE)
    end_run(ledger, second, now=NOW, dataset_id="d" * 17, apify_status="SUCCEEDED")
    page = operator.get(f"/runs/{first.client_run_id}")
    assert "<script>alert" not in page
    told = text_of(page)
    assert "What went wrong, and what to do" in told
    assert "The budget of the day or the month is used up." in told
    assert f"https://console.apify.com/actors/runs/apify{second.id:012}" in page
    assert f"/runs/{first.client_run_id}/cancel" in page
    assert "Record made by orchestrator" in told


def test_lists_are_narrowed_and_paged(operator: Operator) -> None:
    ledger = operator.web.ledger
    for number in range(60):
        make_client(ledger, f"C{number:02}")
        make_run(ledger, [], client_id=f"C{number:02}")
    first = operator.get("/runs")
    assert first.count("<tr>") == 51
    assert 'rel="next" href="/runs?cursor=' in first
    one = text_of(operator.get("/runs?clientId=C07&status=Running"))
    assert "-C07" in one
    assert "-C08" not in one
    assert "No client run is like that." in text_of(operator.get("/runs?clientId=C07&status=Failed"))
    assert "there is no status" in text_of(operator.get("/runs?status=Nonsense", status=400)).lower()


def test_what_is_not_there_is_not_found(operator: Operator) -> None:
    for path in ("/runs/nonsense", "/runs/261122-050000-Nobody", "/runs/261122-050000-Nobody/story"):
        assert "There is no client run" in text_of(operator.get(path, status=404))
    assert "There is no job run" in text_of(operator.get("/jobs/261122-050000", status=404))


def test_of_a_missing_record_its_page_says_so_and_tells_the_story(page_web: Web, operator: Operator) -> None:
    run = page_web.at_work()
    with page_web.ledger.write() as tx:
        tx.execute(tables.client_runs.delete())
    told = text_of(operator.get(f"/runs/{run.client_run_id}"))
    assert "Its record is missing" in told
    assert f"--run-id {run.client_run_id[:13]} --client-id {run.client_id}" in told
    assert "1 batch of" in told
    assert operator.get("/runs/261122-050000-Nobody", status=404)
