"""Clients and leads by form: the same rules as the commands', nothing lost by a form that is stale."""

from __future__ import annotations

from typing import Any

import pytest
from factories import NOW, make_client, make_leads
from sqlalchemy import select
from web.asking import Web

from harvester.ledger import alerts, clients, tables
from routes.pages.actions.leads import MOST_BYTES
from services.alerts import raise_alert

from .operator import Operator, text_of

BY = "page: Ann"


def lines(web: Web, operation: str) -> list[Any]:
    """Give the activity log's lines of one operation."""
    table = tables.activity
    with web.ledger.read() as tx:
        return list(tx.execute(select(table).where(table.c.operation == operation).order_by(table.c.id)))


def client(web: Web, client_id: str = "Guy-Wilson") -> Any:
    """Give a client as the ledger has it."""
    with web.ledger.read() as tx:
        return clients.get(tx, client_id)


def test_a_client_is_added_once_with_the_rules_of_the_command(operator: Operator) -> None:
    given = {"client_id": "Acme", "name": "A <b>&</b> B", "status": "active", "daily_target": "50"}
    more = {"timezone": "Europe/London", "daily_budget_micros": "2.50", "schedule": "0  5 * * *"}
    whole = {
        "batch_size": "20",
        "max_batches": "10",
        "stream": "1",
        "service_level": "2",
        "airtable_base": "",
        "actor_id": "Apimaestro~linkedin-profile-posts",
    }
    for _ in range(2):
        answer = operator.send("/clients/new", {**given, **more, **whole})
        assert (answer.status_code, answer.location) == (303, "/clients/Acme")
    assert "There is a client Acme already." in operator.get("/")
    found = client(operator.web, "Acme")
    assert (found.name, found.status, found.daily_target) == ("A <b>&</b> B", "Active", 50)
    assert (found.timezone, found.daily_budget_micros, found.schedule) == (
        "Europe/London",
        2_500_000,
        "0 5 * * *",
    )
    assert found.actor_id == "apimaestro/linkedin-profile-posts"
    assert f'<span class="id">{found.actor_id}</span> its own' in operator.get("/clients/Acme")
    assert [line.source for line in lines(operator.web, "add client")] == [BY]
    page = operator.get("/clients/Acme/edit")
    assert 'value="2.5"' in page
    assert "A &lt;b&gt;&amp;&lt;/b&gt; B" in page


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("client_id", "a b"),
        ("client_id", "../x"),
        ("client_id", ""),
        ("name", "x" * 10_000),
        ("status", ""),
        ("timezone", "Mars/Olympus"),
        ("timezone", "\0"),
        ("daily_target", "-1"),
        ("daily_target", "٣"),
        ("batch_size", "0"),
        ("daily_budget_micros", "nan"),
        ("daily_budget_micros", "0.0000001"),
        ("schedule", "every day"),
        ("airtable_base", "tbl"),
        ("actor_id", "nobody/knows-it"),
        ("actor_id", "apimaestro/linkedin-company-posts"),
    ],
)
def test_a_bad_value_is_told_beside_its_field(operator: Operator, field: str, bad: str) -> None:
    good = {"client_id": "Acme", "name": "n", "status": "Active", "daily_target": "1", "batch_size": "1"}
    good |= {"timezone": "UTC", "max_batches": "1", "stream": "1", "service_level": "2"}
    answer = operator.send("/clients/new", {**good, field: bad})
    assert answer.status_code == 400
    assert f'id="{field}-wrong"' in answer.text
    assert "one field is not right" in answer.text
    assert operator.web.count("clients") == 0
    if field != "client_id":
        make_client(operator.web.ledger)
        before = client(operator.web)
        assert operator.send("/clients/Guy-Wilson/edit", {field: bad}).status_code == 400
        assert client(operator.web) == before


def test_a_stale_form_changes_only_what_its_person_changed(operator: Operator) -> None:
    make_client(operator.web.ledger)
    stale = operator.get("/clients/Guy-Wilson/edit")
    assert 'name="was.daily_target" value="10"' in stale
    was = {"was.daily_target": "10", "was.stream": "1"}
    operator.send("/clients/Guy-Wilson/edit", {**was, "daily_target": "30", "stream": "1"})
    answer = operator.send("/clients/Guy-Wilson/edit", {**was, "daily_target": "10", "stream": "7"})
    assert answer.location == "/clients/Guy-Wilson"
    found = client(operator.web)
    assert (found.daily_target, found.stream) == (30, 7)
    assert [line.detail for line in lines(operator.web, "change client")] == [
        "daily_target: 10 → 30",
        "stream: 1 → 7",
    ]
    assert {line.source for line in lines(operator.web, "change client")} == {BY}
    operator.send("/clients/Guy-Wilson/edit", {**was, "daily_target": "10", "stream": "1"})
    assert "Nothing was changed" in operator.get("/")
    assert len(lines(operator.web, "change client")) == 2


def test_another_budget_ends_what_was_told_of_the_old_one(operator: Operator) -> None:
    make_client(operator.web.ledger)
    make_client(operator.web.ledger, "Guy")
    keys = ("budget of Guy-Wilson 2026-11-22", "budget of Guy 2026-11-22", "budget of 2026-11")
    now = operator.web.services.clock()
    with operator.web.ledger.write() as tx:
        for key in keys:
            raise_alert(tx, key, "It is spent.", now=now)
    operator.send("/clients/Guy-Wilson/edit", {"daily_budget_micros": "8"})
    now = operator.web.services.clock()
    with operator.web.ledger.read() as tx:
        standing = {one.key for one in alerts.standing(tx, now=now, limit=10)[0]}
    assert standing == set(keys[1:])


def test_the_base_of_another_client_is_refused_at_its_field(operator: Operator) -> None:
    make_client(operator.web.ledger, "Other", airtable_base="appAbCdEfGhIjKlMn")
    make_client(operator.web.ledger)
    answer = operator.send("/clients/Guy-Wilson/edit", {"airtable_base": "appAbCdEfGhIjKlMn"})
    assert answer.status_code == 400
    assert "is the base of Other" in answer.text
    assert client(operator.web).airtable_base is None


def upload(operator: Operator, content: bytes, name: str = "leads.csv", client_id: str = "Guy-Wilson") -> Any:
    """Send a file by the import's form."""
    path = f"/clients/{client_id}/import"
    token = operator.get("/process").split('name="csrf_token" value="')[1].split('"')[0]
    return sent_file(operator, path, token, content, name)


def sent_file(operator: Operator, path: str, token: str, content: bytes, name: str = "leads.csv") -> Any:
    """Send a form with a file; Flask's own way of it leaves a temporary file open."""
    part = b'--xYx\r\nContent-Disposition: form-data; name="%b"'
    body = part % b"csrf_token" + b"\r\n\r\n" + token.encode() + b"\r\n" + part % b"file"
    body += f'; filename="{name}"'.encode() + b"\r\n\r\n" + content + b"\r\n--xYx--\r\n"
    kind = "multipart/form-data; boundary=xYx"
    return operator.http.post(path, data=body, content_type=kind, headers={"Accept": "text/html"})


def test_leads_are_imported_once_and_each_bad_line_is_named(operator: Operator) -> None:
    make_client(operator.web.ledger)
    good = b"linkedin_profile_url,name\nhttps://www.linkedin.com/in/amara-okafor/,Amara\n"
    for told in ("1 lead added, 0 known before", "0 leads added, 1 known before"):
        assert upload(operator, good).location == "/clients/Guy-Wilson"
        assert told in operator.get("/")
    answer = upload(
        operator, good + b"https://evil.example/<script>,x\n" + b"https://www.linkedin.com/in/b/,B\n"
    )
    assert answer.status_code == 200
    assert "1 lead added, 1 known before, 1 row refused" in text_of(answer.text)
    assert "<script>" not in answer.text.split("<main")[1]
    assert operator.web.count("leads") == 2
    assert [line.source for line in lines(operator.web, "import leads")] == [BY, BY]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no column linkedin_profile_url"),
        (b"name\nx\n", "no column linkedin_profile_url"),
        (b"\xff\xfel\x00i\x00", "not UTF-8"),
        (b"\x00" * 5_000, "not UTF-8"),
    ],
)
def test_what_is_no_list_of_leads_is_refused(operator: Operator, content: bytes, told: str) -> None:
    make_client(operator.web.ledger)
    answer = upload(operator, content)
    assert answer.status_code == 400
    assert told in answer.text
    assert upload(operator, b"x", name="").status_code == 400
    assert operator.web.count("leads") == 0


def test_a_file_has_a_bound_and_a_stranger_sends_none(operator: Operator) -> None:
    make_client(operator.web.ledger)
    row = b"https://www.linkedin.com/in/a,%b\n" % (b"x" * 45_000)
    large = b"linkedin_profile_url,note\n" + row * 20
    assert upload(operator, large).status_code == 303
    assert upload(operator, b"x" * (MOST_BYTES + 2**20)).status_code == 413
    stranger = Operator(operator.web)
    refused = sent_file(stranger, "/clients/Guy-Wilson/import", "x", large)
    assert (refused.status_code, refused.location) == (302, "/login?next=/clients/Guy-Wilson/import")
    assert operator.web.count("leads") == 1


def test_unreachable_leads_are_asked_for_again(operator: Operator) -> None:
    make_client(operator.web.ledger)
    make_leads(operator.web.ledger, count=2, unreachable_at=NOW, unanswered=3)
    make_leads(operator.web.ledger)
    assert "2 of its leads had no answer" in operator.get("/clients/Guy-Wilson/leads/retry")
    for told in ("2 unreachable leads are due again", "None of its leads was unreachable"):
        assert operator.send("/clients/Guy-Wilson/leads/retry").location == "/clients/Guy-Wilson"
        assert told in operator.get("/")
    assert "None of its leads" in operator.get("/clients/Guy-Wilson/leads/retry")
    assert {line.source for line in lines(operator.web, "reach_again")} == {BY}
