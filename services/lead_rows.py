"""Rows of Airtable's table Leads, read as leads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from harvester.airtable_schema import ALL_TABLES, Table
from harvester.errors import InvalidInput
from harvester.models import LeadStatus
from harvester.normalise.text import one_line
from harvester.profile_urls import canonical

LEADS: Final = "Leads"
NEWEST: Final = "Date Created"
_URL: Final = "LinkedIn Profile URL"
_STATUS: Final = "Posts Harvest Status"
_CHECKED: Final = "Last Post Check At"
_WHOLE_NAMES: Final = ("Name", "Full Name")
_PARTS_OF_NAME: Final = ("First Name", "Last Name")
_READ: Final = (_URL, _STATUS, _CHECKED, NEWEST, *_WHOLE_NAMES, *_PARTS_OF_NAME)
#: What a row that is due can say; whatever else it says by now, it is not due any more.
_STATUSES: Final = {"": None, "Pending": LeadStatus.PENDING, "Processing": LeadStatus.PROCESSING}
_NAME_CHARS: Final = 500


class Row(Protocol):
    """A record as the gateway gives it."""

    @property
    def id(self) -> str:
        """Its record ID."""

    @property
    def fields(self) -> dict[str, Any]:
        """Its cells by the names of their columns; empty ones are not there."""

    @property
    def created_at(self) -> datetime | None:
        """When the record was made."""


@dataclass(frozen=True, slots=True)
class LeadRow:
    """A lead as a record of a base shows it. `profile_url` is canonical, `given_url` as it came."""

    record_id: str
    profile_url: str
    given_url: str
    name: str | None
    status: LeadStatus | None
    last_check_at: datetime | None
    created_at: datetime | None


def wanted(table: Table) -> list[str]:
    """Name the columns to read, as far as the table has them."""
    known = {column.name for column in ALL_TABLES[LEADS].columns}
    return [name for name in _READ if name in known and name in table.fields]


def lead_row(row: Row) -> LeadRow | None:
    """Read one row that was due. None: it is due no more, or its URL is no LinkedIn profile's."""
    given = row.fields.get(_URL)
    status = row.fields.get(_STATUS, "")
    if not isinstance(given, str) or not isinstance(status, str) or status not in _STATUSES:
        return None
    try:
        profile_url = canonical(given)
    except InvalidInput:
        return None
    return LeadRow(
        record_id=row.id,
        profile_url=profile_url,
        given_url=given.strip(),
        name=_name(row),
        status=_STATUSES[status],
        last_check_at=_moment(row.fields.get(_CHECKED)),
        created_at=_moment(row.fields.get(NEWEST)) or row.created_at,
    )


def _name(row: Row) -> str | None:
    whole = [_text(row, name) for name in _WHOLE_NAMES]
    parts = " ".join(filter(None, (_text(row, name) for name in _PARTS_OF_NAME)))
    return _first(*whole, parts)


def _first(*texts: str) -> str | None:
    return next(filter(None, texts), None)


def _text(row: Row, column: str) -> str:
    value = row.fields.get(column)
    return one_line(value, _NAME_CHARS) if isinstance(value, str) else ""


def _moment(value: object) -> datetime | None:
    """Read a date with or without a time. One without a zone is UTC's."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def without_doubles(rows: Iterable[LeadRow]) -> dict[str, LeadRow]:
    """Give the first row of each lead, by its URL, in the order in which they came."""
    found: dict[str, LeadRow] = {}
    for row in rows:
        found.setdefault(row.profile_url, row)
    return found
