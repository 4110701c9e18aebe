"""What holds on every path: who is let in, that answers are JSON, that nothing hostile gets a 5xx."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pages.operator import page_settings

from .asking import HOOK, STATIC, TOKEN, Web, shut
from .conftest import MakeWeb

READING = (
    "/api/runs",
    "/api/runs/261122-050000-Guy-Wilson",
    "/api/jobs/261122-050000",
    "/api/clients",
    "/api/posts",
    "/api/posts.csv",
    "/api/posts.jsonl",
    "/api/comments",
    "/api/reactions",
    "/api/deliveries",
)
WRITING = ("/api/apify/process-client", "/api/apify/run")
STRANGERS: tuple[dict[str, str], ...] = (
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer "},
    {"Authorization": "Bearer wrong"},
    {"Authorization": f"Basic {TOKEN}"},
    {"Authorization": TOKEN},
    {"Authorization": f"Bearer {TOKEN}x"},
    {"Authorization": f"Bearer {TOKEN[:-1]}"},
    {"Authorization": f"Bearer {TOKEN} {TOKEN}"},
    {"Authorization": "Bearer \xe9\xff"},
    {"Authorization": "Bearer " + "x" * 8_000},
    {"X-Api-Key": TOKEN},
    {"Cookie": f"token={TOKEN}"},
)


@pytest.mark.parametrize("path", [*READING, *WRITING])
def test_strangers_get_401_before_anything(web: Web, path: str) -> None:
    method = "POST" if path in WRITING else "GET"
    before = web.counts()
    for headers in STRANGERS:
        for data in (b"", b"{", b"\xff" * 100, b"x" * 100_000):
            answer = web.ask(method, f"{path}?limit=x&token={TOKEN}", token=None, headers=headers, data=data)
            assert (answer.status_code, answer.json["code"]) == (401, "unauthorized"), headers
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert web.counts() == before


def test_every_current_token_works_however_bearer_is_spelt(make_web: MakeWeb) -> None:
    web = make_web(api_tokens="the-new-one,the-old-one")
    for header in ("Bearer the-new-one", "bearer the-old-one", "BEARER  the-new-one"):
        assert web.get("/api/runs", token=None, headers={"Authorization": header}).status_code == 200
    assert web.get("/api/runs", token="the-new-one,the-old-one").status_code == 401


def test_apifys_tokens_open_nothing(make_web: MakeWeb) -> None:
    web = make_web(apify_webhook_token=STATIC)
    run = web.at_work()
    for token in (STATIC, web.sign(run)):
        assert web.get("/api/runs", token=token).status_code == 401


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/api/runs/a/b", "/api/apify", "/nothing"])
def test_an_unknown_path_is_a_404_in_json(web: Web, path: str) -> None:
    for token in (None, TOKEN):
        answer = web.get(path, token=token)
        assert (answer.status_code, answer.json["ok"], answer.json["code"]) == (404, False, "not_found")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"])
def test_another_method_is_a_405_in_json(web: Web, method: str) -> None:
    for path in WRITING if method == "GET" else (*READING, *WRITING, HOOK):
        answer = web.ask(method, path)
        assert (answer.status_code, answer.json["code"]) == (405, "method_not_allowed"), path
        assert answer.headers["Allow"]


@pytest.mark.parametrize(
    ("path", "status"), [("//api/runs", 200), ("/api//runs", 404), ("/api/runs//", 404), ("/api/runs/", 404)]
)
def test_no_path_is_redirected(web: Web, path: str, status: int) -> None:
    # Past the client's own reading of URLs, to which `//api` is another host.
    answer = web.get("/", environ_overrides={"PATH_INFO": path})
    assert (answer.status_code, answer.is_json) == (status, True)


HOSTILE = (
    "%0a",
    "..%2f",
    "%2e%2e",
    "%00",
    "%0d%0aX: y",
    "a" * 5_000,
    "%F0%9F%99%82",
    "%ff",
    "'; --",
    "{{7*7}}",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_gets_no_5xx(any_web: Web, text: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    full = "261122-050000-Guy-Wilson"
    for path in (f"/api/runs/{text}", f"/api/runs/{full}{text}", f"/api/jobs/{text}", f"/api/{text}"):
        answer = any_web.get(path)
        assert (answer.status_code, answer.is_json) == (404, True), path
    queries = (
        f"/api/runs?clientId={text}",
        f"/api/runs?runId={text}",
        f"/api/runs?status={text}",
        f"/api/posts?clientId={text}",
        f"/api/posts?clientRunId={text}",
        f"/api/posts?limit={text}",
        f"/api/posts?cursor={text}",
        f"/api/posts.csv?clientId={text}",
        f"/api/posts.jsonl?clientRunId={text}",
        f"/api/comments?postKey={text}",
        f"/api/reactions?clientId={text}",
        f"/api/clients?cursor={text}",
        f"/api/deliveries?outcome={text}",
    )
    for path in queries:
        answer = any_web.get(path)
        assert answer.status_code in (200, 400), path
        assert b"<" not in answer.data[:1]
    for how in (
        {"query_string": f"clientId={text}"},
        {"headers": {"x-client-id": text.replace("%0d%0a", "")}},
        {"json": {"clientId": text}},
    ):
        answer = any_web.ask("POST", "/api/apify/process-client", **how)
        assert answer.status_code == 404, how
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.fixture
def page_web(make_web: MakeWeb) -> Web:
    """The application with its pages set up: without, they are a 503."""
    return make_web(**page_settings())


segments = st.text(min_size=0, max_size=40)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT"]),
    path=st.lists(st.sampled_from(["api", "runs", "jobs", "posts", "apify", "apify-webhook"]) | segments),
    query=st.dictionaries(
        st.sampled_from(["limit", "cursor", "clientId", "clientRunId", "runId", "status", "outcome"]),
        segments,
        max_size=4,
    ),
    body=st.binary(max_size=60),
)
def test_no_request_gets_a_5xx(
    page_web: Web, method: str, path: list[str], query: dict[str, str], body: bytes
) -> None:
    target = "/" + "/".join(path)
    # Past the client's own reading of URLs: the path as WSGI hands it over.
    raw = {"PATH_INFO": target.encode().decode("latin-1")}
    answer = page_web.ask(method, "/", query_string=query, data=body, environ_overrides=raw)
    assert answer.status_code < 500
    if target.startswith("/api") and method != "HEAD" and answer.status_code >= 300:
        assert answer.json["ok"] is False


def test_every_answer_tells_browsers_to_guess_and_keep_nothing(web: Web) -> None:
    for path in ("/api/runs", "/api/nothing", "/healthz"):
        headers = web.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


def test_a_ledger_out_of_reach_is_told_on_every_path(postgres_web: Web) -> None:
    web = postgres_web
    assert web.get("/api/runs").status_code == 200
    with shut(web):
        for path in READING:
            answer = web.get(path)
            assert (answer.status_code, answer.json["code"]) == (503, "ledger_unavailable"), path
            assert answer.headers["Retry-After"]
        ready = web.get("/readyz", token=None)
        assert (ready.status_code, ready.json["checks"]) == (503, {"ledger": "not available"})
        assert web.get("/healthz", token=None).status_code == 200
    assert web.get("/readyz", token=None).status_code == 200


def test_metrics_are_for_this_machine_or_a_token(web: Web) -> None:
    assert web.get("/metrics", token=None).status_code == 200
    away: dict[str, Any] = {"environ_overrides": {"REMOTE_ADDR": "192.0.2.7"}}
    assert web.get("/metrics", token=None, **away).status_code == 401
    assert web.get("/metrics", **away).status_code == 200
    for header in ("X-Forwarded-For", "Forwarded"):
        assert web.get("/metrics", token=None, headers={header: "192.0.2.7"}).status_code == 401


def test_what_breaks_of_our_own_tells_nothing(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    secret = "a-secret-that-an-error-might-hold"

    @web.app.get("/api/broken")
    def broken() -> str:
        raise RuntimeError(secret)

    answer = web.get("/api/broken")
    assert (answer.status_code, answer.json["code"]) == (500, "internal_error")
    assert secret not in answer.text
    assert "Traceback" not in answer.text
    assert "A request failed" in caplog.text


def test_no_secret_is_in_any_answer(make_web: MakeWeb, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    web = make_web(apify_webhook_token=STATIC)
    run = web.at_work()
    token = web.sign(run)
    web.hook({"eventType": "TEST", "x": 1}, token=token)
    answers = [web.get(path) for path in (*READING, "/healthz", "/readyz", "/metrics", "/api/nothing", HOOK)]
    answers += [web.post(path, {}) for path in (*WRITING, HOOK)]
    answers += [web.get(path, token="wrong") for path in READING]
    told = "".join(answer.text + str(answer.headers) for answer in answers) + caplog.text
    found = web.services.settings
    secrets = (TOKEN, STATIC, token, found.apify_token.get_secret_value(), *_texts(found.webhook_secrets))
    assert not [secret for secret in secrets if secret in told]


def _texts(secrets: Any) -> list[str]:
    return [secret.get_secret_value() for secret in secrets]
