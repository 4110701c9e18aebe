"""Rows of a CSV file: whatever was written is read again, and a broken row is lost alone."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.csv_rows import Row, read_rows
from harvester.errors import InvalidInput

# A lone carriage return or newline within quotes is a line of its own to the reader and to whoever counts.
CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=12)


def read(text: str) -> list[Row]:
    return list(read_rows(io.StringIO(text, newline="")))


@given(
    st.lists(st.lists(CELLS, min_size=3, max_size=3)),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_was_written_is_read_with_the_line_that_it_begins_on(
    rows: list[list[str]], separator: str, ending: str
) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=separator, lineterminator=ending)
    expected = []
    for row in [["a", "b", "c"], *rows]:
        line = written.getvalue().count("\n") + 1
        writer.writerow(row)
        if any(cell.strip() for cell in row):
            expected.append(Row(line, row))
    assert read(written.getvalue()) == expected


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ('x,"open', "unexpected end of data"),
        ('x,"closed" and on', "expected after"),
        ('x,"open\ny,"', "unexpected end of data"),
        ("x," + "y" * 4_000_001, "field larger than field limit"),
    ],
)
def test_a_broken_row_takes_no_other_with_it(broken: str, why: str) -> None:
    header, first, *others = read(f"a,b\n1,2\n{broken.splitlines()[0]}\n3,4\n5,6\n")
    assert (header.line, first.line) == (1, 2)
    assert others[0].line == 3
    assert why in str(others[0].damage)
    assert [(row.line, row.cells) for row in others[1:]] == [(4, ["3", "4"]), (5, ["5", "6"])]
    with pytest.raises(InvalidInput):
        others[0].checked()


def test_the_limit_on_cells_is_put_back() -> None:
    before = csv.field_size_limit()
    assert len(read("a\n" + "x" * 1_000_000)[1].cells[0]) == 1_000_000
    assert csv.field_size_limit() == before


def test_a_file_without_rows_has_none() -> None:
    assert read("") == read("\n\r\n \n,,\n") == []
