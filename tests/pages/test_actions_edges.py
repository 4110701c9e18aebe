"""Every button against strangers and strange IDs: nothing is done by a GET, or without the page's token."""

from __future__ import annotations

import pytest
from factories import make_client, make_leads
from web.asking import Web, locked, opened_web, shut

from routes.pages import actions

from .operator import Operator, page_settings

HTML = {"Accept": "text/html"}
RUN = "261122-050000-Nobody"
OF_A_CLIENT = ("kickoff", "pause", "unpause", "edit", "import", "leads/retry")
OF_A_RUN = ("cancel", "retry")
OF_ROWS = ("deliveries/{}/replay", "dead-letters/{}/replay", "dead-letters/{}/discard")
FIXED = (
    "/process",
    "/resume",
    "/reconcile",
    "/starts/pause",
    "/starts/resume",
    "/alerts/over",
    "/clients/new",
    "/actors/harvestapi/linkedin-profile-posts/pause",
    "/actors/harvestapi/linkedin-profile-posts/resume",
)
STRANGE = ("..", "%2e%2e", "%0a", "%00", "a%00b", "%ff", "x" * 10_000, "Guy-Wilson%0a", "guy-wilson", "<b>")
NO_ROWS = ("0", "1", "9" * 18, "9" * 19, "9" * 10_000, "-1", "1.5", "x", "%00", "٣")


def paths(client_id: str, run: str, row: str) -> list[str]:
    """Give the paths of all buttons."""
    of_client = [f"/clients/{client_id}/{name}" for name in OF_A_CLIENT]
    return [
        *FIXED,
        *of_client,
        *(f"/runs/{run}/{name}" for name in OF_A_RUN),
        *(f"/{name.format(row)}" for name in OF_ROWS),
    ]


def token_of(operator: Operator) -> str:
    """Give the CSRF token of a browser that is signed in."""
    return operator.get("/clients/new").split('name="csrf_token" value="')[1].split('"')[0]


def test_the_list_of_buttons_is_whole(page_web: Web) -> None:
    rules = {
        (rule.rule, "GET" in (rule.methods or ()))
        for rule in page_web.app.url_map.iter_rules()
        for module in actions.MODULES
        if rule.endpoint.startswith(f"{module.blueprint.name}.")
    }
    posts, gets = ({path for path, get in rules if get is which} for which in (False, True))
    assert posts - gets == {"/resume/end"}
    assert len(gets) == len(paths("a", "b", "c"))


def test_a_stranger_does_nothing_and_sees_nothing(page_web: Web) -> None:
    make_client(page_web.ledger)
    make_leads(page_web.ledger)
    stranger, before = Operator(page_web), page_web.counts()
    for path in paths("Guy-Wilson", RUN, "1"):
        answer = stranger.http.get(path, headers=HTML)
        assert (answer.status_code, answer.location.split("?")[0]) == (302, "/login"), path
        bare = stranger.http.post(path, headers=HTML)
        assert (bare.status_code, bare.location.split("?")[0]) == (302, "/login"), path
        sent = stranger.send(path, form="/login")
        assert (sent.status_code, sent.location.split("?")[0]) == (302, "/login"), path
    assert page_web.counts() == before


def test_nothing_is_done_without_the_token_of_the_page(operator: Operator) -> None:
    make_client(operator.web.ledger)
    make_leads(operator.web.ledger)
    before = operator.web.counts()
    for path in [*paths("Guy-Wilson", RUN, "1"), "/resume/end"]:
        for sent in ({}, {"csrf_token": "x"}, {"csrf_token": "x" * 5_000}):
            answer = operator.http.post(path, data=sent, headers=HTML)
            assert (answer.status_code, "reload" in answer.text) == (400, True), path
    assert operator.web.counts() == before


def test_nothing_is_done_by_looking(operator: Operator) -> None:
    full_id = operator.web.at_work().client_run_id
    operator.web.hook({}, token="x")
    operator.get("/clients/new")
    before = operator.web.counts()
    for path in paths("Guy-Wilson", full_id, "1"):
        if not path.startswith("/d"):
            assert "<h1>" in operator.get(path), path
            assert operator.http.head(path).status_code == 200, path
        for method in ("PUT", "DELETE", "PATCH"):
            assert operator.http.open(path, method=method, headers=HTML).status_code == 405, path
    assert operator.web.counts() == before


def test_strange_ids_are_not_found_and_leave_no_trace(operator: Operator) -> None:
    make_client(operator.web.ledger)
    token, before = token_of(operator), operator.web.counts()
    sent = {"csrf_token": token, "key": "page-" + "x" * 22}
    for strange in STRANGE:
        for path in paths(strange, strange, "1")[len(FIXED) : len(FIXED) + len(OF_A_CLIENT) + len(OF_A_RUN)]:
            asked = operator.http.get(path, headers=HTML)
            done = operator.http.post(path, data=sent, headers=HTML)
            assert (asked.status_code, done.status_code) == (404, 404), path
            assert "<b>" not in asked.text + done.text
            assert len(asked.text) + len(done.text) < 50_000
    for row in NO_ROWS:
        for name in OF_ROWS:
            asked = operator.http.get(f"/{name.format(row)}", headers=HTML)
            done = operator.http.post(f"/{name.format(row)}", data=sent, headers=HTML)
            assert asked.status_code == 404, (name, row)
            assert done.status_code in (303, 404, 405), (name, row)
    assert operator.web.counts() == before


def test_a_run_of_another_client_by_its_base_alone_is_not_found(operator: Operator) -> None:
    base = operator.web.at_work().client_run_id.removesuffix("-Guy-Wilson")
    for wrong in (base, f"{base}-Other", f"{base}-Guy-Wilson-Guy-Wilson", f" {base}-Guy-Wilson"):
        assert operator.http.get(f"/runs/{wrong}/cancel", headers=HTML).status_code == 404, wrong


def _refused_by_the_ledger(operator: Operator, token: str, full_id: str) -> None:
    sent = {"csrf_token": token, "key": "page-" + "x" * 22}
    more = {"client_id": "New", "name": "n", "status": "Active", "timezone": "UTC", "daily_target": "1"}
    more |= dict.fromkeys(("batch_size", "max_batches", "stream", "service_level"), "1")
    for path in paths("Guy-Wilson", full_id, "1"):
        if path.split("/")[-1] in ("import", "over", "unpause"):
            continue
        answer = operator.http.post(path, data={**sent, **more}, headers=HTML)
        assert answer.status_code == 503, (path, answer.text)
        assert answer.headers["Retry-After"]
        assert "The ledger is not available; nothing was done, try again." in answer.text, path


@pytest.mark.slow
def test_a_locked_ledger_is_told_on_a_page(sqlite_url: str) -> None:
    with opened_web(sqlite_url, **page_settings()) as web:
        operator = Operator(web)
        operator.sign_in()
        full_id, token = web.at_work().client_run_id, token_of(operator)
        with locked(web):
            _refused_by_the_ledger(operator, token, full_id)
        assert web.count("client_runs") == 1


@pytest.mark.slow
def test_a_shut_database_is_told_on_a_page(postgres_url: str) -> None:
    with opened_web(postgres_url, **page_settings()) as web:
        operator = Operator(web)
        operator.sign_in()
        full_id, token = web.at_work().client_run_id, token_of(operator)
        with shut(web):
            _refused_by_the_ledger(operator, token, full_id)
            assert operator.http.get("/process", headers=HTML).status_code == 503
        assert web.count("client_runs") == 1
