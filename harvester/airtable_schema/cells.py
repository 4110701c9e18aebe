"""How a value of ours becomes the value of a cell, by what type the field really has."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Final

from harvester.airtable_schema.columns import Column
from harvester.airtable_schema.field_types import NUMBERS, TEXTS
from harvester.airtable_schema.schema import Field

#: Longest text of a cell. Counted as Airtable's own JavaScript counts: an emoji is two.
MAX_CELL: Final = 100_000
_MARK: Final = "\n… [cut: Airtable keeps 100,000 characters]"
_RECORD_ID: Final = re.compile(r"rec[A-Za-z0-9]{14}")
_WEB_ADDRESS: Final = re.compile(r"https?://\S+", re.IGNORECASE)
#: Whole numbers beyond this change on their way through JSON's floating point.
_MAX_EXACT: Final = 2**53


class NotWritable(Enum):
    """The type of `NOT_WRITABLE`."""

    NOT_WRITABLE = "not writable"


#: The cell must not be sent: its field takes no such value, or none at all.
NOT_WRITABLE: Final = NotWritable.NOT_WRITABLE
Cell = str | int | float | bool | list[str] | None


def adapt(value: object, field: Field, column: Column) -> Cell | NotWritable:
    """Give `value` as the field takes it, or `NOT_WRITABLE`. None clears a cell of any type that is written.

    Text fields take anything, as text of at most 100,000 characters; number fields take finite numbers; date
    fields take aware datetimes (UTC) and dates; select fields take the names of their own choices, or the
    column's fallback; link fields take record IDs. Empty text clears what is not a text field, because
    Airtable refuses it there.
    """
    writer = _WRITERS.get(field.type)
    if writer is None:
        return NOT_WRITABLE
    if value is None or (value == "" and field.type not in TEXTS):
        return None
    cell = writer(value, field, column)
    return None if cell == "" and field.type not in TEXTS else cell


def _one_line(value: object, field: Field, column: Column) -> Cell:
    return _cut(" ".join(_text(value, ", ").split("\n")), _MARK.replace("\n", " "))


def _many_lines(value: object, field: Field, column: Column) -> Cell:
    return _cut(_text(value, "\n"), _MARK)


def _text(value: object, between: str) -> str:
    if isinstance(value, datetime):
        text = _moment(value) or value.isoformat()
    elif isinstance(value, Decimal):
        text = f"{value:f}"
    elif isinstance(value, str | bytes) or not isinstance(value, Sequence):
        text = str(value)
    else:
        text = between.join(str(part) for part in value)
    if text.isascii() and "\r" not in text:
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.encode(errors="replace").decode()  # half a surrogate pair is no text


def _cut(text: str, mark: str) -> str:
    if 2 * len(text) <= MAX_CELL:  # a character is two units at the most
        return text
    units = text.encode("utf-16-le")
    if len(units) <= 2 * MAX_CELL:
        return text
    room = MAX_CELL - len(mark)
    return units[: 2 * room].decode("utf-16-le", errors="ignore") + mark


def _web_address(value: object, field: Field, column: Column) -> Cell | NotWritable:
    if isinstance(value, str) and len(value) <= MAX_CELL and _WEB_ADDRESS.fullmatch(value):
        return value
    return NOT_WRITABLE


def _number(value: object, field: Field, column: Column) -> Cell | NotWritable:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal):
        value = float(value) if value.is_finite() else math.nan
    if isinstance(value, int):
        return value if abs(value) <= _MAX_EXACT else NOT_WRITABLE
    return value if isinstance(value, float) and math.isfinite(value) else NOT_WRITABLE


def _check(value: object, field: Field, column: Column) -> Cell | NotWritable:
    return value if isinstance(value, bool) else NOT_WRITABLE


def _date_time(value: object, field: Field, column: Column) -> Cell | NotWritable:
    return _moment(value) or NOT_WRITABLE


def _day(value: object, field: Field, column: Column) -> Cell | NotWritable:
    moment = _moment(value)
    return moment[:10] if moment else NOT_WRITABLE


def _moment(value: object) -> str | None:
    """Give an aware time in UTC, in the form in which Airtable gives it back: to the millisecond.

    A day is its first moment; None is given for what is no time, or says no zone.
    """
    if isinstance(value, str):
        value = _read(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime) or value.tzinfo is None:
        return None
    try:
        told = value.astimezone(UTC).isoformat(timespec="milliseconds")
    except OverflowError:  # the first and the last day there is, east or west of Greenwich
        return None
    return told.removesuffix("+00:00") + "Z"


def _read(text: str) -> date | None:
    for of in (date, datetime):  # a time is no date to `date`, but a date is a time to `datetime`
        try:
            return of.fromisoformat(text)
        except ValueError:
            continue
    return None


def _choice(value: object, field: Field, column: Column) -> Cell | NotWritable:
    name = str(value)
    if name not in field.choices:
        name = column.fallbacks.get(name, name)
    return name if name in field.choices else NOT_WRITABLE


def _links(value: object, field: Field, column: Column) -> Cell | NotWritable:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        return NOT_WRITABLE
    ids = list(dict.fromkeys(str(part) for part in value))
    return ids if all(_RECORD_ID.fullmatch(one) for one in ids) else NOT_WRITABLE


_Writer = Callable[[object, Field, Column], Cell | NotWritable]
_WRITERS: Final[dict[str, _Writer]] = {
    "singleLineText": _one_line,
    "multilineText": _many_lines,
    "richText": _many_lines,
    "url": _web_address,
    **dict.fromkeys(NUMBERS, _number),
    "checkbox": _check,
    "dateTime": _date_time,
    "date": _day,
    "singleSelect": _choice,
    "multipleRecordLinks": _links,
}
