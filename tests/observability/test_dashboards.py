"""What the dashboard and the rules for Prometheus ask for is what `/metrics` has, label for label."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from factories import NOW
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert
from web.asking import opened_web

from harvester.ledger.job_tables import job_runs

from .conftest import AIRTABLE

OBSERVABILITY = Path(__file__).parent.parent.parent / "docs/observability"
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
#: Labels of series that nothing has happened for yet; those of a histogram are Prometheus' own.
LABELS = {
    "harvester_http_requests_total": {"method", "route", "status"},
    "harvester_kickoffs_total": {"answer"},
    "harvester_webhook_ack_seconds_bucket": {"le"},
    "harvester_actor_runs": {"state"},
    "harvester_client_runs": {"status"},
    "harvester_deliveries_total": {"outcome"},
}
Json = dict[str, Any]


@pytest.fixture
def known(sqlite_url: str) -> dict[str, set[str]]:
    """The labels of every metric that there is, with Airtable, a worker, and a job run that has ended."""
    job = {"run_id": "261122-050000", "source": "master_process", "status": "Completed", "plan": "process"}
    with opened_web(sqlite_url, **AIRTABLE) as web:
        web.services.pulse(True)
        with web.ledger.write() as tx:
            tx.execute(
                insert(job_runs).values(**job, started_at=NOW, finished_at=NOW, without_schedule=False)
            )
        families = list(text_string_to_metric_families(web.get("/metrics").text))
    found: dict[str, set[str]] = {}
    for family in families:
        assert family.documentation
        for suffix in SUFFIXES[family.type]:
            name = family.name + suffix
            used = {label for sample in family.samples if sample.name == name for label in sample.labels}
            found[name] = used | LABELS.get(name, set())
    return found


def rules() -> list[Json]:
    """The alerting rules."""
    (group,) = yaml.safe_load((OBSERVABILITY / "alerts.yml").read_text())["groups"]
    found: list[Json] = group["rules"]
    return found


def panels() -> Iterator[Json]:
    """The dashboard's panels that show something."""
    dashboard = json.loads((OBSERVABILITY / "grafana.json").read_text())
    return (panel for panel in dashboard["panels"] if panel["type"] != "row")


def test_every_metric_that_is_asked_for_is_there(known: dict[str, set[str]]) -> None:
    asked = [rule["expr"] for rule in rules()]
    asked += [target["expr"] for panel in panels() for target in panel["targets"]]
    assert len(asked) > 40
    for expression in asked:
        names = set(re.findall(r"\bharvester_\w+", expression))
        assert names <= known.keys(), (expression, names - known.keys())
        labels = set(re.findall(r"[{,](\w+)(?:=|!|=~)", expression))
        labels |= {
            name for group in re.findall(r"\bby \(([\w, ]+)\)", expression) for name in group.split(", ")
        }
        assert labels <= set().union({"job"}, *(known[name] for name in names)), expression
        assert expression.count("(") == expression.count(")")


def test_every_metric_is_on_the_dashboard(known: dict[str, set[str]]) -> None:
    shown = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
    ours = {name for name in known if not name.endswith(("_count", "_sum", "_created"))}
    assert {name for name in ours if not re.search(rf"\b{name}\b", shown)} == set()


def test_no_two_panels_lie_over_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_legends_and_summaries_name_labels_that_their_series_keep() -> None:
    for panel in panels():
        for target in panel["targets"]:
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                assert re.search(rf"by \({label}\)", target["expr"]), panel["title"]
    for rule in rules():
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("page", "ticket")
