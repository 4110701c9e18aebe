"""What a base is to look like: nouns without behaviour, also read from JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FieldSpec:
    """A field. `options` are Airtable's; a link names its table in `linkedTable`, a formula its text."""

    name: str
    type: str = "singleLineText"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TableSpec:
    """A table. Its first field is the primary one; `records` are there from the beginning, by field name."""

    name: str
    fields: Sequence[FieldSpec]
    records: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class BaseSpec:
    """A base. The calls of all bases of one workspace count together."""

    id: str
    name: str
    tables: Sequence[TableSpec]
    workspace: str = "wspSandbox0000001"


def parse_base(given: Mapping[str, Any]) -> BaseSpec:
    """A base from JSON that has the same names. Raises `KeyError` and `TypeError` for what does not fit."""
    return BaseSpec(**{**given, "tables": [_table(table) for table in given["tables"]]})


def _table(given: Mapping[str, Any]) -> TableSpec:
    return TableSpec(**{**given, "fields": [FieldSpec(**one) for one in given["fields"]]})
