"""`openapi.json`: valid, whole, open to who has no token, and telling only what is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from factories import CLIENT_ID, RUN_ID
from openapi_schema_validator import OAS31Validator
from web.asking import Web, opened_web
from web.documented import check

from routes import apify_webhook

from .stocked import FULL_ID, stocked

ROOT = Path(__file__).parents[2]


@pytest.fixture
def web(sqlite_url: str) -> Iterator[Web]:
    """The application on a ledger with something of everything."""
    with stocked(sqlite_url) as found:
        yield found


def _operations(told: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_it_is_served_without_a_token(web: Web) -> None:
    answer = web.get("/openapi.json", token=None)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json["openapi"] == "3.1.0"
    assert answer.data == web.get("/openapi.json").data


def test_every_view_of_the_api_is_in_it(web: Web) -> None:
    told = web.get("/openapi.json").json
    rules = [rule for rule in web.app.url_map.iter_rules() if rule.rule.startswith("/api")]
    there = {re.sub("<(?:[^:>]+:)?[^>]+>", "{}", rule.rule) for rule in rules}
    assert {re.sub("{[^}]+}", "{}", path) for path in told["paths"] if path.startswith("/api")} == there
    ids = [operation["operationId"] for _, _, operation in _operations(told)]
    assert len(ids) == len(set(ids))


def test_every_operation_is_told_of_in_full(web: Web) -> None:
    for path, method, operation in _operations(web.get("/openapi.json").json):
        assert operation["summary"], path
        assert "500" in operation["responses"], (path, method)
        if path.startswith("/api") and path != "/api/apify-webhook":
            scope = "read" if method == "get" else "run"
            assert operation["security"] == [{"api": [scope]}], path
            assert operation["responses"]["401"]["$ref"].endswith("unauthorized")


def test_every_schema_is_one_and_every_reference_leads_somewhere(web: Web) -> None:
    told = web.get("/openapi.json").json
    for schema in told["components"]["schemas"].values():
        OAS31Validator.check_schema(schema)
    for target in set(re.findall('"#/components/([^"]+)"', web.get("/openapi.json").text)):
        part, name = target.split("/")
        assert name in told["components"][part]


def test_everything_that_is_stocked_is_shown_as_documented(web: Web) -> None:
    asked = {
        "/api/runs": "runs",
        f"/api/runs/{FULL_ID}": "run",
        f"/api/runs/{FULL_ID}/coverage": "profiles",
        f"/api/runs/{FULL_ID}/events": "events",
        "/api/jobs": "jobs",
        f"/api/jobs/{RUN_ID}": "job",
        "/api/clients": "clients",
        f"/api/clients/{CLIENT_ID}/preview": "preview",
        "/api/posts": "posts",
        "/api/comments": "comments",
        "/api/reactions": "reactions",
        "/api/deliveries": "deliveries",
        "/api/dead-letters": "deadLetters",
        "/api/alerts": "alerts",
        "/api/activity": "activity",
        "/api/costs": "clients",
        "/api/actors": "actors",
    }
    for path, name in asked.items():
        answer = web.get(path)  # which is checked against the document
        assert answer.status_code == 200, path
        assert answer.json[name], path


@pytest.mark.parametrize("path", ["/api/posts.csv", "/api/posts.jsonl"])
def test_exports_are_streamed_as_documented(web: Web, path: str) -> None:
    (content,) = web.get("/openapi.json").json["paths"][path]["get"]["responses"]["200"]["content"]
    assert web.get(path).mimetype == content


def test_an_answer_that_is_documented_nowhere_is_noticed(sqlite_url: str) -> None:
    with opened_web(sqlite_url) as web:
        answer = web.get("/api/starts")
        answer.set_data(json.dumps({**answer.json, "surprise": 1}))
        with pytest.raises(AssertionError, match="surprise"):
            check(web.app, answer)
        answer = web.get("/api/starts")
        answer.status_code = 418
        with pytest.raises(AssertionError, match="documented nowhere"):
            check(web.app, answer)


def test_the_guide_names_only_what_there_is(web: Web) -> None:
    told = web.get("/openapi.json").json["paths"]
    guide = (ROOT / "docs" / "api.md").read_text()
    known = [re.compile(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(path)) + "$") for path in told]
    named = re.findall(r"(?:\$HARVESTER|`(?:GET|POST|DELETE) )(/[\w/.<>-]+)", guide)
    assert len(named) > 15
    assert not [path for path in named if not any(one.match(path) for one in known)]


def test_nothing_stands_between_apify_and_the_webhooks_view(web: Web) -> None:
    for view in (apify_webhook.receive, apify_webhook.ready):
        assert web.app.view_functions[f"apify_webhook.{view.__name__}"] is view
        assert not hasattr(view, "__wrapped__")
