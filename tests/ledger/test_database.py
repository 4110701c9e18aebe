"""Transactions: all or nothing, on disk before anyone hears of it, and unavailable is not broken."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import pytest
from factories import CLIENT_ID, NOW, make_client, make_leads, on_one_ledger, opened
from hypothesis import given
from hypothesis import strategies as st
from simultaneous import at_once
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from harvester.errors import LedgerUnavailable
from harvester.ledger import Ledger, Tx, activity, clients, database, leads, postgresql, tables


class Wrong(Exception):
    """What a test raises inside a transaction."""


def spoil(ledger: Ledger, step: Callable[[Tx], object]) -> None:
    """Note something, then do what must spoil the transaction."""
    with ledger.write() as tx:
        note(tx)
        step(tx)


def go_wrong(_tx: Tx) -> None:
    raise Wrong


def note(tx: Tx, detail: str = "noted", at: datetime = NOW) -> None:
    activity.record(
        tx, "test", source=None, client_run_id="test", client_id=None, ok=True, detail=detail, now=at
    )


def notes(ledger: Ledger) -> list[str]:
    with ledger.read() as tx:
        return [str(line["detail"]) for line in activity.of_client_run(tx, "test", limit=100)]


def test_a_transaction_that_raises_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(Wrong):
        spoil(ledger, go_wrong)
    assert notes(ledger) == []


def test_a_broken_rule_is_no_outage_and_leaves_nothing(ledger: Ledger) -> None:
    client = make_client(ledger)
    twice = insert(tables.clients).values(client_id=client.client_id, name="twice")
    with pytest.raises(IntegrityError):
        spoil(ledger, lambda tx: tx.execute(twice))
    assert notes(ledger) == []


def test_a_bad_statement_is_no_outage(ledger: Ledger) -> None:
    with pytest.raises(DBAPIError), ledger.write() as tx:
        tx.execute(text("select * from no_such_table"))


def test_what_waits_for_the_commit_finds_it_done(ledger: Ledger) -> None:
    seen: list[list[str]] = []
    with ledger.write() as tx:
        note(tx)
        tx.after_commit(lambda: seen.append(notes(ledger)))
        tx.after_commit(lambda: seen.append(["second"]))
        assert seen == []
    assert seen == [["noted"], ["second"]]


def test_what_waits_for_the_commit_never_runs_without_one(ledger: Ledger) -> None:
    seen: list[str] = []

    def wait_and_go_wrong(tx: Tx) -> None:
        tx.after_commit(lambda: seen.append("ran"))
        raise Wrong

    with pytest.raises(Wrong):
        spoil(ledger, wait_and_go_wrong)
    assert seen == []


def test_a_reader_keeps_its_view_and_blocks_no_writer(ledger: Ledger) -> None:
    with ledger.read() as reader:
        before = activity.count(reader, "test")
        with ledger.write() as writer:
            note(writer)
        assert activity.count(reader, "test") == before
    assert notes(ledger) == ["noted"]


def test_one_transaction_at_a_time_passes_a_named_point(ledger: Ledger) -> None:
    inside: list[int] = []
    most: list[int] = []

    def pass_through() -> None:
        with ledger.write() as tx:
            tx.exclusively("the bridge")
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    at_once([pass_through] * 6)
    assert most == [1] * 6


def test_a_locked_file_makes_the_ledger_unavailable_until_it_is_free(sqlite_url: str) -> None:
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with opened(sqlite_url, lock_seconds=0.05) as ledger:
        with pytest.raises(LedgerUnavailable, match="database is locked") as caught, ledger.write() as tx:
            note(tx)
        assert not caught.value.permanent
        assert notes(ledger) == []  # a reader is not in the way of a writer
        other.execute("ROLLBACK")
        with ledger.write() as tx:
            note(tx)
        assert notes(ledger) == ["noted"]
    other.close()


def test_writers_of_a_locked_file_wait_side_by_side(sqlite_url: str) -> None:
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with opened(sqlite_url, lock_seconds=0.3) as ledger:

        def write() -> float:
            began = time.monotonic()
            with pytest.raises(LedgerUnavailable), ledger.write():
                pytest.fail("the block was entered")
            return time.monotonic() - began

        longest = max(at_once([write] * 8))
        assert longest < 4 * 0.3, "their waits added up"
    other.close()


def test_a_file_that_was_deleted_or_replaced_is_no_ledger_any_more(sqlite_url: str, tmp_path: Path) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    with opened(sqlite_url) as ledger:
        assert notes(ledger) == []
        kept = file.rename(tmp_path / "kept.db")
        for _ in range(2):
            with pytest.raises(LedgerUnavailable, match="moved, deleted or replaced"), ledger.write() as tx:
                note(tx)
            with pytest.raises(LedgerUnavailable, match="moved, deleted or replaced"), ledger.read():
                pytest.fail("the block was entered")
            shutil.copyfile(kept, file)  # another file of the same name is another ledger
        file.unlink()
        kept.rename(file)
        assert notes(ledger) == []


def test_what_a_transaction_waits_for_adds_up_to_its_bound(postgres_url: str) -> None:
    with opened(postgres_url) as other, opened(postgres_url, lock_seconds=0.6) as ledger:
        make_client(other)
        with other.write() as holder, ThreadPoolExecutor(1) as pool:
            clients.change(holder, CLIENT_ID, stream=2)
            with other.write() as bridge:
                bridge.exclusively("the bridge")
                crossing = pool.submit(_cross_and_change, ledger)
                time.sleep(0.4)
            waited = crossing.result()
        assert waited < 0.6 + 0.4, "the second wait began anew"


def _cross_and_change(ledger: Ledger) -> float:
    def step(tx: Tx) -> None:
        tx.exclusively("the bridge")
        clients.change(tx, CLIENT_ID, stream=3)

    began = time.monotonic()
    with pytest.raises(LedgerUnavailable):
        spoil(ledger, step)
    return time.monotonic() - began


def test_a_locked_row_makes_the_ledger_unavailable_until_it_is_free(postgres_url: str) -> None:
    with opened(postgres_url) as other, opened(postgres_url, lock_seconds=0.05) as ledger:
        make_client(other)
        with other.write() as tx:
            clients.change(tx, CLIENT_ID, stream=2)
            with pytest.raises(LedgerUnavailable, match="lock timeout"), ledger.write() as second:
                clients.change(second, CLIENT_ID, stream=3)
        with ledger.write() as tx:
            assert clients.change(tx, CLIENT_ID, stream=3)


def test_a_server_that_is_not_there_makes_the_ledger_unavailable() -> None:
    url = "postgresql+psycopg://harvester:a-password@127.0.0.1:9/ledger"
    with opened(url) as ledger:
        with pytest.raises(LedgerUnavailable) as caught, ledger.read():
            pytest.fail("the block was entered")
        assert "a-password" not in f"{caught.value} {ledger!r}"


def test_a_server_that_goes_away_makes_the_ledger_unavailable_and_it_recovers(postgres_url: str) -> None:
    end_all = text(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
    )
    with opened(postgres_url) as ledger:
        with pytest.raises(LedgerUnavailable):
            spoil(ledger, lambda tx: tx.execute(end_all))
        with ledger.write() as tx:
            note(tx, "after")
        assert notes(ledger) == ["after"]


@contextmanager
def frozen(pid: int, seconds: float | None = None) -> Iterator[None]:
    """Stop a process for the length of the block, or only for so long."""
    os.kill(pid, signal.SIGSTOP)
    thaw = threading.Timer(seconds or 0, os.kill, (pid, signal.SIGCONT))
    if seconds is not None:
        thaw.start()
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
        if seconds is not None:
            thaw.join()


def backend(tx: Tx) -> int:
    """Name the server's process that a transaction runs in."""
    return int(tx.execute(text("select pg_backend_pid()")).scalar_one())


def test_a_server_that_says_nothing_is_given_up_with_its_connection(postgres_url: str) -> None:
    def fall_silent(tx: Tx) -> None:
        with frozen(backend(tx)):
            note(tx, "x" * 10_000_000)

    with opened(postgres_url, lock_seconds=2) as ledger:
        with ledger.read() as tx:
            first = backend(tx)
        with frozen(first), ledger.write() as tx:  # while it lies in the pool
            second = backend(tx)
            note(tx, "over another connection")
        assert second != first
        began = time.monotonic()
        with pytest.raises(LedgerUnavailable, match="has not answered"):
            spoil(ledger, fall_silent)  # in the middle of a transaction, with much to send
        assert 1.5 < time.monotonic() - began < 5
        assert notes(ledger) == ["over another connection"]


def test_long_work_has_more_patience(postgres_url: str) -> None:
    with opened(postgres_url, lock_seconds=0.4) as ledger:
        for begin in (ledger.read, ledger.write):
            with begin(patient=True) as tx, frozen(backend(tx), 1.2):
                assert tx.execute(text("select 1")).scalar_one() == 1
        with ledger.write(patient=True) as tx:
            tx.execute(text("select pg_sleep(1.2)"))


def test_a_transaction_whose_process_was_stopped_does_not_keep_its_locks(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_IDLE_SECONDS", 0.3)
    with opened(postgres_url) as stopped, opened(postgres_url) as ledger:
        make_client(ledger)

        def stop_half_way(tx: Tx) -> None:
            clients.change(tx, CLIENT_ID, stream=2)
            with ledger.write() as other:  # while the first one does nothing
                assert clients.change(other, CLIENT_ID, stream=3)

        with pytest.raises(LedgerUnavailable):
            spoil(stopped, stop_half_way)
        assert notes(ledger) == []
        with ledger.read() as tx:
            found = clients.get(tx, CLIENT_ID)
        assert found is not None
        assert found.stream == 3


def test_a_file_in_no_folder_makes_its_folder(sqlite_url: str) -> None:
    url = sqlite_url.replace("ledger.db", "deeper/still/ledger.db")
    with opened(url) as ledger, ledger.read() as tx:
        assert tx.execute(text("select 1")).scalar_one() == 1


def test_all_that_open_a_new_file_at_once_get_in(tmp_path: Path) -> None:
    """Each switches it to the write-ahead log, for which SQLite does not wait by itself."""

    def count_tables(url: str) -> int:
        with opened(url) as ledger, ledger.read() as tx:
            return int(tx.execute(text("select count(*) from sqlite_master")).scalar_one())

    for number in range(20):
        url = f"sqlite:///{tmp_path / str(number)}.db"
        assert at_once([partial(count_tables, url)] * 8) == [0] * 8


def test_a_full_pool_makes_the_ledger_unavailable(sqlite_url: str) -> None:
    with opened(sqlite_url, lock_seconds=0.05) as ledger:
        held = [ledger.read() for _ in range(15)]
        for one in held:
            one.__enter__()
        with pytest.raises(LedgerUnavailable), ledger.read():
            pytest.fail("the block was entered")
        for one in held:
            one.__exit__(None, None, None)
        assert notes(ledger) == []


def test_a_commit_on_sqlite_is_on_disk_before_it_is_answered(sqlite_url: str) -> None:
    with opened(sqlite_url) as ledger, ledger.write() as tx:
        pragmas = {
            name: tx.execute(text(f"pragma {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


moments = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis wants bounds without a zone
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.one_of(
        st.just(UTC),
        st.timezones(),
        st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    ),
)


@on_one_ledger
@given(given=st.lists(moments, min_size=1, max_size=8))
def test_times_come_back_as_the_same_moments_in_utc_and_in_order(
    ledger: Ledger, given: list[datetime]
) -> None:
    with ledger.write() as tx:
        tx.execute(tables.activity.delete())
        for moment in given:
            note(tx, at=moment)
        ordered = select(tables.activity.c.at).order_by(tables.activity.c.at)
        stored = list(tx.execute(ordered).scalars())
    assert stored == sorted(moment.astimezone(UTC) for moment in given)
    assert {moment.tzinfo for moment in stored} == {UTC}


def test_a_time_without_a_zone_is_refused(ledger: Ledger) -> None:
    with pytest.raises(StatementError, match="without a zone"), ledger.write() as tx:
        note(tx, at=datetime(2026, 11, 22, 5))  # noqa: DTZ001
    assert notes(ledger) == []


#: Text as it reaches the ledger: the edge has replaced NUL and lone surrogates.
clean_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@on_one_ledger
@given(detail=clean_text)
def test_clean_text_comes_back_as_it_was(ledger: Ledger, detail: str) -> None:
    with ledger.write() as tx:
        tx.execute(tables.activity.delete())
        note(tx, detail)
    assert notes(ledger) == [detail]


def test_text_that_was_not_cleaned_is_refused_and_leaves_nothing(postgres_ledger: Ledger) -> None:
    for dirty in ("a\0b", "a\ud800b"):
        with pytest.raises((DBAPIError, UnicodeEncodeError)):
            spoil(postgres_ledger, partial(note, detail=dirty))
    assert notes(postgres_ledger) == []


def test_ids_that_differ_by_case_are_two(ledger: Ledger) -> None:
    make_client(ledger, "acme", name="small")
    make_client(ledger, "Acme", name="large")
    make_leads(ledger, "acme", 2)
    with ledger.write() as tx:
        assert clients.change(tx, "Acme", stream=7)
        small, large = clients.get(tx, "acme"), clients.get(tx, "Acme")
        assert clients.get(tx, "ACME") is None
        assert len(leads.page(tx, "acme", limit=9)) == 2
        assert leads.page(tx, "Acme", limit=9) == []
    assert small is not None and (small.name, small.stream) == ("small", 1)  # noqa: PT018
    assert large is not None and (large.name, large.stream) == ("large", 7)  # noqa: PT018


def test_the_wait_for_a_lock_has_a_bound() -> None:
    assert 0 < database.LOCK_SECONDS <= 10


def test_a_write_ahead_log_that_was_deleted_is_noticed(sqlite_url: str) -> None:
    with opened(sqlite_url) as ledger:
        with ledger.write() as tx:
            note(tx)
        Path(f"{sqlite_url.removeprefix('sqlite:///')}-wal").unlink()
        with pytest.raises(LedgerUnavailable, match="write-ahead log"), ledger.write() as tx:
            note(tx, "lost")


def test_a_folder_that_cannot_be_made_is_told_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerUnavailable, match="DATABASE_URL"):
        Ledger(f"sqlite:///{tmp_path}/file/ledger.db")
