"""Ways to spoil what a run left, each with the invariant that it breaks: proof that the checks can fail."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from .evidence import Evidence, Log


def _changed(rows: Any, pick: Callable[[Any], bool] = lambda _: True, **values: Any) -> list[Any]:
    """Give the rows with the first that `pick` takes changed."""
    changed = [SimpleNamespace(**row._mapping) for row in rows]
    vars(next(row for row in changed if pick(row))).update(values)
    return changed


def record_twice(evidence: Evidence) -> None:
    evidence.records = [*evidence.records, evidence.records[0]]


def record_of_nobody(evidence: Evidence) -> None:
    evidence.records = _changed(evidence.records, client_run_id="250101-000000-Nobody")


def delivery_lost(evidence: Evidence) -> None:
    evidence.deliveries = evidence.deliveries[1:]


def delivery_refused(evidence: Evidence) -> None:
    evidence.hook_calls = [*evidence.hook_calls, replace(evidence.hook_calls[0], status=401)]


def delivery_unread(evidence: Evidence) -> None:
    evidence.deliveries = _changed(evidence.deliveries, processed_at=None)


def delivery_forged(evidence: Evidence) -> None:
    evidence.deliveries = _changed(evidence.deliveries, dispatch_id="forged")


def post_lost(evidence: Evidence) -> None:
    lost = evidence.sightings[0].post_id
    evidence.sightings = [one for one in evidence.sightings if one.post_id != lost]


def reject_lost(evidence: Evidence) -> None:
    evidence.rejects = evidence.rejects[1:]


def run_unknown(evidence: Evidence) -> None:
    evidence.batches = _changed(evidence.batches, lambda row: row.apify_run_id, apify_run_id="another")


def post_of_another(evidence: Evidence) -> None:
    whose = evidence.posts[0].client_id
    other = next(client.client_id for client in evidence.clients if client.client_id != whose)
    evidence.posts = _changed(evidence.posts, client_id=other)


def count_wrong(evidence: Evidence) -> None:
    evidence.records = _changed(evidence.records, posts_harvested=-1)


def cost_wrong(evidence: Evidence) -> None:
    evidence.batches = _changed(evidence.batches, lambda row: row.cost_micros, cost_micros=1)


def started_twice(evidence: Evidence) -> None:
    evidence.paid = [*evidence.paid, replace(evidence.paid[0], run_id="another")]


def lead_forgotten(evidence: Evidence) -> None:
    evidence.leads = _changed(evidence.leads, status="Processing")


def batch_open(evidence: Evidence) -> None:
    evidence.batches = _changed(evidence.batches, state="running")


def job_open(evidence: Evidence) -> None:
    evidence.jobs = _changed(evidence.jobs, finished_at=None)


def client_forgotten(evidence: Evidence) -> None:
    evidence.decided = evidence.decided[1:]


def cancel_ignored(evidence: Evidence) -> None:
    evidence.records = _changed(evidence.records, lambda row: row.status == "Cancelled", status="Completed")


def started_while_paused(evidence: Evidence) -> None:
    since, until = evidence.paused[0]
    at = since + (until - since) / 2
    evidence.batches = _changed(evidence.batches, lambda row: row.start_requested_at, start_requested_at=at)


def told_twice(evidence: Evidence) -> None:
    line = f"Successfully created client run record for {evidence.records[0].client_run_id}\n"
    evidence.logs = [*evidence.logs, Log("web-3", line), Log("web-4", line)]


def secret_told(evidence: Evidence) -> None:
    evidence.logs = [*evidence.logs, Log("web-3", "Authorization: Bearer ph1.abcdefghijkl.0")]


SPOILT: dict[Callable[[Evidence], None], str] = {
    record_twice: "I1",
    record_of_nobody: "I2",
    delivery_lost: "I3",
    delivery_refused: "I3",
    delivery_unread: "I3",
    delivery_forged: "I11",
    post_lost: "I4",
    reject_lost: "I4",
    run_unknown: "I4",
    post_of_another: "I5",
    count_wrong: "I6",
    cost_wrong: "I7",
    started_twice: "I7",
    lead_forgotten: "I14",
    batch_open: "I9",
    job_open: "I15",
    client_forgotten: "I15",
    cancel_ignored: "I8",
    started_while_paused: "I7",
    told_twice: "I16",
    secret_told: "I12",
}


def unnoticed(evidence: Evidence, check: Callable[[Evidence], list[str]]) -> list[str]:
    """Spoil the evidence in every way, one at a time, and name those that the checks do not notice."""
    return [
        spoil.__name__
        for spoil, invariant in SPOILT.items()
        if invariant not in {wrong.partition(":")[0] for wrong in check(_with(spoil, evidence))}
    ]


def _with(spoil: Callable[[Evidence], None], evidence: Evidence) -> Evidence:
    spoilt = copy(evidence)
    spoilt.forget()
    spoil(spoilt)
    return spoilt
