"""The field types: which hold what, which Airtable computes itself, which options they want."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harvester.sandbox.airtable.errors import ApiError, invalid
from harvester.sandbox.airtable.ids import new_id

TEXTS = frozenset({"singleLineText", "multilineText", "richText", "url", "email", "phoneNumber"})
NUMBERS = frozenset({"number", "percent", "currency"})
SELECTS = frozenset({"singleSelect", "multipleSelects"})
LINK = "multipleRecordLinks"
#: Written by people and through the API.
WRITTEN = TEXTS | NUMBERS | SELECTS | {"checkbox", "date", "dateTime", LINK, "multipleAttachments"}
#: Airtable's own: never written, and not to be made through the API.
COMPUTED = frozenset(
    {
        *("formula", "rollup", "multipleLookupValues", "count", "autoNumber", "createdTime", "createdBy"),
        *("lastModifiedTime", "lastModifiedBy", "button", "aiText", "externalSyncSource"),
    }
)
#: What may be a table's first field.
PRIMARY = TEXTS | NUMBERS | {"date", "dateTime", "formula", "autoNumber"}
#: What an upsert may merge on.
MERGED = frozenset({"number", "singleLineText", "multilineText", "date"}) | SELECTS

_DATE = {"dateFormat": {"name": "iso", "format": "YYYY-MM-DD"}}
_TIME = {"timeFormat": {"name": "24hour", "format": "HH:mm"}, "timeZone": "utc"}
_FORMATTED = frozenset({"dateFormat", "timeFormat"})
_FORMATS = {
    "local": "l",
    "friendly": "LL",
    "us": "M/D/YYYY",
    "european": "D/M/YYYY",
    "iso": "YYYY-MM-DD",
    "12hour": "h:mma",
    "24hour": "HH:mm",
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "number": {"precision": 0},
    "percent": {"precision": 0},
    "currency": {"precision": 2, "symbol": "$"},
    "checkbox": {"icon": "check", "color": "greenBright"},
    "date": _DATE,
    "dateTime": {**_DATE, **_TIME},
    "singleSelect": {"choices": []},
    "multipleSelects": {"choices": []},
    "multipleAttachments": {"isReversed": False},
    "formula": {"isValid": True, "referencedFieldIds": [], "result": None},
    "createdTime": {"result": {"type": "dateTime", "options": {**_DATE, **_TIME}}},
}


@dataclass
class Field:
    """A column of a table."""

    id: str
    name: str
    type: str
    options: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    #: The compiled text of a formula.
    formula: Any = None

    def choices(self) -> list[str]:
        """The names of a select field's choices."""
        return [str(choice["name"]) for choice in self.options.get("choices", [])]

    def add_choice(self, name: str) -> None:
        """One more choice."""
        self.options["choices"].append(_choice({"name": name}))

    def as_json(self) -> dict[str, Any]:
        """The field as the metadata API shows it."""
        view: dict[str, Any] = {"id": self.id, "name": self.name, "type": self.type}
        view |= {"description": self.description} if self.description else {}
        return view | ({"options": self.options} if self.options else {})


def made(name: str, field_type: str, options: Mapping[str, Any]) -> Field:
    """A field as a person would make it: with Airtable's own options where none are given."""
    if field_type not in WRITTEN | COMPUTED:
        raise ValueError(f"no field type of Airtable's, or none that the sandbox knows: {field_type}")
    full = {**_DEFAULTS.get(field_type, {}), **options}
    if field_type in SELECTS:
        full["choices"] = [_choice(one) for one in full["choices"]]
    return Field(new_id("fld"), name, field_type, full)


def check_creation(where: str, given: Mapping[str, Any]) -> Field:
    """A field as the metadata API makes it: strict about options. Raises `ApiError` 422."""
    field_type, options = given.get("type"), given.get("options")
    if field_type in COMPUTED:
        about = f"Invalid options for {where}: Creating {field_type} fields is not supported at this time"
        raise invalid("UNSUPPORTED_FIELD_TYPE_FOR_CREATE", about)
    if field_type not in WRITTEN:
        raise _bad_options(where)
    wanted = _OPTIONS.get(field_type)
    if wanted is None and options is not None:
        raise _bad_options(where)
    if wanted and not (isinstance(options, Mapping) and wanted(options)):
        raise _bad_options(where)
    # What a link shows when it is read is refused when it is made: prefersSingleRecordLink was measured.
    if set(options or {}) - _TAKEN.get(str(field_type), set()):
        raise _bad_options(where)
    return made(str(given["name"]), field_type, _spelt_out(options or {}))


def _spelt_out(options: Mapping[str, Any]) -> dict[str, Any]:
    """Airtable adds to the name of a format what it looks like."""
    named = {
        key: {**options[key], "format": _FORMATS[options[key]["name"]]} for key in _FORMATTED & set(options)
    }
    return {**options, **named}


def _bad_options(where: str) -> ApiError:
    return invalid("INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE", f"Invalid options for {where}")


def _choice(given: Mapping[str, Any] | str) -> dict[str, Any]:
    choice = {"name": given} if isinstance(given, str) else dict(given)
    return {"id": new_id("sel"), "color": "blueLight2", **choice}


def _precision(most: int) -> Callable[[Mapping[str, Any]], bool]:
    return lambda options: options.get("precision") in range(most + 1)


def _offers_choices(options: Mapping[str, Any]) -> bool:
    given = options.get("choices")
    if not isinstance(given, list):
        return False
    names = [one.get("name") if isinstance(one, dict) else None for one in given]
    return all(isinstance(name, str) and name for name in names) and len(set(names)) == len(names)


def _dated(options: Mapping[str, Any]) -> bool:
    return _named(options.get("dateFormat"), ("local", "friendly", "us", "european", "iso"))


def _timed(options: Mapping[str, Any]) -> bool:
    of_day = _named(options.get("timeFormat"), ("12hour", "24hour"))
    return _dated(options) and of_day and isinstance(options.get("timeZone"), str)


def _named(given: Any, names: tuple[str, ...]) -> bool:
    return isinstance(given, Mapping) and given.get("name") in names


_TAKEN: dict[str, set[str]] = {
    "number": {"precision"},
    "percent": {"precision"},
    "currency": {"precision", "symbol"},
    "checkbox": {"icon", "color"},
    "date": {"dateFormat"},
    "dateTime": {"dateFormat", "timeFormat", "timeZone"},
    "singleSelect": {"choices"},
    "multipleSelects": {"choices"},
    LINK: {"linkedTableId", "viewIdForRecordSelection"},
}
_OPTIONS: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "number": _precision(8),
    "percent": _precision(8),
    "currency": lambda options: _precision(7)(options) and isinstance(options.get("symbol"), str),
    "checkbox": lambda options: (
        isinstance(options.get("icon"), str) and isinstance(options.get("color"), str)
    ),
    "date": _dated,
    "dateTime": _timed,
    "singleSelect": _offers_choices,
    "multipleSelects": _offers_choices,
    LINK: lambda options: isinstance(options.get("linkedTableId"), str),
}
