"""Tokens of the API: who is let in, whatever is made, exchanged and taken back in whatever order."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from factories import FakeClock, make_client, make_run, on_one_ledger
from hypothesis import given
from hypothesis import strategies as st
from simultaneous import at_once
from web.asking import Web, locked, opened_web

from harvester import log
from harvester.errors import InvalidInput
from harvester.ledger import Ledger, activity, api_tokens, tables
from services.api_tokens import ApiTokens, TokenRefused, UnknownToken
from services.kickoff import UnknownClient

_DEEDS = st.lists(
    st.tuples(
        st.sampled_from(
            ["create", "create for an hour", "rotate", "rotate at once", "revoke", "wait", "wait long"]
        ),
        st.integers(0, 3),
    ),
    max_size=14,
)
_HOUR = timedelta(hours=1)


@dataclass
class _Expected:
    """A token as people think of it: its secrets, each with the time until when it is good."""

    token_id: str
    until: datetime
    secrets: dict[str, datetime] = field(default_factory=dict)

    def good(self, now: datetime) -> set[str]:
        return {text for text, until in self.secrets.items() if now < min(until, self.until)}


class _Office:
    """Does things to tokens, and knows what must come of them."""

    def __init__(self, ledger: Ledger) -> None:
        self.clock = FakeClock()
        self.tokens = ApiTokens(ledger, self.clock)
        self.made: list[_Expected] = []
        self._names = iter(lambda: uuid.uuid4().hex, "")

    def do(self, deed: str, which: int) -> None:
        now, forever = self.clock.now, datetime.max.replace(tzinfo=self.clock.now.tzinfo)
        if deed.startswith("wait"):
            self.clock.advance(minutes=120 if deed == "wait long" else 29)
        elif deed.startswith("create"):
            lasts = _HOUR if deed.endswith("hour") else None
            token, text = self.tokens.create(next(self._names), lasts=lasts, by="t")
            self.made.append(_Expected(token.id, now + lasts if lasts else forever, {text: forever}))
        elif which < len(self.made) and deed == "revoke":
            self.tokens.revoke(self.made[which].token_id, by="t")
            self.made[which].until = now
        elif which < len(self.made):
            self._rotate(self.made[which], timedelta(0) if deed.endswith("once") else _HOUR)

    def _rotate(self, one: _Expected, overlap: timedelta) -> None:
        now = self.clock.now
        if not now < one.until:
            with pytest.raises(TokenRefused):
                self.tokens.rotate(one.token_id, overlap=overlap, by="t")
            return
        newest = list(one.secrets)[-1]
        _, text = self.tokens.rotate(one.token_id, overlap=overlap, by="t")
        one.secrets = dict.fromkeys(one.secrets, now) | {newest: now + overlap}
        one.secrets[text] = datetime.max.replace(tzinfo=now.tzinfo)

    def check(self) -> None:
        for one in self.made:
            for text in one.secrets:
                borne = self.tokens.borne(f"Bearer {text}")
                assert (borne is not None) == (text in one.good(self.clock.now))
                assert borne is None or borne.id == one.token_id


@on_one_ledger
@given(deeds=_DEEDS)
def test_a_token_that_is_over_lets_nobody_in(ledger: Ledger, deeds: list[tuple[str, int]]) -> None:
    """Expired, revoked, rotated away twice, or after its hour: whatever came before."""
    office = _Office(ledger)
    office.do("create", 0)
    for deed, which in deeds:
        office.do(deed, which)
        office.check()


@on_one_ledger
@given(at=st.integers(0, 80), text=st.text(max_size=3))
def test_any_other_text_is_no_token(ledger: Ledger, at: int, text: str) -> None:
    office = _Office(ledger)
    office.do("create", 0)
    (good,) = office.made[0].secrets
    for changed in (good[:at] + text + good[at:], good[:at] + text + good[at + 1 :], good[:at], text):
        if changed != good:
            assert office.tokens.borne(f"Bearer {changed}") is None
    for header in (good, f"Basic {good}", f"Bearer {good} {good}", f"Bearer {good}, Bearer {good}", None, ""):
        assert office.tokens.borne(header) is None


def test_a_secret_is_kept_nowhere(ledger: Ledger, clock: FakeClock, lines: pytest.LogCaptureFixture) -> None:
    tokens = ApiTokens(ledger, clock)
    token, first = tokens.create("Make.com", by="Ann")
    _, second = tokens.rotate(token.id, overlap=_HOUR, by="Ann")
    tokens.revoke(token.id, by="Bob")
    with ledger.read() as tx:
        kept = str([tx.execute(table.select()).all() for table in tables.metadata.sorted_tables])
        told, _ = activity.page(tx, limit=9)
        row = api_tokens.get(tx, token.id)
    assert row is not None
    shown = kept + lines.text + repr(row) + repr(tokens) + repr(tokens.every())
    for text in (first, second):
        assert text[16:] not in shown
        assert text[16:] not in log.redact(f"sent {text!r} and %22{text}%22")
    assert row.digest not in repr(row)
    assert [(line["operation"], line["source"]) for line in told] == [
        ("revoke token", "Bob"),
        ("rotate token", "Ann"),
        ("create token", "Ann"),
    ]
    assert all(f"Make.com ({token.id})" in line["detail"] for line in told)


def test_what_makes_no_sense_is_refused(ledger: Ledger, clock: FakeClock) -> None:
    tokens = ApiTokens(ledger, clock)
    make_client(ledger, "Ada")
    for name in ("", " \n", "x" * 61):
        with pytest.raises(InvalidInput):
            tokens.create(name, by="t")
    for client_id, error in (("Bo", UnknownClient), ("ada", UnknownClient), ("A d", InvalidInput)):
        with pytest.raises(error):
            tokens.create("n", client_id=client_id, by="t")
    with pytest.raises(UnknownToken):
        tokens.revoke("nobody", by="t")
    assert tokens.every() == []
    made, _ = tokens.create("n\x1b[31m\nm", client_id="Ada", lasts=_HOUR, by="t")
    assert "\x1b" not in made.name
    with pytest.raises(TokenRefused):
        tokens.create(made.name, by="t")
    clock.advance(hours=1)
    tokens.create(made.name, by="t")


def test_two_that_are_made_at_once_have_two_names(postgres_ledger: Ledger, clock: FakeClock) -> None:
    tokens = ApiTokens(postgres_ledger, clock)

    def make() -> str:
        try:
            return tokens.create("one name", by="t")[0].name
        except TokenRefused:
            return "refused"

    assert sorted(at_once([make] * 4)) == ["one name", "refused", "refused", "refused"]


def test_the_last_use_is_written_every_ten_minutes_and_may_be_lost(ledger: Ledger, clock: FakeClock) -> None:
    tokens = ApiTokens(ledger, clock)
    _, text = tokens.create("n", by="t")
    seen = []
    for _ in range(5):
        borne = tokens.borne(f"Bearer {text}")
        assert borne is not None
        tokens.used(borne)
        (shown,) = tokens.every()
        seen.append(shown["lastUsedAt"])
        clock.advance(minutes=5)
    hour = "2026-11-22T05"
    assert seen == [f"{hour}:00:00Z", f"{hour}:00:00Z", f"{hour}:10:00Z", f"{hour}:10:00Z", f"{hour}:20:00Z"]


def test_who_reads_is_answered_while_nothing_can_be_written(sqlite_url: str) -> None:
    with opened_web(sqlite_url) as web:
        _, text = web.services.api_tokens.create("n", by="t")
        with locked(web):
            assert web.get("/api/runs", token=text).status_code == 200
        assert _last_use(web) is None
        assert web.get("/api/runs", token=text).status_code == 200
        assert _last_use(web) is not None


def test_a_client_s_own_run_is_found_under_any_name_that_ids_may_have(sqlite_url: str) -> None:
    """`A` is none of `A-B`, whose client run IDs begin like its own."""
    names = ("A", "a", "A-B", "A-B-C", "AB")
    with opened_web(sqlite_url) as web:
        tokens = {}
        for name in names:
            make_client(web.ledger, name)
            make_run(web.ledger, [], client_id=name)
            tokens[name] = web.services.api_tokens.create(name, client_id=name, by="t")[1]
        for name, token in tokens.items():
            for other in names:
                answer = web.get(f"/api/runs/261122-050000-{other}", token=token)
                assert answer.status_code == (200 if other == name else 403)


def _last_use(web: Web) -> object:
    (shown,) = web.services.api_tokens.every()
    return shown["lastUsedAt"]
