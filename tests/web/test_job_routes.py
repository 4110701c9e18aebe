"""Job runs and smart resume over HTTP: the answers that outsiders rely on."""

from __future__ import annotations

import pytest
from factories import make_client, make_leads

from .asking import Web, locked

PROCESS = "/api/apify/process"
RESUME = "/api/smart-resume"


@pytest.fixture
def agency(web: Web) -> Web:
    """Three clients, of which two may be harvested."""
    make_client(web.ledger, "Ada")
    make_client(web.ledger, "Bo", stream=2)
    make_client(web.ledger, "Cy", daily_target=0)
    make_leads(web.ledger, "Ada", 2)
    return web


def test_a_process_answers_for_each_client(agency: Web) -> None:
    answer = agency.post(PROCESS)
    assert answer.status_code == 202
    run_id = answer.json["runId"]
    assert answer.json == {
        "ok": True,
        "runId": run_id,
        "clients": [
            {"clientId": "Ada", "clientRunId": f"{run_id}-Ada", "status": "Running"},
            {"clientId": "Bo", "clientRunId": f"{run_id}-Bo", "status": "Running"},
            {
                "clientId": "Cy",
                "skipped": True,
                "reason": "the client's daily target is 0",
                "code": "no_target",
            },
        ],
    }
    job = agency.get(f"/api/jobs/{run_id}").json["job"]
    assert (job["source"], job["plan"], job["status"]) == ("master_process", "process", "Running")
    assert [one["clientRunId"] for one in job["clients"]] == [f"{run_id}-Ada", f"{run_id}-Bo"]
    assert [one["decision"] for one in job["decisions"]] == ["started", "started", "skipped"]
    assert job["report"] is None


@pytest.mark.parametrize("how", ["query", "body"])
def test_query_and_body_narrow_it(agency: Web, how: str) -> None:
    if how == "query":
        answer = agency.post(f"{PROCESS}?stream=1&limit=1&runId=261101-060000")
    else:
        answer = agency.post(PROCESS, {"stream": 1, "limit": 1, "runId": "261101-060000"})
    assert answer.json["runId"] == "261101-060000"
    assert [one["clientId"] for one in answer.json["clients"]] == ["Ada"]
    again = agency.post(f"{PROCESS}?runId=261101-060000")
    assert (again.status_code, again.json["code"], again.json["runId"]) == (
        409,
        "run_exists",
        "261101-060000",
    )


def test_one_client_is_named(agency: Web) -> None:
    assert [one["clientId"] for one in agency.post(f"{PROCESS}?client=Bo").json["clients"]] == ["Bo"]
    unknown = agency.post(f"{PROCESS}?client=Nobody")
    assert (unknown.status_code, unknown.json["code"]) == (404, "client_not_found")


@pytest.mark.parametrize(
    ("query", "body", "code"),
    [
        ("?stream=one", None, "invalid_stream"),
        ("?stream=-1", None, "invalid_stream"),
        ("?limit=0", None, "invalid_limit"),
        ("?limit=99999999999", None, "invalid_limit"),
        ("", {"limit": True}, "invalid_limit"),
        ("", {"stream": "1"}, "invalid_stream"),
        ("?client=", None, "missing_client"),
        ("", {"client": 7}, "invalid_body"),
        ("?runId=SR-1", None, "invalid_run_id"),
        ("?runId=261101-060000-Ada", None, "invalid_run_id"),
        ("", {"runId": " "}, "invalid_run_id"),
        ("", {"source": "cron"}, "invalid_source"),
        ("", {"source": "manual"}, "invalid_source"),
        ("", [], "invalid_body"),
    ],
)
def test_a_bad_order_is_refused_and_makes_nothing(agency: Web, query: str, body: object, code: str) -> None:
    before = agency.counts()
    answer = agency.post(PROCESS + query, body)
    assert (answer.status_code, answer.json["code"], answer.json["ok"]) == (400, code, False)
    assert agency.counts() == before


def test_the_same_key_gives_the_same_answer(agency: Web) -> None:
    headers = {"Idempotency-Key": "cron-1"}
    first = agency.post(PROCESS, headers=headers)
    assert agency.post(PROCESS, headers=headers).json == first.json
    reused = agency.post(f"{PROCESS}?stream=1", headers=headers)
    assert (reused.status_code, reused.json["code"]) == (409, "idempotency_key_reused")
    assert agency.count("job_runs") == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", PROCESS),
        ("POST", RESUME),
        ("GET", RESUME),
        ("DELETE", RESUME),
        ("GET", "/api/jobs"),
        ("GET", "/api/jobs/261122-050000"),
    ],
)
def test_nobody_gets_in_without_a_token(agency: Web, method: str, path: str) -> None:
    for token in (None, "wrong"):
        answer = agency.ask(method, path, token=token)
        assert (answer.status_code, answer.json["code"]) == (401, "unauthorized")
    assert agency.count("job_runs") == 0


def test_a_ledger_that_cannot_be_written_is_503(agency: Web) -> None:
    with locked(agency):
        for path in (PROCESS, RESUME):
            answer = agency.post(path)
            assert (answer.status_code, answer.json["code"]) == (503, "ledger_unavailable")
            assert "Retry-After" in answer.headers
    assert agency.count("job_runs") == 0


def test_one_smart_resume_at_a_time_until_it_is_reset(agency: Web) -> None:
    assert agency.get(RESUME).json == {"ok": True, "running": False, "runId": None, "last": None}
    agency.post("/api/apify/process-client", {"clientId": "Bo"})
    first = agency.post(RESUME, {})
    assert first.status_code == 202
    assert first.json["clients"][1]["takenOn"] is True
    second = agency.post(f"{RESUME}?stream=1")
    assert (second.status_code, second.json["code"]) == (409, "resume_in_progress")
    assert second.json["runId"] == first.json["runId"]
    assert second.json["ageSeconds"] >= 0
    state = agency.get(RESUME).json
    assert (state["running"], state["runId"], state["stale"]) == (True, first.json["runId"], False)
    assert [one["decision"] for one in state["clients"]] == ["started", "taken_on", "skipped"]
    reset = agency.ask("DELETE", RESUME)
    assert reset.json == {"ok": True, "reset": True, "runId": first.json["runId"]}
    assert agency.ask("DELETE", RESUME).json == {"ok": True, "reset": False, "runId": None}
    last = agency.get(RESUME).json["last"]
    assert (last["runId"], last["status"]) == (first.json["runId"], "Cancelled")
    again = agency.post(RESUME, {"stream": 2})
    assert [one["clientId"] for one in again.json["clients"]] == ["Bo"]


def test_job_runs_are_listed_page_by_page(agency: Web) -> None:
    made = [agency.post(f"{PROCESS}?client=Cy&runId=26112{n}-050000").json["runId"] for n in range(5)]
    first = agency.get("/api/jobs?limit=3").json
    rest = agency.get(f"/api/jobs?limit=3&cursor={first['nextCursor']}").json
    assert [job["runId"] for job in first["jobs"] + rest["jobs"]] == made[::-1]
    assert rest["nextCursor"] is None
    assert {job["note"] for job in first["jobs"]} == {"nobody was to be harvested"}
    bad = agency.get("/api/jobs?cursor=x")
    assert (bad.status_code, bad.json["code"]) == (400, "invalid_cursor")
    report = agency.get(f"/api/jobs/{made[0]}").json["job"]["report"]
    assert (report["sums"]["clients"], report["sums"]["skipped"]) == (1, 1)


def test_an_order_that_waits_for_the_end_of_a_pause_says_so(any_web: Web) -> None:
    for client_id in ("Ada", "Bo"):
        make_client(any_web.ledger, client_id)
        make_leads(any_web.ledger, client_id, 2)
    any_web.post("/api/starts/pause", {"clientId": "Ada", "reason": "costs"})
    assert "pauses" not in any_web.post("/api/apify/process-client", {"clientId": "Bo"}).json
    (pause,) = any_web.post(PROCESS).json["pauses"]
    assert (pause["clientId"], pause["reason"]) == ("Ada", "costs")
    assert "pauses" not in any_web.post(PROCESS).json  # nobody was started
    ada = next(one for one in any_web.post(RESUME).json["clients"] if one["clientId"] == "Ada")
    assert (ada["skipped"], ada["code"]) == (True, "starts_paused")
    assert "costs" in ada["reason"]
    full_id = any_web.get("/api/runs?clientId=Ada").json["runs"][0]["clientRunId"]
    any_web.post(f"/api/runs/{full_id}/cancel")
    (pause,) = any_web.post("/api/apify/process-client", {"clientId": "Ada"}).json["pauses"]
    assert pause["clientId"] == "Ada"


@pytest.mark.parametrize("path", [PROCESS, RESUME])
@pytest.mark.parametrize(
    ("query", "body", "code"),
    [
        ("?steam=1", {}, "invalid_query"),
        ("?clientID=Ada", {}, "invalid_query"),
        ("", {"clientid": "Ada"}, "invalid_body"),
        ("", {"dryRun": True}, "invalid_body"),
        ("?client=Ada", {"client": "Bo"}, "invalid_body"),
        ("?stream=1", {"stream": 2}, "invalid_stream"),
        ("?limit=1", {"limit": 2}, "invalid_limit"),
        ("?runId=261101-060000", {"runId": "261101-060001"}, "invalid_run_id"),
        ("", {"source": "manual"}, "invalid_source"),
    ],
)
def test_what_might_have_narrowed_an_order_is_refused_and_nobody_is_harvested(
    agency: Web, path: str, query: str, body: dict[str, object], code: str
) -> None:
    before = agency.counts()
    answer = agency.post(path + query, body)
    assert (answer.status_code, answer.json["code"]) == (400, code)
    assert agency.counts() == before
    named = agency.post(path, headers={"x-client-id": "Ada"}).json["clients"]
    assert [one["clientId"] for one in named] == ["Ada"]
