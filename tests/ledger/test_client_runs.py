"""Client runs and job runs as rows: one of each, one live per client, and who ended what when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

import pytest
from factories import CLIENT_ID, NOW, RUN_ID, end_run, make_client, make_leads, make_run
from simultaneous import at_once
from sqlalchemy.exc import IntegrityError

from harvester.ledger import Ledger, client_runs, job_runs
from harvester.models import ClientRun, ClientRunStatus, Metrics
from harvester.run_ids import candidates

OTHER_ID = "261122-050001"


def record(run_id: str = RUN_ID, client_id: str = CLIENT_ID) -> ClientRun:
    return ClientRun(
        client_run_id=f"{run_id}-{client_id}",
        run_id=run_id,
        client_id=client_id,
        client_name="Guy Wilson",
        source="orchestrator",
        status=ClientRunStatus.RUNNING,
        created_at=NOW,
        started_at=NOW,
        finished_at=None,
        target_posts=10,
        max_batches=3,
        system_notes="made by a test",
        last_webhook_at=None,
        metrics=Metrics(),
    )


def reserve(ledger: Ledger, run: ClientRun) -> bool:
    with ledger.write() as tx:
        return client_runs.reserve(tx, run)


def test_a_record_comes_back_as_it_was_reserved(ledger: Ledger) -> None:
    assert reserve(ledger, record())
    with ledger.read() as tx:
        assert client_runs.get(tx, f"{RUN_ID}-{CLIENT_ID}") == record()
        assert client_runs.live_of(tx, CLIENT_ID) == record()
        assert client_runs.get(tx, RUN_ID) is None
        assert client_runs.get(tx, f"{RUN_ID}-{CLIENT_ID.lower()}") is None


def test_a_record_is_reserved_once_whoever_asks(ledger: Ledger) -> None:
    assert reserve(ledger, record())
    assert not reserve(ledger, replace(record(), client_name="Somebody else"))
    with ledger.write() as tx:
        client_runs.finish(tx, record().client_run_id, status=ClientRunStatus.FAILED, now=NOW)
    assert not reserve(ledger, record())


def test_of_many_reservations_at_once_one_wins(ledger: Ledger) -> None:
    assert sorted(at_once([partial(reserve, ledger, record())] * 8)) == [False] * 7 + [True]


def test_a_client_has_one_live_client_run(ledger: Ledger) -> None:
    ids = islice(candidates(NOW), 8)
    won = at_once([partial(reserve, ledger, record(run_id)) for run_id in ids])
    assert won.count(True) == 1
    with ledger.write() as tx:
        live = client_runs.live_of(tx, CLIENT_ID)
        assert live is not None
        assert client_runs.finish(tx, live.client_run_id, status=ClientRunStatus.COMPLETED, now=NOW)
        assert client_runs.live_of(tx, CLIENT_ID) is None
    assert reserve(ledger, record("261122-060000"))
    assert reserve(ledger, record(client_id="Guy"))


def test_a_record_that_is_over_cannot_be_made_live_beside_another(ledger: Ledger) -> None:
    assert reserve(ledger, record())
    with ledger.write() as tx:
        client_runs.finish(tx, record().client_run_id, status=ClientRunStatus.FAILED, now=NOW)
    assert reserve(ledger, record(OTHER_ID))
    with pytest.raises(IntegrityError), ledger.write() as tx:
        client_runs.change(tx, record().client_run_id, status=ClientRunStatus.RUNNING)


def test_a_record_is_ended_once(ledger: Ledger) -> None:
    reserve(ledger, record())
    name = record().client_run_id
    with ledger.write() as tx:
        assert client_runs.finish(tx, name, status=ClientRunStatus.COMPLETED, now=NOW, system_notes="done")
        assert not client_runs.finish(
            tx, name, status=ClientRunStatus.FAILED, now=NOW + timedelta(seconds=1), system_notes="late"
        )
        assert not client_runs.finish(tx, "no-such-record", status=ClientRunStatus.FAILED, now=NOW)
        assert not client_runs.change(tx, "no-such-record", posts_new=1)
        found = client_runs.get(tx, name)
    assert found is not None
    assert (found.status, found.finished_at, found.system_notes) == (ClientRunStatus.COMPLETED, NOW, "done")


def test_records_are_listed_newest_first_and_narrowed(ledger: Ledger) -> None:
    for i, run_id in enumerate(islice(candidates(NOW), 5)):
        reserve(ledger, record(run_id, "even" if i % 2 == 0 else "odd"))
        with ledger.write() as tx:
            client_runs.finish(
                tx, f"{run_id}-{'even' if i % 2 == 0 else 'odd'}", status=ClientRunStatus.COMPLETED, now=NOW
            )
    reserve(ledger, record(RUN_ID, "third"))
    with ledger.read() as tx:
        first, cursor = client_runs.page(tx, limit=4)
        rest, end = client_runs.page(tx, limit=4, before=cursor)
        assert end is None
        assert [run.run_id[-1] for run in [*first, *rest]] == ["0", "4", "3", "2", "1", "0"]
        assert len(client_runs.page(tx, limit=9, client_id="even")[0]) == 3
        assert len(client_runs.page(tx, limit=9, status="Running")[0]) == 1
        assert [run.client_id for run in client_runs.of_job(tx, RUN_ID)] == ["even", "third"]
        assert client_runs.page(tx, limit=9, run_id=RUN_ID, client_id="odd") == ([], None)


def test_a_live_client_run_is_to_settle_when_nothing_of_it_is_open(ledger: Ledger) -> None:
    make_client(ledger)
    first, second = make_run(ledger, [[lead] for lead in make_leads(ledger, count=2)])

    def to_settle(made_by: datetime = NOW - timedelta(seconds=1)) -> list[str]:
        with ledger.read() as tx:
            return client_runs.to_settle(tx, made_by=made_by, limit=9)

    assert to_settle() == []
    assert to_settle(made_by=NOW) == [first.client_run_id], "it is open for too long"
    end_run(ledger, first, now=NOW)
    assert to_settle() == []
    end_run(ledger, second, now=NOW)
    assert to_settle() == [first.client_run_id]
    with ledger.write() as tx:
        client_runs.finish(tx, first.client_run_id, status=ClientRunStatus.COMPLETED, now=NOW)
    assert to_settle() == []


def test_of_many_that_mint_at_once_each_gets_a_second_of_its_own(ledger: Ledger) -> None:
    def mint() -> str:
        with ledger.write() as tx:
            return job_runs.mint(tx, candidates(NOW), source="orchestrator", now=NOW)

    assert sorted(at_once([mint] * 8)) == list(islice(candidates(NOW), 8))


def test_a_job_run_is_reserved_closed_and_joined_again(ledger: Ledger) -> None:
    with ledger.write() as tx:
        assert job_runs.get(tx, RUN_ID) is None
        assert job_runs.reserve(tx, RUN_ID, source="orchestrator", now=NOW)
        assert not job_runs.reserve(tx, RUN_ID, source="batch_process", now=NOW)
        job_runs.close(tx, RUN_ID, status=ClientRunStatus.FAILED, now=NOW)
        closed = job_runs.get(tx, RUN_ID)
        job_runs.reopen(tx, RUN_ID)
        joined = job_runs.get(tx, RUN_ID, lock=True)
    assert closed is not None
    assert (closed.source, closed.status, closed.finished_at) == ("orchestrator", ClientRunStatus.FAILED, NOW)
    assert joined is not None
    assert (joined.status, joined.finished_at) == (ClientRunStatus.RUNNING, None)
