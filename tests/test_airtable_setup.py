"""Setup: what the API can make is made, once; what exists is left as it is; the rest is told to a person."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from airtable_bases import (
    MASTER_BASE,
    Parts,
    base_id,
    client_row,
    empty,
    looking_at,
    whole_client,
    whole_master,
)
from factories import on_one_ledger, opened
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.airtable_schema import CLIENT, MASTER
from harvester.ledger import Ledger
from harvester.sandbox.airtable import FieldSpec
from services.airtable_check import Finding, Report
from services.airtable_setup import Outcome, Plan, plan

BY_HAND = {
    ("Client Run Results", "Duration"),
    ("Client Run Results", "Profile Scoring Success Rate"),
    ("Client Run Results", "Post Scoring Success Rate"),
    ("Client Run Results", "Success Rate"),
    ("Job Tracking", "Duration"),
    ("Leads", "Date Created"),
}
_numbers = itertools.count(100)


@pytest.fixture
def ledger(sqlite_url: str) -> Iterator[Ledger]:
    """The ledger only counts calls here: one database is enough."""
    with opened(sqlite_url) as found:
        yield found


@pytest.fixture
def agency(ledger: Ledger) -> Iterator[Parts]:
    """An agency whose master base lacks nothing."""
    with looking_at(ledger, whole_master()) as parts:
        yield parts


@pytest.fixture
def fresh(ledger: Ledger) -> Iterator[Parts]:
    """An agency with two bases as Airtable makes them."""
    with looking_at(ledger, empty(MASTER_BASE), empty(base_id(1))) as parts:
        yield parts


def planned(parts: Parts) -> Plan:
    report = parts.check()
    return plan(report.bases, report.rows)


def made(parts: Parts) -> list[Outcome]:
    return list(parts.setup(planned(parts).steps))


def fields(findings: tuple[Finding, ...]) -> set[tuple[str | None, str | None]]:
    return {(one.table, one.field) for one in findings}


def as_it_is(report: Report) -> set[tuple[str, str, str, tuple[str, ...]]]:
    return {
        (table.name, one.id, f"{one.name} {one.type}", one.choices)
        for looked in report.bases
        if looked.schema is not None
        for table in looked.schema.tables.values()
        for one in table.fields.values()
    }


def test_from_two_empty_bases_to_what_only_a_person_can_do(fresh: Parts) -> None:
    assert {one.error for one in made(fresh)} == {""}
    fresh.sandbox.add(MASTER_BASE, "Clients", client_row("Ann-Lee", base_id(1)))
    before = planned(fresh)
    assert [(one.table, len(one.columns)) for one in before.steps] == [("Leads", 8), ("Posts", 16)]
    assert {one.error for one in fresh.setup(before.steps)} == {""}
    after = fresh.check()
    assert fields(after.findings) == BY_HAND == fields(before.by_hand)
    assert {one.required for one in after.findings} == {False}
    assert planned(fresh).steps == ()
    lead = fresh.sandbox.add(base_id(1), "Leads", {"Name": "Ann"})
    fresh.sandbox.add(base_id(1), "Posts", {"Post Key": "1", "Lead": [lead]})


@settings(parent=on_one_ledger, max_examples=15)
@given(st.data())
def test_whatever_is_missing_is_made_and_what_exists_stays_as_it_is(
    agency: Parts, data: st.DataObject
) -> None:
    number = next(_numbers)
    agency.sandbox.add_base(whole_client(number))
    agency.sandbox.add(MASTER_BASE, "Clients", client_row(f"Client-{number}", base_id(number)))
    columns = st.sampled_from([(spec.name, column.name) for spec in CLIENT for column in spec.columns[1:]])
    for table, column in data.draw(st.sets(columns, max_size=12)):
        agency.sandbox.drop_field(base_id(number), table, column)
    if data.draw(st.booleans()):
        agency.sandbox.drop_table(base_id(number), "Posts")
    before = agency.check(client_id=f"Client-{number}")
    wanted = plan(before.bases)
    assert {one.error for one in agency.setup(wanted.steps)} <= {""}
    after = agency.check(client_id=f"Client-{number}")
    assert as_it_is(before) <= as_it_is(after)
    assert after.findings == wanted.by_hand


def test_stopped_half_way_it_goes_on_where_it_was(fresh: Parts) -> None:
    steps = planned(fresh).steps
    outcomes = fresh.setup(steps)
    assert [next(outcomes).step.table for _ in range(2)] == ["Clients", "Client Run Results"]
    del outcomes
    assert [step.table for step in planned(fresh).steps] == ["Job Tracking", "Apify"]
    assert [one.step for one in made(fresh)] == list(steps[2:])


def test_what_was_made_though_the_answer_was_lost_counts_as_made(fresh: Parts) -> None:
    fresh.sandbox.inject("answer-lost", method="POST", times=None)
    assert {one.error for one in made(fresh)} == {""}
    assert planned(fresh).steps == ()
    assert fresh.sandbox.ledger().calls(method="POST") == len(MASTER)


def test_what_cannot_be_made_keeps_nothing_else_from_being_made(fresh: Parts) -> None:
    fresh.sandbox.inject("forbidden", method="POST", times=2)
    errors = [one.error for one in made(fresh)]
    assert [bool(error) for error in errors] == [True, True, False, False]
    assert "INVALID_PERMISSIONS" in errors[0]
    assert {one.error for one in made(fresh)} == {""}


def test_what_somebody_else_has_made_meanwhile_counts_as_made(ledger: Ledger) -> None:
    with looking_at(ledger, whole_master()) as parts:
        parts.sandbox.drop_field(MASTER_BASE, "Apify", "Mode")
        steps = planned(parts).steps
        parts.sandbox.add_field(MASTER_BASE, "Apify", FieldSpec("Mode"))
        assert [one.error for one in parts.setup(steps)] == [""]
        assert parts.sandbox.ledger().calls(method="POST") == 0


def test_a_name_that_is_nearly_right_is_for_a_person_to_change(ledger: Ledger) -> None:
    with looking_at(ledger, whole_master()) as parts:
        parts.sandbox.rename_field(MASTER_BASE, "Apify", "Mode", "mode")
        parts.sandbox.rename_table(MASTER_BASE, "Job Tracking", "Job tracking")
        found = planned(parts)
    assert found.steps == ()
    assert fields(found.by_hand) == {("Apify", "Mode"), ("Job Tracking", None)}
    assert all(one.told.startswith("rename") for one in found.by_hand)


def test_a_link_to_a_table_that_a_person_must_rename_is_made_afterwards(ledger: Ledger) -> None:
    with looking_at(ledger, whole_master(), whole_client(1)) as parts:
        parts.sandbox.add(MASTER_BASE, "Clients", client_row("Ann-Lee", base_id(1)))
        parts.sandbox.drop_table(base_id(1), "Posts")
        parts.sandbox.rename_table(base_id(1), "Leads", "leads")
        assert [(one.step.table, one.error) for one in made(parts)] == [("Posts", "")]
        parts.sandbox.rename_table(base_id(1), "leads", "Leads")
        [last] = made(parts)
        assert (last.step.told(), last.error) == ("field Posts.Lead (link)", "")
        assert parts.check().findings == ()
