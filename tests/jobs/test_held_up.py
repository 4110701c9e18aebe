"""A client whose kickoff the ledger has no time for, and a job run that cannot go on: nobody else waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from factories import RUN_ID, FakeClock, opened

from harvester.errors import LedgerUnavailable
from harvester.jobs import JobPlan
from harvester.ledger import Blocked, Ledger
from services.process import Ask

from .agency import LEASE, Agency
from .test_process import codes

#: Of a ledger whose bounds are reached soon.
_LOCK_SECONDS = 1.5
#: Longer than any of them.
_SLOW = """
create function slow() returns trigger language plpgsql as $$ begin
    if new.client_id = 'Bo' then perform pg_sleep(10); end if;
    return new;
end $$
"""


@contextmanager
def a_slow_statement(ledger: Ledger) -> Iterator[None]:
    with ledger.write() as tx:
        tx.connection.exec_driver_sql(_SLOW)
        tx.connection.exec_driver_sql(
            "create trigger slow before insert on client_runs for each row execute function slow()"
        )
    yield


@contextmanager
def a_lock_of_somebody(ledger: Ledger) -> Iterator[None]:
    with ledger.write(patient=True) as tx:
        tx.exclusively("client:Bo")
        yield


@pytest.mark.slow
@pytest.mark.parametrize("hold_up", [a_slow_statement, a_lock_of_somebody])
def test_one_client_that_takes_too_long_has_failed_and_the_others_start(
    postgres_url: str, hold_up: Callable[[Ledger], AbstractContextManager[None]]
) -> None:
    with opened(postgres_url) as other, opened(postgres_url, lock_seconds=_LOCK_SECONDS) as ledger:
        agency = Agency(ledger, FakeClock())
        agency.clients("Ada", "Bo", "Cy", "Dan")
        with hold_up(other):
            answer = agency.process.order(Ask())
    assert not answer.going_on
    assert codes(answer) == {"Ada": "started", "Bo": "kickoff_failed", "Cy": "started", "Dan": "started"}


def test_who_is_held_up_has_failed_with_the_reason_and_an_alert(agency: Agency) -> None:
    agency.clients("Ada", "Bo", "Cy")
    agency.kickoff.broken, agency.kickoff.unforeseen = frozenset({"Bo"}), Blocked
    answer = agency.process.order(Ask())
    assert codes(answer) == {"Ada": "started", "Bo": "kickoff_failed", "Cy": "started"}
    assert "no kickoff of Bo today" in str(answer.clients[1].reason)
    assert any("no kickoff of Bo today" in text for text in agency.alerts().values())
    assert [run.client_id for run in agency.runs()] == ["Cy", "Ada"]


def test_where_everybody_is_held_up_it_is_not_the_clients(agency: Agency, clock: FakeClock) -> None:
    """A table that somebody has locked for a minute must not cost all clients their day."""
    agency.clients("Ada", "Bo", "Cy", "Dan")
    agency.kickoff.broken, agency.kickoff.unforeseen = frozenset({"Ada", "Bo", "Cy", "Dan"}), Blocked
    answer = agency.process.order(Ask())
    assert answer.going_on
    assert list(agency.decided(RUN_ID)) == ["Ada"]
    agency.kickoff.broken = frozenset()
    clock.advance(seconds=LEASE.total_seconds())
    agency.looks_until_quiet()
    assert codes(agency.process.answer(RUN_ID)) == {
        "Ada": "kickoff_failed",
        "Bo": "started",
        "Cy": "started",
        "Dan": "started",
    }


def test_a_job_run_that_cannot_go_on_holds_up_no_other_nor_a_heartbeat(
    agency: Agency, clock: FakeClock
) -> None:
    agency.clients("Ada", stream=1)
    agency.clients("Bo", stream=2)
    agency.clients("Cy", stream=3)
    resume = agency.process.order(Ask(plan=JobPlan.RESUME, stream=3)).run_id
    agency.kickoff.broken, agency.kickoff.unforeseen = frozenset({"Ada"}), LedgerUnavailable
    stuck = agency.process.order(Ask(stream=1)).run_id
    clock.advance(seconds=LEASE.total_seconds())
    with agency.ledger.write() as tx:
        other = agency.process.reserve(tx, Ask(stream=2), clock())
    agency.watch()
    assert agency.job(resume).heartbeat_at == clock()
    assert codes(agency.process.answer(other)) == {"Bo": "started"}
    assert agency.decided(stuck) == {}
    assert not agency.is_due()
    agency.kickoff.broken = frozenset()
    clock.advance(seconds=LEASE.total_seconds())
    agency.looks_until_quiet()
    assert codes(agency.process.answer(stuck)) == {"Ada": "started"}


def test_with_the_ledger_away_a_turn_ends(sqlite_url: str, clock: FakeClock) -> None:
    """Each further job run would take as long to find that out again."""
    tried: list[str] = []

    def moves_the_file(text: str) -> Exception:
        tried.append(text)
        Path(sqlite_url.removeprefix("sqlite:///")).rename(f"{sqlite_url.removeprefix('sqlite:///')}.away")
        return LedgerUnavailable(text)

    with opened(sqlite_url) as ledger:
        agency = Agency(ledger, clock)
        agency.clients("Ada", "Bo")
        with ledger.write() as tx:
            for client in ("Ada", "Bo"):
                agency.process.reserve(tx, Ask(client_id=client), clock())
        agency.kickoff.broken, agency.kickoff.unforeseen = frozenset({"Ada", "Bo"}), moves_the_file
        with pytest.raises(LedgerUnavailable, match="moved"):
            agency.watch()
    assert len(tried) == 1
