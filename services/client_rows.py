"""Rows of Airtable's table Clients, read as clients: what is blank gets its default, what is wrong closes.

A closed client is harvested no more, and its base is left alone, until a person has put its row right.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from harvester import run_ids
from harvester.errors import InvalidInput
from harvester.models import Client
from harvester.normalise.text import one_line
from services.plan import ACTIVE, AIRTABLE

#: `Client.status` of a client whose row is gone, and of one whose row has none.
REMOVED: Final = "Removed"
_UNSET: Final = "Unset"

_BASE = re.compile(r"app[A-Za-z0-9]{14}")
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{0,9})?")
_LEVEL = re.compile(r"[0-9]{1,3}")
_SHOWN_CHARS: Final = 60
_NAME_CHARS: Final = 200


class Row(Protocol):
    """A record as the gateway gives it."""

    @property
    def id(self) -> str:
        """Its record ID."""

    @property
    def fields(self) -> dict[str, Any]:
        """Its cells by the names of their columns; empty ones are not there."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a table came to: clients by ID, and a sentence for each row or cell that was not understood."""

    clients: dict[str, Client]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Count:
    """A column with a whole number: its default, and what is taken."""

    column: str
    default: int
    least: int
    most: int


_COUNTS: Final = {
    "daily_target": _Count("Posts Daily Target", 0, 0, 1_000_000),
    "batch_size": _Count("Leads Batch Size for Post Collection", 20, 1, 10_000),
    "max_batches": _Count("Max Post Batches Per Day Guardrail", 10, 0, 10_000),
    "stream": _Count("Processing Stream", 0, 0, 1_000_000),
}


def read(rows: Iterable[Row], *, master_base: str, taken: Mapping[str, str], now: datetime) -> Reading:
    """Read the whole table. `taken` has the bases of clients that are kept in the ledger, by client ID.

    Rows without a Client ID are nobody's: people's grids gather them.
    """
    found: dict[str, list[Client]] = defaultdict(list)
    remarks: list[str] = []
    for row in rows:
        if not _text(row, "Client ID"):
            continue
        try:
            client = _client(row, master_base, remarks, now)
        except InvalidInput as error:
            remarks.append(f"row {row.id} of Clients is left out: {error}")
        else:
            found[client.client_id].append(client)
    clients = {client_id: _foremost(several) for client_id, several in sorted(found.items())}
    reasons = [
        *_same_ids(found),
        *_same_bases(clients.values(), {i: base for i, base in taken.items() if i not in clients}),
    ]
    for client_id, reason in reasons:
        if clients[client_id].airtable_error is None:
            clients[client_id] = replace(clients[client_id], airtable_error=reason)
    return Reading(clients, tuple(remarks))


def _foremost(several: Sequence[Client]) -> Client:
    """Give the row that stands for all of one ID. An active one: that it is closed must not stay unseen."""
    return min(several, key=lambda one: (one.status != ACTIVE, one.airtable_record_id or ""))


def _client(row: Row, master_base: str, remarks: list[str], now: datetime) -> Client:
    client_id = _text(row, "Client ID")
    run_ids.require_client_id(client_id)
    wrong: list[str] = []
    base = _base(row, master_base, wrong)
    counts: dict[str, Any] = {name: _count(row, column, wrong) for name, column in _COUNTS.items()}
    timezone = _zone(row, wrong)
    return Client(
        client_id=client_id,
        name=one_line(_text(row, "Client Name"), _NAME_CHARS) or client_id,
        status=one_line(_text(row, "Status"), _NAME_CHARS) or _UNSET,
        service_level=_level(row, client_id, remarks),
        timezone=timezone,
        airtable_base=base,
        created_at=now,
        origin=AIRTABLE,
        airtable_record_id=row.id,
        airtable_error=wrong[0] if wrong else None,
        **counts,
    )


def _cell(row: Row, column: str) -> Any:
    """Give a cell; a look-up field has its one value in a list."""
    value = row.fields.get(column)
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _text(row: Row, column: str) -> str:
    value = _cell(row, column)
    return value.strip() if isinstance(value, str) else "" if value is None else str(value)


def _shown(value: object) -> str:
    return repr(one_line(str(value), _SHOWN_CHARS))


def _count(row: Row, column: _Count, wrong: list[str]) -> int:
    value = _cell(row, column.column)
    if value is None or (isinstance(value, str) and not value.strip()):
        return column.default
    number = _floor(value)
    if number is not None and column.least <= number <= column.most:
        return number
    wrong.append(
        f"{column.column} is {_shown(value)}: give a whole number from {column.least} to {column.most:,} in "
        "Clients, or leave it blank"
    )
    return column.default


def _floor(value: object) -> int | None:
    """Give the whole number below a number, or below one written as text; None for anything else."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return math.floor(value)


def _level(row: Row, client_id: str, remarks: list[str]) -> int:
    """Give the number with which the service level begins, as in `2-Lead Scoring + Post Scoring`."""
    value = _cell(row, "Service Level")
    text = "" if value is None else str(value).strip()
    found = _LEVEL.match(text)
    if text and not found:
        remarks.append(
            f"Service Level of client {client_id} is {_shown(text)}, which begins with no number: 1 is taken"
        )
    return int(found[0]) if found else 1


def _zone(row: Row, wrong: list[str]) -> str:
    name = _text(row, "Timezone")
    if not name:
        return "UTC"
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):  # OSError: "Europe" is a folder
        wrong.append(
            f"Timezone is {_shown(name)}: give an IANA time zone, such as Australia/Sydney, in Clients"
        )
        return "UTC"


def _same_ids(found: Mapping[str, Sequence[Client]]) -> list[tuple[str, str]]:
    return [
        (
            client_id,
            f"rows {_listed(one.airtable_record_id or '' for one in alike)} of Clients have the Client ID "
            f"{client_id}, or one that differs from it by case alone: give each an ID of its own",
        )
        for alike in _alike((one for several in found.values() for one in several), _folded_id)
        for client_id in {one.client_id for one in alike}
    ]


def _folded_id(client: Client) -> str:
    return client.client_id.lower()


def _base(row: Row, master_base: str, wrong: list[str]) -> str | None:
    """Give the client's base, and none in place of one that must not be touched."""
    base = _text(row, "Airtable Base ID")
    if not base:
        wrong.append("Airtable Base ID is blank: give the ID (app…) of the client's own base in Clients")
    elif not _BASE.fullmatch(base):
        wrong.append(f"Airtable Base ID is {_shown(base)}: give app and 14 letters or digits in Clients")
    elif base == master_base:
        wrong.append("Airtable Base ID is the master base's: give the ID of the client's own base in Clients")
    else:
        return base
    return None


def _same_bases(clients: Iterable[Client], taken: Mapping[str, str]) -> list[tuple[str, str]]:
    with_base = [client for client in clients if client.airtable_base is not None]
    owners: dict[str, list[str]] = defaultdict(list)
    for client in with_base:
        owners[str(client.airtable_base)].append(client.client_id)
    for client_id, base in taken.items():
        owners[base].append(client_id)
    return [
        (
            client.client_id,
            f"base {client.airtable_base} is named by {len(owners[str(client.airtable_base)])} clients: "
            "give each client a base of its own",
        )
        for client in with_base
        if len(owners[str(client.airtable_base)]) > 1
    ]


def _alike(clients: Iterable[Client], key: Callable[[Client], str]) -> list[list[Client]]:
    groups: dict[str, list[Client]] = defaultdict(list)
    for client in clients:
        groups[key(client)].append(client)
    return [group for group in groups.values() if len(group) > 1]


def _listed(names: Iterable[str]) -> str:
    every = sorted(names)
    shown = ", ".join(every[:5])
    return f"{shown} and {len(every) - 5} more" if len(every) > 5 else shown
