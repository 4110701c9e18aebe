"""What a field takes: from the JSON of a write to what its cell holds."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from harvester.sandbox.airtable.errors import bad_value, computed, no_such_choice, no_such_row
from harvester.sandbox.airtable.field_types import COMPUTED, LINK, NUMBERS, TEXTS, Field
from harvester.sandbox.airtable.ids import is_id
from harvester.sandbox.airtable.model import Base
from harvester.sandbox.clock import iso

#: Longest text of a cell.
MAX_TEXT = 100_000
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)\s?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Writer:
    """Turns the values of one request into cells, and remembers which choices they would add."""

    def __init__(self, base: Base, *, typecast: bool) -> None:
        self._base = base
        self._typecast = typecast
        self.new_choices: list[tuple[Field, str]] = []

    def parse(self, field: Field, value: Any) -> Any:
        """What the cell will hold; None: nothing. Raises `ApiError` 422."""
        if field.type in COMPUTED:
            raise computed(field.name)
        if value is None:
            return None
        return self._parser(field)(field, value)

    def _parser(self, field: Field) -> Callable[[Field, Any], Any]:
        if field.type in TEXTS:
            return self._text
        if field.type in NUMBERS:
            return self._number
        special: dict[str, Callable[[Field, Any], Any]] = {
            "checkbox": self._flag,
            "date": self._day,
            "dateTime": self._moment,
            "singleSelect": self._choice,
            "multipleSelects": self._choices,
            LINK: self._links,
        }
        return special.get(field.type, _refuse)

    def _text(self, field: Field, value: Any) -> str | None:
        if self._typecast and isinstance(value, (int, float)):
            value = str(value)
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise bad_value(field.name)
        return value or None

    def _number(self, field: Field, value: Any) -> float:
        if self._typecast and isinstance(value, str):
            value = _as_number(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise bad_value(field.name)
        return value

    def _flag(self, field: Field, value: Any) -> bool | None:
        if not isinstance(value, bool):
            raise bad_value(field.name)
        return value or None

    def _day(self, field: Field, value: Any) -> str:
        if not isinstance(value, str) or not _DAY.fullmatch(value) or read_moment(value, "utc") is None:
            raise bad_value(field.name)
        return value

    def _moment(self, field: Field, value: Any) -> str:
        zone = str(field.options.get("timeZone", "utc"))
        moment = read_moment(value, zone) if isinstance(value, str) else None
        if moment is None:
            raise bad_value(field.name)
        return iso(moment)

    def _choice(self, field: Field, value: Any) -> str:
        if not isinstance(value, str):
            raise bad_value(field.name)
        if value in field.choices() or (field, value) in self.new_choices:
            return value
        if not value:
            raise bad_value(field.name)
        if not self._typecast:
            raise no_such_choice(value)
        self.new_choices.append((field, value))
        return value

    def _choices(self, field: Field, value: Any) -> list[str] | None:
        if not isinstance(value, list):
            raise bad_value(field.name)
        return list(dict.fromkeys(self._choice(field, one) for one in value)) or None

    def _links(self, field: Field, value: Any) -> list[str] | None:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise bad_value(field.name)
        linked = self._base.tables.get(field.options["linkedTableId"])
        for one in value:
            if not is_id("rec", one):
                raise bad_value(field.name)
            if linked is None or one not in linked.records:
                raise no_such_row(one)
        return list(dict.fromkeys(value)) or None


def read_moment(text: str, zone: str) -> datetime | None:
    """An ISO 8601 moment, in UTC; without an offset it is one of that time zone. None: it is none."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    day, clock, offset = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{_micro(clock or '00:00')}{offset or ''}")
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC if zone in ("utc", "client") else ZoneInfo(zone))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError, KeyError):
        return None


def _micro(clock: str) -> str:
    whole, dot, part = clock.partition(".")
    return f"{whole}.{part[:6].ljust(6, '0')}" if dot else whole


def _as_number(text: str) -> Any:
    try:
        return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
    except ValueError:
        return text


def _refuse(field: Field, _value: Any) -> Any:
    raise bad_value(field.name)
