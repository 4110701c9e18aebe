"""A whole harvest with real processes and real failures, every log at DEBUG: no secret comes out anywhere."""

from __future__ import annotations

import base64
import http.cookiejar
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from cli.processes import HARVESTER
from flow.stage import FINAL, Answer
from web.asking import opened_web

from .canaries import canary, found
from .leak_house import CLIENT, LeakHouse, leak_house

_HIDDEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="csrf_token"')
#: What is asked of Apify and goes wrong, often enough that each step meets it.
_FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "server-error", "path": "/v2/actors/*", "times": 1},
    {"kind": "refused", "path": "/v2/actor-runs/*", "status": 401, "times": 2},
    {"kind": "server-error", "path": "/v2/datasets/*", "times": 2},
    {"kind": "truncated", "path": "/v2/datasets/*", "times": 1},
    {"kind": "answer-lost", "path": "/v2/datasets/*", "times": 1},
)
_COMMANDS = (
    "status",
    "clients list --json",
    f"clients show {CLIENT}",
    f"leads list --client {CLIENT}",
    "runs",
    "runs RUN --coverage",
    "logs RUN",
    "jobs",
    "posts --format csv",
    "posts --format jsonl",
    "deliveries",
    "costs",
    "alerts",
    "dead-letters list",
    "schedule",
    "check",
    "reconcile",
    "airtable check",
    "doctor",
    "doctor --json",
    "migrate",
    "backup var/backup.db",
    "tokens list --json",
    "kickoff Nobody-Here",
    "replay 999999",
)


class Browser:
    """An operator's browser: it keeps cookies, and sends forms back with what the pages put into them."""

    def __init__(self, house: LeakHouse) -> None:
        self._house = house
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))

    def open(self, path: str, fields: dict[str, str] | None = None) -> str:
        """Open a page, or send it a form; keep all of the answer but the cookie that it sets."""
        data = None if fields is None else urllib.parse.urlencode(fields).encode()
        asked = urllib.request.Request(self._house.url + path, data=data, headers={"Accept": "text/html"})
        try:
            answer = self._opener.open(asked, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            body = answer.read()
            told = [f"{name}: {value}" for name, value in answer.headers.items() if name != "Set-Cookie"]
            self._house.places.append((f"page {path}", "\n".join(told).encode() + body))
        return str(body.decode())

    def sign_in(self, password: str) -> None:
        """Send the form of the way in."""
        hidden = _HIDDEN.search(self.open("/login"))
        assert hidden is not None
        token = unescape(hidden.group(1) or hidden.group(2))
        self.open("/login", {"name": "Ann", "password": password, "csrf_token": token})

    def cookie(self) -> str:
        """Give what the browser keeps."""
        (kept,) = self._cookies
        return str(kept.value)


def _harvest(house: LeakHouse) -> str:
    """Kick the client off, as soon as Airtable tells of it, and wait for its end."""

    def accepted() -> Answer | None:
        answer = house.ask("POST", "/api/apify/process-client", {"clientId": CLIENT})
        assert answer.status in (202, 503), answer
        return answer if answer.status == 202 else None

    full_id = str(house.until(accepted).json["clientRunId"])
    house.until(lambda: house.run(full_id)["status"] in FINAL, 90)
    return full_id


def _failures(house: LeakHouse) -> None:
    """Ask for what is refused, with secrets at hand where they do not belong."""
    kickoff, hook = "/api/apify/process-client", "/api/apify-webhook"
    for token in (None, "wrong", house.secrets["WEBHOOK_SECRETS"], house.secrets["APIFY_TOKEN"]):
        house.ask("POST", kickoff, {"clientId": CLIENT}, token=token)
        house.ask("POST", hook, {"resource": {"id": "AbCdEfGhIjKlMnOpQ"}}, token=token)
        house.ask("GET", "/metrics", token=token)
    house.ask("POST", hook, b"{", token=house.secrets["APIFY_WEBHOOK_TOKEN"])
    house.ask("POST", hook, {"resource": {"id": "nobodys"}}, token=house.secrets["APIFY_WEBHOOK_TOKEN"])
    house.ask("POST", kickoff, b"\xff{", token=house.secrets["API_TOKENS"])
    house.ask("POST", kickoff, {"clientId": "Nobody"}, x_api_key=house.secrets["API_TOKENS of before"])
    house.ask("GET", "/api/runs/nothing-of-this", token=house.secrets["API_TOKENS of before"])


def _token_of_the_ledger(house: LeakHouse) -> str:
    """Have a token made, which is printed once, and use it, also where it may not be used."""
    code, told = house.processes.run(
        *HARVESTER, "tokens", "create", "--name", "A canary", "--scope", "read", environ=house.environ
    )
    made = re.search(r"ph_\w+_[\w-]+", told)
    assert (code, bool(made)) == (0, True), told
    house.printed_on_purpose()
    token = str(made and made.group())
    assert house.ask("GET", "/api/runs", token=token).status == 200
    assert house.ask("POST", "/api/apify/process-client", {"clientId": CLIENT}, token=token).status == 403
    assert house.ask("GET", "/api/runs", token=token[:-1]).status == 401
    return token


def _paths(house: LeakHouse, full_id: str) -> list[str]:
    """Give every path that GET is answered at, the names in it filled in."""
    with opened_web("sqlite:///" + str(house.folder / "for-its-routes.db")) as web:
        rules = {rule.rule for rule in web.app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    deliveries = house.ask("GET", "/api/deliveries", keep=False).json["deliveries"]
    posts = house.ask("GET", "/api/posts", keep=False).json["posts"]
    named = {"clients": CLIENT, "runs": full_id, "jobs": full_id[:13], "deliveries": deliveries[0]["id"]}
    named |= {"posts": posts[0]["id"], "dead-letters": 1, "stories": full_id, "static": "style.css"}
    return sorted(
        re.sub(r"/([\w-]+)/<[^>]+>", lambda m: f"/{m[1]}/{named.get(m[1], 1)}", one) for one in rules
    )


def _look_around(house: LeakHouse, full_id: str) -> Browser:
    """Look at every page and every list, signed in and not."""
    browser = Browser(house)
    browser.sign_in("not the " + "password")
    browser.sign_in(house.secrets["password of the operator"])
    for path in _paths(house, full_id):
        if path.startswith(("/api", "/metrics", "/openapi", "/healthz", "/readyz")):
            house.ask("GET", path)
            house.ask("GET", path, token=None)
        else:
            browser.open(path)
    return browser


def _commands(house: LeakHouse, full_id: str) -> None:
    """Run all that read, and some that fail."""
    told = house.commands(*(words.replace("RUN", full_id) for words in _COMMANDS))
    ends = dict(re.findall(r"^== (.+): (\d+)$", told, re.MULTILINE))
    assert len(ends) == len(_COMMANDS), told
    assert ends["backup var/backup.db"] == ends["doctor --json"] == "0", told


def _broken_settings(house: LeakHouse) -> None:
    """Start with settings that cannot be used, and with dependencies that are not there."""
    broken = [
        {"API_TOKENS": house.secrets["API_TOKENS"] + ",,"},
        {"DATABASE_URL": f"postgresql://u:{house.secrets['password of DATABASE_URL']}@127.0.0.1:9/x"},
        {"DATABASE_URL": f"postgresql://127.0.0.1:9/x?password={house.secrets['password of DATABASE_URL']}"},
        {"QUEUE_URL": f"redis://:{house.secrets['password of DATABASE_URL']}@127.0.0.1:9/0"},
        {"APIFY_API_URL": "http://127.0.0.1:9", "AIRTABLE_API_URL": "http://127.0.0.1:9"},
    ]
    started = [house.start("doctor", "status", environ=house.environ | one) for one in broken]
    for one in started:
        one.wait(60)
        assert one.output


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_no_secret_comes_out_of_a_whole_harvest_with_failures(ledger_url: str, tmp_path: Path) -> None:
    """In no encoding: not in logs, answers, pages, commands, ledger, Airtable, backups, traces, alerts."""
    (tmp_path / "var").mkdir()
    with leak_house(tmp_path, ledger_url) as house:
        for fault in _FAULTS:
            house.apify.inject(**fault)
        house.airtable.inject("unauthorized", times=1)
        house.airtable.inject("bad-gateway", times=2)
        _failures(house)
        full_id = _harvest(house)
        house.apify.faults = []
        house.apify.inject("run-fail", times=None)
        house.until(lambda: house.ask("GET", "/api/posts", keep=False).json["posts"])
        _harvest_by_hand(house)
        handed_out = _token_of_the_ledger(house)
        browser = _look_around(house, full_id)
        _commands(house, full_id)
        _broken_settings(house)
        house.until(lambda: house.alerts.told, 40)
        house.until(lambda: house.collector.bodies, 20)
        secrets = house.secrets | house.webhook_tokens() | {"session cookie": browser.cookie()}
        secrets["token of the ledger"] = handed_out.split("_", 2)[2]
        assert len(secrets) > 15
        places = house.everything()
        assert not found(secrets, places)
        seen = b"".join(content for _, content in places)
        assert full_id.encode() in seen
        assert b"DEBUG" in seen, "the logs have everything that is told"


def _harvest_by_hand(house: LeakHouse) -> None:
    """Harvest profiles that are named: every actor run fails."""
    body = {"clientId": CLIENT, "targetUrls": ["https://www.linkedin.com/in/ada-one"], "maxPosts": 1}
    answer = house.ask("POST", "/api/apify/run", body)
    assert answer.status == 202, answer
    house.until(lambda: house.run(answer.json["clientRunId"])["status"] in FINAL, 60)


def test_a_canary_is_found_in_every_form_in_which_it_may_get_out() -> None:
    """Else the test above would find nothing, whatever leaks."""
    secret = canary("api")
    half = len(secret) // 2
    leaks = [
        secret,
        secret[::-1],
        secret[half:] + secret[:half],
        secret[:half],
        urllib.parse.quote(secret),
        json.dumps({"x": secret}),
        secret.encode().hex(),
        base64.b64encode(f"user:{secret}".encode()).decode(),
        base64.b64encode(f"a-user:{secret} and more".encode()).decode(),
        base64.urlsafe_b64encode(f"me:{secret}!".encode()).decode(),
    ]
    for leak in leaks:
        assert found({"it": secret}, [("here", f"before {leak} after".encode())]), leak
    assert not found({"it": secret}, [("here", canary("api").encode())])
