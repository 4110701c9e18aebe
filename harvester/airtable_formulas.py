"""The formulas that Airtable is asked by: fields by ID, values quoted by pyairtable, none written by hand.

How Airtable compares a blank date, or a text with a number, is documented nowhere: no formula does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from pyairtable.formulas import AND, BLANK, EQ, FALSE, IF, IS_BEFORE, NE, NOT, OR, RECORD_ID, TRUE, Formula
from pyairtable.formulas import Field as Reference

from harvester.airtable_answers import required_id
from harvester.airtable_errors import UnknownField
from harvester.airtable_schema import Field

_TEXTS: Final = frozenset({"singleLineText", "multilineText", "singleSelect", "richText"})
_NUMBERS: Final = frozenset({"number", "currency", "percent"})
_MOMENTS: Final = frozenset({"dateTime", "date", "createdTime", "lastModifiedTime"})
#: What people and other programs write for no.
_NO: Final = ("", "0", "false")


def due_leads(fields: Mapping[str, Field], stale_before: datetime) -> str:
    """Match leads that are due: those with an address, unless they are done with, scored or actioned.

    One that is `Processing` is due if that began before `stale_before`, or nobody wrote down when. What the
    base has no field for is not asked. Raises `UnknownField` without the address or the status.
    """
    if stale_before.tzinfo is None:
        raise ValueError("a time without a zone")
    status = _required(fields, "Posts Harvest Status")
    open_ = OR(
        EQ(status, ""),
        EQ(status, "Pending"),
        IF(EQ(status, "Processing"), _stale(fields.get("Last Post Check At"), stale_before), FALSE()),
    )
    parts = [NE(_required(fields, "LinkedIn Profile URL"), ""), open_]
    actioned, scored = fields.get("Posts Actioned"), fields.get("Date Posts Scored")
    if actioned is not None:
        parts.append(_not_actioned(actioned))
    if scored is not None:
        parts.append(EQ(_reference(scored), BLANK()))
    return str(AND(*parts))


def key_is(field: Field, value: str) -> str:
    """Match records by the exact text of one field."""
    return str(EQ(_reference(field), value))


def records_are(ids: Sequence[str]) -> str:
    """Match records by their IDs, of which there must be some."""
    return str(OR(*[EQ(RECORD_ID(), required_id("rec", record_id)) for record_id in ids]))


def _stale(checked: Field | None, stale_before: datetime) -> Formula:
    if checked is None or checked.type not in _MOMENTS:
        return TRUE()
    return IF(_reference(checked), IS_BEFORE(_reference(checked), stale_before.astimezone(UTC)), TRUE())


def _not_actioned(field: Field) -> Formula:
    if field.type in _TEXTS:
        return OR(*[EQ(_reference(field), no) for no in _NO])
    if field.type in _NUMBERS:
        return EQ(_reference(field), 0)  # as a blank one is
    return NOT(_reference(field))


def _required(fields: Mapping[str, Field], name: str) -> Formula:
    field = fields.get(name)
    if field is None:
        raise UnknownField(name)
    return _reference(field)


def _reference(field: Field) -> Formula:
    return Reference(required_id("fld", field.id))
