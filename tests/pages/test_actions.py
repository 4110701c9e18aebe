"""The buttons: each says what it will do, does it once, by POST alone, and says who did it."""

from __future__ import annotations

from typing import Any

import pytest
from factories import make_client, make_leads
from sqlalchemy import select
from web.asking import Web, ended

from harvester.ledger import actor_runs, tables

from .operator import Operator, text_of

HTML = {"Accept": "text/html"}
BY = "page: Ann"


def lines(web: Web, operation: str) -> list[Any]:
    """Give the activity log's lines of one operation."""
    table = tables.activity
    with web.ledger.read() as tx:
        return list(tx.execute(select(table).where(table.c.operation == operation).order_by(table.c.id)))


def kicked_off(operator: Operator, client_id: str = "Guy-Wilson", leads: int = 3) -> str:
    """Kick a new client off by its page; give the client run's ID."""
    make_client(operator.web.ledger, client_id)
    make_leads(operator.web.ledger, client_id, leads)
    answer = operator.send(f"/clients/{client_id}/kickoff")
    assert answer.status_code == 303, answer.text
    return str(answer.location).removeprefix("/runs/")


def test_a_kickoff_says_who_is_due_and_what_it_costs_and_is_done_once(operator: Operator) -> None:
    make_client(operator.web.ledger, batch_size=2)
    found = make_leads(operator.web.ledger, count=3)
    before = operator.web.counts()
    page = operator.get("/clients/Guy-Wilson/kickoff")
    assert all(lead.name and lead.name in page for lead in found)
    assert "3 profiles would be harvested at once" in text_of(page)
    assert "Costs at most $2.00" in text_of(page)
    assert operator.web.counts() == before, "a GET does nothing"
    key = page.split('name="key" value="')[1].split('"')[0]
    sent = {"key": key}
    answers = [operator.send("/clients/Guy-Wilson/kickoff", sent) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {303}
    (there,) = {answer.location for answer in answers}
    assert operator.web.count("client_runs") == 1
    (line,) = lines(operator.web, "kickoff")
    assert (line.source, line.ok, f"/runs/{line.client_run_id}") == (BY, True, there)
    other = operator.send("/clients/Guy-Wilson/kickoff", {"key": "page-" + "x" * 22})
    assert (other.status_code, other.location) == (303, there), "a page of before: it goes on"
    assert operator.web.count("client_runs") == 1


def test_a_kickoff_for_few_batches_asks_for_as_few_as_were_shown(operator: Operator) -> None:
    make_client(operator.web.ledger, batch_size=1)
    make_leads(operator.web.ledger, count=4)
    form = "/clients/Guy-Wilson/kickoff?maxBatches=2"
    assert "2 profiles would be harvested" in text_of(operator.get(form))
    answer = operator.send("/clients/Guy-Wilson/kickoff", form=form)
    with operator.web.ledger.read() as tx:
        planned = actor_runs.of_client_run(tx, answer.location.removeprefix("/runs/"))
    assert len(planned) == 2
    for wrong in ("0", "1001", "-1", "1e3", "٣", "x" * 10_000):
        told = operator.get(f"/clients/Guy-Wilson/kickoff?maxBatches={wrong}", status=400)
        assert "The number of batches must be a whole number from 1 to 1000." in text_of(told)


def test_a_kickoff_that_would_start_nothing_has_no_button(operator: Operator) -> None:
    make_client(operator.web.ledger, "Idle", status="Inactive")
    page = operator.get("/clients/Idle/kickoff")
    assert "Nothing would be started now" in page
    assert ">Kick off<" not in page
    answer = operator.send("/clients/Idle/kickoff", {"key": "page-" + "x" * 22})
    assert answer.location == "/clients/Idle"
    assert operator.web.count("client_runs") == 0


def test_a_kickoff_of_nobody_due_says_so(operator: Operator) -> None:
    make_client(operator.web.ledger)
    assert "Nobody is due" in operator.get("/clients/Guy-Wilson/kickoff")


def test_a_form_without_its_key_is_refused(operator: Operator) -> None:
    make_client(operator.web.ledger)
    for key in ("", "mine", "page-" + "x" * 10_000):
        answer = operator.send("/clients/Guy-Wilson/kickoff", {"key": key})
        assert answer.status_code == 400
        assert "reload" in answer.text
    assert operator.web.count("client_runs") == 0


def test_cancel_and_retry(operator: Operator) -> None:
    full_id = kicked_off(operator)
    assert "Leads sent to Apify 0" in text_of(operator.get(f"/runs/{full_id}/cancel"))
    assert "It goes on still" in operator.get(f"/runs/{full_id}/retry")
    for _ in range(2):
        answer = operator.send(f"/runs/{full_id}/cancel")
        assert (answer.status_code, answer.location) == (303, f"/runs/{full_id}")
    assert [line.source for line in lines(operator.web, "cancel")] == [BY]
    assert "nothing to cancel" in operator.get(f"/runs/{full_id}/cancel")
    assert "Leads that have an answer are not paid for again" in text_of(
        operator.get(f"/runs/{full_id}/retry")
    )
    for _ in range(2):
        answer = operator.send(f"/runs/{full_id}/retry")
        assert (answer.status_code, answer.location) == (303, f"/runs/{full_id}")
    assert [line.source for line in lines(operator.web, "retry")] == [BY]
    run = operator.web.services.overview.run(full_id)
    assert run is not None
    assert run["status"] == "Running"


def test_a_delivery_is_replayed(operator: Operator) -> None:
    run = operator.web.at_work()
    operator.web.hook(ended(), token=operator.web.sign(run), dispatch="AbCdEfGhIjKlMnOpQ")
    for _ in range(2):
        assert operator.send("/deliveries/1/replay").location == "/deliveries/1"
    assert {line.source for line in lines(operator.web, "replay")} == {BY}
    strange = operator.web.hook(ended(event="ACTOR.RUN.CREATED"), token=operator.web.sign(run), dispatch="x")
    assert strange.status_code == 200
    assert operator.send("/deliveries/2/replay").location == "/deliveries/2"
    told = text_of(operator.http.get("/", headers=HTML).text)
    assert "which asks for nothing" in told


def test_a_refusal_is_told_on_the_page_that_follows(operator: Operator) -> None:
    full_id = kicked_off(operator)
    operator.send(f"/runs/{full_id}/cancel")
    assert f"Client run {full_id} ended Cancelled." in operator.get("/")
    operator.send(f"/runs/{full_id}/cancel")
    assert f"Client run {full_id} is over: Cancelled." in operator.get("/")


@pytest.mark.parametrize("paused", ["all", "Guy-Wilson"])
def test_while_starts_are_paused_a_kickoff_waits_and_says_so(operator: Operator, paused: str) -> None:
    make_client(operator.web.ledger)
    make_leads(operator.web.ledger, count=2)
    scope = {} if paused == "all" else {"clientId": paused}
    operator.web.post("/api/starts/pause", {"reason": "costs <b>too much</b>", **scope})
    assert "costs &lt;b&gt;too much" in operator.get("/clients/Guy-Wilson/kickoff").split("<main")[1]
    answer = operator.send("/clients/Guy-Wilson/kickoff")
    assert answer.location.startswith("/runs/")
    assert "is there, and waits: starts" in operator.get("/").split("<main")[1]
