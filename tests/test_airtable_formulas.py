"""The formulas that Airtable is asked by, as the local Airtable computes them."""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airtable_doubles import Heard, rec
from factories import NOW
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harvester.airtable import Airtable
from harvester.airtable_errors import UnknownField
from harvester.airtable_formulas import due_leads, key_is, records_are
from harvester.airtable_schema import Table
from harvester.sandbox.airtable import BaseSpec, FieldSpec, SandboxAirtable, TableSpec

BASE = "appClientBase0001"
STALE = NOW - timedelta(minutes=30)
URL, STATUS, CHECKED, ACTIONED, SCORED = (
    "LinkedIn Profile URL",
    "Posts Harvest Status",
    "Last Post Check At",
    "Posts Actioned",
    "Date Posts Scored",
)
CHOICES = {"choices": [{"name": name} for name in ("Pending", "Processing", "Done", "No Posts")]}
USUAL = {URL: "url", STATUS: "singleSelect", CHECKED: "dateTime", ACTIONED: "singleLineText", SCORED: "date"}
OPTIONS: dict[str, dict[str, Any]] = {
    "singleSelect": CHOICES,
    "number": {"precision": 0},
    "checkbox": {"icon": "check", "color": "greenBright"},
}


@dataclass(frozen=True)
class Leads:
    sandbox: SandboxAirtable
    airtable: Airtable
    table: Table

    def found(self, formula: str) -> set[str]:
        pages = self.airtable.pages(BASE, self.table, fields=[URL], formula=formula)
        return {record.id for page in pages for record in page}


@contextmanager
def leads(types: Mapping[str, str]) -> Iterator[Leads]:
    """Lend a table Leads with fields of these types, and the gateway to it."""
    fields = [FieldSpec(name, type, OPTIONS.get(type, {})) for name, type in types.items()]
    spec = BaseSpec(BASE, "Client", [TableSpec("Leads", fields)])
    with SandboxAirtable(bases=[spec], base_requests=0, token_requests=0) as sandbox:
        airtable = Airtable(
            token=sandbox.options.token, api_url=sandbox.url, gate=Heard(), timeout=(2.0, 9.0)
        )
        try:
            yield Leads(sandbox, airtable, airtable.schema(BASE).tables["Leads"])
        finally:
            airtable.close()


def due(cells: Mapping[str, Any]) -> bool:
    """Say what the contract says."""
    status, checked = cells.get(STATUS), cells.get(CHECKED)
    stale = status == "Processing" and (checked is None or datetime.fromisoformat(checked) < STALE)
    not_actioned = cells.get(ACTIONED) in (None, "0", "false", 0, False)
    return (
        bool(cells.get(URL))
        and (status in (None, "Pending") or stale)
        and not_actioned
        and not cells.get(SCORED)
    )


VALUES: dict[str, tuple[Any, ...]] = {
    "url": (None, "https://www.linkedin.com/in/ann"),
    "singleSelect": (None, "Pending", "Processing", "Done", "No Posts"),
    "dateTime": (None, (STALE - timedelta(seconds=1)).isoformat(), STALE.isoformat(), NOW.isoformat()),
    "singleLineText": (None, "0", "false", "Yes"),
    "multilineText": (None, "0", "Yes"),
    "number": (None, 0, 1),
    "checkbox": (None, True),
    "date": (None, "2026-11-21"),
}


class TestDueLeads:
    @pytest.mark.parametrize("actioned", ["singleLineText", "multilineText", "number", "checkbox"])
    @pytest.mark.parametrize("scored", ["date", "dateTime"])
    def test_are_those_of_the_contract_in_every_case(self, actioned: str, scored: str) -> None:
        types = USUAL | {ACTIONED: actioned, SCORED: scored}
        with leads(types) as base:
            expected = set()
            for values in itertools.product(*(VALUES[type] for type in types.values())):
                cells = {name: value for name, value in zip(types, values, strict=True) if value is not None}
                record = base.sandbox.add(BASE, "Leads", cells)
                if due(cells):
                    expected.add(record)
            assert base.found(due_leads(base.table.fields, STALE)) == expected
            assert len(expected) > 3

    @pytest.mark.parametrize("missing", [CHECKED, ACTIONED, SCORED])
    def test_what_the_base_has_no_field_for_is_not_asked(self, missing: str) -> None:
        types = {name: type for name, type in USUAL.items() if name != missing}
        with leads(types) as base:
            cells = {URL: "https://www.linkedin.com/in/ann", STATUS: "Processing", CHECKED: STALE.isoformat()}
            old = cells | {CHECKED: (STALE - timedelta(days=1)).isoformat()}
            for one in (cells, old):
                base.sandbox.add(BASE, "Leads", {name: one[name] for name in one if name != missing})
            assert len(base.found(due_leads(base.table.fields, STALE))) == (2 if missing == CHECKED else 1)

    @pytest.mark.parametrize("missing", [URL, STATUS])
    def test_without_address_or_status_cannot_be_asked_for(self, missing: str) -> None:
        with leads(USUAL) as base, pytest.raises(UnknownField) as caught:
            due_leads({name: field for name, field in base.table.fields.items() if name != missing}, STALE)
        assert caught.value.name == missing

    def test_a_time_is_told_in_utc_and_needs_a_zone(self) -> None:
        with leads(USUAL) as base:
            fields = base.table.fields
            there = STALE.astimezone(timezone(timedelta(hours=5, minutes=45)))
            assert due_leads(fields, there) == due_leads(fields, STALE)
            with pytest.raises(ValueError, match="zone"):
                due_leads(fields, STALE.replace(tzinfo=None))


@pytest.fixture(scope="module")
def keyed() -> Iterator[Leads]:
    """A table whose addresses are any text."""
    with leads(USUAL | {URL: "multilineText"}) as base:
        yield base


class TestAKey:
    @given(
        st.text(alphabet="ab'\"\\{}(),=& \n\té😀", min_size=1, max_size=12),
        st.text(string.printable, max_size=5),
    )
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_matches_its_record_alone_whatever_is_in_it(self, keyed: Leads, key: str, other: str) -> None:
        expected = {keyed.sandbox.add(BASE, "Leads", {URL: value}) for value in (key, key)}
        another = keyed.sandbox.add(BASE, "Leads", {URL: key + "x" + other})
        found = keyed.found(key_is(keyed.table.fields[URL], key))
        for record in {*expected, another}:
            keyed.sandbox.delete(BASE, "Leads", record)
        assert found == expected


class TestRecords:
    def test_are_found_by_their_ids(self, keyed: Leads) -> None:
        made = [keyed.sandbox.add(BASE, "Leads", {URL: "a"}) for _ in range(5)]
        assert keyed.found(records_are(made[1:3])) == set(made[1:3])
        assert keyed.found(records_are([made[0], rec(1)])) == {made[0]}

    @pytest.mark.parametrize("ids", [[], ["rec1"], ["rec') , 1=1)00001"]])
    def test_need_to_be_ids(self, ids: list[str]) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            records_are(ids)
