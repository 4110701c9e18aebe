"""Lists of records: what was asked for, the order, the pages."""

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harvester.sandbox.airtable.errors import bad_request, invalid, iterator_gone, unknown_field
from harvester.sandbox.airtable.field_types import Field
from harvester.sandbox.airtable.formula import filter_formula
from harvester.sandbox.airtable.ids import new_id
from harvester.sandbox.airtable.model import Record, Table
from harvester.sandbox.airtable.views import value
from harvester.sandbox.airtable.wire import Call

#: Most records of a page.
MOST = 100
#: Lists that are remembered; the oldest is forgotten.
_ITERATORS = 500


@dataclass(frozen=True)
class Wanted:
    """A list that somebody asks for."""

    page_size: int
    max_records: int | None
    fields: list[Field] | None
    #: Fields to sort by, and whether the largest comes first.
    sort: list[tuple[Field, bool]]
    formula: str
    offset: str
    by_id: bool
    metadata: bool


def from_query(call: Call, table: Table) -> Wanted:
    """What the query string of a GET asks for. Raises `ApiError` 422."""
    given: dict[str, Any] = {name: values[-1] for name, values in call.query.items()}
    given["fields"] = call.query.get("fields[]", call.query.get("fields"))
    given["recordMetadata"] = call.query.get("recordMetadata[]", [])
    given["sort"] = _sorts(given)
    given["returnFieldsByFieldId"] = given.get("returnFieldsByFieldId") in ("1", "true")
    return wanted(given, table)


def wanted(given: Mapping[str, Any], table: Table) -> Wanted:
    """What a body or query asks for. Raises `ApiError` 422."""
    if given.get("cellFormat", "json") != "json":
        raise bad_request("the sandbox gives cells as JSON alone")
    if given.get("view") not in (None, "", table.view_id, "Grid view"):
        raise invalid("VIEW_NAME_NOT_FOUND", f"View {given['view']} not found")
    names = given.get("fields")
    if names is not None and not isinstance(names, list):
        raise bad_request("fields")
    return Wanted(
        page_size=_count(given, "pageSize", MOST) or MOST,
        max_records=_count(given, "maxRecords", None),
        fields=None if names is None else [_field(table, str(name)) for name in names],
        sort=[_sort(table, one) for one in given.get("sort") or []],
        formula=str(given.get("filterByFormula") or ""),
        offset=str(given.get("offset") or ""),
        by_id=bool(given.get("returnFieldsByFieldId")),
        metadata="commentCount" in (given.get("recordMetadata") or []),
    )


class Iterators:
    """Lists that have further pages. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lists: OrderedDict[str, list[str]] = OrderedDict()

    def page(self, table: Table, asked: Wanted) -> tuple[list[Record], str | None]:
        """The records of a page, and the offset of the next. Raises `ApiError` 422. Holds the base's lock."""
        if asked.offset:
            name, ids, place = self._resumed(asked.offset)
        else:
            name, ids, place = new_id("itr"), [record.id for record in _selected(table, asked)], 0
        end = place + asked.page_size
        there = [table.records[one] for one in ids[place:end] if one in table.records]
        if end >= len(ids):
            return there, None
        with self._lock:
            self._lists[name] = ids
            while len(self._lists) > _ITERATORS:
                self._lists.popitem(last=False)
        return there, f"{name}/{ids[end]}"

    def forget(self) -> None:
        """Lose all lists, as at a restart of Airtable's servers."""
        with self._lock:
            self._lists.clear()

    def _resumed(self, offset: str) -> tuple[str, list[str], int]:
        found = re.fullmatch(r"(itr[A-Za-z0-9]{14})/(rec[A-Za-z0-9]{14})", offset)
        if found is None:
            raise invalid("INVALID_OFFSET_VALUE", f"The value of offset {offset} is invalid")
        with self._lock:
            ids = self._lists.get(found[1])
        if ids is None or found[2] not in ids:
            raise iterator_gone()
        return found[1], ids, ids.index(found[2])


def _selected(table: Table, asked: Wanted) -> list[Record]:
    records = table.listed()
    if asked.formula:
        formula = filter_formula(asked.formula, table)
        records = [record for record in records if formula.keeps(table, record)]
    for field, largest_first in reversed(asked.sort):
        records.sort(key=lambda record: _rank(table, record, field), reverse=largest_first)
    return records[: asked.max_records]


def _rank(table: Table, record: Record, field: Field) -> tuple[int, Any]:
    """Empty cells come before all others; choices come in their order."""
    held = value(table, record, field)
    if held is None:
        return 0, 0
    if field.type == "singleSelect":
        return 1, field.choices().index(held)
    return (2, held) if isinstance(held, (int, float)) else (3, str(held).casefold())


def _sorts(given: Mapping[str, Any]) -> list[dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for name, told in given.items():
        if match := re.fullmatch(r"sort\[(\d{1,2})\]\[(field|direction)\]", name):
            found.setdefault(int(match[1]), {})[match[2]] = told
    return [found[place] for place in sorted(found)]


def _sort(table: Table, given: Any) -> tuple[Field, bool]:
    if not isinstance(given, dict) or given.get("direction", "asc") not in ("asc", "desc"):
        raise bad_request("sort")
    return _field(table, str(given.get("field"))), given.get("direction") == "desc"


def _field(table: Table, name: str) -> Field:
    field = table.field(name)
    if field is None:
        raise unknown_field(name)
    return field


def _count(given: Mapping[str, Any], name: str, most: int | None) -> int | None:
    told = given.get(name)
    if told in (None, ""):
        return None
    number = int(told) if re.fullmatch(r"\d{1,9}", str(told)) else 0
    if number < 1 or (most is not None and number > most):
        raise bad_request(name)
    return number
