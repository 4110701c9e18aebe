"""The buttons that repair, pause and start many: each asked once, done once, with a name in the log."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from factories import make_client, make_leads
from sqlalchemy import select, update
from web.asking import Web

from harvester.ledger import actor_runs, clients, leads, tables
from services.alerts import raise_alert
from services.dead_letters import raise_dead_letter

from .operator import Operator, text_of

BY = "page: Ann"


def lines(web: Web, operation: str) -> list[Any]:
    """Give the activity log's lines of one operation."""
    table = tables.activity
    with web.ledger.read() as tx:
        return list(tx.execute(select(table).where(table.c.operation == operation).order_by(table.c.id)))


def dead_letter(web: Web) -> int:
    """Have an actor run parked, as after five tries."""
    run, now = web.at_work(), web.services.clock()
    with web.ledger.write() as tx:
        parked = {"parked_at": now, "parked_error": "no <b>items</b>", "next_check_at": None}
        tx.execute(update(tables.actor_runs).where(tables.actor_runs.c.id == run.id).values(**parked))
        raise_dead_letter(tx, run, "no items", now=now)
    return run.id


def test_a_dead_letter_is_replayed_once(operator: Operator) -> None:
    row_id = dead_letter(operator.web)
    assert "no &lt;b&gt;items" in operator.get(f"/dead-letters/{row_id}/replay")
    answers = [operator.send(f"/dead-letters/{row_id}/replay", form="/process") for _ in range(2)]
    assert [answer.location.split("/")[1] for answer in answers] == ["runs", "dead-letters"]
    assert "was replayed or discarded before" in operator.get("/")
    (line,) = lines(operator.web, "replay")
    assert line.source == BY
    assert operator.web.row(row_id).parked_at is None
    assert "dead letter" in operator.get(f"/dead-letters/{row_id}/replay", status=404)


def test_a_dead_letter_is_discarded_once(operator: Operator) -> None:
    row_id = dead_letter(operator.web)
    assert "due again" in operator.get(f"/dead-letters/{row_id}/discard")
    for _ in range(2):
        answer = operator.send(f"/dead-letters/{row_id}/discard", form="/process")
        assert (answer.status_code, answer.location) == (303, "/dead-letters")
    (line,) = lines(operator.web, "discard")
    assert line.source == BY
    assert operator.web.row(row_id).error_code == "discarded"


def test_a_dead_letter_of_which_nothing_was_started_can_only_be_discarded(operator: Operator) -> None:
    web = operator.web
    make_client(web.ledger)
    make_leads(web.ledger)
    operator.send("/clients/Guy-Wilson/kickoff")
    with web.ledger.write() as tx:
        values = {"state": "failed", "parked_at": web.services.clock(), "next_check_at": None}
        (row_id,) = tx.execute(
            update(tables.actor_runs).values(**values).returning(tables.actor_runs.c.id)
        ).one()
    page = operator.get(f"/dead-letters/{row_id}/replay")
    assert ">Replay<" not in page
    operator.send(f"/dead-letters/{row_id}/replay")
    assert "kick the client off" in operator.get("/").split("<main")[1]


def test_an_alert_is_ended_until_it_comes_up_again(operator: Operator) -> None:
    web, key = operator.web, "client Guy & Co <failed>"
    with web.ledger.write() as tx:
        raise_alert(tx, key, "It <i>failed</i>", now=web.services.clock(), again_after=None)
    form = "/alerts/over?key=client%20Guy%20%26%20Co%20%3Cfailed%3E"
    assert "It &lt;i&gt;failed" in operator.get(form)
    assert operator.send("/alerts/over", form=form).status_code == 303
    assert "The alert is over" in operator.get("/")
    assert operator.send("/alerts/over", {"key": key}, form="/process").status_code == 303
    assert "No alert of this key stands" in operator.get("/")
    (line,) = lines(web, "end alert")
    assert (line.source, line.detail) == (BY, key)
    for strange in ("", "%00", "x" * 10_000, "%ff"):
        assert "No alert of this key stands" in operator.get(f"/alerts/over?key={strange}")


def test_reconcile_makes_open_actor_runs_due(operator: Operator) -> None:
    run = operator.web.at_work()
    assert operator.web.row(run.id).next_check_at is None
    for _ in range(2):
        assert operator.send("/reconcile").location == "/"
    assert "1 open actor run is checked" in operator.get("/")
    assert operator.web.row(run.id).next_check_at is not None
    assert {line.source for line in lines(operator.web, "reconcile")} == {BY}


@pytest.mark.parametrize(
    ("pause", "resume"),
    [("/starts/pause", "/starts/resume"), ("/clients/Guy-Wilson/pause", "/clients/Guy-Wilson/unpause")],
)
def test_starts_are_paused_and_go_on(operator: Operator, pause: str, resume: str) -> None:
    make_client(operator.web.ledger)
    assert "not paused as such" in operator.get(resume)
    for reason in ("<script>1</script>\0\ntoo dear", "another"):
        assert operator.send(pause, {"reason": reason}).status_code == 303
    (line,) = lines(operator.web, "pause")
    assert (line.source, line.detail) == (BY, "<script>1</script>\ufffd too dear")
    shown = operator.get(pause)
    assert "&lt;script&gt;1" in shown
    assert ">Pause<" not in shown
    for _ in range(2):
        assert operator.send(resume).status_code == 303
    assert [line.source for line in lines(operator.web, "lift pause")] == [BY]
    assert operator.web.services.pauses.standing() == []


def test_lifting_a_clients_pause_tells_that_all_starts_are_paused(operator: Operator) -> None:
    make_client(operator.web.ledger)
    operator.send("/clients/Guy-Wilson/pause")
    operator.send("/starts/pause", {"reason": "holidays"})
    operator.send("/clients/Guy-Wilson/unpause")
    assert "paused no more; still, starts of all clients are paused" in operator.get("/")


def agency(web: Web, count: int = 3) -> None:
    """Make clients with two due leads each, in streams of their own, and one that is switched off."""
    client = make_client(web.ledger, "Off", status="Inactive")
    with web.ledger.write() as tx:
        for number in range(count):
            name = f"Client-{number}"
            clients.add(tx, replace(client, client_id=name, status="Active", stream=number))
            url = f"https://www.linkedin.com/in/person-{number}-"
            told = {"name": "A Person", "extra": {}, "created_at": client.created_at}
            leads.add(tx, name, [{"profile_url": url + end, "given_url": url + end, **told} for end in "ab"])


@pytest.mark.parametrize(("path", "operation"), [("/process", "process"), ("/resume", "resume")])
def test_all_clients_are_harvested_once(operator: Operator, path: str, operation: str) -> None:
    agency(operator.web)
    page = operator.get(path)
    assert "Active clients 3" in text_of(page)
    assert "The budgets leave today $15.00" in text_of(page)
    assert operator.web.count("client_runs") == 0
    key = page.split('name="key" value="')[1].split('"')[0]
    answers = {operator.send(path, {"key": key}).location for _ in range(3)}
    assert len(answers) == 1
    assert operator.web.count("client_runs") == 3
    (line,) = lines(operator.web, operation)
    assert (line.source, line.detail) == (
        BY,
        f"job run {answers.pop().removeprefix('/jobs/')}: all active clients",
    )
    assert lines(operator.web, "kickoff") == [], "the job run's own line tells it"


def test_a_job_run_is_narrowed_as_it_was_shown(operator: Operator) -> None:
    agency(operator.web)
    form = "/process?stream=1&limit=5&whole=1"
    page = text_of(operator.get(form))
    assert "Active clients 1" in page
    assert "1 client would be harvested, for at most $1.00 together" in page
    operator.send("/process", form=form)
    assert "1 started, 0 not started" in operator.get("/")
    assert "Of them at work already 1" in text_of(operator.get("/process"))
    assert "Run in progress 1" in text_of(operator.get("/process?whole=1"))
    for wrong in ("stream=-1", "stream=x", "limit=0", "limit=" + "9" * 5_000):
        assert "must be a whole number" in operator.get(f"/process?{wrong}", status=400)


def test_without_an_active_client_there_is_no_button(operator: Operator) -> None:
    assert ">Process<" not in operator.get("/process")
    assert "no active client" in operator.get("/resume")


def test_one_smart_resume_at_a_time_until_it_is_ended(operator: Operator) -> None:
    agency(operator.web)
    first = operator.send("/resume").location
    page = operator.get("/resume")
    assert first in page
    assert operator.send("/resume", {"key": "page-" + "y" * 22}, form="/process").location == first
    assert "is running, for" in operator.get("/")
    assert operator.send("/resume/end", {"run_id": "another"}, form="/resume").location == "/resume"
    for _ in range(2):
        operator.send("/resume/end", {"run_id": first.removeprefix("/jobs/")}, form="/process")
    assert "is over already" in operator.get("/")
    assert [line.source for line in lines(operator.web, "end resume")] == [BY]
    assert operator.send("/resume").location != first


def test_a_whole_preview_of_many_clients_is_no_large_page(operator: Operator) -> None:
    agency(operator.web, 230)
    page = operator.get("/process?whole=1")
    assert "200 clients would be harvested" in text_of(page)
    assert "the first 200 clients by ID" in page
    assert len(page.encode()) < 100_000


def test_a_parked_row_that_is_at_work_is_no_dead_letter(operator: Operator) -> None:
    run = operator.web.at_work()
    now = operator.web.services.clock()
    with operator.web.ledger.write() as tx:
        actor_runs.wake(tx, run.id, now=now - timedelta(seconds=1))
    assert operator.send(f"/dead-letters/{run.id}/discard", form="/process").location == "/dead-letters"
    assert operator.web.row(run.id).state == "running"
