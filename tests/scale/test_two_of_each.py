"""Two web and two worker processes on one ledger share the work, and two of them end in the middle of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from chaos import story
from chaos.apify import TOKEN, UnreliableApify
from chaos.callers import Caller
from chaos.evidence import Evidence
from chaos.fleet import Fleet, fleet
from chaos.run import TIMERS, violations
from cli.processes import until
from factories import opened
from sqlalchemy import func, select

from harvester.ledger import Ledger, tables

from .redis_server import redis_server

CLIENTS = tuple(f"Client-{number}" for number in range(1, 11))
THREADS = 4
#: Connections that a worker may have at work, as docs/scaling.md says; and that a pool keeps.
MOST_OF_A_WORKER = 2 * THREADS + 3
MOST_OF_A_POOL = 10
#: A process that is told to end has so long.
ENDING_SECONDS = 25
#: What a worker thread says when it has done something for an actor run.
DONE = ("Actor run started", "Actor run ended", "Ingested")


@dataclass
class Office:
    """An agency at work on several processes."""

    ledger: Ledger
    apify: UnreliableApify
    fleet: Fleet
    callers: Sequence[Caller]

    @property
    def ordered(self) -> int:
        """Count the harvests that are ordered, sooner or later."""
        return sum(len(caller.orders) for caller in self.callers)

    @property
    def finished(self) -> int:
        """Count the harvests whose end was seen."""
        return sum(len(caller.finished) for caller in self.callers)

    def done_by(self, name: str) -> int:
        """Count what a worker has done so far."""
        logs = [life.process.output for life in self.fleet.lives if life.name == name]
        return sum(log.count(one) for log in logs for one in DONE)

    def end_one_of_each(self) -> None:
        """End a worker and a web process once both workers have worked; both must go in good order."""
        until(lambda: all(self.done_by(name) for name in self.fleet.workers), 30, self.fleet.told)
        ending = [self.fleet.end("worker-1"), self.fleet.end("web-1")]
        assert [process.wait(ENDING_SECONDS) for process in ending] == [0, 0], self.fleet.told()
        assert self.finished < self.ordered, "all was over before they ended"

    def finish(self) -> None:
        """Wait until all is over, and find nothing wrong."""
        until(self._over, 60, self.fleet.told)
        accepted = [full_id for caller in self.callers for full_id in caller.accepted]
        assert len(accepted) == self.ordered
        evidence = Evidence(self.ledger, self.apify, self.fleet.lives)
        assert not violations(evidence, accepted, self.fleet)
        assert len(evidence.paid) == len(evidence.batches) > len(accepted)

    def _over(self) -> bool:
        waiting = self.apify.ledger().dispatches_by_status.get("ACTIVE", 0)
        return self.finished == self.ordered and not waiting and not self._unread()

    def _unread(self) -> int:
        """Count webhook calls that nobody has looked into: the last one may just have come."""
        unread = select(func.count()).where(tables.deliveries.c.processed_at.is_(None))
        with self.ledger.read() as tx:
            return int(tx.execute(unread).scalar_one())


@contextmanager
def at_work(
    url: str, folder: Path, *, orders: int = 2, run_seconds: float = 0.7, queue_url: str = ""
) -> Iterator[Office]:
    """Start an office in which every client's harvests are ordered."""
    over = threading.Event()
    apify = UnreliableApify(1, time_scale=120, run_seconds=run_seconds)
    environ = {**TIMERS, "DATABASE_URL": url, "QUEUE_URL": queue_url, "WORKER_THREADS": THREADS}
    with opened(url) as ledger, apify:
        story.found(ledger, CLIENTS, due_leads=30)
        with fleet(folder, {**environ, "APIFY_API_URL": apify.url, "APIFY_TOKEN": TOKEN}) as processes:
            callers = [Caller(processes.url, story.orders(1, one, orders), over) for one in CLIENTS]
            threads = [threading.Thread(target=caller) for caller in callers]
            for thread in threads:
                thread.start()
            try:
                yield Office(ledger, apify, processes, callers)
            finally:
                over.set()
                for thread in threads:
                    thread.join()


@pytest.mark.slow
def test_on_one_file(sqlite_url: str, tmp_path: Path) -> None:
    with at_work(sqlite_url, tmp_path) as office:
        office.end_one_of_each()
        office.finish()
    assert (tmp_path / "ledger-queue.db").exists()


@pytest.mark.slow
def test_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    with at_work(postgres_url, tmp_path) as office:
        listening = counted(postgres_url, "query ilike 'listen %'")
        assert listening == len(office.fleet.workers) * THREADS
        office.end_one_of_each()
        office.finish()
        assert counted(postgres_url) <= MOST_OF_A_WORKER + 2 * MOST_OF_A_POOL  # and the test's own pool


@pytest.mark.slow
def test_with_redis_as_the_queue_that_dies_and_comes_back_empty(postgres_url: str, tmp_path: Path) -> None:
    with (
        redis_server(tmp_path) as redis,
        at_work(postgres_url, tmp_path, orders=5, run_seconds=2.5, queue_url=redis.url) as office,
    ):
        assert not huey_tables(postgres_url), "the wake-ups are in PostgreSQL, not in Redis"
        until(lambda: redis.calls("lpush") > 0 and redis.calls("brpop") > 0, 30, office.fleet.told)
        redis.kill()
        goes_on(office)
        redis.start()
        until(lambda: redis.calls("lpush") > 0, 30, office.fleet.told)
        office.end_one_of_each()
        office.finish()


def goes_on(office: Office) -> None:
    """Wait until something more was done, by whomever."""
    done: Callable[[], int] = lambda: sum(map(office.done_by, office.fleet.workers))  # noqa: E731
    before = done()
    time.sleep(1)
    until(lambda: done() > before, 30, office.fleet.told)


def counted(url: str, where: str = "true") -> int:
    """Count the connections to a database but this one."""
    query = f"select count(*) from pg_stat_activity where datname = current_database() and {where}"
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        row = connection.execute((query + " and pid <> pg_backend_pid()").encode()).fetchone()
    return int(row[0]) if row else 0


def huey_tables(url: str) -> list[str]:
    """Name the tables of the queue in a database."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        found = connection.execute("select tablename from pg_tables where tablename like 'huey%'").fetchall()
    return [name for (name,) in found]
