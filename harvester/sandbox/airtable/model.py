"""Bases, tables and records in memory. Nothing here judges: what comes in was checked before."""

import itertools
import threading
import zlib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from harvester.sandbox.airtable.field_types import LINK, Field
from harvester.sandbox.airtable.ids import new_id
from harvester.sandbox.clock import utc_now

#: Field IDs to what a cell holds: text, number, True, lists. An empty cell is not there.
Cells = dict[str, Any]
Key = tuple[Hashable, ...]


@dataclass(eq=False)
class Record:
    """A row. Its place in a list without a sort is arbitrary, but stays."""

    id: str
    number: int
    place: int
    created_at: datetime
    cells: Cells = field(default_factory=dict)


class Table:
    """Fields in order, records by ID, and an index for each set of fields that was ever merged on."""

    def __init__(self, base: "Base", name: str, seed: int) -> None:
        self.base = base
        self.id = new_id("tbl")
        self.view_id = new_id("viw")
        self.name = name
        self.description = ""
        self.fields: dict[str, Field] = {}
        self.records: dict[str, Record] = {}
        self.created = self.updated = self.deleted = 0
        self._seed = seed
        self._numbers = itertools.count(1)
        self._indexes: dict[tuple[str, ...], dict[Key, dict[str, Record]]] = {}

    @property
    def primary(self) -> Field:
        """The first field."""
        return next(iter(self.fields.values()))

    def field(self, name: str) -> Field | None:
        """By ID or exact name."""
        return self.fields.get(name) or next((one for one in self.fields.values() if one.name == name), None)

    def field_like(self, name: str) -> Field | None:
        """By name, case left aside: no table has two fields that differ in case alone."""
        wanted = name.casefold()
        return next((one for one in self.fields.values() if one.name.casefold() == wanted), None)

    def insert(self, cells: Cells) -> Record:
        """One more record."""
        number = next(self._numbers)
        place = zlib.crc32(f"{self._seed}/{number}".encode())
        record = Record(new_id("rec"), number, place, utc_now().replace(microsecond=0))
        self.records[record.id] = record
        self._set(record, cells)
        for fields, index in self._indexes.items():
            index.setdefault(_key(record, fields), {})[record.id] = record
        self.created += 1
        return record

    def change(self, record: Record, cells: Mapping[str, Any]) -> None:
        """Set some cells; None empties."""
        touched = [fields for fields in self._indexes if not cells.keys().isdisjoint(fields)]
        for fields in touched:
            self._unindex(record, fields)
        self._set(record, cells)
        for fields in touched:
            self._indexes[fields].setdefault(_key(record, fields), {})[record.id] = record
        self.updated += 1

    def remove(self, record: Record) -> None:
        """Delete a record; links to it vanish too."""
        self._set(record, {one.id: None for one in self.fields.values() if one.type == LINK})
        for fields in self._indexes:
            self._unindex(record, fields)
        del self.records[record.id]
        self.deleted += 1

    def matching(self, fields: tuple[str, ...], cells: Cells) -> list[Record]:
        """The records that hold the same in these fields. An empty key matches nothing."""
        if any(cells.get(name) is None for name in fields):
            return []
        if fields not in self._indexes:
            index: dict[Key, dict[str, Record]] = {}
            for record in self.records.values():
                index.setdefault(_key(record, fields), {})[record.id] = record
            self._indexes[fields] = index
        return list(self._indexes[fields].get(tuple(_hashable(cells[name]) for name in fields), {}).values())

    def listed(self) -> list[Record]:
        """All records in their arbitrary order."""
        return sorted(self.records.values(), key=lambda record: (record.place, record.number))

    def forget_field(self, field_id: str) -> None:
        """Take a field away, with its cells and indexes."""
        self.fields.pop(field_id)
        self._indexes = {fields: index for fields, index in self._indexes.items() if field_id not in fields}
        for record in self.records.values():
            record.cells.pop(field_id, None)

    def _unindex(self, record: Record, fields: tuple[str, ...]) -> None:
        index, key = self._indexes[fields], _key(record, fields)
        index[key].pop(record.id)
        if not index[key]:
            del index[key]

    def _set(self, record: Record, cells: Mapping[str, Any]) -> None:
        for field_id, value in cells.items():
            if self.fields[field_id].type == LINK:
                self._relink(record, self.fields[field_id], value or [])
            if value is None:
                record.cells.pop(field_id, None)
            else:
                record.cells[field_id] = value

    def _relink(self, record: Record, link: Field, now: list[str]) -> None:
        other = self.base.tables.get(link.options["linkedTableId"])
        back = link.options.get("inverseLinkFieldId")
        if other is None or back is None:
            return
        before = record.cells.get(link.id, [])
        for gone in set(before) - set(now):
            _put(
                other.records[gone],
                back,
                [one for one in _held(other.records[gone], back) if one != record.id],
            )
        for new in [one for one in now if one not in before]:
            _put(other.records[new], back, [*_held(other.records[new], back), record.id])


class Base:
    """A base; whoever reads or changes it holds its lock."""

    def __init__(self, base_id: str, name: str, workspace: str) -> None:
        self.id = base_id
        self.name = name
        self.workspace = workspace
        self.lock = threading.RLock()
        self.tables: dict[str, Table] = {}

    def table(self, name: str) -> Table | None:
        """By ID or exact name."""
        return self.tables.get(name) or next((one for one in self.tables.values() if one.name == name), None)

    def size(self) -> int:
        """How many records all tables hold."""
        return sum(len(table.records) for table in self.tables.values())


def duplicates(records: Iterable[Record], field_id: str) -> dict[str, list[str]]:
    """The values that more than one record holds in that field, with the records' IDs."""
    found: dict[str, list[str]] = {}
    for record in records:
        if field_id in record.cells:
            found.setdefault(str(record.cells[field_id]), []).append(record.id)
    return {value: ids for value, ids in found.items() if len(ids) > 1}


def _held(record: Record, field_id: str) -> list[str]:
    return list(record.cells.get(field_id, []))


def _put(record: Record, field_id: str, links: list[str]) -> None:
    if links:
        record.cells[field_id] = links
    else:
        record.cells.pop(field_id, None)


def _key(record: Record, fields: tuple[str, ...]) -> Key:
    return tuple(_hashable(record.cells.get(name)) for name in fields)


def _hashable(value: Any) -> Hashable:
    return frozenset(value) if isinstance(value, list) else value
