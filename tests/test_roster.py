"""The roster: the ledger has the clients as Airtable has them, and what is wrong there harvests nobody."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import pytest
from airtable_stage import FRESH, AirtableStage, base_id, opened_stage
from factories import NOW, FakeClock, make_client
from hypothesis import given
from hypothesis import strategies as st
from records import logged

from harvester.airtable_answers import Record
from harvester.airtable_schema import Table
from harvester.ledger import Ledger, alerts, clients, locks
from harvester.models import Client
from harvester.sandbox.airtable import FieldSpec
from harvester.sandbox.airtable.agency import MASTER_ID, client_row
from services.client_rows import read
from services.kickoff import ClientsNotRead, Order, UnknownClient
from services.roster import Copy, Roster
from services.schemas import Schemas

BASE = base_id(1)


@dataclass(frozen=True)
class Row:
    """A record, as the gateway gives it."""

    id: str
    fields: dict[str, Any] = field(default_factory=dict)


def one(**cells: Any) -> Client:
    """Read a table of one row that is well but for these cells; None empties one."""
    fields = {
        **client_row("Guy-Wilson", BASE),
        **{name.replace("_", " "): value for name, value in cells.items()},
    }
    row = Row("rec00000000000001", {name: value for name, value in fields.items() if value is not None})
    (found,) = read([row], master_base=MASTER_ID, taken={}, now=NOW).clients.values()
    return found


def several(*rows: dict[str, Any], taken: dict[str, str] | None = None) -> dict[str, str | None]:
    """Read a table, and give why each client is closed."""
    table = [Row(f"rec{number:014}", fields) for number, fields in enumerate(rows)]
    found = read(table, master_base=MASTER_ID, taken=taken or {}, now=NOW)
    return {client_id: client.airtable_error for client_id, client in found.clients.items()}


def test_blank_cells_get_the_contracts_defaults() -> None:
    client = one(Client_Name=None, Service_Level=None)
    assert (client.name, client.service_level, client.daily_target) == ("Guy-Wilson", 1, 0)
    assert (client.batch_size, client.max_batches, client.stream, client.timezone) == (20, 10, 0, "UTC")
    assert (client.origin, client.airtable_base, client.airtable_error) == ("airtable", BASE, None)


@pytest.mark.parametrize(
    ("given_level", "expected"),
    [
        ("2-Lead Scoring + Post Scoring", 2),
        ("12", 12),
        (" 3 - all", 3),
        (2, 2),
        (2.9, 2),
        ("Gold", 1),
        (["2-x"], 2),
    ],
)
def test_the_service_level_is_the_number_it_begins_with(given_level: object, expected: int) -> None:
    assert one(Service_Level=given_level).service_level == expected


_CELL = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["7", " 7.9 ", "-1", "1e9", "0", BASE, MASTER_ID, "Europe", "Europe/Paris", "../x", "\x00"]
    ),
    st.just({"error": "#ERROR!"}),
    st.lists(st.integers(), max_size=2),
)
_COLUMNS = (
    "Client Name",
    "Status",
    "Airtable Base ID",
    "Service Level",
    "Posts Daily Target",
    "Leads Batch Size for Post Collection",
    "Max Post Batches Per Day Guardrail",
    "Processing Stream",
    "Timezone",
)


@given(st.dictionaries(st.sampled_from(_COLUMNS), _CELL))
def test_whatever_the_cells_hold_a_client_is_fit_to_harvest_or_closed(cells: dict[str, Any]) -> None:
    client = one(**cells)
    assert client.airtable_base != MASTER_ID
    assert 1 <= client.batch_size <= 10_000
    assert 0 <= client.max_batches <= 10_000
    assert 0 <= client.daily_target <= 1_000_000
    assert (client.airtable_base is None) <= (client.airtable_error is not None)
    for value in (client.name, client.status, client.airtable_error or ""):
        assert "\x00" not in value
        assert "\n" not in value


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"Posts_Daily_Target": -1}, "Posts Daily Target is '-1'"),
        ({"Posts_Daily_Target": "many"}, "Posts Daily Target is 'many'"),
        ({"Leads_Batch_Size_for_Post_Collection": 0}, "from 1 to 10,000"),
        (
            {"Max_Post_Batches_Per_Day_Guardrail": 1e12},
            "Max Post Batches Per Day Guardrail is '1000000000000.0'",
        ),
        ({"Timezone": "Sydney"}, "Timezone is 'Sydney': give an IANA time zone"),
        ({"Airtable_Base_ID": None}, "Airtable Base ID is blank"),
        (
            {"Airtable_Base_ID": "https://airtable.com/app1"},
            "Airtable Base ID is 'https://airtable.com/app1'",
        ),
        ({"Airtable_Base_ID": MASTER_ID}, "is the master base's"),
    ],
)
def test_what_is_wrong_closes_the_client_with_a_remedy(cells: dict[str, Any], told: str) -> None:
    assert told in (one(**cells).airtable_error or "")


def test_numbers_are_floored_and_may_be_typed_as_text() -> None:
    client = one(Posts_Daily_Target=12.9, Leads_Batch_Size_for_Post_Collection="7.5 ")
    assert (client.daily_target, client.batch_size) == (12, 7)


def test_clients_that_share_an_id_or_a_base_are_closed_all_of_them() -> None:
    closed = several(
        client_row("Acme", base_id(1)),
        client_row("acme", base_id(2)),
        client_row("Twice", base_id(3), Status="Inactive"),
        client_row("Twice", base_id(4)),
        client_row("Left", base_id(5)),
        client_row("Right", base_id(5)),
        client_row("Kept", base_id(6)),
        client_row("Alone", base_id(7)),
        taken={"Elsewhere": base_id(6), "Twice": base_id(4)},
    )
    assert {client_id for client_id, reason in closed.items() if reason is None} == {"Alone"}
    assert "rec00000000000000, rec00000000000001" in str(closed["Acme"])
    assert closed["Acme"] is not None
    assert "is named by 2 clients" in str(closed["Left"])
    assert "is named by 2 clients" in str(closed["Kept"])
    assert not any(other in str(closed["Kept"]) for other in ("Elsewhere", "Left"))


def test_rows_without_a_usable_id_are_left_out_and_told_of() -> None:
    rows = [
        Row("recA", {"Client ID": "-"}),
        Row("recB", {"Client ID": "a b"}),
        Row("recC", client_row("Fine", BASE)),
    ]
    found = read(rows, master_base=MASTER_ID, taken={}, now=NOW)
    assert set(found.clients) == {"Fine"}
    assert [remark.split(" of ")[0] for remark in found.remarks] == ["row recA", "row recB"]


def test_rows_without_any_id_are_left_out_and_nobody_is_told() -> None:
    rows = [Row("recA"), Row("recB", {"Client ID": " \n", "Client Name": "Nobody", "Status": "Active"})]
    found = read(rows, master_base=MASTER_ID, taken={}, now=NOW)
    assert (found.clients, found.remarks) == ({}, ())


# The rest is read from the sandbox.


@pytest.fixture
def stage(ledger: Ledger, clock: FakeClock) -> Iterator[AirtableStage]:
    rows = [client_row("Guy-Wilson", BASE, **{"Posts Daily Target": 5})]
    with opened_stage(ledger, clock, clients=rows) as found:
        yield found


def known(ledger: Ledger) -> dict[str, Client]:
    with ledger.read() as tx:
        return clients.every(tx)


def only(stage: AirtableStage) -> str:
    """Give the record ID of the one client."""
    return str(stage.sandbox.records(MASTER_ID, "Clients")[0]["id"])


def pages(stage: AirtableStage) -> int:
    return stage.sandbox.ledger().calls(base=MASTER_ID, table="Clients")


def test_a_change_in_airtable_is_seen_once_the_copy_is_not_fresh(stage: AirtableStage) -> None:
    assert stage.roster.refresh().problem is None
    before = known(stage.ledger)["Guy-Wilson"]
    assert (before.daily_target, before.airtable_record_id) == (5, only(stage))
    stage.sandbox.edit(MASTER_ID, "Clients", only(stage), {"Posts Daily Target": 7, "Timezone": "Asia/Tokyo"})
    stage.clock.now += FRESH / 2
    stage.roster.refresh()
    assert (known(stage.ledger)["Guy-Wilson"], pages(stage)) == (before, 1)
    stage.clock.now += FRESH / 2
    stage.roster.refresh()
    after = known(stage.ledger)["Guy-Wilson"]
    assert (after.daily_target, after.timezone, after.created_at) == (7, "Asia/Tokyo", before.created_at)
    stage.roster.refresh(force=True)
    assert pages(stage) == 3


def test_a_client_whose_row_goes_is_removed_and_one_that_comes_back_is_open(stage: AirtableStage) -> None:
    stage.roster.refresh()
    stage.sandbox.delete(MASTER_ID, "Clients", only(stage))
    stage.roster.refresh(force=True)
    gone = known(stage.ledger)["Guy-Wilson"]
    assert (gone.status, gone.daily_target) == ("Removed", 5)
    assert gone.airtable_error is not None
    answer = stage.kickoff(Order("Guy-Wilson"))
    assert (answer.outcome, answer.code) == ("skipped", "client_inactive")
    stage.sandbox.add(MASTER_ID, "Clients", client_row("Guy-Wilson", BASE))
    stage.roster.refresh(force=True)
    back = known(stage.ledger)["Guy-Wilson"]
    assert (back.status, back.airtable_error, back.airtable_record_id) == ("Active", None, only(stage))


def test_clients_of_the_ledger_stay_unless_airtable_has_their_id(stage: AirtableStage) -> None:
    ours = make_client(stage.ledger, "Ours", daily_target=3)
    make_client(stage.ledger, "Guy-Wilson", daily_target=99)
    stage.roster.refresh()
    assert known(stage.ledger)["Ours"] == ours
    taken_over = known(stage.ledger)["Guy-Wilson"]
    assert (taken_over.origin, taken_over.daily_target) == ("airtable", 5)


def test_what_is_not_understood_is_told_once_for_each_change(
    stage: AirtableStage, lines: pytest.LogCaptureFixture
) -> None:
    row = stage.sandbox.add(MASTER_ID, "Clients", {"Client ID": "no good"})
    for _ in range(3):
        stage.roster.refresh(force=True)
    assert sum("left out" in message for _, message in logged(lines)) == 1
    stage.sandbox.edit(MASTER_ID, "Clients", row, {"Client ID": "no better"})
    stage.roster.refresh(force=True)
    assert sum("left out" in message for _, message in logged(lines)) == 2


def test_while_airtable_is_down_the_copy_is_used_and_nobody_hammers(
    stage: AirtableStage, lines: pytest.LogCaptureFixture
) -> None:
    stage.roster.refresh()
    stage.clock.now += FRESH
    with stage.sandbox.dark():
        for _ in range(3):
            copy = stage.roster.refresh()
            assert copy.read_at == NOW
            assert copy.problem
        assert sum("cannot be read" in message for _, message in logged(lines)) == 1
        assert stage.kickoff(Order("Guy-Wilson")).outcome == "accepted"
        with pytest.raises(ClientsNotRead, match="Nobody"):
            stage.kickoff(Order("Nobody"))
    stage.clock.advance(seconds=6)
    with pytest.raises(UnknownClient):
        stage.kickoff(Order("Nobody"))
    assert stage.roster.refresh().problem is None


def test_a_table_that_lacks_what_is_needed_leaves_the_copy_as_it_is(stage: AirtableStage) -> None:
    stage.roster.refresh()
    before = known(stage.ledger)
    stage.sandbox.rename_field(MASTER_ID, "Clients", "Service Level", "Level")
    assert stage.roster.refresh(force=True).problem is None  # by its ID, as long as its schema is known
    stage.sandbox.drop_field(MASTER_ID, "Clients", "Level")
    assert "Service Level" in str(stage.roster.refresh(force=True).problem)
    assert known(stage.ledger) == before
    stage.sandbox.add_field(MASTER_ID, "Clients", FieldSpec("Service Level", "number", {"precision": 0}))
    assert stage.roster.refresh(force=True).problem is None
    assert known(stage.ledger)["Guy-Wilson"].service_level == 1


def alerted(stage: AirtableStage) -> list[tuple[str, str]]:
    with stage.ledger.read() as tx:
        return [(one.key, one.text) for one in alerts.untold(tx, limit=10)]


def test_what_no_waiting_helps_against_somebody_is_told(stage: AirtableStage) -> None:
    with stage.sandbox.dark():
        stage.roster.refresh(force=True)
    assert alerted(stage) == []
    stage.sandbox.drop_field(MASTER_ID, "Clients", "Status")
    stage.roster.refresh(force=True)
    [(key, text)] = alerted(stage)
    assert key == "airtable clients"
    assert text.startswith("Airtable's Clients cannot be read: ")
    assert "Status" in text


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("unauthorized", "set AIRTABLE_API_KEY to it"),
        ("forbidden", f"base {MASTER_ID} is not there for the token in AIRTABLE_API_KEY"),
    ],
)
def test_who_is_not_let_in_reads_why_and_what_to_do(
    stage: AirtableStage, fault: Literal["unauthorized", "forbidden"], told: str
) -> None:
    stage.sandbox.inject(fault, times=None)
    problem = str(stage.roster.refresh().problem)
    assert told in problem
    assert (fault == "forbidden") == ("MASTER_CLIENTS_BASE_ID" in problem)
    assert stage.sandbox.options.token not in problem
    assert [problem in text for _, text in alerted(stage)] == [True]


def test_of_many_at_once_one_reads(stage: AirtableStage) -> None:
    """The others wait for it, and then have what it has read."""
    stage.sandbox.inject("slow", table="Clients", seconds=0.1)
    copies = []
    threads = [threading.Thread(target=lambda: copies.append(stage.roster.refresh())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [copy.problem for copy in copies] == [None] * 8
    assert pages(stage) == 1


def test_whoever_waits_too_long_goes_on_with_the_copy(stage: AirtableStage) -> None:
    stage.roster.refresh()
    stage.clock.now += FRESH
    with stage.ledger.write() as tx:
        assert locks.take(tx, "clients being read", now=stage.clock(), until=NOW + timedelta(days=1))
    assert stage.roster.refresh() == Copy(NOW, "another process is still reading it")


class Overtaken:
    """A gateway that takes so long over its one page that another process reads the table meanwhile."""

    def __init__(self, stage: AirtableStage) -> None:
        self._stage = stage

    def pages(self, base: str, table: Table, *, fields: Sequence[str]) -> Iterator[list[Record]]:
        page = next(self._stage.gateway.pages(base, table, fields=fields))
        self._stage.sandbox.edit(MASTER_ID, "Clients", only(self._stage), {"Posts Daily Target": 6})
        self._stage.clock.advance(minutes=2)
        assert self._stage.roster.refresh().problem is None
        yield page


def test_what_was_read_too_slowly_does_not_replace_what_is_newer(stage: AirtableStage) -> None:
    schemas = Schemas(stage.ledger, stage.gateway, stage.clock)
    slow = Roster(stage.ledger, Overtaken(stage), schemas, stage.clock, master_base=MASTER_ID, fresh=FRESH)
    assert "another process" in str(slow.refresh().problem)
    assert known(stage.ledger)["Guy-Wilson"].daily_target == 6
