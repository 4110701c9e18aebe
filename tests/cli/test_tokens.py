"""Tokens of the API: made, exchanged and taken back by commands, and told of once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from factories import make_client
from web.asking import opened_web

from harvester.ledger import Ledger, activity

from .conftest import Harvester

Shown = Callable[..., Any]
_TOKEN = re.compile(r"ph_[a-z0-9]{12}_[\w-]{43}")


def test_a_token_is_told_once_alone_on_stdout(harvester: Harvester, shown: Shown, ledger: Ledger) -> None:
    make_client(ledger, "Ada")
    options = ("--scope", "read", "--client", "Ada", "--days", "90")
    made = harvester("tokens", "create", "--name", "Make.com", *options)
    text = made.stdout.strip()
    assert _TOKEN.fullmatch(text)
    assert "may read, for Ada" in made.stderr
    assert text not in made.stderr
    (told,) = shown("tokens", "list")
    assert (told["name"], told["scopes"], told["clientId"], told["state"]) == (
        "Make.com",
        ["read"],
        "Ada",
        "good",
    )
    lasts = datetime.fromisoformat(told["expiresAt"]) - datetime.fromisoformat(told["createdAt"])
    assert lasts.days == 90
    assert told["id"] == text[3:15]
    for output in (harvester("tokens", "list").stdout, str(told), harvester("alerts").output):
        assert text[16:] not in output


def test_exchanged_and_taken_back_a_token_works_as_is_told(
    harvester: Harvester, shown: Shown, ledger: Ledger, sqlite_url: str
) -> None:
    first = harvester("tokens", "create", "--name", "n").stdout.strip()
    token_id = first[3:15]
    second = harvester("tokens", "rotate", token_id).stdout.strip()
    with opened_web(sqlite_url) as web:

        def status(text: str) -> int:
            return int(web.get("/api/runs", token=text).status_code)

        assert (status(first), status(second)) == (200, 200)
        third = harvester("tokens", "rotate", token_id, "--hours", "0").stdout.strip()
        assert [status(text) for text in (first, second, third)] == [401, 401, 200]
        harvester("tokens", "revoke", token_id)
        assert status(third) == 401
    assert "was revoked before" in harvester("tokens", "revoke", token_id).output
    assert "is revoked" in harvester("tokens", "rotate", token_id, code=3).stderr
    (told,) = shown("tokens", "list")
    assert told["state"] == "revoked"
    assert told["lastUsedAt"] is not None
    with ledger.read() as tx:
        lines, _ = activity.page(tx, limit=9)
    assert [line["operation"] for line in lines] == [
        "revoke token",
        "rotate token",
        "rotate token",
        "create token",
    ]
    assert {line["source"] for line in lines} == {"command line"}


def test_what_is_wrong_is_told_in_a_line(harvester: Harvester, shown: Shown) -> None:
    assert (
        "there is no client Nobody"
        in harvester("tokens", "create", "--name", "n", "--client", "Nobody", code=1).stderr
    )
    assert "1 to 60 characters" in harvester("tokens", "create", "--name", " ", code=2).stderr
    harvester("tokens", "create", "--name", "n", "--scope", "write", code=2)
    harvester("tokens", "create", "--name", "n", "--client", "", code=2)
    harvester("tokens", "create", "--name", "n", "--days", "0", code=2)
    assert shown("tokens", "list") == []
    harvester("tokens", "create", "--name", "n")
    assert "a token has the name 'n'" in harvester("tokens", "create", "--name", "n", code=3).stderr
    assert "there is no token" in harvester("tokens", "revoke", "x", code=1).stderr
    assert "there is no token" in harvester("tokens", "rotate", "x", code=1).stderr
