"""Group commit: many works, one transaction; each call ends once, and as it went for its own work."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial

import pytest
from factories import CLIENT_ID, NOW, make_client, opened
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simultaneous import at_once
from sqlalchemy import event, insert, select, text
from sqlalchemy.exc import IntegrityError
from structlog.contextvars import get_contextvars

from harvester import log
from harvester.errors import LedgerUnavailable
from harvester.ledger import Ledger, Tx, activity, clients, tables
from harvester.ledger.database import Blocked
from harvester.ledger.group_commit import MOST, GroupCommit


class Wrong(Exception):
    """What a work of a test raises."""


def note(tx: Tx, detail: str) -> str:
    activity.record(
        tx, "test", source=None, client_run_id="test", client_id=None, ok=True, detail=detail, now=NOW
    )
    return detail


def notes(ledger: Ledger) -> list[str]:
    with ledger.read() as tx:
        return list(tx.execute(select(tables.activity.c.detail)).scalars())


Work = Callable[[Tx], str]


def in_one_batch(commit: GroupCommit, works: Sequence[Work]) -> list[str | Exception]:
    """Run works in one batch, behind another that holds them up until all have come."""
    leading = threading.Event()

    def lead(tx: Tx) -> str:
        leading.set()
        until = time.monotonic() + 30
        while len(commit._waiting) < len(works):
            assert time.monotonic() < until, "they never came"
            time.sleep(0.001)
        return note(tx, "the leader")

    def follow(work: Work) -> str:
        assert leading.wait(30)
        return commit(work)

    calls = [partial(commit, lead), *(partial(follow, work) for work in works)]
    return at_once([partial(outcome, call) for call in calls])[1:]


def outcome(call: Callable[[], str]) -> str | Exception:
    try:
        return call()
    except Exception as error:
        return error


def go_wrong(tx: Tx) -> str:
    note(tx, "wrong")
    tx.after_commit(lambda: pytest.fail("it was not committed"))
    raise Wrong


def break_a_rule(tx: Tx) -> str:
    note(tx, "broken")
    tx.execute(insert(tables.clients).values(client_id=CLIENT_ID, name="twice"))
    raise AssertionError("the rule was not kept")


def test_many_works_share_one_commit_and_those_that_fail_fail_alone(ledger: Ledger) -> None:
    make_client(ledger)
    commits: list[object] = []
    told: list[tuple[int, int]] = []
    event.listen(ledger._database.engine, "commit", commits.append)
    good = [partial(note, detail=str(number)) for number in range(20)]

    def noted_and_told(tx: Tx) -> str:
        tx.after_commit(lambda: told.append((len(commits), len(notes(ledger)))))
        return note(tx, "told")

    works: list[Work] = [*good[:10], go_wrong, noted_and_told, break_a_rule, *good[10:]]
    ended = in_one_batch(GroupCommit(ledger), works)
    assert [one for one in ended if isinstance(one, str)] == [
        *map(str, range(10)),
        "told",
        *map(str, range(10, 20)),
    ]
    assert [type(one).__name__ for one in ended if isinstance(one, Exception)] == ["Wrong", "IntegrityError"]
    assert sorted(notes(ledger)) == sorted(["the leader", "told", *map(str, range(20))])
    assert told == [(2, 22)], "told once, when all was on disk with one commit after the leader's own"


def test_a_batch_has_a_bound_and_the_rest_is_led_on(ledger: Ledger) -> None:
    works = [partial(note, detail=str(number)) for number in range(MOST + 5)]
    assert in_one_batch(GroupCommit(ledger), works) == [str(number) for number in range(MOST + 5)]
    assert len(notes(ledger)) == MOST + 6


def test_a_work_runs_with_the_log_ids_of_who_asked(ledger: Ledger) -> None:
    def tell(tx: Tx) -> str:
        return note(tx, str(get_contextvars()["dispatchId"]))

    def ask(number: int) -> str:
        with log.bound(dispatchId=f"d{number}"):
            return commit(tell)

    commit = GroupCommit(ledger)
    asked = [f"d{number}" for number in range(8)]
    assert at_once([partial(ask, number) for number in range(8)]) == asked
    assert sorted(notes(ledger)) == asked


@contextmanager
def writing_elsewhere(ledger: Ledger) -> Iterator[None]:
    """Hold the write lock of a SQLite ledger."""
    with closing(sqlite3.connect(str(ledger.url.database), isolation_level=None, timeout=9)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_who_waits_behind_an_outage_is_told_at_once(sqlite_url: str) -> None:
    def ask(after: float) -> float:
        time.sleep(after)
        began = time.monotonic()
        with pytest.raises(LedgerUnavailable):
            commit(partial(note, detail="never"))
        return time.monotonic() - began

    with opened(sqlite_url, lock_seconds=1.5) as ledger, writing_elsewhere(ledger):
        commit = GroupCommit(ledger)
        waited = at_once([partial(ask, after) for after in (0, 0.7, 0.7, 0.7)])
        assert 1.4 < waited[0] < 3
        assert max(waited[1:]) < waited[0] - 0.4, "their wait began anew"
    with opened(sqlite_url) as ledger:
        assert notes(ledger) == []


def test_a_locked_row_holds_up_nobody_but_its_own_work(postgres_url: str) -> None:
    with opened(postgres_url) as other, opened(postgres_url, lock_seconds=1.5) as ledger:
        make_client(other)
        ended: dict[str, float] = {}

        def change(tx: Tx, detail: str) -> str:
            note(tx, "changed")
            clients.change(tx, CLIENT_ID, stream=3)
            return detail

        def timed(work: Callable[..., str], detail: str) -> str | Exception:
            told = outcome(lambda: commit(partial(work, detail=detail)))
            ended[detail] = time.monotonic() - began
            return told

        commit, began = GroupCommit(ledger), time.monotonic()
        with other.write() as holder:
            clients.change(holder, CLIENT_ID, stream=2)
            calls = [partial(timed, note, str(number)) for number in range(8)]
            *free, held = at_once([*calls, partial(timed, change, "held")])
        assert free == [str(number) for number in range(8)]
        assert isinstance(held, Blocked)
        assert max(seconds for who, seconds in ended.items() if who != "held") < ended["held"] - 0.5
        assert "changed" not in notes(ledger)
        assert commit(partial(change, detail="free again")) == "free again"


def test_two_batches_that_wait_for_each_other_both_end_well(postgres_url: str) -> None:
    """As two web processes do, whose webhooks tell of the same actor runs in another order."""
    names = ["First", "Second"]
    with opened(postgres_url) as one, opened(postgres_url) as two:
        for name in names:
            make_client(one, name)

        def change(tx: Tx, name: str) -> str:
            clients.change(tx, name, stream=9)
            time.sleep(0.05)
            return name

        def ask(ledger: Ledger, order: list[str]) -> list[str | Exception]:
            return in_one_batch(GroupCommit(ledger), [partial(change, name=name) for name in order])

        both = at_once([partial(ask, one, names), partial(ask, two, names[::-1])])
        assert sorted(both[0], key=str) == sorted(both[1], key=str) == names


def test_a_disk_that_is_full_takes_nothing_of_a_batch_for_kept(sqlite_url: str) -> None:
    with opened(sqlite_url) as ledger:
        event.listen(ledger._database.engine, "connect", _nearly_full)
        with ledger.read():
            pass
        commit = GroupCommit(ledger)
        works = [partial(note, detail=f"{number}{'x' * 20_000}") for number in range(12)]
        ended = in_one_batch(commit, works)
        kept = [one for one in ended if isinstance(one, str)]
        assert len(kept) < 12
        assert all(isinstance(one, (str, LedgerUnavailable)) for one in ended)
        assert sorted(notes(ledger)) == sorted([*kept, "the leader"])


def _nearly_full(connection: sqlite3.Connection, _record: object) -> None:
    pages = connection.execute("pragma page_count").fetchone()[0]
    connection.execute(f"pragma max_page_count = {pages + 20}")


#: Greenlets that ask, and are killed at any moment: while they lead, follow, or are about to lead.
KILLED = """
from gevent import monkey; monkey.patch_all()
import random, sys, gevent
from harvester.ledger import Ledger, activity
from harvester.ledger.group_commit import GroupCommit
from datetime import UTC, datetime

def work(tx):
    gevent.sleep(random.choice([0, 0, 0.002]))
    activity.record(tx, "test", source=None, client_run_id="test", client_id=None, ok=True, detail="x",
                    now=datetime.now(UTC))
    return "kept"

random.seed(int(sys.argv[2]))
ledger = Ledger(sys.argv[1], lock_seconds=5)
commit = GroupCommit(ledger)
for _ in range(15):
    asking = [gevent.spawn(commit, work) for _ in range(30)]
    for victim in random.sample(asking, 10):
        gevent.sleep(random.choice([0, 0.001, 0.003]))
        victim.kill(block=False)
    gevent.joinall(asking, timeout=20, raise_error=False)
    assert all(one.ready() for one in asking), "somebody waits for one who is dead"
    assert commit(work) == "kept"
assert not commit._waiting and not commit._led
ledger.close()
print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_one_who_is_killed_takes_nobody_along(ledger_url: str, seed: int) -> None:
    command = [sys.executable, "-W", "ignore", "-c", KILLED, ledger_url, str(seed)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert ran.stdout == "done\n", ran.stderr[-2_000:]


Ended = list[tuple[str, str | Exception]]

#: What one work does, and how long the one that asks waits before.
plans = st.lists(
    st.lists(st.tuples(st.sampled_from("kkkkwr"), st.integers(0, 3)), min_size=1, max_size=6),
    min_size=2,
    max_size=8,
)
outages = st.lists(st.tuples(st.integers(0, 30), st.integers(10, 150)), max_size=3)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans, broken=outages)
def test_each_call_ends_once_and_is_on_disk_if_it_gave_a_result(
    ledger_url: str, plan: list[list[tuple[str, int]]], broken: list[tuple[int, int]]
) -> None:
    with opened(ledger_url, lock_seconds=0.08) as ledger, opened(ledger_url) as other:
        with other.write() as tx:
            tx.execute(tables.activity.delete())
        if not _has_client(other):
            make_client(other)
        commit, after = GroupCommit(ledger), list[str]()

        def work(tx: Tx, kind: str, name: str) -> str:
            note(tx, name)
            tx.after_commit(lambda: after.append(name))
            if kind == "w":
                raise Wrong
            if kind == "r":
                tx.execute(insert(tables.clients).values(client_id=CLIENT_ID, name="twice"))
            return name

        def ask(who: int) -> Ended:
            ended: Ended = []
            for nth, (kind, milliseconds) in enumerate(plan[who]):
                time.sleep(milliseconds / 1000)
                name = f"{kind}-{who}-{nth}"
                told = outcome(partial(commit, partial(work, kind=kind, name=name)))
                ended.append((name, told))
            return ended

        def trouble() -> Ended:
            for before, milliseconds in broken:
                time.sleep(before / 1000)
                with _out_of_order(other):
                    time.sleep(milliseconds / 1000)
            return []

        calls: list[Callable[[], Ended]] = [*(partial(ask, who) for who in range(len(plan))), trouble]
        called = at_once(calls)
        ended = dict(one for calls in called for one in calls)
        on_disk = notes(other)

    assert len(ended) == sum(map(len, plan)), "a call never came back"
    assert len(on_disk) == len(set(on_disk)), "a work was kept twice"
    results = {name for name, told in ended.items() if told == name}
    # On PostgreSQL the answer to a commit can be lost; on SQLite there is none that could be.
    lost = {name for name, told in ended.items() if isinstance(told, LedgerUnavailable)}
    assert results <= set(on_disk) <= (results | lost if ledger_url.startswith("postgresql") else results)
    assert sorted(after) == sorted(results)
    assert {type(told) for name, told in ended.items() if name not in results | lost} <= {
        Wrong,
        IntegrityError,
    }
    assert commit._waiting == []
    assert not commit._led


def _has_client(ledger: Ledger) -> bool:
    with ledger.read() as tx:
        return clients.get(tx, CLIENT_ID) is not None


@contextmanager
def _out_of_order(ledger: Ledger) -> Iterator[None]:
    """Lock a SQLite ledger for the length of the block; throw everybody out of a PostgreSQL once."""
    if ledger.url.get_backend_name() == "sqlite":
        with writing_elsewhere(ledger):
            yield
        return
    others = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
    with suppress(LedgerUnavailable), ledger.write() as tx:
        tx.execute(text(f"{others} and pid <> pg_backend_pid()"))
    yield
