"""Airtable's field types: which are computed, and which do for a column of ours."""

from __future__ import annotations

from typing import Final

from harvester.airtable_schema.columns import Column, Kind

#: Types that the API reads and never writes.
COMPUTED: Final = frozenset(
    {
        "aiText",
        "autoNumber",
        "button",
        "count",
        "createdBy",
        "createdTime",
        "externalSyncSource",
        "formula",
        "lastModifiedBy",
        "lastModifiedTime",
        "lookup",
        "multipleLookupValues",
        "rollup",
    }
)
TEXTS: Final = frozenset({"singleLineText", "multilineText"})
NUMBERS: Final = frozenset({"number", "currency", "percent"})

#: What holds a column that we write. Rich text is not among them: it gives back other text than it was given.
#: Nor is a date without a time: when something happened matters to the minute.
_WRITTEN: Final = {
    Kind.TEXT: TEXTS,
    Kind.LONG_TEXT: TEXTS,
    Kind.URL: TEXTS | {"url"},
    Kind.NUMBER: frozenset({"number", "currency"}),
    Kind.MOMENT: frozenset({"dateTime"}),
    Kind.CHOICE: TEXTS | {"singleSelect"},
    Kind.LINK: frozenset({"multipleRecordLinks"}),
    Kind.COMPUTED: COMPUTED,
}
#: What shows a value of another record or field: it reads as that one does, a lookup as a list of one.
_SHOWN: Final = frozenset({"formula", "rollup", "multipleLookupValues"})
#: What may also be read as such a column.
_READ: Final = {
    Kind.TEXT: _SHOWN | {"richText", "singleSelect"},
    Kind.LONG_TEXT: frozenset({"richText", "formula"}),
    Kind.URL: frozenset({"formula"}),
    Kind.NUMBER: _SHOWN | {"count", "rating"},
    Kind.MOMENT: frozenset({"date", "createdTime", "formula"}),
    Kind.CHOICE: _SHOWN,
    Kind.LINK: frozenset[str](),
    Kind.COMPUTED: frozenset[str](),
}


def fits(column: Column, field_type: str) -> bool:
    """Say whether a field of this type does for the column."""
    if field_type in _WRITTEN[column.kind] or field_type in column.also:
        return True
    return not column.written and field_type in _READ[column.kind]
