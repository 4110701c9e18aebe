"""Airtable takes nothing, for a while: harvests go on, it is said, and all of it arrives by itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from harvester.ledger import activity, alerts
from harvester.ledger.mirroring import Kind
from harvester.sandbox.airtable.agency import MASTER_ID, RUN_STATES
from harvester.sandbox.airtable.faults import Fault

from .mirror_rows import CLIENT, owing
from .on_airtable import ACTOR_RUNS, JOBS, RUNS, Agency, base_id, on_airtable

HANDLES = ("ada-one", "bea-two", "cyd-three")
BASE = base_id(CLIENT)
OTHER = "Blue-Harbor"
#: A target that the first batch meets: nobody asks Airtable for more leads.
SOON_MET = {"Posts Daily Target": 2}


def told(agency: Agency) -> str:
    """Give the texts of all alerts."""
    with agency.stage.ledger.read() as tx:
        return "\n".join(alert.text for alert in alerts.untold(tx, limit=100))


def refused(agency: Agency) -> int:
    """Count the creations that were refused, as /metrics does."""
    with agency.stage.ledger.read() as tx:
        return activity.count(tx, "create")[1]


def complete(agency: Agency, full_id: str) -> None:
    """Check that Airtable has all of a harvest, once."""
    run = agency.stage.run(full_id)
    (record,) = [row for row in agency.rows(RUNS) if row["Run ID"] == full_id]
    assert record.get("Status") in (run["status"], None)
    assert record["Total Posts Harvested"] == run["metrics"]["postsHarvested"] > 0
    assert len(agency.rows(JOBS)) == len({row["Run ID"] for row in agency.rows(JOBS)}) > 0
    assert agency.rows(ACTOR_RUNS)
    posts = agency.rows("Posts", run["clientId"])
    assert sorted(row["Post Key"] for row in posts) == sorted(agency.stage.posts(client_id=run["clientId"]))
    assert not {base: found for base, found in agency.airtable.ledger().duplicates.items() if found}


def forbidden(agency: Agency) -> Callable[[], object]:
    agency.airtable.faults = [Fault(kind="forbidden", method="PATCH", table=RUNS)]
    return lambda: setattr(agency.airtable, "faults", [])


def without_rights(agency: Agency) -> Callable[[], object]:
    agency.airtable.faults = [Fault(kind="forbidden", method="PATCH", base=MASTER_ID)]
    return lambda: setattr(agency.airtable, "faults", [])


def without_table(agency: Agency) -> Callable[[], object]:
    agency.airtable.rename_table(MASTER_ID, RUNS, "Results of old")
    return lambda: agency.airtable.rename_table(MASTER_ID, "Results of old", RUNS)


@pytest.mark.slow
@pytest.mark.parametrize("broken", [forbidden, without_rights, without_table])
def test_a_creation_that_airtable_refuses_holds_up_nothing_and_is_made_up_for(
    sqlite_url: str,
    broken: Callable[[Agency], Callable[[], object]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with on_airtable(sqlite_url, {CLIENT: HANDLES}) as agency:
        mend = broken(agency)
        full_id = agency.stage.kickoff()
        run = agency.stage.finish(full_id)
        agency.stage.work(lambda: refused(agency))
        assert run["status"] == "Completed"
        assert f"Failed to create client run record for {full_id}" in caplog.text
        assert refused(agency) == 1
        shown = agency.stage.api("GET", "/metrics").body.decode()
        assert 'harvester_client_run_records_total{outcome="failed"} 1.0' in shown
        assert RUNS in told(agency)
        before = len(agency.airtable.ledger().requests)
        for _ in range(20):
            agency.stage.turn()
        master = agency.airtable.ledger().requests[before:]
        assert not [one for one in master if one.status == 403], "a table that is shut is left alone"
        mend()
        agency.stage.clock.skip(minutes=5.1)
        agency.in_step()
        complete(agency, full_id)


def test_a_status_without_its_choices_is_left_out_and_said(sqlite_url: str) -> None:
    """The record is there all the same; its status comes once the choices do."""
    with owing(sqlite_url) as rows:
        with rows.airtable.base(MASTER_ID).lock:
            table = rows.airtable.base(MASTER_ID).table(RUNS)
            assert table is not None
            field = table.field("Status")
            assert field is not None
            field.options["choices"] = []
        run = rows.run(rows.took_in())
        rows.in_step()
        assert [row.get("Status") for row in rows.agency.rows(RUNS)] == [None]
        assert "Status" in told(rows.agency)
        assert "Running" in told(rows.agency)
        for choice in RUN_STATES:
            rows.airtable.add_choice(MASTER_ID, RUNS, "Status", choice)
        rows.stage.clock.skip(hours=1.1)
        with rows.ledger.write() as tx:
            tx.owe(Kind.CLIENT_RUN, run.client_run_id)
        rows.in_step()
        assert [row["Status"] for row in rows.agency.rows(RUNS)] == ["Running"]


@contextmanager
def dark(agency: Agency) -> Any:
    with agency.airtable.dark():
        yield


@contextmanager
def failing(agency: Agency) -> Any:
    agency.airtable.faults = [Fault(kind="unavailable")]
    yield
    agency.airtable.faults = []


@pytest.mark.slow
@pytest.mark.parametrize("outage", [dark, failing])
def test_airtable_down_for_an_hour_holds_up_nothing_and_all_arrives_in_few_calls(
    sqlite_url: str, outage: Callable[[Agency], AbstractContextManager[None]]
) -> None:
    with on_airtable(sqlite_url, {CLIENT: HANDLES}) as agency:
        stage = agency.stage
        agency.harvest()  # from now on the ledger knows clients and leads
        for record in agency.airtable.records(BASE, "Leads"):
            agency.airtable.edit(BASE, "Leads", record["id"], {"Posts Harvest Status": "Pending"})
        full_id = ""
        with outage(agency):
            stage.clock.skip(minutes=1)
            asked = len(agency.airtable.ledger().requests)
            full_id = stage.kickoff()
            stage.deliver({"eventType": "TEST"}, token=None)
            for _ in range(60):
                stage.clock.skip(minutes=1)
                stage.turn()
            run = stage.run(full_id)
            assert run["status"] != "Running", run
            in_vain = len(agency.airtable.ledger().requests) - asked
            assert in_vain <= 400, "it was hammered"
        stage.clock.skip(minutes=2)
        agency.in_step()
        assert {row["Run ID"]: row["Status"] for row in agency.rows(RUNS)}[full_id] == run["status"]
        assert all(delivery["outcome"] != "failed" for delivery in stage.deliveries())
        assert not {base: found for base, found in agency.airtable.ledger().duplicates.items() if found}


@pytest.mark.slow
def test_an_outage_that_begins_in_mid_harvest_loses_nothing(sqlite_url: str) -> None:
    with on_airtable(sqlite_url, {CLIENT: HANDLES}, clients=SOON_MET) as agency:
        stage = agency.stage
        full_id = stage.kickoff()
        stage.work(lambda: stage.rows())  # leads were read
        with agency.airtable.dark():
            run = stage.finish(full_id)
            assert run["status"] == "Completed"
            assert stage.deliveries()
            for _ in range(60):
                stage.clock.skip(minutes=1)
                stage.turn()
            assert agency.owed()
        asked = len(agency.airtable.ledger().requests)
        stage.clock.skip(minutes=2)
        agency.in_step()
        complete(agency, full_id)
        statuses = [row.get("Posts Harvest Status") for row in agency.leads().values()]
        assert statuses.count("Done") == run["metrics"]["profilesSubmitted"] > 0
        calls = len(agency.airtable.ledger().requests) - asked
        assert calls <= 20, "five tables, the schemas, the clients, and the calls that tried"


@pytest.mark.slow
def test_a_cap_is_tried_once_an_hour_told_once_and_the_concern_of_its_own_workspace(sqlite_url: str) -> None:
    leads = {CLIENT: HANDLES, OTHER: ("eva-five",)}
    with on_airtable(sqlite_url, leads, clients=SOON_MET) as agency:
        stage = agency.stage
        full_id, other_id = stage.kickoff(), stage.kickoff(OTHER)
        stage.work(lambda: len(stage.rows()) == 2)
        agency.airtable.faults = [Fault(kind="capped", base=BASE, path="/v0/app*")]
        run = stage.finish(full_id)
        stage.finish(other_id)
        agency.stage.work(lambda: "no more calls this month" in told(agency))
        asked = calls_of(agency, BASE)
        for _ in range(12):
            stage.clock.skip(minutes=10)
            for _ in range(3):
                stage.turn()
        assert 1 <= calls_of(agency, BASE) - asked <= 3
        assert told(agency).count("no more calls this month") == 1
        complete(agency, other_id)
        assert not agency.rows("Posts", CLIENT)
        agency.airtable.faults = []
        stage.clock.skip(hours=1.1)
        agency.in_step()
        assert run["metrics"]["postsHarvested"] == len(agency.rows("Posts", CLIENT)) > 0


def calls_of(agency: Agency, base: str) -> int:
    """Count the requests for records of a base."""
    return sum(one.base == base and "meta" not in one.route for one in agency.airtable.ledger().requests)


def test_a_base_that_is_locked_out_delays_no_other(sqlite_url: str) -> None:
    """Two bases, one of which says 429 all the time: the other goes on at its own pace meanwhile."""
    with owing(sqlite_url, {CLIENT: ["ada"], OTHER: ["bea"]}) as rows:
        mine, others = rows.took_in(CLIENT), rows.took_in(OTHER)
        runs = rows.run(mine), rows.run(others, OTHER)
        rows.in_step()
        rows.airtable.faults = [Fault(kind="too-fast", base=BASE)]
        rows.posts(60, runs[0], mine)
        rows.posts(60, runs[1], others, first=1_000)
        while len(rows.agency.rows("Posts", OTHER)) < 60:
            rows.turn()
        asked = [one for one in rows.calls(base=BASE) if one.status == 429]
        assert len(asked) <= 6, "it is left alone, not asked in between"
        assert {one.status for one in rows.calls(base=base_id(OTHER))} == {200}
        rows.airtable.faults = []
        rows.in_step()
        assert not rows.differences(Kind.POST, CLIENT)
