"""Lists, single things and downloads: each row once, narrowed by what is asked, safe to open."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from factories import CLIENT_ID, NOW, RUN_ID, end_run, found, make_client, make_leads, make_post, make_run

from harvester.ledger import posts
from harvester.models import ActorRunState
from harvester.posts import Author
from services import run_records

from .asking import STATIC, Web, ended
from .conftest import MakeWeb

FULL_ID = f"{RUN_ID}-{CLIENT_ID}"
FORMULAS = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "=cmd|' /C calc'!A0",
    "＝1",
    "\u00a0@1",
    "\ufeff-1",
)


def harvested(web: Web, texts: list[str], client_id: str = CLIENT_ID, run_id: str = RUN_ID) -> list[str]:
    """Store a post for each text, in a client run of its own. Gives their keys, as they were stored."""
    make_client(web.ledger, client_id)
    (lead,) = make_leads(web.ledger, client_id)
    (run,) = make_run(web.ledger, [[lead]], client_id=client_id, run_id=run_id)
    keys = [str(7_000_000_000_000_000_000 + number) for number in range(len(texts))]
    made = [make_post(key, text=text) for key, text in zip(keys, texts, strict=True)]
    with web.ledger.write() as tx:
        posts.store(tx, run, [found(post, lead) for post in made], now=NOW)
    end_run(web.ledger, run, now=NOW)
    return keys


def paged(web: Web, path: str, name: str, limit: int) -> list[Any]:
    """Follow the cursors of a list to its end."""
    rows: list[Any] = []
    cursor = ""
    for _ in range(50):
        answer = web.get(f"{path}{'&' if '?' in path else '?'}limit={limit}{cursor}")
        assert answer.status_code == 200
        assert len(answer.json[name]) <= limit
        rows += answer.json[name]
        if answer.json["nextCursor"] is None:
            return rows
        cursor = f"&cursor={answer.json['nextCursor']}"
    raise AssertionError("the list has no end")


@pytest.mark.parametrize("limit", [1, 3, 7, 8, 1_000])
def test_posts_are_paged_exactly_once_newest_first(any_web: Web, limit: int) -> None:
    keys = harvested(any_web, [f"text {number}" for number in range(7)])
    assert [post["postKey"] for post in paged(any_web, "/api/posts", "posts", limit)] == keys[::-1]


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_every_list_is_paged_exactly_once(any_web: Web, limit: int) -> None:
    clients = [f"client-{number}" for number in range(5)]
    for number, client_id in enumerate(clients):
        run = any_web.at_work(client_id, f"Run{number:014}")
        assert any_web.hook(ended(f"Run{number:014}"), token=any_web.sign(run)).status_code == 200
    runs = paged(any_web, "/api/runs", "runs", limit)
    assert [run["clientId"] for run in runs] == clients[::-1]
    assert [one["clientId"] for one in paged(any_web, "/api/clients", "clients", limit)] == clients
    deliveries = paged(any_web, "/api/deliveries", "deliveries", limit)
    assert [one["clientId"] for one in deliveries] == clients[::-1]


def test_a_post_has_what_the_contract_says(any_web: Web) -> None:
    harvested(any_web, ["Ten years ago"])
    (post,) = any_web.get("/api/posts").json["posts"]
    contract = {
        "postKey", "url", "kind", "text", "postedAt", "author", "likes", "comments", "reposts", "images",
        "clientId", "leads", "clientRunId", "actorRunId", "firstSeenAt",
    }  # fmt: skip
    assert contract <= set(post)
    assert post["kind"] == "original"
    assert post["postedAt"] == "2026-11-19T05:00:00Z"
    assert post["author"] == {"name": "Amara Okafor", "url": "https://www.linkedin.com/in/amara-okafor"}
    assert post["clientRunId"] == FULL_ID
    assert len(post["leads"]) == 1
    assert post["actorRunId"].startswith("apify")


def test_a_run_has_what_the_contract_says(any_web: Web) -> None:
    make_client(any_web.ledger)
    first, second = ([lead] for lead in make_leads(any_web.ledger, count=2))
    one, two = make_run(any_web.ledger, [first, second])
    end_run(any_web.ledger, one, now=NOW, cost_micros=40_000, cursor=21, apify_status="SUCCEEDED")
    end_run(any_web.ledger, two, ActorRunState.FAILED, now=NOW, error_code="x", error="it broke")
    run = any_web.get(f"/api/runs/{FULL_ID}").json["run"]
    contract = {
        "runId", "clientRunId", "clientId", "clientName", "source", "status", "startedAt", "finishedAt",
        "metrics", "actorRuns", "errors", "airtable",
    }  # fmt: skip
    assert contract <= set(run)
    assert set(run["metrics"]) == {
        "profilesSubmitted", "postsHarvested", "postsNew", "itemsRejected", "apifyCostUsd", "actorRuns",
    }  # fmt: skip
    assert run["startedAt"] == "2026-11-22T05:00:00Z"
    of_actor = {
        "actorRunId", "datasetId", "status", "profiles", "items", "posts", "costUsd", "startedAt",
        "finishedAt", "error",
    }  # fmt: skip
    assert all(of_actor <= set(batch) for batch in run["actorRuns"])
    assert [batch["costUsd"] for batch in run["actorRuns"]] == [0.04, 0.0]
    assert [batch["error"] for batch in run["actorRuns"]] == [None, "it broke"]
    assert [error["code"] for error in run["errors"]] == ["x"]


def test_a_job_sums_up_its_client_runs(any_web: Web) -> None:
    keys = harvested(any_web, ["a", "b"], "First")
    with any_web.ledger.write() as tx:
        run_records.update(tx, f"{RUN_ID}-First", "First", source="test", now=NOW)
    harvested(any_web, ["c"], "Second")
    with any_web.ledger.write() as tx:
        run_records.update(tx, f"{RUN_ID}-Second", "Second", source="test", now=NOW)
    job = any_web.get(f"/api/jobs/{RUN_ID}").json["job"]
    assert job["metrics"]["postsHarvested"] == len(keys) + 1
    assert (job["clientRuns"], job["status"]) == (2, "Running")
    assert [run["clientId"] for run in job["clients"]] == ["First", "Second"]


def test_lists_are_narrowed(any_web: Web) -> None:
    harvested(any_web, ["a", "b"], "First")
    harvested(any_web, ["c"], "first", "261122-050001")

    def keys(query: str) -> int:
        return len(any_web.get(f"/api/posts?{query}").json["posts"])

    assert [keys("clientId=First"), keys("clientId=first"), keys("clientId=FIRST")] == [2, 1, 0]
    assert [keys(f"clientRunId={RUN_ID}-First"), keys("clientRunId=nothing")] == [2, 0]
    assert keys(f"clientId=first&clientRunId={RUN_ID}-First") == 0

    def runs(query: str) -> list[str]:
        return [run["clientId"] for run in any_web.get(f"/api/runs?{query}").json["runs"]]

    assert runs("status=Running") == ["first", "First"]
    assert runs("status=Completed") == []
    assert runs("clientId=first") == ["first"]
    assert runs(f"runId={RUN_ID}") == ["First"]
    assert runs(f"runId={RUN_ID}-First") == ["First"]


def test_a_question_that_makes_no_sense_is_refused(web: Web) -> None:
    bad_limits = ("0", "1001", "-1", "ten", "", "1.5", "٣", "1e2", "9" * 40)
    bad_cursors = ("-1", "x", "", "1;drop", "9" * 40)
    numbered = ("runs", "posts", "deliveries")
    asked = {f"/api/{n}?limit={bad}": "invalid_limit" for n in (*numbered, "clients") for bad in bad_limits}
    asked |= {f"/api/{n}?cursor={bad}": "invalid_cursor" for n in numbered for bad in bad_cursors}
    asked |= {"/api/runs?status=Finished": "invalid_status", "/api/runs?status=": "invalid_status"}
    asked |= {"/api/runs?runId=SR-1": "invalid_run_id", "/api/runs?runId=": "invalid_run_id"}
    asked |= {"/api/deliveries?outcome=lost": "invalid_outcome"}
    for path, code in asked.items():
        answer = web.get(path)
        assert (answer.status_code, answer.json["code"]) == (400, code), path


@pytest.mark.parametrize("path", ["/api/runs/261122-050000-Nobody", "/api/runs/261122-050000"])
def test_a_run_that_is_not_there(web: Web, path: str) -> None:
    answer = web.get(path)
    assert (answer.status_code, answer.json["code"]) == (404, "run_not_found")


def test_a_job_that_is_not_there(web: Web) -> None:
    answer = web.get("/api/jobs/261122-050000")
    assert (answer.status_code, answer.json["code"]) == (404, "job_not_found")


def test_the_table_of_posts_holds_no_formulas(any_web: Web) -> None:
    texts = [*FORMULAS, 'a "quoted", text\nof two lines', "naïve 🙂 שלום", ""]
    keys = harvested(any_web, texts)
    answer = any_web.get("/api/posts.csv")
    assert answer.mimetype == "text/csv"
    assert 'filename="posts.csv"' in answer.headers["Content-Disposition"]
    header, *rows = list(csv.reader(io.StringIO(answer.data.decode(), newline="")))
    assert len({len(row) for row in [header, *rows]}) == 1
    table = {row[header.index("postKey")]: row[header.index("text")] for row in rows}
    assert list(table) == keys[::-1]
    for row in rows:
        assert not [cell for cell in row if cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))]
    for key, text in zip(keys, texts, strict=True):
        assert table[key].replace("'", "") == text.replace("'", "")


def test_an_author_and_a_url_are_no_formulas_either(web: Web) -> None:
    make_client(web.ledger)
    (lead,) = make_leads(web.ledger)
    (run,) = make_run(web.ledger, [[lead]])
    with web.ledger.write() as tx:
        post = make_post(author=Author("=HYPERLINK(1)", "@x"), url="+1", images=("=1", "b"))
        posts.store(tx, run, [found(post, lead)], now=NOW)
    row = next(iter(csv.DictReader(io.StringIO(web.get("/api/posts.csv").text))))
    shown = [row["authorName"], row["authorUrl"], row["url"], row["images"]]
    assert shown == ["'=HYPERLINK(1)", "'@x", "'+1", "'=1 b"]


def test_posts_as_lines_of_json(any_web: Web) -> None:
    texts = ["one\nline", "two\u2028three", "🙂"]
    harvested(any_web, texts)
    answer = any_web.get("/api/posts.jsonl?clientId=Guy-Wilson")
    rows = [json.loads(line) for line in answer.data.split(b"\n") if line]
    assert [row["text"] for row in rows] == texts[::-1]
    assert rows == any_web.get("/api/posts").json["posts"]


def test_a_download_reaches_beyond_a_page(web: Web) -> None:
    keys = harvested(web, [f"text {number}" for number in range(1_203)])
    lines = web.get("/api/posts.jsonl").data.splitlines()
    assert [json.loads(line)["postKey"] for line in lines] == keys[::-1]


def test_an_empty_download_is_empty(web: Web) -> None:
    assert web.get("/api/posts.jsonl").data == b""
    assert web.get("/api/posts.csv").text.count("\n") == 1


def test_deliveries_by_outcome(make_web: MakeWeb) -> None:
    web = make_web(apify_webhook_token=STATIC)
    run = web.at_work()
    web.hook(ended(), token=web.sign(run))
    web.hook(ended(event="TEST"), token=STATIC)
    web.hook(ended("SomebodyElses1234"), token=STATIC)
    for outcome in ("accepted", "ignored", "unknown_run"):
        (kept,) = web.get(f"/api/deliveries?outcome={outcome}").json["deliveries"]
        assert kept["outcome"] == outcome
        assert (kept["processedAt"] is None) is (outcome == "accepted")
    assert web.get("/api/deliveries?outcome=duplicate").json["deliveries"] == []
