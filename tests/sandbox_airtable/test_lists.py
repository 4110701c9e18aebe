"""Lists: pages, order, selection of fields, long formulas, iterators that expire."""

import pytest
from pyairtable import Api, Table
from requests import HTTPError

from harvester.sandbox.airtable import SandboxAirtable

from .conftest import BASE, make_api, specs
from .refusals import refused


def _fill(airtable: SandboxAirtable, count: int) -> list[str]:
    rows = [{"Key": f"k{number}", "Count": number % 7} for number in range(count)]
    return [airtable.add(BASE, "Things", row) for row in rows]


def test_pages_hold_everything_once_in_an_arbitrary_order(airtable: SandboxAirtable, things: Table) -> None:
    made = _fill(airtable, 250)
    pages = list(things.iterate())
    assert [len(page) for page in pages] == [100, 100, 50]
    listed = [row["id"] for page in pages for row in page]
    assert sorted(listed) == sorted(made)
    assert listed != made
    assert [row["id"] for row in things.all(page_size=30)] == listed


def test_the_order_comes_from_the_seed(airtable: SandboxAirtable, things: Table) -> None:
    _fill(airtable, 30)
    with SandboxAirtable(token="t", bases=specs(), base_requests=0, seed=2) as other:
        _fill(other, 30)
        api = make_api(other, "t")
        tables = (things, api.table(BASE, "Things"))
        orders = [[row["fields"]["Key"] for row in table.all()] for table in tables]
        api.session.close()
    assert orders[0] != orders[1]


def test_sort_puts_empty_cells_first_and_keeps_to_every_key(airtable: SandboxAirtable, things: Table) -> None:
    _fill(airtable, 40)
    airtable.add(BASE, "Things", {"Key": "none"})
    listed = [row["fields"] for row in things.all(sort=["Count", "-Key"])]
    rows = [(fields.get("Count", -1), fields["Key"]) for fields in listed]
    assert rows[0] == (-1, "none")
    assert rows == sorted(sorted(rows, key=lambda row: row[1], reverse=True), key=lambda row: row[0])


def test_a_list_can_be_bounded(airtable: SandboxAirtable, things: Table) -> None:
    _fill(airtable, 120)
    assert len(things.all(max_records=105)) == 105
    assert set(things.first(fields=["Key"])["fields"]) == {"Key"}  # type: ignore[index]
    assert all(row["fields"] == {} for row in things.all(fields=["Status"]))
    for wrong in ({"page_size": 101}, {"page_size": 0}, {"max_records": 0}):
        with refused() as told:
            things.all(**wrong)
        assert told.status == 422


def test_a_long_formula_is_sent_as_a_body(airtable: SandboxAirtable, things: Table) -> None:
    _fill(airtable, 120)
    wanted = [f"{{Key}}='k{number}'" for number in range(1200)]
    rows = things.all(formula=f"OR({', '.join(wanted)})", sort=["Count"], fields=["Key"], page_size=50)
    assert len(rows) == 120
    assert airtable.ledger().calls(method="POST", base=BASE, table="Things", status=200) == 3
    with pytest.raises(HTTPError, match="414"):
        things.api.get(things.urls.records, params={"filterByFormula": "x" * 16_000})


def test_an_iterator_may_expire_between_two_pages(airtable: SandboxAirtable, things: Table) -> None:
    _fill(airtable, 250)
    airtable.inject("iterator-expired", skip=1)
    pages = things.iterate()
    assert len(next(pages)) == len(next(pages)) == 100
    with refused() as told:
        next(pages)
    assert (told.status, told.type) == (422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE")
    assert told.message == ""
    assert len(things.all()) == 250
    with refused() as told:
        things.all(offset="itr00000000000000/rec00000000000000")
    assert told.type == "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"
    with refused() as told:
        things.all(offset="7")
    assert told.type == "INVALID_OFFSET_VALUE"


def test_rows_that_vanish_between_two_pages_are_left_out(airtable: SandboxAirtable, things: Table) -> None:
    made = _fill(airtable, 150)
    pages = things.iterate()
    first = {row["id"] for row in next(pages)}
    for one in [one for one in made if one not in first][:20]:
        airtable.delete(BASE, "Things", one)
    assert len(next(pages)) == 30


def test_views_and_comment_counts(api: Api, things: Table) -> None:
    things.create({"Key": "a"})
    assert len(things.all(view="Grid view", count_comments=True)) == 1
    with refused() as told:
        things.all(view="Mine")
    assert told.type == "VIEW_NAME_NOT_FOUND"
