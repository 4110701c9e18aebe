"""Copies: a backup is the ledger as one moment shows it, and what is restored is what was backed up."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from factories import NOW, FakeClock, make_client, make_leads, make_run, on_one_ledger, opened
from hypothesis import given, settings
from postgres import Postgres
from sqlalchemy import insert, text

import harvester.ledger.migrations
from harvester.errors import HarvesterError
from harvester.ledger import Ledger, copy_files, copying, schema, tables
from harvester.ledger.copy_files import url_of
from harvester.models import ActorRunState
from harvester.part_file import CannotMake, Refused, whole_or_not_at_all
from services.backup import Backup, CannotBackUp, backup
from services.restore import CannotRestore, Restored, restore

from .whole_ledgers import Rows, all_rows, store, whole_ledgers

UNKNOWN_START = timedelta(seconds=900)
TAKEN_AT = NOW + timedelta(microseconds=1)  # a backup tells its time to the second before
RESTORED_AT = NOW + timedelta(days=1)
PERHAPS_STARTED = ("planned", "starting", "start_unknown")


def backed_up(ledger: Ledger, file: Path, **options: Any) -> Backup:
    return backup(ledger, file, clock=FakeClock(TAKEN_AT), **options)


def restored(ledger: Ledger, file: Path, **options: Any) -> Restored:
    return restore(ledger, file, clock=FakeClock(RESTORED_AT), unknown_start=UNKNOWN_START, **options)


def rows_in(file: Path) -> Rows:
    with TemporaryDirectory() as folder, opened(url_of(Path(shutil.copy(file, folder)))) as copy:
        return all_rows(copy)


def handed_over(rows: Rows) -> Rows:
    """What a ledger's rows are after a restore."""
    free = {"lease_owner": None, "lease_until": None, "queued_until": None}
    at = RESTORED_AT + UNKNOWN_START
    searched = {"state": "start_unknown", "next_check_at": at, "search_until": at}
    runs = []
    for row in rows["actor_runs"]:
        if row["state"] in PERHAPS_STARTED:
            began = row["start_requested_at"] or NOW
            row = row | searched | {"attempt": row["attempt"] + 1, "start_requested_at": began}
        runs.append(row | free)
    return rows | {"actor_runs": runs}


@pytest.fixture
def new_url(ledger_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a second ledger on the same kind of database, without tables."""
    if ledger_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'new.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.empty() as url:
        yield url


@pytest.fixture
def new(new_url: str) -> Iterator[Ledger]:
    """A second ledger on the same kind of database, without tables."""
    with opened(new_url) as found:
        yield found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The name of a backup to be made, one that a URL would misread."""
    return tmp_path / "back up ?#%41é.db"


@contextmanager
def fresh(postgres: Postgres) -> Iterator[Ledger]:
    with postgres.migrated() as url, opened(url) as ledger:
        yield ledger


@settings(on_one_ledger, max_examples=12)
@given(rows=whole_ledgers())
def test_every_row_survives_the_way_between_the_databases_and_back(
    rows: Rows, postgres: Postgres, migrated_file: Path
) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        source, here = (
            stack.enter_context(opened(f"sqlite:///{shutil.copy(migrated_file, folder / name)}"))
            for name in ("a.db", "b.db")
        )
        store(source, rows)
        before = all_rows(source)
        backed_up(source, folder / "1")
        assert rows_in(folder / "1") == before

        there, again = stack.enter_context(fresh(postgres)), stack.enter_context(fresh(postgres))
        after = restored(there, folder / "1")
        assert all_rows(there) == handed_over(before)
        assert after.taken_at == NOW
        states = [row["state"] for row in before["actor_runs"]]
        assert after.searched_for == sum(state in PERHAPS_STARTED for state in states)

        made = backed_up(there, folder / "2")
        assert made.rows == {name: len(found) for name, found in before.items()}
        assert rows_in(folder / "2") == handed_over(before)
        for target in (here, again):
            restored(target, folder / "2")
            assert all_rows(target) == handed_over(handed_over(before))


def agency(ledger: Ledger, heavy: int = 0) -> None:
    """A client with two planned batches, and so many deliveries of 200 kB."""
    make_client(ledger)
    make_run(ledger, [[lead] for lead in make_leads(ledger, count=2)])
    with ledger.write() as tx:
        for number in range(heavy):
            tx.execute(insert(tables.deliveries), delivery(f"heavy {number}", body="x" * 200_000))


def delivery(key: str, **changes: Any) -> dict[str, Any]:
    row = {"dispatch_key": key, "outcome": "ignored", "received_at": NOW, "processed_at": NOW}
    return row | {"headers": {}, "body": ""} | changes


def test_rows_are_numbered_on_behind_those_that_were_restored(
    ledger: Ledger, new: Ledger, file: Path
) -> None:
    agency(ledger, 2)
    backed_up(ledger, file)
    restored(new, file)
    greatest = max(lead["id"] for lead in all_rows(new)["leads"])
    assert all(lead.id > greatest for lead in make_leads(new, count=3))
    with new.write() as tx:
        tx.execute(insert(tables.deliveries), delivery("next"))
        tx.execute(insert(tables.activity), {"at": NOW, "operation": "x", "ok": True, "detail": ""})


def test_a_backup_is_a_ledger_of_its_own_in_one_file_for_its_owner_alone(ledger: Ledger, file: Path) -> None:
    agency(ledger)
    made = backed_up(ledger, file)
    assert [one.name for one in file.parent.glob(f"{file.name}*")] == [file.name]
    assert file.stat().st_mode & 0o777 == 0o600
    assert made.size == file.stat().st_size
    with opened(url_of(file)) as copy:
        assert schema.migrate(copy) == (schema.newest(), schema.newest())
        with copy.write() as tx:
            tx.execute(insert(tables.deliveries), delivery("can be written, too"))


class Pairs:
    """Writes pairs of deliveries, each in one transaction, until it is told to stop."""

    def __init__(self, url: str) -> None:
        self.written = 0
        self._url = url
        self._enough = threading.Event()
        self._more = threading.Condition()

    def __enter__(self) -> Pairs:
        self._thread = threading.Thread(target=self._write)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join(30)

    def _write(self) -> None:
        with opened(self._url) as ledger:
            while not self._enough.is_set():
                with ledger.write() as tx:
                    for half in "ab":
                        tx.execute(insert(tables.deliveries), delivery(f"pair {self.written} {half}"))
                with self._more:
                    self.written += 1
                    self._more.notify_all()

    def wait_for_another(self) -> None:
        """Wait until one more is on disk."""
        with self._more:
            now = self.written
            assert self._more.wait_for(lambda: self.written > now, 30), "the writer waits for the backup"


def test_a_backup_shows_one_moment_while_others_write_on(ledger: Ledger, ledger_url: str, file: Path) -> None:
    agency(ledger, 10)
    with Pairs(ledger_url) as pairs:
        pairs.wait_for_another()
        before = pairs.written
        seen: list[int] = []

        def progress(done: int, total: int) -> None:
            seen.append(pairs.written)
            pairs.wait_for_another()

        backed_up(ledger, file, progress=progress)
        at_first, at_last = seen[0], seen[-1]
        assert at_last > at_first, "nobody wrote in the middle of it"
    with sqlite3.connect(file) as copy:
        keys = [
            key for (key,) in copy.execute("select dispatch_key from deliveries where dispatch_key > 'p'")
        ]
    copy.close()
    found = Counter(int(key.split()[1]) for key in keys)
    assert set(found.values()) == {2}
    assert set(found) == set(range(len(found)))
    assert before <= len(found) <= at_first  # as when it began, however long it took


def interrupt(done: int, total: int) -> None:
    raise KeyboardInterrupt


def fail(done: int, total: int) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("stop", "raised"), [(interrupt, KeyboardInterrupt), (fail, OSError)])
def test_whatever_stops_a_backup_leaves_no_file_and_the_old_one_as_it_was(
    stop: Callable[[int, int], None], raised: type[BaseException], ledger: Ledger, file: Path
) -> None:
    agency(ledger, 1)
    with pytest.raises(raised):
        backed_up(ledger, file, progress=stop)
    assert not list(file.parent.glob(f"{file.name}*"))
    backed_up(ledger, file)
    old = file.read_bytes()
    with pytest.raises(raised):
        backed_up(ledger, file, progress=stop, force=True)
    assert [one.name for one in file.parent.glob(f"{file.name}*")] == [file.name]
    assert file.read_bytes() == old


@pytest.mark.parametrize("stop", [interrupt, fail])
def test_whatever_stops_a_restore_leaves_the_ledger_empty(
    stop: Callable[[int, int], None], ledger: Ledger, new: Ledger, file: Path
) -> None:
    agency(ledger)
    backed_up(ledger, file)
    with pytest.raises((KeyboardInterrupt, OSError)):
        restored(new, file, progress=stop)
    with new.read() as tx:
        assert copying.is_empty(tx)
    restored(new, file)
    assert all_rows(new) == handed_over(all_rows(ledger))


def die(done: int, total: int) -> None:
    if done:
        os.kill(os.getpid(), signal.SIGKILL)


def killed_backup(url: str, file: Path) -> None:
    with opened(url) as ledger:
        backed_up(ledger, file, force=True, progress=die)


def killed_restore(url: str, file: Path) -> None:
    with opened(url) as ledger:
        restored(ledger, file, progress=die)


def killed(what: Callable[[str, Path], None], url: str, file: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=what, args=(url, file))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    process.close()


@pytest.mark.slow
def test_a_kill_leaves_the_old_backup_and_the_next_one_takes_over(
    ledger: Ledger, ledger_url: str, file: Path
) -> None:
    agency(ledger, 10)
    killed(killed_backup, ledger_url, file)
    assert not file.exists()
    backed_up(ledger, file)
    old = file.read_bytes()
    killed(killed_backup, ledger_url, file)
    assert file.read_bytes() == old
    agency_too(ledger)
    backed_up(ledger, file, force=True)
    assert rows_in(file) == all_rows(ledger)
    assert [one.name for one in file.parent.glob(f"{file.name}*")] == [file.name]


def agency_too(ledger: Ledger) -> None:
    make_client(ledger, "Another")


@pytest.mark.slow
def test_a_kill_leaves_the_ledger_empty_and_the_next_restore_fills_it(
    ledger: Ledger, new: Ledger, new_url: str, file: Path
) -> None:
    agency(ledger)
    backed_up(ledger, file)
    killed(killed_restore, new_url, file)
    with new.read() as tx:
        assert copying.is_empty(tx)
    restored(new, file)
    assert all_rows(new) == handed_over(all_rows(ledger))


def test_a_restore_goes_into_an_empty_ledger_only(ledger: Ledger, file: Path) -> None:
    agency(ledger)
    backed_up(ledger, file)
    before = all_rows(ledger)
    with pytest.raises(CannotRestore, match="has rows already"):
        restored(ledger, file)
    assert all_rows(ledger) == before


def test_nobody_writes_while_a_ledger_is_restored(
    ledger: Ledger, new: Ledger, new_url: str, file: Path
) -> None:
    agency(ledger)
    backed_up(ledger, file)
    schema.migrate(new)
    refused: list[str] = []

    def write(done: int, total: int) -> None:
        if done == total:
            with opened(new_url, lock_seconds=0.3) as other, pytest.raises(HarvesterError) as caught:
                make_client(other, "Other")
            refused.append(str(caught.value))

    restored(new, file, progress=write)
    assert "not available" in refused[0]
    assert all_rows(new) == handed_over(all_rows(ledger))


def test_what_sqlite_holds_and_postgresql_does_not_is_told_and_changes_nothing(
    sqlite_url: str, postgres: Postgres, file: Path
) -> None:
    with opened(sqlite_url) as ledger, fresh(postgres) as new:
        make_client(ledger, name="A\0B")
        backed_up(ledger, file)
        with pytest.raises(copying.CannotHold, match=r"row of clients .* NUL"):
            restored(new, file)
        with new.read() as tx:
            assert copying.is_empty(tx)


def to_schema(ledger: Ledger, version: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(harvester.ledger.migrations.__path__[0])))
    with ledger.write() as tx:
        config.attributes["connection"] = tx.connection
        command.upgrade(config, version)


def test_an_older_backup_is_migrated_on_its_way_and_stays_as_it_is(new: Ledger, file: Path) -> None:
    with opened(url_of(file)) as old:
        to_schema(old, "0001")
        with old.write() as tx:
            columns = "id, client_id, profile_url, given_url, extra, created_at"
            values = "7, 'A', 'https://www.linkedin.com/in/a', 'a', '{}', '2026-11-22 05:00:00.000000'"
            tx.execute(text(f"insert into leads ({columns}) values ({values})"))
            columns = (
                "marker, client_run_id, client_id, batch, state, actor_id, max_posts, profiles, created_at"
            )
            values = "'m', 'r', 'A', 1, 'planned', 'a', 2, 1, '2026-11-22 05:00:00.000000'"
            tx.execute(text(f"insert into actor_runs ({columns}) values ({values})"))
    copy_files.mark(file, NOW)
    before = file.read_bytes()
    made = restored(new, file)
    assert made.migrated_from == "0001"
    assert made.searched_for == 1
    assert file.read_bytes() == before
    rows = all_rows(new)
    assert [lead["id"] for lead in rows["leads"]] == [7]
    assert [run["state"] for run in rows["actor_runs"]] == [ActorRunState.START_UNKNOWN]
    with new.read() as tx:
        assert schema.current(tx) == schema.newest()


def test_a_newer_backup_is_left_to_the_newer_program(ledger: Ledger, new: Ledger, file: Path) -> None:
    backed_up(ledger, file)
    with sqlite3.connect(file) as copy:
        copy.execute("update alembic_version set version_num = '9999'")
    copy.close()
    with pytest.raises(schema.LedgerTooNew, match="9999"):
        restored(new, file)


def test_a_ledger_of_another_schema_is_not_backed_up(ledger: Ledger, new: Ledger, file: Path) -> None:
    with pytest.raises(CannotBackUp, match="without tables"):
        backed_up(new, file)
    to_schema(new, "0001")
    with pytest.raises(CannotBackUp, match="run harvester migrate first"):
        backed_up(new, file)
    assert not list(file.parent.glob(f"{file.name}*"))


@pytest.mark.parametrize("at", [0.0, 0.3, 0.6, 0.9])
def test_a_damaged_backup_is_refused(at: float, sqlite_url: str, file: Path, tmp_path: Path) -> None:
    with opened(sqlite_url) as ledger, opened(f"sqlite:///{tmp_path / 'new.db'}") as new:
        agency(ledger)
        backed_up(ledger, file)
        whole = bytearray(file.read_bytes())
        start = int(len(whole) * at) // 4096 * 4096
        whole[start : start + 4096] = b"\xa5" * 4096
        file.write_bytes(whole)
        with pytest.raises(HarvesterError):
            restored(new, file)
        with new.read() as tx:
            assert copying.is_empty(tx)


def test_only_what_was_made_as_a_backup_is_restored(sqlite_url: str, file: Path, tmp_path: Path) -> None:
    with opened(sqlite_url) as ledger, opened(f"sqlite:///{tmp_path / 'new.db'}") as new:
        agency(ledger)
        with pytest.raises(CannotRestore, match="not made by harvester backup"):
            restored(new, Path(sqlite_url.removeprefix("sqlite:///")))
        for content in (b"", b"no database"):
            file.write_bytes(content)
            with pytest.raises(HarvesterError, match=r"not made by|not a database"):
                restored(new, file)


@pytest.mark.parametrize("year", [1999, 2026, 2039, 2105])
def test_a_backup_tells_its_time_to_the_second(year: int, sqlite_url: str, file: Path) -> None:
    taken_at = datetime(year, 7, 1, 12, 30, 59, 999_999, tzinfo=UTC)
    with opened(sqlite_url) as ledger:
        backup(ledger, file, clock=FakeClock(taken_at))
    with copy_files.opened(file) as tx:
        assert copy_files.taken_at(tx) == taken_at.replace(microsecond=0)


def test_no_file_is_replaced_unless_asked_for_and_never_the_ledger(sqlite_url: str, file: Path) -> None:
    with opened(sqlite_url) as ledger:
        backed_up(ledger, file)
        with pytest.raises(Refused, match="--force"):
            backed_up(ledger, file)
        backed_up(ledger, file, force=True)
        own = Path(sqlite_url.removeprefix("sqlite:///"))
        with pytest.raises(CannotBackUp, match="the ledger itself"):
            backed_up(ledger, own, force=True)
        with pytest.raises(CannotMake, match="No such file or directory"):
            backed_up(ledger, file.parent / "nowhere" / "file")
        file.with_name(f"{file.name}-wal").write_bytes(b"of another database")
        with pytest.raises(Refused, match="spoil"):
            backed_up(ledger, file, force=True)


def test_what_a_kill_left_beside_the_part_is_removed(ledger: Ledger, file: Path) -> None:
    for ending in ("", "-journal", "-wal", "-shm"):
        file.with_name(f"{file.name}.part{ending}").write_bytes(b"left over")
    backed_up(ledger, file)
    assert [one.name for one in file.parent.glob(f"{file.name}*")] == [file.name]


def test_a_disk_that_is_too_small_is_told_before_it_is_full(sqlite_url: str, file: Path) -> None:
    with opened(sqlite_url) as ledger:
        with pytest.raises(CannotBackUp, match=r"needs [\d.]+ MB and .* has 0\.1 MB free"):
            backed_up(ledger, file, free=lambda _folder: 100_000)
        assert not list(file.parent.glob(f"{file.name}*"))


def test_one_process_at_a_time_writes_a_file(sqlite_url: str, file: Path) -> None:
    with opened(sqlite_url) as ledger:
        with whole_or_not_at_all(file) as part:
            with pytest.raises(Refused, match="another process"):
                backed_up(ledger, file, force=True)
            part.write_bytes(b"of the first one")
        assert file.read_bytes() == b"of the first one"
