"""Is it alive, is it ready, what has it counted."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from harvester.errors import LedgerUnavailable
from routes.auth import on_loopback, require_token
from routes.state import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """Say that the process lives."""
    return jsonify({"ok": True})


@blueprint.get("/readyz")
def ready() -> Response:
    """Check each dependency by name."""
    try:
        checks = services().overview.ready()
    except LedgerUnavailable:
        checks = {"ledger": "not available"}
    ok = all(state == "ok" for state in checks.values())
    answer = jsonify({"ok": ok, "checks": checks})
    answer.status_code = 200 if ok else 503
    return answer


@blueprint.get("/metrics")
def metrics() -> Response:
    """Give what is counted in the ledger, over all processes, to Prometheus."""
    if not on_loopback():
        require_token()
    registry = CollectorRegistry()
    registry.register(_Counted())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Counted(Collector):
    def collect(self) -> list[CounterMetricFamily | GaugeMetricFamily]:
        counters = services().overview.counters()
        created = CounterMetricFamily(
            "harvester_client_run_records", "Client run records by how creation went", labels=["outcome"]
        )
        received = CounterMetricFamily(
            "harvester_deliveries", "Deliveries kept, by outcome", labels=["outcome"]
        )
        parked = GaugeMetricFamily("harvester_dead_letters", "Actor runs that wait for a person")
        at_work = GaugeMetricFamily("harvester_actor_runs", "Actor runs by state", labels=["state"])
        for label, count in counters["creations"].items():
            created.add_metric([label], count)
        for label, count in counters["deliveries"].items():
            received.add_metric([label], count)
        for label, count in counters["actor_runs"].items():
            at_work.add_metric([label], count)
        outage = GaugeMetricFamily("harvester_outage", "1 while it cannot be asked", labels=["service"])
        outage.add_metric(["apify"], counters["outages"]["apify"])
        if services().airtable is not None:
            out = services().overview.airtable_outage(now=services().clock()) is not None
            outage.add_metric(["airtable"], int(out))
        rows = GaugeMetricFamily(
            "harvester_airtable_rows", "Rows not in step with Airtable", labels=["state"]
        )
        for label, count in counters["airtable"].items():
            rows.add_metric([label], count)
        parked.add_metric([], counters["dead_letters"]["parked"])
        return [created, received, at_work, parked, outage, rows]
