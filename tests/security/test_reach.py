"""Who is let in from where, and what every answer tells a browser: the application without a server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pages.operator import Operator, page_settings
from web.asking import HOOK, STATIC, Web, ended, opened_web

from .wire import missing

MakeWeb = Callable[..., Web]
#: The only peer that the test client has, unless another is named.
PEER = "127.0.0.1"
#: A token that may serve where the world can try, and settings with which it can.
LONG = "an-api-token-of-some-length"
PUBLIC = {"public_url": "https://harvest.example.org", "api_tokens": LONG}


@pytest.fixture
def make_web(sqlite_url: str) -> Iterator[MakeWeb]:
    """Build the application, its page set up; the arguments are settings."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(opened_web(sqlite_url, **page_settings(), **settings))


def _from(peer: str, *forwarded: str, host: str = "127.0.0.1:8000") -> dict[str, Any]:
    """Give what the test client is to say of who asks, and through which proxies."""
    headers = {"Host": host} | ({"X-Forwarded-For": ", ".join(forwarded)} if forwarded else {})
    return {"headers": headers, "environ_overrides": {"REMOTE_ADDR": peer}}


LOCAL = ("localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:8000", "127.9.9.9", "[::1]:8000", "::1")
FOREIGN = (
    "evil.example",
    "evil.example:8000",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.example@127.0.0.1",
    "10.0.0.1",
    "[::2]",
    "",
)


@pytest.mark.parametrize("host", FOREIGN)
def test_counts_are_not_shown_to_a_page_that_found_its_way_to_this_machine(
    make_web: MakeWeb, host: str
) -> None:
    """A browser here that asks for somebody else's name has come by rebound DNS."""
    web = make_web()
    assert web.get("/metrics", token=None, **_from(PEER, host=host)).status_code in (400, 401)
    for local in LOCAL:
        for peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
            assert web.get("/metrics", token=None, **_from(peer, host=local)).status_code == 200, local


@pytest.mark.parametrize("trusted", [0, 1, 2])
def test_counts_are_not_shown_through_a_proxy_on_this_machine(make_web: MakeWeb, trusted: int) -> None:
    web = make_web(trusted_proxies=trusted)
    for said in (["127.0.0.1"], ["127.0.0.1"] * 2, ["127.0.0.1"] * 3, ["::1", "192.0.2.7"]):
        assert web.get("/metrics", token=None, **_from(PEER, *said)).status_code == 401
    assert web.get("/metrics", token=None, **_from("192.0.2.7")).status_code == 401
    assert web.get("/metrics", token=None, **_from("")).status_code == 401
    assert web.get("/metrics", token=None, **_from("not an address")).status_code == 401


def _tries(web: Web, *forwarded: str, host: str = "localhost") -> int:
    """Give the status of one wrong password from there."""
    operator = Operator(web)
    operator.http.environ_base["HTTP_HOST"] = host
    if forwarded:
        operator.http.environ_base["HTTP_X_FORWARDED_FOR"] = ", ".join(forwarded)
    return int(operator.sign_in("wrong").status_code)


def test_a_forged_address_does_not_get_around_the_limit_of_tries(make_web: MakeWeb) -> None:
    """Without proxies the header is nothing; with one, only what that proxy itself has added counts."""
    web = make_web()
    found = [_tries(web, f"198.51.100.{number}") for number in range(12)]
    assert 429 in found
    assert found[0] == 401


def test_behind_a_proxy_each_address_has_its_own_tries(make_web: MakeWeb) -> None:
    """The entry that our proxy added names the caller; the ones before it he wrote himself."""
    web = make_web(trusted_proxies=1)
    mine = [_tries(web, f"203.0.113.{number}", "198.51.100.9:4711") for number in range(12)]
    assert 429 in mine
    assert _tries(web, "198.51.100.9", "198.51.100.8") == 401
    assert _tries(web, "198.51.100.8", "198.51.100.9") == 429


ALLOWED = ("192.0.2.0/28", "2001:db8::/64")


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "let_in"),
    [
        (0, "192.0.2.7", (), True),
        (0, "::ffff:192.0.2.7", (), True),
        (0, "2001:db8::7", (), True),
        (0, "192.0.2.77", (), False),
        (0, "", (), False),
        (0, PEER, ("192.0.2.7",), False),
        (1, PEER, ("192.0.2.7",), True),
        (1, PEER, ("192.0.2.7:4711",), True),
        (1, PEER, ("[2001:db8::7]:4711",), True),
        (1, PEER, ("192.0.2.7", "198.51.100.9"), False),
        (1, PEER, ("198.51.100.9", "192.0.2.7"), True),
        (1, PEER, ("nonsense",), False),
        (1, PEER, (), False),
        (2, PEER, ("192.0.2.7", "10.0.0.1"), True),
        (2, PEER, ("192.0.2.7", "198.51.100.9", "10.0.0.1"), False),
        (2, "192.0.2.7", ("192.0.2.7",), True),
    ],
)
def test_a_webhook_from_an_address_that_is_not_listed_is_refused_unread(
    make_web: MakeWeb, trusted: int, peer: str, forwarded: tuple[str, ...], let_in: bool
) -> None:
    """Whatever it proves: of who is not let in, neither token nor body is looked at, and nothing is kept."""
    web = make_web(trusted_proxies=trusted, apify_webhook_ips=",".join(ALLOWED), apify_webhook_token=STATIC)
    how = _from(peer, *forwarded)
    before = web.counts()
    told = web.ask("POST", HOOK, token=STATIC, json=ended(event="TEST"), **how)
    if let_in:
        assert (told.status_code, told.json["outcome"]) == (200, "ignored")
        return
    wrong = web.ask("POST", HOOK, token="wrong", data=b"x" * 300_000, **how)
    for answer in (told, wrong):
        assert (answer.status_code, answer.json["code"]) == (403, "address_not_allowed")
    assert web.counts() == before
    assert web.get(HOOK, token=None, **how).status_code == 200


HOSTS = ("evil.example", "evil.example:1", "evil/x", "evil@x", "an evil one", "evil\xff", "evil" * 80, "")


@pytest.mark.parametrize("host", HOSTS)
def test_nothing_is_made_of_the_host_header(make_web: MakeWeb, host: str) -> None:
    """No answer leads there: not in a body, a redirect, a cookie; what we tell of ourselves is PUBLIC_URL."""
    web = make_web(**PUBLIC)
    asked = [
        ("GET", path) for path in ("/", "/login", "//", "/login/", "/api/runs", "/openapi.json", "/nothing")
    ]
    asked += [("POST", path) for path in ("/login", "/logout", "/api/apify/process-client", HOOK)]
    for method, path in asked:
        headers = {"Host": host, "Accept": "text/html", "Authorization": f"Bearer {LONG}"}
        answer = web.http.open(path, method=method, headers=headers)
        assert answer.status_code < 500
        location = answer.headers.get("Location", "/")
        assert re.match("/(?!/)", location), location
        told = answer.text.replace("https://harvest.example.org", "") + str(answer.headers)
        assert "evil" not in told, path


def _every_answer(web: Web) -> Iterator[tuple[str, Any]]:
    """Ask every route by every method, as a stranger, as who may, and wrongly."""
    operator = Operator(web)
    operator.sign_in()
    for rule in web.app.url_map.iter_rules():
        path = re.sub("<[^>]+>", "1", rule.rule)
        for method in ("GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE"):
            yield f"{method} {path}", web.http.open(path, method=method)
            if path not in ("/login", "/logout"):
                yield f"{method} {path} signed in", operator.http.open(path, method=method)
            if rule.methods and method in rule.methods:
                yield f"{method} {path} with a token", web.ask(method, path, token=LONG)


def test_every_answer_has_headers_against_frames_scripts_and_guesses(make_web: MakeWeb) -> None:
    """Whatever the route, the method and the status."""
    web = make_web(**PUBLIC)

    @web.app.get("/api/broken")
    def broken() -> str:
        raise RuntimeError("broken")

    found = list(_every_answer(web))
    found += [("too large", web.post("/api/apify/run", {"clientId": "x" * 70_000}, token=LONG))]
    assert {200, 302, 400, 401, 404, 405, 413, 500} <= {answer.status_code for _, answer in found}
    for what, answer in found:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        assert not missing(headers), what
        assert headers["strict-transport-security"] == "max-age=31536000"
        if " /api" in what:
            assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_without_https_no_browser_is_told_to_insist_on_it(make_web: MakeWeb) -> None:
    assert "Strict-Transport-Security" not in make_web().get("/healthz").headers
