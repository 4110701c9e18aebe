"""All that a run has left: the ledger's rows, the sandbox's truth, and what the processes said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Row, Table, select

from harvester.ledger import Ledger, job_tables, tables
from harvester.sandbox.apify.oracle import HookCall

from .apify import PaidRun, UnreliableApify
from .fleet import Life

Rows = Sequence[Row[Any]]


@dataclass(frozen=True)
class Log:
    """What one process wrote from its start to its end."""

    name: str
    text: str


class Evidence:
    """Reads everything once; what is derived from it is worked out when it is asked for."""

    def __init__(self, ledger: Ledger, apify: UnreliableApify, lives: Sequence[Life]) -> None:
        with ledger.read() as tx:

            def of(table: Table) -> Rows:
                return tx.execute(select(*(c for c in table.c if c.name != "raw"))).all()

            self.clients = of(tables.clients)
            self.leads = of(tables.leads)
            self.jobs = of(job_tables.job_runs)
            self.decided = of(job_tables.job_clients)
            self.records = of(tables.client_runs)
            self.batches = of(tables.actor_runs)
            self.outcomes = of(tables.lead_outcomes)
            self.posts = of(tables.posts)
            self.sightings = of(tables.sightings)
            self.rejects = of(tables.rejects)
            self.deliveries = of(tables.deliveries)
            self.activity = of(tables.activity)
        self.paid: list[PaidRun] = list(apify.paid_runs())
        self.hook_calls: list[HookCall] = apify.ledger().webhook_calls
        #: From when to when starts were paused, and the client runs whose cancel was accepted.
        self.paused: list[tuple[datetime, datetime]] = []
        self.cancelled: list[str] = []
        self.logs = [Log(life.name, life.process.output) for life in lives]

    def forget(self) -> None:
        """Forget what was worked out: what it came from is about to change."""
        for name in ("paid_by_id", "batch_of", "batches_of", "stored_keys"):
            self.__dict__.pop(name, None)

    @cached_property
    def paid_by_id(self) -> dict[str, PaidRun]:
        """Every actor run that was paid for, by its ID."""
        return {run.run_id: run for run in self.paid}

    @cached_property
    def batch_of(self) -> dict[str, Row[Any]]:
        """The row that has an actor run, by the actor run's ID."""
        return {row.apify_run_id: row for row in self.batches if row.apify_run_id}

    @cached_property
    def batches_of(self) -> dict[str, list[Row[Any]]]:
        """The rows of a client run."""
        found = defaultdict(list)
        for row in self.batches:
            found[row.client_run_id].append(row)
        return found

    @cached_property
    def stored_keys(self) -> dict[int, set[str]]:
        """The keys of the posts that were seen in a batch's dataset, by its row."""
        keys = {post.id: post.post_key for post in self.posts}
        found: dict[int, set[str]] = defaultdict(set)
        for sighting in self.sightings:
            found[sighting.actor_run_id].add(keys[sighting.post_id])
        return found

    def keys_of(self, client_run_id: str) -> set[str]:
        """Work out, from what Apify holds, which posts a client run must have found."""
        runs = [self.paid_by_id.get(row.apify_run_id) for row in self.batches_of[client_run_id]]
        return {key for run in runs if run for key in post_keys(run.items)}

    def refused_of(self, client_run_id: str) -> int:
        """Count, in what Apify holds, the items of a client run that are of no use."""
        runs = [self.paid_by_id.get(row.apify_run_id) for row in self.batches_of[client_run_id]]
        return sum(refused(run.items) for run in runs if run)

    def usd_of(self, client_run_id: str) -> float:
        """Sum up what Apify charged for a client run."""
        runs = [self.paid_by_id.get(row.apify_run_id) for row in self.batches_of[client_run_id]]
        return sum(run.usd for run in runs if run)


def post_keys(items: Sequence[Any]) -> set[str]:
    """Tell the posts among items without our own normaliser: the ID of the sandbox's posts is a number."""
    return {item["id"] for item in items if _is_post(item)}


def refused(items: Sequence[Any]) -> int:
    """Count the items that are neither a post nor a comment nor a reaction."""
    companions = ("comment", "reaction")
    return sum(
        not _is_post(item) and not (isinstance(item, dict) and item.get("type") in companions)
        for item in items
    )


def _is_post(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and item.get("type") == "post"
        and isinstance(item.get("id"), str)
        and item["id"].isdigit()
    )
