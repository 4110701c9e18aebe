"""The check: whatever is damaged, it names exactly that, and puts right what nobody has to decide."""

from __future__ import annotations

import shutil
import string
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from consistency_stage import (
    CLIENTS,
    KEYS,
    RUNS,
    Agency,
    base_of,
    brought_back,
    harvest,
    opened_agency,
    sandbox_of_agency,
    taken_away,
)
from factories import make_client, opened
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harvester.ledger import Ledger, alerts, client_runs, clients
from harvester.ledger.mirroring import Kind
from harvester.sandbox.airtable.agency import MASTER_ID
from services.consistency import REPAIRS
from services.consistency_findings import Code, Finding, Remedy
from services.consistency_scope import POSTS_EVERY_DAYS, is_night_of

Place = tuple[str, str]
PLACES: list[Place] = [
    (MASTER_ID, "Client Run Results"),
    (MASTER_ID, "Job Tracking"),
    (MASTER_ID, "Apify"),
    (base_of("Ada"), "Posts"),
    (base_of("Bo-Li"), "Posts"),
]
#: What a person may write over, by table.
EDITS: dict[str, dict[str, Any]] = {
    "Client Run Results": {"Status": "Failed", "Total Posts Harvested": 999, "System Notes": None},
    "Job Tracking": {"Status": "Running", "System Notes": "somebody was here"},
    "Apify": {"Run ID": "another", "Status": "FAILED"},
    "Posts": {"Post Text": "not what was posted", "Like Count": 10_000, "Lead": None},
}
UNKNOWN = {
    "Client Run Results": "251006-225513-Ada",
    "Job Tracking": "251006-225513",
    "Apify": "AeljThOnfXhim2T31",
    "Posts": "7000000000000000001",
}
#: What only a person can decide.
LEFT = {Code.DELETED, Code.EXTRA, Code.NO_RUN_ID}

damages = st.lists(
    st.tuples(
        st.sampled_from(["delete", "copy", "edit", "blank", "nameless", "extra", "column of theirs"]),
        st.sampled_from(PLACES),
        st.integers(0, 30),
    ),
    max_size=8,
)


@dataclass
class Damage:
    """Damages a base and writes down what a check is to find."""

    agency: Agency
    expected: set[tuple[Code, str, str]] = field(default_factory=set)
    touched: set[str | Place] = field(default_factory=set)

    def do(self, what: str, place: Place, number: int) -> None:
        base, table = place
        sandbox, key = self.agency.sandbox, KEYS[table]
        if what == "nameless":
            made = sandbox.add(MASTER_ID, "Job Tracking", {"Status": "Running"})
            self.expected.add((Code.NO_RUN_ID, "Job Tracking", made))
            return
        if what == "extra":
            if place not in self.touched:
                made = sandbox.add(base, table, {key: UNKNOWN[table]})
                self.expected.add((Code.EXTRA, table, made))
                self.touched.add(place)
            return
        rows = [row for row in sandbox.records(base, table) if row["fields"].get(key) != UNKNOWN[table]]
        rows = [row for row in rows if row["id"] not in self.touched and row["fields"].get(key)]
        if not rows:
            return
        row = rows[number % len(rows)]
        self.touched.add(row["id"])
        self._damage(what, base, table, row, number)

    def _damage(self, what: str, base: str, table: str, row: dict[str, Any], number: int) -> None:
        sandbox, key = self.agency.sandbox, KEYS[table]
        if what == "delete":
            sandbox.delete(base, table, row["id"])
            self.expected.add((Code.MISSING, table, row["id"]))
        elif what == "copy":
            copy = sandbox.add(base, table, {key: row["fields"][key]})
            self.touched.add(copy)
            self.expected.add((Code.DUPLICATE, table, copy))
        elif what == "blank":
            sandbox.edit(base, table, row["id"], {key: None})
            self.expected.add((Code.DIFFERENT, table, row["id"]))
        elif what == "column of theirs" and table == "Client Run Results":
            sandbox.edit(base, table, row["id"], {"Full Run Log": "nobody's business"})
        elif what == "edit":
            column, value = list(EDITS[table].items())[number % len(EDITS[table])]
            sandbox.edit(base, table, row["id"], {column: value})
            self.expected.add((Code.DIFFERENT, table, row["id"]))


def found_in(findings: list[Finding]) -> set[tuple[Code, str, str]]:
    return {(one.code, one.table or "", one.record_id or "") for one in findings}


@pytest.fixture(scope="module")
def agencies(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Give fresh agencies with a finished harvest that Airtable shows."""
    folder = tmp_path_factory.mktemp("agencies")
    with sandbox_of_agency() as sandbox:

        class Agencies:
            def __init__(self) -> None:
                self.number = 0

            def __iter__(self) -> Iterator[Agency]:
                self.number += 1
                file = shutil.copyfile(migrated_file, folder / f"{self.number}.db")
                sandbox.reset()
                with opened(f"sqlite:///{file}") as ledger, opened_agency(sandbox, ledger) as agency:
                    harvest(agency)
                    agency.send()
                    yield agency

        yield Agencies()


_on_agencies: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}


@settings(max_examples=4, **_on_agencies)
@given(damages=damages, recreate=st.booleans())
def test_a_check_names_exactly_what_was_damaged_and_a_repair_leaves_only_what_a_person_decides(
    agencies: Any, damages: list[tuple[str, Place, int]], recreate: bool
) -> None:
    names_the_damage(agencies, damages, recreate=recreate)


@pytest.mark.slow
@settings(max_examples=25, **_on_agencies)
@given(damages=damages, recreate=st.booleans())
def test_a_check_names_exactly_what_was_damaged_however_often(
    agencies: Any, damages: list[tuple[str, Place, int]], recreate: bool
) -> None:
    names_the_damage(agencies, damages, recreate=recreate)


def names_the_damage(agencies: Any, damages: list[tuple[str, Place, int]], *, recreate: bool) -> None:
    for agency in agencies:
        check = agency.check()
        assert check.find(deep=True) == []
        damage = Damage(agency)
        for one in damages:
            damage.do(*one)
        first = check.find(deep=True)
        assert found_in(first) == damage.expected
        result = check.repair(first)
        assert {one.code for one, _ in result.left} <= {Code.EXTRA, Code.NO_RUN_ID}
        agency.send()
        second = check.find(deep=True)
        assert {one.code for one in second} <= LEFT
        assert len(second) == sum(
            code in (Code.MISSING, Code.EXTRA, Code.NO_RUN_ID) for code, _, _ in damage.expected
        )
        assert check.repair(second).done == []
        if recreate:
            check.repair(second, remedies=REPAIRS | {Remedy.RECREATE})
            agency.send()
            assert {one.code for one in check.find(deep=True)} <= {Code.EXTRA, Code.NO_RUN_ID}
        for base, table in PLACES:
            assert not agency.sandbox.duplicates(base, table, KEYS[table]) or table in (
                "Client Run Results",
                "Job Tracking",
            )


@pytest.fixture
def agency(ledger: Ledger) -> Iterator[Agency]:
    """An agency with a finished harvest that Airtable shows; the test runs once on each database."""
    with sandbox_of_agency() as sandbox, opened_agency(sandbox, ledger) as opened:
        harvest(opened)
        opened.send()
        yield opened


def codes(findings: list[Finding]) -> list[Code]:
    return sorted(one.code for one in findings)


def test_a_ledger_that_is_older_than_its_airtable_is_shown_there_by_a_repair(agency: Agency) -> None:
    with agency.ledger.write() as tx:
        tx.connection.exec_driver_sql("delete from outbox where kind <> 'lead'")
    for base, table in PLACES:
        for row in agency.sandbox.records(base, table):
            agency.sandbox.delete(base, table, row["id"])
    check = agency.check()
    found = check.find()
    assert {one.code for one in found} == {Code.UNSHOWN}
    assert sorted({one.table or "" for one in found}) == sorted(KEYS)
    check.repair(found)
    agency.send()
    assert check.find(deep=True) == []
    assert all(agency.sandbox.records(base, table) for base, table in PLACES)


def test_what_is_parked_or_forgotten_is_sent_once_more(agency: Agency) -> None:
    with agency.ledger.write() as tx:
        tx.connection.exec_driver_sql(
            "update outbox set state = 'parked', error = 'x' where kind = 'job_run'"
        )
        tx.connection.exec_driver_sql("update outbox set version = version + 1 where kind = 'actor_run'")
    check = agency.check()
    found = check.find()
    assert codes(found) == [Code.PARKED] * 2 + [Code.UNSENT] * 4
    check.repair(found)
    agency.send()
    assert check.find() == []


def test_another_record_of_the_same_key_is_taken_for_one_that_was_deleted(agency: Agency) -> None:
    (row, *_) = agency.sandbox.records(MASTER_ID, "Job Tracking")
    copy = agency.sandbox.add(MASTER_ID, "Job Tracking", {"Run ID": row["fields"]["Run ID"]})
    agency.sandbox.delete(MASTER_ID, "Job Tracking", row["id"])
    check = agency.check()
    (found,) = check.find()
    assert (found.code, found.record_id, found.remedy) == (Code.OTHER_RECORD, copy, Remedy.RELINK)
    check.repair([found])
    agency.send()
    assert check.find() == []
    shown = {one["id"]: one["fields"] for one in agency.sandbox.records(MASTER_ID, "Job Tracking")}
    assert shown[copy]["Status"] == "Completed"


def test_leads_belong_to_people_but_for_those_shown_as_being_harvested(agency: Agency) -> None:
    first, second = agency.sandbox.records(base_of("Ada"), "Leads")
    with agency.ledger.write() as tx:
        tx.owe(Kind.LEAD, *tx.connection.exec_driver_sql("select id from leads").scalars())
    agency.send()
    check = agency.check()
    agency.sandbox.edit(base_of("Ada"), "Leads", first["id"], {"Posts Harvest Status": "Pending"})
    assert check.find(deep=True) == []
    agency.sandbox.edit(base_of("Ada"), "Leads", first["id"], {"Posts Harvest Status": "Processing"})
    agency.sandbox.delete(base_of("Ada"), "Leads", second["id"])
    (shown,) = check.find()
    assert (shown.code, shown.record_id) == (Code.DIFFERENT, first["id"])
    found = check.find(deep=True)
    assert {(one.code, one.record_id) for one in found if one.table == "Leads"} == {
        (Code.DIFFERENT, first["id"]),
        (Code.MISSING, second["id"]),
    }
    check.repair(found)
    agency.send()
    assert agency.sandbox.records(base_of("Ada"), "Leads")[0]["fields"]["Posts Harvest Status"] == "Done"
    assert [one for one in check.find(deep=True) if one.table == "Leads"] == []


def test_every_night_it_does_what_can_do_no_harm_and_alerts_of_the_rest(agency: Agency) -> None:
    base, table = MASTER_ID, "Client Run Results"
    first, second, third, _ = agency.sandbox.records(base, table)
    agency.sandbox.edit(base, table, first["id"], {"Status": "Failed"})
    agency.sandbox.delete(base, table, second["id"])
    copy = agency.sandbox.add(base, table, {"Run ID": third["fields"]["Run ID"]})
    check = agency.check()
    check.nightly()
    agency.send()
    of_the_check, of_the_record = alerts_of(agency)
    assert of_the_check == (
        "The consistency check found 1 missing, 1 different, 1 duplicate: see harvester check"
    )
    assert second["fields"]["Run ID"] in of_the_record
    assert "was deleted in Airtable" in of_the_record
    assert codes(check.find()) == [Code.DELETED, Code.DUPLICATE]
    check.repair(check.find())
    with agency.ledger.write() as tx:
        tx.connection.exec_driver_sql("delete from alerts")
    check.nightly()
    assert alerts_of(agency) == []
    shown = {one["id"]: one["fields"] for one in agency.sandbox.records(base, table)}
    assert (shown[first["id"]]["Status"], shown[copy]["Status"]) == ("Completed", "Duplicate")
    assert second["id"] not in shown
    assert len(shown) == 4


def alerts_of(agency: Agency) -> list[str]:
    with agency.ledger.read() as tx:
        return [alert.text for alert in alerts.latest(tx, limit=10)]


@pytest.mark.parametrize("fault", ["bad-gateway", "reset", "iterator-expired", "too-fast"])
def test_a_list_that_breaks_off_is_read_anew(agency: Agency, fault: Any) -> None:
    agency.sandbox.inject(fault, base=base_of("Ada"), method="GET", skip=1)
    slept: list[float] = []

    def pause(seconds: float) -> bool:
        slept.append(seconds)
        sleep(seconds)
        return False

    assert agency.check(pause).find() == []


def test_it_is_not_misled_by_what_is_on_its_way(agency: Agency) -> None:
    """While the ledger changes and the mirror sends, a check finds nothing."""
    ended = threading.Event()
    found: list[Finding] = []

    def look() -> None:
        check = agency.check()
        while not ended.is_set():
            found.extend(check.find(deep=True))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for number in range(12):
            with agency.ledger.write() as tx:
                for run_id in RUNS:
                    full_id = f"{run_id}-{CLIENTS[number % 2]}"
                    client_runs.change(tx, full_id, system_notes=f"changed {number}")
            agency.send()
    finally:
        ended.set()
        looking.join(30)
    assert found == []


def nights(agency: Agency) -> Iterator[datetime]:
    """Give the nights of the last four weeks."""
    today = agency.services.clock()
    for number in reversed(range(POSTS_EVERY_DAYS)):
        yield today - timedelta(days=number)


def lists(agency: Agency, base: str, table: str = "", *, since: int = 0) -> int:
    """Count the requests for a base's records, or for those of one table."""
    every = agency.sandbox.ledger().requests[since:]
    return sum(one.base == base and bool(one.table) and table in ("", one.table) for one in every)


def asked(agency: Agency) -> int:
    return len(agency.sandbox.ledger().requests)


def test_by_night_posts_are_read_once_in_four_weeks_and_who_is_not_active_is_left_alone(
    agency: Agency,
) -> None:
    with agency.ledger.write() as tx:
        clients.change(tx, "Bo-Li", status="Paused")
    posts_read, leads_read, base = [], [], base_of("Ada")
    for night in nights(agency):
        before = asked(agency)
        agency.check(now=night).nightly()
        posts_read.append(lists(agency, base, "Posts", since=before))
        leads_read.append(lists(agency, base, "Leads", since=before))
        assert lists(agency, MASTER_ID, since=before) == 3
        assert [
            one.base for one in agency.sandbox.ledger().requests[before:] if one.base == base_of("Bo-Li")
        ] == []
    assert sorted(posts_read) == [0] * (POSTS_EVERY_DAYS - 1) + [1]
    assert set(leads_read) == {1}
    assert agency.check().find() == []
    assert lists(agency, base_of("Bo-Li"), "Posts") > 0


def test_by_night_what_the_ledger_knows_is_found_without_asking_for_it(agency: Agency) -> None:
    (night, *_) = (one for one in nights(agency) if not is_night_of(base_of("Ada"), one.date()))
    with agency.ledger.write() as tx:
        clients.change(tx, "Bo-Li", status="Paused")
        of_posts = tx.connection.exec_driver_sql("select id from outbox where kind = 'post' order by id")
        parked, forgotten, unshown, *_ = of_posts.scalars()
        for change in (
            f"update outbox set state = 'parked', error = 'no' where id = {parked}",
            f"update outbox set version = version + 1 where id = {forgotten}",
            f"delete from outbox where id = {unshown}",
        ):
            tx.connection.exec_driver_sql(change)
    agency.check(now=night).nightly()
    assert alerts_of(agency) == [
        "The consistency check found 1 unshown, 1 unsent, 1 parked: see harvester check"
    ]
    agency.send()
    assert agency.check().find(deep=True) == []


bases = st.text(string.ascii_letters + string.digits, min_size=14, max_size=14).map("app{}".format)
days = st.dates(date(2026, 1, 1), date(2060, 1, 1))


@given(base=bases, first=days, every=st.integers(1, POSTS_EVERY_DAYS))
def test_every_base_has_its_night_however_often_there_is_a_check(base: str, first: date, every: int) -> None:
    """A check that comes every so many days is for all of them: none is left out, and none is for two."""
    last = range(every, every * POSTS_EVERY_DAYS + 1, every)
    own = sum(is_night_of(base, first + timedelta(days=day), every) for day in last)
    assert own == every


def test_the_nights_of_many_bases_are_spread() -> None:
    today = date(2026, 11, 22)
    of_base = [f"appClientBase{number:04}" for number in range(2_800)]
    every = [today + timedelta(days=number) for number in range(POSTS_EVERY_DAYS)]
    nights = [sum(is_night_of(base, day) for base in of_base) for day in every]
    assert sum(nights) == 2_800
    assert 50 < min(nights) <= max(nights) < 150


@pytest.mark.parametrize(
    ("out", "not_looked_at"),
    [
        ((MASTER_ID,), ["Ada", "Bo-Li", "Cy"]),
        ((base_of("Ada"), base_of("Bo-Li")), ["Cy"]),
        ((base_of("Ada"),), []),
    ],
)
def test_where_airtable_cannot_be_reached_not_every_base_is_asked_in_vain(
    agency: Agency, out: tuple[str, ...], not_looked_at: list[str]
) -> None:
    make_client(agency.ledger, "Cy", airtable_base="appNobodyHasThis1")
    for base in out:
        agency.sandbox.inject("bad-gateway", base=base, method="GET", times=None)
    waited: list[float] = []
    before = asked(agency)

    def pause(seconds: float) -> bool:
        waited.append(seconds)
        return False

    found = agency.check(pause).find()
    assert {one.code for one in found} == {Code.UNREADABLE}
    assert [one.client_id for one in found if "cannot be reached" in one.detail] == not_looked_at
    assert sum("502" in one.detail for one in found) == len(out)
    asked_for = {one.base for one in agency.sandbox.ledger().requests[before:]}
    assert not asked_for & {base_of(one) for one in not_looked_at if one in CLIENTS}
    assert sum("refused" in one.detail for one in found) == (not_looked_at == [])
    assert sum(one > 0 for one in waited) == 1


def test_one_who_may_not_see_the_bases_is_told_of_each(agency: Agency) -> None:
    agency.sandbox.inject("forbidden", times=None)
    found = agency.check().find()
    assert [one.base for one in found] == [MASTER_ID, *map(base_of, CLIENTS)]
    assert all("refused" in one.detail for one in found)


def test_what_a_person_brings_back_is_written_to_again_by_night(agency: Agency) -> None:
    """Whatever it shows by then. Links to a record that was gone are its posts' business."""
    places = [*PLACES, (base_of("Ada"), "Leads")]
    with agency.ledger.write() as tx:
        tx.owe(Kind.LEAD, *tx.connection.exec_driver_sql("select id from leads").scalars())
    agency.send()
    before = shown_in(agency, places)
    taken = {place: taken_away(agency.sandbox, *place) for place in places}
    with agency.ledger.write() as tx:
        tx.connection.exec_driver_sql(
            "update outbox set version = version + 1, due_at = changed_at, sent = null"
        )
    agency.send()
    assert codes(agency.check().find()) == [Code.DELETED] * len(PLACES)
    for (base, table), record in taken.items():
        brought_back(agency.sandbox, base, table, record)
        status = {"Posts Harvest Status": "Processing"}
        agency.sandbox.edit(base, table, record.id, dict.fromkeys(EDITS.get(table, ())) or status)
    found = {(one.code, one.record_id) for one in agency.check().find()}
    assert found == {(Code.RETURNED, record.id) for record in taken.values()}
    for night in nights(agency):
        agency.check(now=night).nightly()
        agency.send()
    assert agency.check().find() == []
    assert shown_in(agency, places) == before


def shown_in(agency: Agency, places: list[Place]) -> dict[str, dict[str, Any]]:
    """Give what records show, by their IDs, without their links."""
    every = [one for place in places for one in agency.sandbox.records(*place)]
    links = {"Lead", "Posts"}
    return {one["id"]: {k: v for k, v in one["fields"].items() if k not in links} for one in every}


def test_a_lead_that_intake_reads_is_left_to_it(agency: Agency) -> None:
    record = taken_away(agency.sandbox, base_of("Ada"), "Leads")
    with agency.ledger.write() as tx:
        tx.connection.exec_driver_sql(f"update outbox set state = 'missing' where key = '{record.id}'")
    brought_back(agency.sandbox, base_of("Ada"), "Leads", record)
    for status in ("Pending", None, "Done"):
        agency.sandbox.edit(base_of("Ada"), "Leads", record.id, {"Posts Harvest Status": status})
        assert agency.check().find(deep=True) == []
