"""One client run is one trace, whoever did which part of it; and nothing is imported where none is wanted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.processes import until
from flow.on_airtable import on_airtable
from flow.processes import process
from flow.stage import call, staged
from hypothesis import given
from hypothesis import strategies as st

from harvester import tracing

from .collector import Collector, collecting

ROOT = Path(__file__).parent.parent.parent
STEPS = ("kickoff", "start", "follow", "ingest", "settle")


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector; whoever traces has ended when it does."""
    with collecting() as found:
        try:
            yield found
        finally:
            tracing.end()


def test_a_harvest_with_airtable_is_one_trace(sqlite_url: str, collector: Collector) -> None:
    handles = {"Guy-Wilson": ("ada-one", "bea-two")}
    with on_airtable(sqlite_url, handles, otel_exporter_otlp_endpoint=collector.url) as agency:
        run = agency.harvest()
        secrets = agency.stage.web.settings.secret_values()
        texts = [post["text"] for post in agency.stage.posts().values() if len(post["text"]) > 20]
    tracing.flush()
    assert collector.paths == {"/v1/traces"}
    trace, root = tracing.ids_of(run["clientRunId"])
    assert {one.trace_id for one in collector.spans} == {f"{trace:032x}"}
    names = {one.name for one in collector.spans}
    assert names >= {"client run", "delivery", "items", "page", "mirror", *STEPS}
    (whole,) = collector.named("client run")
    assert (whole.span_id, whole.parent_id) == (f"{root:016x}", "")
    assert whole.attributes["harvester.status"] == run["status"]
    known = {one.span_id for one in collector.spans}
    assert len(known) == len(collector.spans)
    assert {one.parent_id for one in collector.spans if one is not whole} <= known
    ingests = {one.span_id for one in collector.named("ingest")}
    assert {one.parent_id for one in collector.named("page") + collector.named("items")} <= ingests
    assert all(one.began <= one.ended for one in collector.spans)
    sent = b"".join(collector.bodies)
    assert texts
    assert secrets
    for hidden in (*secrets, *texts, "linkedin.com"):
        assert hidden.encode() not in sent


def test_an_error_is_named_and_not_told(collector: Collector) -> None:
    tracing.begin(collector.url)
    with pytest.raises(ValueError, match="hunter2"):
        _fail_inside()
    with tracing.span("of nobody"):
        pass
    tracing.flush()
    outer, inner = collector.named("outer")[0], collector.named("inner")[0]
    assert (outer.wrong, inner.wrong) == ("ValueError", "")
    assert inner.parent_id == outer.span_id
    assert inner.attributes == {
        "harvester.items": "3",
        "harvester.more": "True",
        "harvester.client_run_id": "261122-050000-A",
    }
    assert not collector.named("of nobody")
    assert b"hunter2" not in b"".join(collector.bodies)


def _fail_inside() -> None:
    with tracing.span("outer", "261122-050000-A"):
        with tracing.span("inner", batch=None, items=3) as span:
            span.note(more=True)
        raise ValueError("hunter2")


def test_a_collector_that_is_gone_holds_up_nothing(sqlite_url: str) -> None:
    try:
        with staged(sqlite_url, otel_exporter_otlp_endpoint="http://127.0.0.1:9") as stage:
            assert stage.harvest("amara")["status"] == "Completed"
    finally:
        tracing.end()


def test_where_none_is_wanted_nothing_is_imported() -> None:
    told = (
        "import sys, routes, services; from harvester import tracing; tracing.begin(None)\n"
        "with tracing.span('x', 'y') as one: one.of('z')\n"
        "tracing.past('x', 'y', None, None); tracing.flush(); tracing.end()\n"
        "print(sorted(name for name in sys.modules if name.startswith('opentelemetry')))"
    )
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@given(st.text(min_size=1), st.text(min_size=1))
def test_ids_follow_from_the_client_run_alone(one: str, other: str) -> None:
    assert tracing.ids_of(one) == tracing.ids_of(one)
    assert (tracing.ids_of(one) == tracing.ids_of(other)) is (one == other)
    trace, span = tracing.ids_of(one)
    assert 0 < trace < 2**128
    assert 0 < span < 2**64


@pytest.mark.slow
def test_web_and_worker_processes_make_one_trace(
    tmp_path: Path, sqlite_url: str, collector: Collector
) -> None:
    with staged(sqlite_url) as stage:
        client_id = stage.agency("amara", "björn")
        given = {
            "apify_api_url": stage.sandbox.url,
            "apify_token": stage.web.settings.apify_token.get_secret_value(),
            "otel_exporter_otlp_endpoint": collector.url,
            "cost_settle_seconds": 0.05,
            "reconcile_seconds": 1,
            "tick_seconds": 0.05,
        }
        with process("serve", tmp_path, sqlite_url, web_workers=1, **given) as web:
            web.wait_until_ready()
            url = web.settings.public_url
            with process("worker", tmp_path, sqlite_url, **{**given, "public_url": url}):
                token = web.settings.api_tokens[0].get_secret_value()
                answer = call("POST", f"{url}/api/apify/process-client", {"clientId": client_id}, token=token)
                full_id = answer.json["clientRunId"]
                until(lambda: stage.run(full_id)["status"] != "Running", 60, web.log.read_text)
    assert {one.trace_id for one in collector.spans} == {f"{tracing.ids_of(full_id)[0]:032x}"}
    assert {one.name for one in collector.spans} >= {
        "client run",
        "kickoff",
        "start",
        "follow",
        "ingest",
        "settle",
    }
