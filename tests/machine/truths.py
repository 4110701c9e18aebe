"""What must be true of all harvests: at every commit, after every step, and once everything is over.

The numbers are those of the invariants that the guarantees of this project are counted by:
I1 and I2 one record per kickoff, I3 no webhook lost, I4 each item once, I5 tenants apart, I6 figures true,
I7 money, I8 no way back, I9 and I10 all ends, I14 leads, I15 jobs, I16 the log tells the truth.
"""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from harvester.ledger import Tx
from harvester.models import ClientRunStatus

from .fake_apify import FakeApify, FakeRun


def rows(tx: Tx, statement: str) -> list[Any]:
    """Ask in plain SQL, which costs a tenth of what a statement costs that has to be built first."""
    return list(tx.connection.exec_driver_sql(statement))


class LogLines(logging.Handler):
    """Counts the log lines that are promised word for word."""

    CREATED = "Successfully created client run record for "
    MISSING = "ERROR: Client run record not found for "

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.created: Counter[str] = Counter()
        self.missing: Counter[str] = Counter()
        #: What went wrong within us: a step or a chore takes it for its own error, and is tried again.
        self.internal: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Count a line."""
        line = record.getMessage()
        if record.exc_info:
            self.internal.append(logging.Formatter().format(record))
        if line.startswith(self.CREATED):
            self.created[line.removeprefix(self.CREATED)] += 1
        if line.startswith(self.MISSING):
            self.missing[line.removeprefix(self.MISSING).partition(" (")[0]] += 1


@dataclass
class Records:
    """What is expected of the client run records: how often each was made, and which are there."""

    made: Counter[str] = field(default_factory=Counter)
    there: set[str] = field(default_factory=set)
    deleted_once: set[str] = field(default_factory=set)
    final: dict[str, str] = field(default_factory=dict)
    #: Those that a person wants ended, and those that were taken up again after their end.
    cancelled: set[str] = field(default_factory=set)
    retried: set[str] = field(default_factory=set)

    def create(self, full_id: str) -> None:
        """A kickoff or a person made it."""
        self.made[full_id] += 1
        self.there.add(full_id)

    def delete(self, full_id: str) -> None:
        """A person deleted it."""
        self.there.remove(full_id)
        self.deleted_once.add(full_id)
        self.final.pop(full_id, None)
        self.cancelled.discard(full_id)

    def go_on(self, full_id: str) -> None:
        """A person has tried it again."""
        self.final.pop(full_id)
        self.cancelled.discard(full_id)
        self.retried.add(full_id)

    def check(self, tx: Tx) -> None:
        """I1, I2, I8: there is exactly what was made, and what is over stays over."""
        found = dict(map(tuple, rows(tx, "select client_run_id, status from client_runs")))
        assert found.keys() == self.there
        (created,) = rows(tx, "select count(*) from activity where operation = 'create' and ok")
        assert created[0] == sum(self.made.values())
        for full_id, status in found.items():
            assert self.final.get(full_id, status) == status, f"{full_id} went back to {status}"
            if status != ClientRunStatus.RUNNING:
                self.final[full_id] = status


def starts_apart(apify: FakeApify, least: timedelta) -> None:
    """I7: two starts for one batch are far apart, but for those of workers that had been robbed unawares."""
    starts: dict[str, list[datetime]] = {}
    for run in apify.runs.values():
        if not run.foreign and not run.late:
            assert run.facts.started_at is not None
            starts.setdefault(run.batch, []).append(run.facts.started_at)
    for times in starts.values():
        for earlier, later in itertools.pairwise(times):
            assert later - earlier >= least


def tenants_apart(tx: Tx, posted: dict[str, set[str]]) -> None:
    """I5: no client has a post, a lead or a delivery that is another's."""
    for client_id, key in rows(tx, "select client_id, post_key from posts"):
        assert key in posted[client_id]
    mixed = (
        "select 1 from sightings s join posts p on p.id = s.post_id join leads l on l.id = s.lead_id "
        "where l.client_id <> p.client_id",
        "select 1 from deliveries d join actor_runs a on a.id = d.actor_run_id "
        "where d.client_id <> a.client_id",
    )
    assert not [found for statement in mixed for found in rows(tx, statement)]


def leads_in_one_batch(tx: Tx) -> None:
    """I14: a lead is in one live batch at most, an orphan's row aside: it repeats its batch."""
    open_ones = rows(
        tx,
        "select o.lead_id, a.marker from lead_outcomes o join actor_runs a on a.id = o.actor_run_id "
        "where a.state not in ('ingested', 'failed') and o.outcome is null",
    )
    busy = [lead_id for lead_id, marker in open_ones if "-" not in marker]
    assert len(busy) == len(set(busy))


def is_post(item: Any) -> bool:
    """Say whether an item of the fake's is a post."""
    return isinstance(item, dict) and item.get("type") == "post"


def is_reject(item: Any) -> bool:
    """Say whether an item of the fake's is to be rejected."""
    return not isinstance(item, dict) or "error" in item


def still_open(tx: Tx) -> list[Any]:
    """I3, I9: name what is not over: actor runs, client runs, deliveries."""
    return [
        *rows(tx, "select * from actor_runs where state not in ('ingested', 'failed')"),
        *rows(tx, "select * from client_runs where status = 'Running'"),
        *rows(tx, "select * from deliveries where processed_at is null"),
        *rows(tx, "select * from leads where status = 'Processing'"),
    ]


def datasets_are_stored(tx: Tx, apify: FakeApify, discarded: set[int]) -> None:
    """I4, I6: what each of our actor runs holds is stored, once, and nothing else is; its cost is known."""
    ours = {row.apify_run_id: row for row in rows(tx, "select * from actor_runs") if row.apify_run_id}
    for apify_run_id, run in apify.runs.items():
        if run.foreign:
            assert apify_run_id not in ours
            continue
        row = ours.get(apify_run_id)
        assert row is not None, f"nobody knows of {apify_run_id}, {run.marker}"
        if row.id in discarded:
            continue
        keys = rows(
            tx,
            "select p.post_key from sightings s join posts p on p.id = s.post_id "
            f"where s.actor_run_id = {row.id}",
        )
        wanted = {item["id"] for item in run.items if is_post(item)}
        assert {key for (key,) in keys} == wanted, f"{apify_run_id}: {row}"
        ((rejected,),) = rows(tx, f"select count(*) from rejects where actor_run_id = {row.id}")
        assert rejected == sum(map(is_reject, run.items)), f"{apify_run_id}: {row}"
        assert row.cost_micros == run.facts.cost_micros


def figures_are_true(tx: Tx, apify: FakeApify, discarded: set[int]) -> None:
    """I6: each record's figures are what a recount over Apify's truth gives, but for what was discarded."""
    batches: dict[str, list[FakeRun]] = {}
    spoilt = set()
    for row_id, full_id, apify_run_id in rows(tx, "select id, client_run_id, apify_run_id from actor_runs"):
        if row_id in discarded:
            spoilt.add(full_id)
        if apify_run_id is not None:
            batches.setdefault(full_id, []).append(apify.runs[apify_run_id])
    for record in rows(tx, "select * from client_runs"):
        if record.client_run_id in spoilt:
            continue
        runs = batches.get(record.client_run_id, [])
        items = [item for run in runs for item in run.items]
        counted = (
            sum(len(run.targets) for run in runs),
            len({item["id"] for item in items if is_post(item)}),
            sum(map(is_reject, items)),
            sum(run.facts.cost_micros or 0 for run in runs),
            len(runs),
        )
        assert counted == (
            record.profiles_submitted,
            record.posts_harvested,
            record.items_rejected,
            record.cost_micros,
            record.actor_runs,
        ), record
        ((new,),) = rows(
            tx, f"select count(*) from posts where first_client_run_id = '{record.client_run_id}'"
        )
        assert record.posts_new == new


def log_is_true(lines: LogLines, records: Records, told_missing: Iterable[str]) -> None:
    """I16: each creation was told once, and a record was told to be missing if and only if it was."""
    assert lines.created == records.made
    assert lines.missing.keys() <= records.deleted_once
    assert set(told_missing) <= lines.missing.keys()
