"""The webhook over HTTP: who is let in, what is kept, what is answered."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simultaneous import at_once

from harvester.ledger import tables
from harvester.models import ActorRunState

from .asking import HOOK, STATIC, Asked, Web, ended, locked
from .conftest import MakeWeb

RUN_ID = "AbCdEfGhIjKlMnOpQ"


def test_the_path_says_that_it_is_there(web: Web) -> None:
    answer = web.get(HOOK, token=None)
    assert (answer.status_code, answer.json) == (200, {"ok": True, "status": "ready"})


@pytest.mark.parametrize("event", ["SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT", "RESURRECTED"])
def test_the_end_of_our_run_is_accepted(any_web: Web, event: str) -> None:
    run = any_web.at_work()
    answer = any_web.hook(ended(event=f"ACTOR.RUN.{event}"), token=any_web.sign(run), dispatch="d" * 17)
    assert (answer.status_code, answer.json) == (200, {"ok": True, "outcome": "accepted"})
    (kept,) = any_web.get("/api/deliveries").json["deliveries"]
    assert kept["dispatchId"] == "d" * 17
    assert kept["eventType"] == f"ACTOR.RUN.{event}"
    assert (kept["actorRunId"], kept["clientId"], kept["outcome"]) == (RUN_ID, "Guy-Wilson", "accepted")
    woken = any_web.row(run.id)
    assert woken.wakes == 1
    assert woken.next_check_at is not None
    assert woken.state is ActorRunState.RUNNING, "the webhook itself moves nothing"


def test_whose_token_it_must_be(any_web: Web) -> None:
    own = any_web.at_work("First", "FirstRunFirstRun1")
    other = any_web.at_work("Second", "SecondRunSecondR2")
    good = any_web.sign(own)
    forged = [
        None,
        "",
        "x" * 8_192,
        "ph1",
        good[:-1],
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good.upper(),
        good + "=",
        good.replace(".First.", ".Second."),
        good.replace(own.marker, other.marker),
        any_web.sign(other),
        any_web.sign(own, client_id="Second"),
        any_web.sign(other, client_id="First"),
        "test-api-token",
        "apify_api_ThisIsATestToken0123456789",
        STATIC,
    ]
    before = any_web.counts()
    for token in forged:
        answer = any_web.hook(ended(own.apify_run_id or ""), token=token)
        assert (answer.status_code, answer.json["code"]) == (401, "unauthorized"), token
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    for header in ("Basic " + good, good, f"Bearer {good} {good}", "Bearer é" + good, "Bearer\t" + good):
        told = {"Authorization": header}
        answer = any_web.ask("POST", HOOK, token=None, json=ended("FirstRunFirstRun1"), headers=told)
        assert answer.status_code == 401, header
    query = any_web.ask("POST", f"{HOOK}?token={good}", token=None, json=ended("FirstRunFirstRun1"))
    assert query.status_code == 401
    assert any_web.counts() == before
    assert any_web.row(own.id).wakes == 0
    assert any_web.hook(ended("FirstRunFirstRun1"), token=good).json["outcome"] == "accepted"


def test_a_token_in_two_headers_is_none(web: Web) -> None:
    run = web.at_work()
    headers = [("Authorization", "Bearer wrong"), ("Authorization", f"Bearer {web.sign(run)}")]
    assert web.http.post(HOOK, json=ended(), headers=headers).status_code == 401


def test_a_token_of_a_retired_key_still_works(make_web: MakeWeb) -> None:
    old = make_web(webhook_secrets="the-first-key-of-more-than-32-bytes-1")
    run = old.at_work()
    token = old.sign(run)
    both = ",".join(f"the-{nth}-key-of-more-than-32-bytes-1" for nth in ("second", "first"))
    assert make_web(webhook_secrets=both).hook(ended(), token=token).status_code == 200
    only = make_web(webhook_secrets="the-second-key-of-more-than-32-bytes-1")
    assert only.hook(ended(), token=token).status_code == 401


def test_a_token_is_not_for_another_run_of_the_account(web: Web) -> None:
    """Once we know which run is ours, the token speaks for that one alone."""
    run = web.at_work()
    assert web.hook(ended("SomebodyElses1234"), token=web.sign(run)).status_code == 401
    assert web.count("deliveries") == 0


def test_an_earlier_attempt_that_was_lost_may_still_report(web: Web) -> None:
    run = web.at_work()
    late = web.hook(ended("AnEarlierAttempt1"), token=web.sign(run, attempt=0))
    assert (late.status_code, late.json["outcome"]) == (200, "accepted")


def test_the_static_token_works_only_when_it_is_set(make_web: MakeWeb) -> None:
    without = make_web()
    run = without.at_work()
    assert without.hook(ended(), token=STATIC).status_code == 401
    assert without.count("deliveries") == 0
    with_it = make_web(apify_webhook_token=STATIC)
    assert with_it.hook(ended(), token=STATIC).json["outcome"] == "accepted"
    assert with_it.row(run.id).wakes == 1


def test_a_run_that_is_not_ours_is_kept_for_a_person(make_web: MakeWeb) -> None:
    web = make_web(apify_webhook_token=STATIC)
    before = web.counts()
    answer = web.hook(ended("SomebodyElses1234"), token=STATIC)
    assert (answer.status_code, answer.json["outcome"]) == (200, "unknown_run")
    assert web.counts() == {**before, "deliveries": 1}
    (kept,) = web.get("/api/deliveries?outcome=unknown_run").json["deliveries"]
    assert (kept["actorRunId"], kept["clientId"]) == ("SomebodyElses1234", None)


@pytest.mark.parametrize(
    "body",
    [
        {"eventType": "TEST", "eventData": None, "resource": {"note": "a test"}},
        {"eventType": "TEST"},
        ended(event="ACTOR.RUN.CREATED"),
        ended(event="ACTOR.BUILD.SUCCEEDED"),
        ended(event="SOMETHING.NEW"),
        ended(event="actor.run.succeeded"),
    ],
)
def test_what_is_of_no_concern_is_ignored(make_web: MakeWeb, body: dict[str, Any]) -> None:
    web = make_web(apify_webhook_token=STATIC)
    run = web.at_work()
    for token in (STATIC, web.sign(run)):
        answer = web.hook(body, token=token, dispatch=f"dispatch{len(token):09}")
        assert (answer.status_code, answer.json["outcome"]) == (200, "ignored")
    assert web.row(run.id).wakes == 0
    assert web.count("deliveries") == 2


def test_a_dispatch_is_kept_once(any_web: Web) -> None:
    run = any_web.at_work()
    token = any_web.sign(run)
    outcomes = [
        any_web.hook(ended(), token=token, dispatch=dispatch).json["outcome"]
        for dispatch in ("first", "first", "second", "first", "second")
    ]
    assert outcomes == ["accepted", "duplicate", "accepted", "duplicate", "duplicate"]
    assert any_web.count("deliveries") == 2
    assert any_web.row(run.id).wakes == 2


def test_deliveries_that_come_at_once_are_answered_as_if_one_by_one(
    any_web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    """They share a commit: one dispatch in it twice is kept once, and one that is refused spoils no other."""
    runs = [any_web.at_work(f"Client-{n}", f"AbCdEfGhIjKlMn{n:03}") for n in range(4)]
    tokens = [any_web.sign(run) for run in runs]
    with any_web.ledger.write() as tx:
        tx.execute(tables.client_runs.delete().where(tables.client_runs.c.client_id == "Client-3"))

    def call(n: int, dispatch: str, token: str) -> tuple[int, str]:
        client = any_web.app.test_client()
        headers = {"Authorization": f"Bearer {token}", "X-Apify-Webhook-Dispatch-Id": dispatch}
        answer: Asked = client.post(HOOK, json=ended(f"AbCdEfGhIjKlMn{n:03}"), headers=headers)
        return answer.status_code, answer.json.get("outcome") or answer.json["code"]

    same = [partial(call, 0, "same", tokens[0])] * 6
    own = [partial(call, n, f"own-{n}", tokens[n]) for n in range(4)]
    foreign = [partial(call, n, f"foreign-{n}", tokens[(n + 1) % 4]) for n in range(4)]
    told = at_once([*same, *own, *foreign])
    assert sorted(told[:6]) == [(200, "accepted"), *[(200, "duplicate")] * 5]
    assert told[6:] == [(200, "accepted")] * 4 + [(401, "unauthorized")] * 4
    assert [any_web.row(run.id).wakes for run in runs] == [2, 1, 1, 1]
    missing = [record for record in caplog.records if "Client run record not found" in record.getMessage()]
    assert [record.levelname for record in missing] == ["ERROR"]


@pytest.mark.parametrize("dispatch", [None, "", "é", "a b", "x" * 65, "../etc", "a\tb"])
def test_without_a_dispatch_id_run_event_and_time_tell(web: Web, dispatch: str | None) -> None:
    token = web.sign(web.at_work())

    def outcome(**changes: Any) -> str:
        return str(web.hook({**ended(), **changes}, token=token, dispatch=dispatch).json["outcome"])

    assert [outcome(), outcome(), outcome(userId="somebody else")] == ["accepted", "duplicate", "duplicate"]
    assert outcome(createdAt="2026-11-22T05:09:10.001Z") == "accepted"
    assert outcome(eventType="ACTOR.RUN.FAILED") == "accepted"
    assert web.count("deliveries") == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"7",
        b"{}",
        b'{"eventType": 7}',
        b'{"eventType": ""}',
        b'{"eventType": "ACTOR.RUN.SUCCEEDED"}',
        b'{"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": [], "resource": 7}',
        b'{"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": 7}}',
        b'{"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": "../../etc"}}',
        b'{"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": "a\\nb"}}',
        b'{"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": "a"}, "resource": {"id": "b"}}',
        b'{"eventType": "ACTOR.RUN.SUCCEEDED", "x": NaN}',
        b'{"eventType": "ACTOR.RUN.SUCCEEDED", "x": "\xff"}',
        b"\xef\xbb\xbf{}",
        '{"eventType": "TEST"}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"eventType":' * 20_000,
        b'{"eventType": "ACTOR.RUN.SUCCEEDED", "x": ' + b"9" * 5_000,
    ],
)
def test_a_malformed_body_is_refused(web: Web, body: bytes) -> None:
    run = web.at_work()
    answer = web.hook(body, token=web.sign(run))
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_body")
    assert web.count("deliveries") == 0


def test_huge_numbers_and_odd_text_elsewhere_do_no_harm(any_web: Web) -> None:
    body = ended()
    body["resource"] |= {"n": 10**25, "text": "a\x00b\u2028c", "f": 1e308}
    run = any_web.at_work()
    assert any_web.hook(body, token=any_web.sign(run)).json["outcome"] == "accepted"


def test_half_an_emoji_in_a_status_message_does_no_harm(any_web: Web) -> None:
    """The payload holds the run's status message, which an actor may have cut anywhere."""
    run = any_web.at_work()
    body = b'{"eventType": "ACTOR.RUN.SUCCEEDED", "resource": {"id": "%s", "statusMessage": "\\ud83d"}}'
    answer = any_web.hook(body % RUN_ID.encode(), token=any_web.sign(run))
    assert (answer.status_code, answer.json.get("outcome")) == (200, "accepted")


def test_size(web: Web) -> None:
    token = web.sign(web.at_work())
    most = 256 * 1024
    frame = len(b'{"eventType":"TEST","x":""}')
    fits, too_large = (
        b'{"eventType":"TEST","x":"' + b"x" * (size - frame) + b'"}' for size in (most, most + 1)
    )
    assert len(fits) == most
    assert web.hook(fits, token=token).json["outcome"] == "ignored"
    answer = web.hook(too_large, token=token)
    assert (answer.status_code, answer.json["code"]) == (413, "body_too_large")
    assert web.count("deliveries") == 1


def test_nothing_of_a_stranger_is_read(web: Web) -> None:
    """Not even how large it is: the token comes first."""

    class Untouchable(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

        readline = readinto = read  # type: ignore[assignment]

    answer = web.http.open(HOOK, method="POST", input_stream=Untouchable(), content_length=10**9)
    assert answer.status_code == 401


def test_a_ledger_that_cannot_commit_is_told(web: Web) -> None:
    run = web.at_work()
    with locked(web):
        answer = web.hook(ended(), token=web.sign(run), dispatch="a")
        assert (answer.status_code, answer.json["code"]) == (503, "ledger_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        stranger = web.hook(ended(), token="wrong")
        assert stranger.status_code == 401, "a stranger does not get as far as the ledger"
    assert web.hook(ended(), token=web.sign(run), dispatch="a").json["outcome"] == "accepted"


def test_the_token_is_kept_nowhere(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    run = web.at_work()
    token = web.sign(run)
    web.hook(ended(), token=token, dispatch="a")
    web.hook(ended("x" * 17), token=token, dispatch="b")
    kept = (web.ledger.url.database or "").encode()
    with open(kept, "rb") as file, open(kept + b"-wal", "rb") as wal:
        stored = file.read() + wal.read()
    assert run.marker.encode() in stored, "the ledger is looked into"
    mac = token.rpartition(".")[2]
    assert mac.encode() not in stored
    assert mac not in caplog.text
    assert mac not in web.get("/api/deliveries").text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=8,
)
names = st.sampled_from(["eventType", "eventData", "resource", "actorRunId", "runId", "createdAt", "id"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.dictionaries(names, json_values | st.dictionaries(names, json_values), max_size=5),
    dispatch=st.none() | st.from_regex(r"[!-~]{0,70}", fullmatch=True),
)
def test_no_payload_breaks_anything(web: Web, body: dict[str, Any], dispatch: str | None) -> None:
    if web.count("actor_runs") == 0:
        web.at_work()
    row = web.row(1)
    answer = web.hook(body, token=web.sign(row), dispatch=dispatch)
    assert answer.status_code in (200, 400, 401)
    assert answer.json["ok"] is (answer.status_code == 200)
    assert web.count("client_runs") == 1
    assert web.row(1).apify_run_id == RUN_ID
