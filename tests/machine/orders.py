"""What must be true of job runs: each order makes one, over when its harvests are, and as they are."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from harvester.jobs import JobPlan
from harvester.ledger import Tx
from harvester.models import ClientRunStatus
from services import coverage, job_reports
from services.process import Ask, JobAnswer

from .fake_apify import FakeApify
from .truths import Records, is_post, rows

RUNNING = ClientRunStatus.RUNNING


@dataclass(frozen=True)
class Person:
    """A client, as far as job runs choose by it."""

    client_id: str
    stream: int
    is_active: bool


@dataclass
class Orders:
    """What is expected of the job runs: which were ordered, and which a person or another one has ended."""

    people: Sequence[Person]
    asks: dict[str, Ask] = field(default_factory=dict)
    #: The run ID that an order was answered with, by its key.
    answered: dict[str, str] = field(default_factory=dict)
    #: How a job run has ended that was not over.
    cut_short: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def expected(self, stream: int | None, client_id: str | None, limit: int | None) -> list[str]:
        """Name the clients that a job run is for."""
        found = [
            one.client_id
            for one in sorted(self.people, key=lambda one: one.client_id)
            if (one.is_active if client_id is None else one.client_id == client_id)
            and (stream is None or one.stream == stream)
        ]
        return found[:limit]

    def told(self, key: str, answer: JobAnswer) -> None:
        """An order was answered: as every time before."""
        assert self.answered.setdefault(key, answer.run_id) == answer.run_id

    def notice(self, tx: Tx, records: Records) -> None:
        """Expect the records of those that a job run has started, which may have gone on by itself."""
        started = "select run_id, client_id, client_run_id from job_clients where decision = 'started'"
        for run_id, client_id, full_id in rows(tx, started):
            assert full_id == f"{run_id}-{client_id}"
            if full_id not in records.made:
                records.create(full_id)

    def check(self, tx: Tx, records: Records) -> None:
        """I15: one job run for each order, that decides about everybody once and ends with its harvests."""
        found = rows(tx, "select * from job_runs where plan is not null")
        self._ordered_once(tx, {job.run_id for job in found})
        assert sum(job.holds is not None for job in found) <= 1, "two smart resumes at once"
        decided, live = _decided(tx), _live(tx)
        for job in found:
            mine = decided[job.run_id]
            runs = {full for _, _, full in mine if full} | {full for full in live if full[:13] == job.run_id}
            waits = runs & live
            # One that was taken on, and tried again after its end, is waited for no more.
            must = {full for full in waits if full not in records.retried or full[:13] == job.run_id}
            is_over = job.status != RUNNING
            assert (job.holds is not None) <= (job.plan == JobPlan.RESUME and not is_over), job
            if job.run_id in self.cut_short or records.deleted_once & runs:
                continue
            if is_over:
                assert job.kickoffs_due_at is None and not must, f"{job}, live: {must}"  # noqa: PT018
            else:
                assert job.kickoffs_due_at is not None or waits, job
            if job.kickoffs_due_at is None:
                wanted = self.expected(job.stream, job.only_client, job.most_clients)
                assert [client for client, *_ in mine] == wanted, job

    def _ordered_once(self, tx: Tx, job_ids: set[str]) -> None:
        kept = rows(tx, "select key, answer from idempotency_keys where client_id = '*'")
        by_key = {key: _read(answer)["runId"] for key, answer in kept}
        assert sorted(by_key.values()) == sorted(job_ids)
        assert self.answered.items() <= by_key.items()

    def check_ends(self, tx: Tx, records: Records) -> None:
        """I15: every job run is over, reported, and as its client runs are; the sums are sums."""
        jobs = {job.run_id: job for job in rows(tx, "select * from job_runs")}
        planned = {run_id for run_id, job in jobs.items() if job.plan is not None}
        assert jobs.keys() - planned == {full_id[:13] for full_id in records.made} - planned
        runs = {run.client_run_id: run for run in rows(tx, "select * from client_runs")}
        spoilt = {full_id[:13] for full_id in records.deleted_once}
        decided = _decided(tx)
        for run_id, job in jobs.items():
            taken_on = {full for _, decision, full in decided[run_id] if decision == "taken_on"}
            own = {full for full in runs if full[:13] == run_id}
            assert run_id in spoilt or job.status != RUNNING, job
            if job.plan is not None:
                _is_reported(tx, job, [runs[full] for full in own])
            if run_id in self.cut_short:
                reopened = run_id in spoilt | {full_id[:13] for full_id in records.retried}
                assert reopened or job.status == self.cut_short[run_id], job
            elif not (run_id in spoilt or taken_on & (records.retried | records.deleted_once)):
                ends = [runs[full].status for full in own | taken_on]
                failed = [d for _, d, _ in decided[run_id] if d == "failed"]
                assert not failed
                assert job.status == _worst(ends), f"{job}: {ends}"


def _is_reported(tx: Tx, job: Any, own: Sequence[Any]) -> None:
    told = job_reports.report(tx, job.run_id)
    assert told is not None
    assert job.reported_at is not None, job
    metrics = told["sums"]["metrics"]
    for name, column in (("postsHarvested", "posts_harvested"), ("profilesSubmitted", "profiles_submitted")):
        assert metrics[name] == sum(getattr(run, column) for run in own)
    assert len(told["clients"]) == len({client["clientId"] for client in told["clients"]})


def still_open(tx: Tx) -> list[Any]:
    """Name the job runs that nobody has told the end of."""
    return rows(tx, "select * from job_runs where plan is not null and reported_at is null")


def _decided(tx: Tx) -> dict[str, list[tuple[str, str, str | None]]]:
    found: dict[str, list[tuple[str, str, str | None]]] = defaultdict(list)
    columns = "run_id, client_id, decision, client_run_id"
    for run_id, *about in rows(tx, f"select {columns} from job_clients order by run_id"):
        found[run_id].append((about[0], about[1], about[2]))
    return defaultdict(list, {run_id: sorted(all_of) for run_id, all_of in found.items()})


def _live(tx: Tx) -> set[str]:
    return {full for (full,) in rows(tx, "select client_run_id from client_runs where status = 'Running'")}


def _worst(ends: Iterable[str]) -> str:
    different = set(ends)
    if different <= {ClientRunStatus.COMPLETED}:
        return ClientRunStatus.COMPLETED
    alike = {ClientRunStatus.FAILED, ClientRunStatus.CANCELLED}
    return different.pop() if len(different) == 1 and different <= alike else "Completed with Errors"


def _read(answer: Any) -> Any:
    return json.loads(answer) if isinstance(answer, str) else answer


def cancelled_are(tx: Tx, records: Records) -> None:
    """What a person has cancelled has ended `Cancelled`."""
    found = dict(map(tuple, rows(tx, "select client_run_id, status from client_runs")))
    wrong = {full: found[full] for full in records.cancelled if found[full] != ClientRunStatus.CANCELLED}
    assert not wrong


def coverage_adds_up(tx: Tx, apify: FakeApify, discarded: set[int]) -> None:
    """Each profile that Apify was given for a client run is in its coverage, with posts if it sent any."""
    given: dict[str, set[str]] = defaultdict(set)
    with_posts: dict[str, set[str]] = defaultdict(set)
    spoilt = set()
    for row in rows(tx, "select id, client_run_id, apify_run_id from actor_runs"):
        run = apify.runs.get(row.apify_run_id)
        if run is not None:
            given[row.client_run_id] |= set(run.targets)
            with_posts[row.client_run_id] |= {
                item["query"]["targetUrl"] for item in run.items if is_post(item)
            }
        if row.id in discarded:
            spoilt.add(row.client_run_id)
    for full_id in (full_id for (full_id,) in rows(tx, "select client_run_id from client_runs")):
        told = coverage.summary(tx, full_id)
        parts = ("posts", "none", "errors", "silent", "notAnswered")
        assert told["submitted"] == sum(told[part] for part in parts) == len(given[full_id]), full_id
        assert full_id in spoilt or told["posts"] == len(with_posts[full_id]), f"{full_id}: {told}"
