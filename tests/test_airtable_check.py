"""The check: everything that is not as it must be is named, in whichever base, and nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from airtable_bases import MASTER_BASE, Parts, base_id, client_row, looking_at, whole_client, whole_master
from factories import make_client

from harvester.airtable_errors import NotAllowed, Unavailable
from harvester.errors import HarvesterError
from harvester.ledger import Ledger
from harvester.sandbox.airtable import agency as agencies
from services.airtable_check import Report

ANN, BEN = "Ann-Lee", "Ben-Ode"


@pytest.fixture
def agency(ledger: Ledger) -> Iterator[Parts]:
    """An agency with two clients, whose bases lack nothing."""
    with looking_at(ledger, whole_master(), whole_client(1), whole_client(2)) as parts:
        parts.sandbox.add(MASTER_BASE, "Clients", client_row(ANN, base_id(1)))
        parts.sandbox.add(MASTER_BASE, "Clients", client_row(BEN, base_id(2)))
        yield parts


def named(report: Report) -> set[tuple[tuple[str, ...], str | None, str | None, str]]:
    return {(one.client_ids, one.table, one.field, one.code) for one in report.findings}


def test_an_agency_whose_bases_lack_nothing(agency: Parts) -> None:
    progress: list[tuple[int, int]] = []
    report = agency.check(told=lambda done, total: progress.append((done, total)))
    assert report.findings == ()
    assert [one.base for one in report.bases] == [MASTER_BASE, base_id(1), base_id(2)]
    assert progress == [(1, 3), (2, 3), (3, 3)]
    assert (report.bases[0].calls, report.bases[1].calls, report.calls) == (2, 1, 4)


def test_bases_as_agencies_have_them_lack_nothing(ledger: Ledger) -> None:
    rows = [agencies.client_row(ANN, base_id(1)), agencies.client_row(BEN, base_id(2))]
    bases = [agencies.client_base(base_id(1), "table"), agencies.client_base(base_id(2), "content")]
    with looking_at(ledger, agencies.master_base(MASTER_BASE, clients=rows), *bases) as parts:
        assert parts.check().findings == ()


def test_only_the_clients_are_read_and_nothing_is_written(agency: Parts) -> None:
    agency.check()
    requests = agency.sandbox.ledger().requests
    assert {one.method for one in requests} == {"GET"}
    assert {one.table for one in requests} == {"", "Clients"}


def test_what_is_missing_in_one_base_is_named_for_its_client(agency: Parts) -> None:
    agency.sandbox.drop_field(base_id(1), "Leads", "Posts Harvest Status")
    agency.sandbox.drop_table(base_id(2), "Posts")
    agency.sandbox.drop_field(base_id(2), "Leads", "Posts Content")
    agency.sandbox.drop_field(MASTER_BASE, "Apify", "Mode")
    report = agency.check()
    assert named(report) == {
        ((), "Apify", "Mode", "missing_field"),
        ((ANN,), "Leads", "Posts Harvest Status", "missing_field"),
        ((BEN,), "Posts", None, "missing_table"),
    }
    assert [one.required for one in report.findings] == [False, True, False]
    assert named(agency.check(client_id=BEN)) == named(report) - {
        ((ANN,), "Leads", "Posts Harvest Status", "missing_field")
    }


def test_a_base_that_cannot_be_read_is_a_finding_and_not_the_end(agency: Parts) -> None:
    agency.sandbox.add(MASTER_BASE, "Clients", client_row("Of-Nowhere", base_id(9)))
    agency.sandbox.inject("bad-gateway", base=base_id(1), times=None)
    report = agency.check()
    assert named(report) == {
        ((ANN,), None, None, "airtable_unavailable"),
        (("Of-Nowhere",), None, None, "not_allowed"),
    }
    assert [one.schema is not None for one in report.bases] == [True, False, True, False]


def test_rows_of_clients_that_cannot_be_harvested(agency: Parts, ledger: Ledger) -> None:
    make_client(ledger, "Of-The-Ledger", airtable_base=base_id(5))
    for client_id, base in [
        ("No-Base", None),
        ("Malformed", "app123"),
        ("Master", MASTER_BASE),
        ("Same", base_id(2)),
        ("ann-lee", base_id(7)),
        ("Taken", base_id(5)),
    ]:
        agency.sandbox.add(MASTER_BASE, "Clients", client_row(client_id, base))
    agency.sandbox.add(MASTER_BASE, "Clients", client_row("no ID at all!", base_id(8)))
    report = agency.check()
    closed = {one.client_ids for one in report.rows if one.required}
    expected = ("No-Base", "Malformed", "Master", "Same", BEN, ANN, "ann-lee", "Taken")
    assert closed == {(client_id,) for client_id in expected}
    [remark] = [one for one in report.rows if not one.required]
    assert "is left out" in remark.told


def test_clients_that_are_not_active_are_left_out_unless_asked_for(agency: Parts) -> None:
    agency.sandbox.add_choice(MASTER_BASE, "Clients", "Status", "Inactive")
    agency.sandbox.add(MASTER_BASE, "Clients", client_row("Gone", base_id(9), status="Inactive"))
    report = agency.check()
    assert (report.findings, report.not_looked_at) == ((), ("Gone",))
    gone = {(("Gone",), None, None, "not_allowed")}
    assert named(agency.check(every=True)) == named(agency.check(client_id="Gone")) == gone


def test_a_master_base_without_clients_is_looked_at_all_the_same(agency: Parts) -> None:
    agency.sandbox.drop_field(MASTER_BASE, "Clients", "Client ID")
    report = agency.check()
    assert named(report) == {((), "Clients", "Client ID", "missing_field")}
    with pytest.raises(HarvesterError, match="no client Ann-Lee"):
        agency.check(client_id=ANN)


def test_the_master_base_has_to_be_read(agency: Parts) -> None:
    agency.sandbox.inject("unauthorized")
    with pytest.raises(NotAllowed):
        agency.check()
    with agency.sandbox.dark(), pytest.raises(Unavailable):
        agency.check()
