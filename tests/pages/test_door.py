"""The way in: who is let in, for how long, and what is told to whom is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from factories import FakeClock, make_settings
from simultaneous import at_once
from web.asking import Web, locked, opened_web

from harvester.ledger import Ledger, tables
from services.sign_in import SignIn, TooManyTries, WrongPassword

from .operator import PASSWORD, Operator, page_settings, password_hash

HTML = {"Accept": "text/html"}


def test_the_page_says_what_is_missing_while_it_is_not_set_up(sqlite_url: str) -> None:
    with opened_web(sqlite_url) as web:
        answer = web.http.get("/", headers=HTML)
        assert answer.status_code == 503
        assert "OPERATOR_PASSWORD_HASH and SECRET_KEY" in answer.text
        assert web.http.get("/login").status_code == 503
        assert web.http.get("/healthz").status_code == 200
    with opened_web(sqlite_url, operator_password_hash=password_hash()) as web:
        told = web.http.get("/", headers=HTML).text
        assert "set SECRET_KEY" in told


def test_in_and_out_again(page_web: Web) -> None:
    operator = Operator(page_web)
    away = operator.http.get("/?cursor=x")
    assert (away.status_code, away.location) == (302, "/login?next=/?cursor%3Dx")
    entered = operator.sign_in()
    assert (entered.status_code, entered.location) == (303, "/")
    assert "Ann" in operator.get("/")
    stolen = operator.http.get_cookie("harvester")
    assert stolen is not None
    assert operator.send("/logout", form="/").status_code == 303
    assert operator.http.get("/").status_code == 302
    operator.http.set_cookie("harvester", stolen.value)
    assert operator.http.get("/").status_code == 302, "a copy of the cookie is good no more"


def test_the_cookie_is_kept_from_scripts_and_other_sites(sqlite_url: str) -> None:
    public = {"public_url": "https://harvest.example.org", "api_tokens": "a-token-that-strangers-may-try"}
    with opened_web(sqlite_url, **public, **page_settings()) as web:
        cookie = web.http.get("/login").headers["Set-Cookie"]
    assert cookie.startswith("__Host-harvester=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))


def test_a_wrong_password_is_refused_and_few_may_be_tried(page_web: Web) -> None:
    operator = Operator(page_web)
    answers = [operator.sign_in("wrong").status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]
    refused = operator.sign_in()
    assert refused.status_code == 429, "not even the right one"
    assert PASSWORD not in refused.text


def test_tries_at_once_are_no_more_tries(ledger: Ledger) -> None:
    clock = FakeClock()
    sign_in = SignIn(ledger, make_settings(**page_settings()).operator_password_hash, clock)

    def attempt() -> str:
        try:
            return sign_in.enter("guess", name="", address="192.0.2.1")
        except (WrongPassword, TooManyTries) as error:
            return type(error).__name__

    assert sorted(at_once([attempt] * 16)) == ["TooManyTries"] * 6 + ["WrongPassword"] * 10
    assert sign_in.enter(PASSWORD, name="", address="192.0.2.2"), "from elsewhere it still goes"
    clock.advance(seconds=301)
    assert sign_in.enter(PASSWORD, name="", address="192.0.2.1")


def test_a_session_ends_when_idle_after_a_week_and_with_the_password(ledger: Ledger) -> None:
    clock = FakeClock()
    hashed = make_settings(**page_settings()).operator_password_hash
    sign_in = SignIn(ledger, hashed, clock)
    key = sign_in.enter(PASSWORD, name="Ann\n<b>", address="a")
    found = sign_in.who(key)
    assert found is not None
    assert found.name == "Ann <b>"
    assert sign_in.who(key + "x") is None
    other = make_settings(**{**page_settings(), "operator_password_hash": password_hash()[:-3] + "abc"})
    assert SignIn(ledger, other.operator_password_hash, clock).who(key) is None
    for _ in range(16):
        clock.advance(hours=10)
        assert sign_in.who(key) is not None
    clock.advance(hours=10)
    assert sign_in.who(key) is None, "a week is over"
    key = sign_in.enter(PASSWORD, name="", address="a")
    clock.advance(hours=12, seconds=1)
    assert sign_in.who(key) is None, "idle"


def test_the_ledger_knows_no_key_and_no_password(page_web: Web, operator: Operator) -> None:
    with operator.http.session_transaction() as cookie:
        key = cookie["key"]
    with page_web.ledger.read() as tx:
        for name in ("sessions", "activity"):
            kept = str(tx.execute(tables.metadata.tables[name].select()).all())
            assert key not in kept
            assert PASSWORD not in kept


@pytest.mark.parametrize(
    "there",
    ["https://evil.example", "//evil.example", "//[", "http://[", "/\\evil.example", "evil", "/\r\nx: y"],
)
def test_signing_in_leads_nowhere_else(page_web: Web, there: str) -> None:
    operator = Operator(page_web)
    page = operator.http.get("/login", query_string={"next": there}).text
    assert "evil.example" not in page or "next=" in page
    sent = {"password": PASSWORD, "csrf_token": page.split('name="csrf_token" value="')[1].split('"')[0]}
    answer = operator.http.post("/login", query_string={"next": there}, data=sent)
    assert (answer.status_code, answer.location) == (303, "/")


def test_a_form_of_another_site_is_refused(page_web: Web, operator: Operator) -> None:
    answer = operator.http.post("/logout", headers=HTML)
    assert answer.status_code == 400
    assert "reload" in answer.text
    assert Operator(page_web).http.post("/login", data={"password": PASSWORD}).status_code == 400
    assert operator.get("/"), "still signed in"


def test_every_page_is_strict_about_what_it_loads(operator: Operator) -> None:
    for path in ("/", "/login", "/no-such-page", "/static/page.css"):
        with operator.http.get(path, headers=HTML) as answer:
            headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert {"default-src 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_programs_still_get_json_where_there_is_nothing(operator: Operator) -> None:
    told = operator.http.get("/nope").json
    assert told is not None
    assert (told["ok"], told["code"]) == (False, "not_found")
    assert operator.http.get("/api/nope", headers=HTML).is_json
    assert "<h1>Not found</h1>" in operator.http.get("/nope", headers=HTML).text


def test_the_api_takes_no_cookie(operator: Operator) -> None:
    assert operator.http.get("/api/runs").status_code == 401


def test_a_session_that_goes_on_is_written_once_in_ten_minutes(ledger: Ledger) -> None:
    clock = FakeClock()
    sign_in = SignIn(ledger, make_settings(**page_settings()).operator_password_hash, clock)
    key = sign_in.enter(PASSWORD, name="", address="a")
    first = sign_in.who(key)
    clock.advance(minutes=9)
    sign_in.who(key)
    again = sign_in.who(key)
    assert first is not None
    assert again is not None
    assert again.seen_at == first.seen_at
    clock.advance(minutes=2)
    sign_in.who(key)
    later = sign_in.who(key)
    assert later is not None
    assert later.seen_at - first.seen_at == timedelta(minutes=11)


def test_a_page_is_shown_while_nothing_can_be_written(sqlite_url: str) -> None:
    with opened_web(sqlite_url, **page_settings()) as web:
        operator = Operator(web)
        operator.sign_in()
        with web.ledger.write() as tx:
            tx.execute(
                tables.metadata.tables["sessions"]
                .update()
                .values(seen_at=web.services.clock() - timedelta(hours=1))
            )
        with locked(web):
            assert "Now" in operator.get("/")


def test_another_tab_spoils_no_form(page_web: Web) -> None:
    operator = Operator(page_web)
    token = operator.get("/login").split('name="csrf_token" value="')[1].split('"')[0]
    operator.get("/runs")
    answer = operator.http.post("/login", data={"password": PASSWORD, "csrf_token": token})
    assert answer.status_code == 303


def test_a_button_pressed_after_the_session_says_that_nothing_was_done(
    page_web: Web, operator: Operator
) -> None:
    for over in ("in another tab", "by time"):
        assert operator.sign_in().status_code == 303
        page = operator.get("/starts/pause")
        token = page.split('name="csrf_token" value="')[1].split('"')[0]
        if over == "by time":
            with page_web.ledger.write() as tx:
                tx.execute(tables.metadata.tables["sessions"].delete())
        else:
            operator.send("/logout", form="/")
        answer = operator.http.post("/starts/pause", data={"csrf_token": token}, headers=HTML)
        assert answer.location == "/login?next=/starts/pause", over
        assert "nothing was done" in operator.get("/login")
    assert page_web.count("pauses") == 0
