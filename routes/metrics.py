"""What Prometheus asks for: the ledger's counts, which are the same from every process, and this server's own
answers, summed over the web processes of this machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from typing import Final

from flask import Blueprint, Flask, Response, current_app, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from harvester.errors import LedgerUnavailable
from routes import auth
from routes.callers import on_loopback
from routes.state import services
from services.counters import AirtableCounted, Counted

blueprint = Blueprint("metrics", __name__)

#: Where prometheus_client keeps the counts of several processes; `harvester/web_server.py` sets it.
_SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
_EXTENSION: Final = "harvester metrics"
_WEBHOOK: Final = "/api/apify-webhook"
_KICKOFFS: Final = ("/api/apify/process-client", "/api/smart-resume/process-client", "/api/apify/run")
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
#: Seconds. Apify gives a webhook 30 s, and we promise an answer within five.
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class _Answers:
    """Counts what this web server answers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        shared = os.environ.get(_SHARED)  # noqa: TID251  # not a setting: the master tells its children
        if shared:
            MultiProcessCollector(self.registry, path=shared)  # type: ignore[no-untyped-call]
        own = None if shared else self.registry
        self.requests = Counter(
            "harvester_http_requests",
            "Requests answered",
            labelnames=["method", "route", "status"],
            registry=own,
        )
        self.kickoffs = Counter(
            "harvester_kickoffs", "Kickoffs of one client over the API, by answer", ["answer"], registry=own
        )
        self.ack = Histogram(
            "harvester_webhook_ack_seconds", "Time to answer a webhook call", buckets=_BUCKETS, registry=own
        )

    def count(self, answer: Response) -> None:
        """Count one answer."""
        route = request.url_rule.rule if request.url_rule is not None else "none"
        method = request.method if request.method in _METHODS else "other"
        self.requests.labels(method, route, str(answer.status_code)).inc()
        if method == "POST" and route == _WEBHOOK:
            self.ack.observe(time.perf_counter() - g.begun)
        elif method == "POST" and route in _KICKOFFS:
            self.kickoffs.labels(_kickoff_answer(answer)).inc()


def _kickoff_answer(answer: Response) -> str:
    """Name it: `accepted`, or the code of why not."""
    if answer.status_code == 202:
        return "accepted"
    told = answer.get_json(silent=True)
    return str(told.get("code", answer.status_code)) if isinstance(told, dict) else str(answer.status_code)


def register(app: Flask) -> None:
    """Count every answer of this application, and show the counts on `/metrics`."""
    answers = app.extensions[_EXTENSION] = _Answers()

    @app.before_request
    def _begin() -> None:
        g.begun = time.perf_counter()

    @app.after_request
    def _count(answer: Response) -> Response:
        if "begun" in g:
            answers.count(answer)
        return answer

    app.register_blueprint(blueprint)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Give everything that is counted, to this machine or to who may read of all clients."""
    if not on_loopback():
        auth.note(auth.let_in("read"))
    answers: _Answers = current_app.extensions[_EXTENSION]
    registry = CollectorRegistry()
    registry.register(_Counted())
    told = generate_latest(registry) + generate_latest(answers.registry)
    return Response(told, content_type=CONTENT_TYPE_LATEST)


class _Counted(Collector):
    """The ledger's counts. While it cannot be read there are none, and `harvester_ledger_up` is 0."""

    def collect(self) -> Iterator[Metric]:
        try:
            counted: Counted | None = services().counters()
        except LedgerUnavailable:
            counted = None
        yield _gauge("harvester_ledger_up", "1 while the ledger can be read", int(counted is not None))
        if counted is None:
            return
        yield from _counts(counted)
        yield from _states(counted)
        yield from _known(counted)
        if counted.airtable is not None:
            yield from _airtable(counted.airtable)


def _counts(counted: Counted) -> Iterator[Metric]:
    yield _counters(
        "harvester_client_run_records",
        "Client run records by how creation went",
        "outcome",
        counted.creations,
    )
    yield _counters("harvester_deliveries", "Deliveries kept, by outcome", "outcome", counted.deliveries)
    yield _counter("harvester_posts", "Posts stored, each once per client", counted.posts)
    yield _counter("harvester_cost_usd", "What Apify charged, in US dollars", counted.cost_usd)


def _states(counted: Counted) -> Iterator[Metric]:
    yield _gauges("harvester_actor_runs", "Actor runs by state", "state", counted.actor_runs)
    yield _gauges("harvester_client_runs", "Client runs by status", "status", counted.client_runs)
    yield _gauge("harvester_dead_letters", "Actor runs that wait for a person", counted.dead_letters)
    yield _gauges("harvester_outage", "1 while it cannot be asked", "service", counted.outages)
    yield _gauges(
        "harvester_queue_wait_seconds",
        "How long the row waits that is due the longest and that nobody works on: to start, or for a step",
        "what",
        counted.waits,
    )
    yield _gauge("harvester_alerts", "Alerts that stand", counted.alerts)
    yield _gauge("harvester_starts_paused", "1 while starts are paused for all", int(counted.starts_paused))


def _known(counted: Counted) -> Iterator[Metric]:
    """Give what is not always known: a gauge that is not there says more than a 0."""
    found = {
        "harvester_worker_seen_timestamp_seconds": (
            "When a worker last said that it is alive",
            counted.worker_seen_at,
        ),
        "harvester_job_run_ended_timestamp_seconds": (
            "When the last job run of several clients ended",
            counted.job_run_ended_at,
        ),
        "harvester_job_run_ok": ("1 if all of that job run went well", counted.job_run_is_well),
        "harvester_disk_free_bytes": ("Bytes free where the ledger's file is", counted.free_bytes),
    }
    for name, (told, value) in found.items():
        if value is not None:
            yield _gauge(name, told, float(value))


def _airtable(counted: AirtableCounted) -> Iterator[Metric]:
    yield _gauges("harvester_airtable_rows", "Rows not in step with Airtable", "state", counted.rows)
    yield _gauge(
        "harvester_airtable_owed_seconds",
        "How long the change waits that Airtable is owed the longest",
        counted.owed_seconds,
    )
    yield _counter("harvester_airtable_requests", "Requests sent to Airtable", counted.requests)
    yield _counter("harvester_airtable_refused", "Requests that it answered with 429", counted.refused)


def _counter(name: str, told: str, value: float) -> Metric:
    return CounterMetricFamily(name, told, value=value)


def _counters(name: str, told: str, label: str, values: Mapping[str, float]) -> Metric:
    return _filled(CounterMetricFamily(name, told, labels=[label]), values)


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(name, told, value=value)


def _gauges(name: str, told: str, label: str, values: Mapping[str, float]) -> Metric:
    return _filled(GaugeMetricFamily(name, told, labels=[label]), values)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, values: Mapping[str, float]) -> Metric:
    for label, value in values.items():
        family.add_metric([label], value)
    return family
