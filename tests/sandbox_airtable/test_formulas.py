"""filterByFormula: the subset that is known for certain, and refusals of all else."""

import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyairtable import Table
from pyairtable.formulas import AND, EQ, GT, NOT, OR, Field, Formula, match

from harvester.sandbox.airtable import ApiError, SandboxAirtable
from harvester.sandbox.airtable.building import built
from harvester.sandbox.airtable.formula import filter_formula
from harvester.sandbox.airtable.formula_values import ERROR
from harvester.sandbox.airtable.model import Record
from harvester.sandbox.airtable.model import Table as Inside
from harvester.sandbox.airtable.writes import person_cells

from .conftest import BASE, specs
from .refusals import refused


def _row(**fields: Any) -> tuple[Inside, Record]:
    table = next(iter(built(specs()[0], 1).tables.values()))
    return table, table.insert(person_cells(table, fields))


FILLED: dict[str, Any] = {
    "Key": "It's \\ {here}",
    "Count": 3,
    "Done": True,
    "At": "2026-01-02T03:04:05.678Z",
    "Day": "2026-01-02",
    "Status": "Open",
    "Tags": ["red", "blue"],
}


@pytest.mark.parametrize(
    ("formula", "kept"),
    [
        (r"{Key}='It\'s \\ {here}'", True),
        (r'{Key} = "It\'s \\ {here}"', True),
        ("Key='it\\'s \\\\ {here}'", False),
        ("Count", True),
        ("{Count}-3", False),
        ("''", False),
        ("Notes", False),
        ("Count=3", True),
        ("2+Count*2=8", True),
        ("(2+Count)*2=10", True),
        ("-Count=0-3", True),
        ("Count/0", False),
        ("NOT(Count/0)", False),
        ("OR(TRUE(), Count/0)", False),
        ("AND(FALSE(), Count/0)=FALSE()", False),
        ("IF(TRUE(), 1, Count/0)", True),
        ("IF(Count/0, 1, 1)", False),
        ("IF(FALSE(), 1)", False),
        ("Count>=3", True),
        ("Count<3", False),
        ("Count!=4", True),
        ("Count='3'", False),
        ("Count!='3'", False),
        ("Count&''='3'", True),
        ("BLANK()=0", True),
        ("BLANK()=''", True),
        ("Notes=BLANK()", True),
        ("Notes=''", True),
        ("Key=BLANK()", False),
        ("At=BLANK()", False),
        ("At!=BLANK()", True),
        ("{Done}=TRUE()", True),
        ("Done", True),
        ("TRUE()=1", True),
        ("Status='Open'", True),
        ("Tags='red, blue'", True),
        ("FIND('blue', Tags)=6", True),
        ("FIND('BLUE', Tags)", False),
        ("SEARCH('BLUE', Tags)=6", True),
        ("SEARCH('green', Tags)=BLANK()", True),
        ("FIND('green', Tags)=0", True),
        ("FIND('2026-01-02', {At})", True),
        ("LEN(TRIM('  ab '))=2", True),
        ("LOWER(Status)&UPPER(Status)='openOPEN'", True),
        ("SUBSTITUTE('a-b-c', '-', '+')='a+b+c'", True),
        ("SUBSTITUTE('a-b-c', '-', '+', 2)='a-b+c'", True),
        ("CONCATENATE(Status, '/', Count)='Open/3'", True),
        ("VALUE('12')=12", True),
        ("VALUE('twelve')=0", False),
        ("T(Status)='Open'", True),
        ("T(Count)=BLANK()", True),
        ("{At}=DATETIME_PARSE('2026-01-02T03:04:05.678Z')", True),
        ("IS_BEFORE({At}, DATETIME_PARSE('2026-01-02T03:04:06Z'))", True),
        ("IS_AFTER({At}, DATETIME_PARSE('2026-01-02T03:04:06Z'))", False),
        ("IS_BEFORE({At}, NOW())", True),
        ("IS_AFTER(NOW(), TODAY())", True),
        ("IS_SAME({At}, {Day}, 'day')", True),
        ("IS_SAME({At}, {At})", True),
        ("IS_SAME({At}, {Day})", False),
        ("{Day}>DATETIME_PARSE('2026-01-01')", True),
        ("IS_AFTER(NOW(), CREATED_TIME())", True),
        ("FIND('rec', RECORD_ID())=1", True),
        ("{Twice}=6", True),
        ("{Number}=1", True),
    ],
)
def test_what_a_filter_keeps(formula: str, kept: bool) -> None:
    table, record = _row(**FILLED)
    assert filter_formula(formula, table).keeps(table, record) is kept


@pytest.mark.parametrize(
    "formula",
    [
        *("Count='3'", "'a'<'b'", "IS_BEFORE(Notes, NOW())", "IS_SAME({At}, {Day})", "{At}='2026-01-02'"),
        *("TRUE()&''", "FIND('', Key)", "Key+1", "DATETIME_PARSE('soon')", "VALUE(Key)"),
    ],
)
def test_what_is_not_known_for_certain_is_an_error(formula: str) -> None:
    table, record = _row(**FILLED)
    assert filter_formula(formula, table).value(table, record) is ERROR


@pytest.mark.parametrize(
    "formula",
    [
        *("(", "Count=", "Count=1=1", "'open", "{Key", "Count Count", "Count==1", "5 % 2", "AND()", "IF(1)"),
        *("REGEX_MATCH(Key, 'a')", "DATEADD(NOW(), 1, 'days')", "SWITCH(1, 1, 2)", "XOR(1, 0)", "NOW(1)"),
        *("LAST_MODIFIED_TIME()", "LEFT(Key, 2)", r"{Ke\}y}", r"'\q'", "DATETIME_DIFF(NOW(), NOW(), 'days')"),
        *("(" * 500 + "1" + ")" * 500, "#", "DATETIME_PARSE('2026', 'YYYY')"),
    ],
)
def test_anything_else_is_refused(things: Table, formula: str) -> None:
    with refused() as told:
        things.all(formula=formula)
    assert (told.status, told.type) == (422, "INVALID_FILTER_BY_FORMULA")


def test_unknown_fields_are_all_named(things: Table) -> None:
    with refused() as told:
        things.all(formula="OR({Nope}=1, Neither='', {Key}='')")
    assert told.message == "The formula for filtering records is invalid: Unknown field names: nope, neither"


def test_a_formula_that_was_not_quoted_can_be_injected(airtable: SandboxAirtable, things: Table) -> None:
    airtable.add(BASE, "Things", {"Key": "secret"})
    evil = "x', 1=1), OR('a'='a"
    assert things.all(formula=EQ(Field("Key"), evil)) == []
    assert len(things.all(formula=f"AND(OR({{Key}}='{evil}'), 1)")) == 1


def test_what_pyairtable_builds(airtable: SandboxAirtable, things: Table) -> None:
    now = datetime.now(UTC)
    airtable.add(BASE, "Things", {"Key": "old", "Count": 1, "At": (now - timedelta(hours=2)).isoformat()})
    airtable.add(BASE, "Things", {"Key": "new", "Count": 2, "Done": True, "At": now.isoformat()})
    airtable.add(BASE, "Things", {"Key": "none"})

    def keys(formula: Any) -> list[str]:
        return sorted(row["fields"]["Key"] for row in things.all(formula=formula))

    hour_ago = now - timedelta(hours=1)
    assert keys(match({"Key": "old", "Count": 1})) == ["old"]
    assert keys(OR(EQ(Field("Key"), "old"), EQ(Field("Count"), 2))) == ["new", "old"]
    assert keys(NOT(EQ(Field("Done"), True))) == ["none", "old"]
    assert keys(GT(Field("At"), hour_ago)) == ["new"]
    assert keys(AND(NOT(EQ(Field("At"), "")), NOT(GT(Field("At"), hour_ago)))) == []
    filled = AND(Formula("{At}"), NOT(GT(Field("At"), hour_ago)))
    assert keys(filled) == ["old"]


TEXT = st.text(alphabet="ab'\"\\{} ü\n", max_size=4)
LEAF = st.one_of(st.tuples(st.just("number"), st.integers(-3, 3)), st.tuples(st.just("text"), TEXT))


def _grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(st.sampled_from(["=", "!=", "<", ">=", "+", "*", "/", "&", "AND", "OR"]), pair),
        st.tuples(st.sampled_from(["NOT", "LEN", "blank"]), inner),
        st.tuples(st.just("IF"), st.tuples(inner, inner, inner)),
    )


TREE = st.recursive(LEAF, _grown, max_leaves=8)


def _written(tree: Any) -> str:
    kind, given_to = tree
    if kind == "number":
        return f"({given_to})" if given_to >= 0 else f"(0-{-given_to})"
    if kind == "text":
        quoted = given_to.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{quoted}'"
    if kind == "blank":
        return "BLANK()"
    if kind in ("NOT", "LEN"):
        return f"{kind}({_written(given_to)})"
    parts = [_written(one) for one in given_to]
    return f"{kind}({', '.join(parts)})" if kind.isalpha() else f"({parts[0]} {kind} {parts[1]})"


class Spoilt(Exception):
    """What Airtable shows as #ERROR!, in the model."""


def _meant(tree: Any) -> Any:
    kind, given_to = tree
    if kind in ("number", "text"):
        return given_to
    if kind == "blank":
        return None
    if kind == "IF":
        return _meant(given_to[1] if _meant(given_to[0]) else given_to[2])
    values = [_meant(one) for one in given_to] if isinstance(given_to[0], tuple) else [_meant(given_to)]
    return _MEANINGS[kind](*values)


def _number(value: Any) -> float:
    if isinstance(value, str):
        raise Spoilt
    return value or 0


def _text(value: Any) -> str:
    if isinstance(value, bool):
        raise Spoilt
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return "" if value is None else str(value)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, str) or isinstance(right, str):
        if not {type(left), type(right)} <= {str, type(None)}:
            raise Spoilt
        return bool((left or "") == (right or ""))
    return bool(_number(left) == _number(right))


def _less(left: Any, right: Any) -> bool:
    if left is None and right is None:
        raise Spoilt
    return _number(left) < _number(right)


def _quotient(left: Any, right: Any) -> float:
    if _number(right) == 0:
        _number(left)
        raise Spoilt
    return _number(left) / _number(right)


_MEANINGS: dict[str, Any] = {
    "=": _same,
    "!=": lambda left, right: not _same(left, right),
    "<": _less,
    ">=": lambda left, right: not _less(left, right),
    "+": lambda left, right: _number(left) + _number(right),
    "*": lambda left, right: _number(left) * _number(right),
    "/": _quotient,
    "&": lambda left, right: _text(left) + _text(right),
    "AND": lambda left, right: bool(left) and bool(right),
    "OR": lambda left, right: bool(left) or bool(right),
    "NOT": lambda value: not value,
    "LEN": lambda value: len(_text(value)),
}


@settings(max_examples=150, deadline=None)
@given(TREE)
def test_formulas_mean_what_a_plain_model_says(tree: Any) -> None:
    table, record = _row()
    found = filter_formula(_written(tree), table).value(table, record)
    try:
        meant = _meant(tree)
    except Spoilt:
        meant = ERROR
    assert found == meant or (found is ERROR and meant is ERROR)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="AND(){}'\"\\=<>&+-*/, KeyCount1.", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    table, record = _row(**FILLED)
    with suppress(ApiError):
        filter_formula(text, table).value(table, record)
