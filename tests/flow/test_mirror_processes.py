"""Real worker processes that send to Airtable: killed, stopped and woken, and asked by many at once."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cli.processes import STARTS_WITHIN
from simultaneous import at_once

from harvester.errors import LedgerUnavailable
from harvester.ledger import locks
from harvester.ledger.mirroring import Kind
from harvester.models import ActorRun, Lead
from harvester.sandbox.airtable.agency import MASTER_ID
from harvester.sandbox.airtable.faults import Fault

from .mirror_rows import CLIENT, Owing, owing, post
from .on_airtable import JOBS, RUNS, TIME_SCALE, TOKEN, base_id, on_airtable
from .processes import Process, process

BASE = base_id(CLIENT)
TIMERS: dict[str, Any] = {
    "airtable_base_interval_seconds": 0.2222 / TIME_SCALE,
    "airtable_token_interval_seconds": 0.0222 / TIME_SCALE,
    "airtable_lockout_seconds": 30 / TIME_SCALE,
    "airtable_delay_seconds": 0.02,
    "airtable_timeout_seconds": 2,
    "airtable_fence_seconds": 2.2,
    "tick_seconds": 0.05,
    "reconcile_seconds": 60,
    "retry_base_seconds": 0.05,
}


@pytest.fixture
def rows(ledger_url: str) -> Iterator[Owing]:
    with owing(ledger_url, {CLIENT: [f"lead-{n}" for n in range(10)]}) as found:
        yield found


@contextmanager
def worker(rows: Owing, folder: Path, name: str) -> Iterator[Process]:
    """Run a worker on the ledger and the Airtable of the stage."""
    settings = rows.stage.worker.settings
    (folder / name).mkdir()
    url = settings.database_url.get_secret_value()
    keys = {
        "airtable_api_key": TOKEN,
        "airtable_api_url": rows.airtable.url,
        "master_clients_base_id": MASTER_ID,
    }
    apify = {"apify_api_url": settings.apify_api_url}
    with process("worker", folder / name, url, **keys, **apify, **TIMERS) as found:
        yield found


def wait(rows: Owing, done: Any, seconds: float, *workers: Process) -> None:
    """Wait without doing anything: the processes do it."""
    deadline = time.monotonic() + seconds
    while not done():
        logs = [one.log.read_text()[-3_000:] for one in workers]
        assert time.monotonic() < deadline, (rows.waiting(), logs)
        time.sleep(0.02)


def sends(rows: Owing) -> int:
    """Count the writes of posts so far."""
    return len(rows.calls("PATCH", BASE))


def right(rows: Owing, count: int) -> None:
    """Check that all posts are there, once, as the ledger has them."""
    assert len(rows.agency.rows("Posts", CLIENT)) == count
    assert not rows.airtable.duplicates(BASE, "Posts", "Post Key")
    assert not rows.differences(Kind.POST, CLIENT)
    assert not rows.differences(Kind.CLIENT_RUN)


def changed(rows: Owing, run: ActorRun, people: list[Lead], likes: int, count: int) -> None:
    """Store all posts once more, with other counts."""
    rows.store(run, [(post(number, likes=likes), people[number % 10]) for number in range(count)])


@pytest.mark.slow
def test_a_worker_that_is_killed_while_it_sends_leaves_nothing_twice_and_nothing_wrong(
    rows: Owing, tmp_path: Path
) -> None:
    people, chance, count = rows.took_in(), random.Random(5), 600
    run = rows.run(people)
    rows.posts(count, run, people)
    for number in range(2):
        with worker(rows, tmp_path, f"killed-{number}") as found:
            before = sends(rows)
            wait(rows, lambda before=before: sends(rows) > before + 2, STARTS_WITHIN, found)
            time.sleep(chance.uniform(0, 0.08))
            os.kill(found.pid, signal.SIGKILL)
        changed(rows, run, people, number % 2, count)  # to and fro: what was sent last is not known
    with worker(rows, tmp_path, "last") as found:
        wait(rows, lambda: not rows.agency.owed(), 60, found)
        right(rows, count)


def stop_between_transactions(rows: Owing, found: Process, write: Callable[[], None]) -> None:
    """Stop a process and write to the ledger: woken for a moment if it holds what is to be written."""
    before = rows.ledger._lock_seconds
    rows.ledger._lock_seconds = 0.3
    for _ in range(40):
        os.kill(found.pid, signal.SIGSTOP)
        try:
            write()
        except LedgerUnavailable:
            os.kill(found.pid, signal.SIGCONT)
            time.sleep(0.02)
        else:
            break
    else:
        raise AssertionError("it was never stopped outside of a transaction")
    rows.ledger._lock_seconds = before


@pytest.mark.slow
def test_a_worker_that_is_stopped_past_its_turn_and_woken_writes_over_nothing(
    rows: Owing, tmp_path: Path
) -> None:
    people, count = rows.took_in(), 400
    run = rows.run(people)
    with worker(rows, tmp_path, "one") as one, worker(rows, tmp_path, "other") as other:
        changed(rows, run, people, 1, count)
        rows.airtable.faults = [Fault(kind="slow", method="PATCH", base=BASE, seconds=0.05)]
        wait(rows, lambda: sends(rows) > 2 and sender(rows), STARTS_WITHIN, one, other)
        stopped = one if sender(rows) == one.pid else other
        try:
            stop_between_transactions(rows, stopped, lambda: changed(rows, run, people, 10, count))
            wait(rows, lambda: not rows.agency.owed(), 60, one, other)
        finally:
            os.kill(stopped.pid, signal.SIGCONT)
        rows.airtable.faults = []
        time.sleep(1.0)
        wait(rows, lambda: not rows.agency.owed(), 30, one, other)
        right(rows, count)


def sender(rows: Owing) -> int | None:
    """Give the process whose turn it is to send posts."""
    with rows.ledger.read() as tx:
        lock = locks.get(tx, f"mirror {BASE} Posts")
    return int(lock.reason.split(":")[1]) if lock is not None else None


@pytest.mark.slow
def test_of_many_kickoffs_at_once_one_record_comes_into_being(ledger_url: str) -> None:
    with on_airtable(
        ledger_url, {CLIENT: ["ada-one", "bea-two"]}, clients={"Posts Daily Target": 2}
    ) as agency:
        stage = agency.stage
        ask = [
            lambda: stage.api("POST", "/api/apify/process-client", {"clientId": CLIENT}) for _ in range(64)
        ]
        answers = at_once(ask)
        taken = [one for one in answers if one.status == 202]
        refused = [one.json["code"] for one in answers if one.status != 202]
        assert len(taken) == 1
        assert set(refused) == {"run_in_progress"}
        stage.finish(str(taken[0].json["clientRunId"]), 30)
        agency.in_step()
        assert [row["Run ID"] for row in agency.rows(RUNS)] == [taken[0].json["clientRunId"]]
        assert [row["Run ID"] for row in agency.rows(JOBS)] == [taken[0].json["runId"]]
