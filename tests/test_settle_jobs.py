"""A job run ends with the last of its client runs, and sums them up."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from functools import partial

import pytest
from factories import NOW, RUN_ID, FakeClock, make_client, make_leads, make_limits, make_run
from records import harvested, job, record
from simultaneous import at_once

from harvester.ledger import Ledger
from harvester.models import ClientRunStatus
from services import run_records
from services.jobs import worst_of
from services.kickoff import Kickoff, Order
from services.settle import Settle

COMPLETED, FAILED = ClientRunStatus.COMPLETED, ClientRunStatus.FAILED
WITH_ERRORS, CANCELLED = ClientRunStatus.COMPLETED_WITH_ERRORS, ClientRunStatus.CANCELLED


def test_a_job_run_ends_with_its_last_client_run(ledger: Ledger, settle: Settle, clock: FakeClock) -> None:
    for name in ("Ada", "Bo"):
        make_client(ledger, name)
    (good,) = make_run(ledger, [make_leads(ledger, "Ada")], client_id="Ada")
    (bad,) = make_run(ledger, [make_leads(ledger, "Bo")], client_id="Bo")
    harvested(ledger, good, posts_found=1)
    settle(good.client_run_id)
    assert (job(ledger).status, job(ledger).finished_at) == ("Running", None)
    harvested(ledger, bad, error_code="actor_run_failed", error="the actor run ended FAILED")
    settle(bad.client_run_id)
    assert (job(ledger).status, job(ledger).finished_at) == (WITH_ERRORS, clock.now)


def test_a_job_run_that_is_joined_again_is_live_again(
    ledger: Ledger, settle: Settle, kickoff: Kickoff
) -> None:
    for name in ("Ada", "Bo"):
        make_client(ledger, name)
    kickoff(Order("Ada", run_id=RUN_ID))
    settle(f"{RUN_ID}-Ada")
    assert job(ledger).status is COMPLETED
    kickoff(Order("Bo", run_id=RUN_ID))
    assert (job(ledger).status, job(ledger).finished_at) == ("Running", None)
    settle(f"{RUN_ID}-Bo")
    assert job(ledger).status is COMPLETED


def test_a_job_run_whose_record_was_deleted_ends_with_its_last_actor_run(
    ledger: Ledger, settle: Settle, clock: FakeClock
) -> None:
    """Nothing of it is left that could be settled; what it has at Apify is ingested all the same."""
    make_client(ledger, "Ada")
    first, second = make_run(ledger, [[lead] for lead in make_leads(ledger, "Ada", 2)], client_id="Ada")
    with ledger.write() as tx:
        tx.connection.exec_driver_sql("delete from client_runs")
    harvested(ledger, first, posts_found=1)
    settle(first.client_run_id)
    assert (job(ledger).status, job(ledger).note) == ("Running", None)
    harvested(ledger, second, posts_found=1)
    clock.advance(hours=1)
    settle(second.client_run_id)
    settle(second.client_run_id)
    assert (job(ledger).status, job(ledger).finished_at) == (WITH_ERRORS, clock.now)
    assert job(ledger).note == "the record of 1 client run was deleted: how it ended is not known"


def test_nothing_comes_of_a_client_run_that_never_was(ledger: Ledger, settle: Settle) -> None:
    make_client(ledger, "Ada")
    make_run(ledger, [make_leads(ledger, "Ada")], client_id="Ada")
    settle(f"{RUN_ID}-Bo")
    assert job(ledger).status == "Running"


class MeetingClock(FakeClock):
    """Lets two that ask for the time wait for each other, so that both are in mid-transaction."""

    def __init__(self) -> None:
        super().__init__()
        self._meeting = threading.Barrier(2, timeout=10)

    def __call__(self) -> datetime:
        """Wait for the other, then tell the time."""
        self._meeting.wait()
        return self.now


def test_the_last_two_client_runs_that_end_at_once_end_their_job(postgres_ledger: Ledger) -> None:
    for attempt in range(5):
        run_id = f"261122-06000{attempt}"
        for name in ("Ada", "Bo"):
            with postgres_ledger.write() as tx:
                run_records.create(
                    tx, run_id=run_id, client_id=name, client_name=name, source="orchestrator", now=NOW
                )
        settle = Settle(postgres_ledger, make_limits(), MeetingClock(), timeout=timedelta(days=1))
        at_once([partial(settle, f"{run_id}-{name}") for name in ("Ada", "Bo")])
        assert {record(postgres_ledger, f"{run_id}-{name}").status for name in ("Ada", "Bo")} == {COMPLETED}
        assert job(postgres_ledger, run_id).status is COMPLETED


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [
        ([COMPLETED], COMPLETED),
        ([COMPLETED, COMPLETED], COMPLETED),
        ([FAILED, FAILED], FAILED),
        ([COMPLETED, FAILED], WITH_ERRORS),
        ([COMPLETED, WITH_ERRORS], WITH_ERRORS),
        ([COMPLETED, CANCELLED], WITH_ERRORS),
    ],
)
def test_a_job_sums_up_its_client_runs(statuses: list[ClientRunStatus], worst: ClientRunStatus) -> None:
    assert worst_of(statuses) is worst
    assert worst_of(statuses[::-1]) is worst
