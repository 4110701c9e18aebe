"""The page: forms of other sites, and sessions that somebody else has planted or copied."""

from __future__ import annotations

import re

import pytest
from ledger.whole_ledgers import all_rows
from pages.conftest import operator as operator
from pages.conftest import page_web as page_web
from pages.operator import PASSWORD, Operator
from web.asking import Web

from harvester.ledger import sessions

_HTML = {"Accept": "text/html"}


def _key(operator: Operator) -> str:
    with operator.http.session_transaction() as cookie:
        return str(cookie["key"])


def test_no_form_of_another_site_does_anything(page_web: Web, operator: Operator) -> None:
    """Every address that takes a form, with the operator's cookie, without a token or with another's."""
    stranger = re.search(r'name="csrf_token" value="([^"]+)"', page_web.http.get("/login").text)
    assert stranger is not None
    rules = [rule for rule in page_web.app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    forms = [rule for rule in rules if not rule.rule.startswith("/api")]
    assert len(forms) >= 10
    before = all_rows(page_web.ledger)
    for rule in forms:
        path = re.sub(r"<int[^>]*>", "1", rule.rule)
        path = re.sub(r"<[^>]+>", "261122-050000-Guy-Wilson", path)
        for forged in ({}, {"csrf_token": "x"}, {"csrf_token": stranger[1]}):
            answer = operator.http.post(path, data={"password": PASSWORD, **forged}, headers=_HTML)
            assert answer.status_code == 400, (path, answer.status_code)
    assert all_rows(page_web.ledger) == before


def test_the_cookie_goes_along_with_no_form_of_another_site(page_web: Web, operator: Operator) -> None:
    answer = operator.http.get("/login")
    told = [header for header in answer.headers.getlist("Set-Cookie") if header.startswith("harvester=")]
    told += [operator.sign_in().headers["Set-Cookie"]]
    assert all({"SameSite=Lax", "HttpOnly"} <= set(header.split("; ")) for header in told)


def test_signing_in_ends_the_session_that_the_browser_had(page_web: Web, operator: Operator) -> None:
    """One that was planted or copied is worth nothing from then on; another browser's goes on."""
    elsewhere = Operator(page_web, "Bo")
    elsewhere.sign_in()
    first = _key(operator)
    copied = operator.http.get_cookie("harvester")
    assert copied is not None
    assert operator.sign_in().status_code == 303
    assert _key(operator) != first
    assert page_web.services.sign_in.who(first) is None
    thief = Operator(page_web)
    thief.http.set_cookie("harvester", copied.value)
    assert thief.http.get("/").status_code == 302
    assert operator.http.get("/").status_code == elsewhere.http.get("/").status_code == 200


def test_a_wrong_password_ends_no_session(page_web: Web, operator: Operator) -> None:
    first = _key(operator)
    assert operator.sign_in("wrong").status_code == 401
    assert page_web.services.sign_in.who(first) is not None


@pytest.mark.parametrize("planted", ["", "x", "A" * 43])
def test_a_key_that_nobody_was_given_is_no_session(page_web: Web, planted: str) -> None:
    operator = Operator(page_web)
    with operator.http.session_transaction() as cookie:
        cookie["key"] = planted
    assert operator.http.get("/").status_code == 302
    assert operator.sign_in().status_code == 303
    assert _key(operator) != planted
    with page_web.ledger.read() as tx:
        assert sessions.get(tx, planted, now=page_web.services.clock()) is None
