"""Rows of run tables as another system left them: read as records to take over, or left with a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from harvester import run_ids
from harvester.errors import InvalidInput
from harvester.models import ClientRunStatus, Metrics
from harvester.normalise.text import clean, one_line
from harvester.normalise.values import count, iso_time
from services.record_marks import Record, is_marked

_STATUSES: Final[Mapping[str, ClientRunStatus]] = {
    "Completed": ClientRunStatus.COMPLETED,
    "No Leads To Score": ClientRunStatus.COMPLETED,
    "Completed with Errors": ClientRunStatus.COMPLETED_WITH_ERRORS,
    "Partial": ClientRunStatus.COMPLETED_WITH_ERRORS,
    "Failed": ClientRunStatus.FAILED,
    "Cancelled": ClientRunStatus.CANCELLED,
}
_LIVE: Final = frozenset({"running", "started"})
_BY_CASE: Final = {name.lower(): status for name, status in _STATUSES.items()}
_NAME_CHARS: Final = 200
_NOTES_CHARS: Final = 100_000
_APIFY_ID_CHARS: Final = 17


@dataclass(frozen=True, slots=True)
class Left:
    """A row that is not taken over, and why. Nothing of it is changed."""

    table: str
    record_id: str
    key: str
    why: str
    client_id: str | None = None
    #: It is at work now, and can be taken over when it is over.
    live: bool = False


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job run as `Job Tracking` shows it."""

    record_id: str
    run_id: str
    status: ClientRunStatus
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class ClientRunRow:
    """A client run as `Client Run Results` shows it."""

    record_id: str
    full_id: str
    client_id: str
    client_name: str
    status: ClientRunStatus
    started_at: datetime
    finished_at: datetime
    notes: str
    last_webhook_at: datetime | None
    metrics: Metrics

    @property
    def run_id(self) -> str:
        """Its base run ID."""
        return run_ids.base_of(self.full_id)


class _Unfit(Exception):
    """This row is left; the message says why."""


class _Live(_Unfit):
    """This row is left for now."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Now, and for how long a run may be live before it is taken for dead."""

    now: datetime
    timeout: timedelta


def client_runs(records: Sequence[Record], terms: Terms) -> tuple[list[ClientRunRow], list[Left]]:
    """Read all rows of `Client Run Results`, oldest first."""
    found, left = [], []
    times = _times(records, "Run ID")
    for record in records:
        try:
            found.append(_client_run(record, times, terms))
        except _Unfit as error:
            left.append(_left("Client Run Results", record, "Run ID", error))
    return sorted(found, key=lambda row: (row.started_at, row.full_id)), left


def jobs(records: Sequence[Record], terms: Terms) -> tuple[list[JobRow], list[Left]]:
    """Read all rows of `Job Tracking`, oldest first."""
    found, left = [], []
    times = _times(records, "Run ID")
    for record in records:
        try:
            found.append(_job(record, times, terms))
        except _Unfit as error:
            left.append(_left("Job Tracking", record, "Run ID", error))
    return sorted(found, key=lambda row: row.run_id), left


def actor_runs(records: Sequence[Record]) -> tuple[dict[str, Record], list[Left]]:
    """Read all rows of `Apify`, by Apify's ID."""
    found, left = {}, []
    times = _times(records, "Apify Run ID")
    for record in records:
        try:
            key = _only(record, "Apify Run ID", times)
            if not (len(key) == _APIFY_ID_CHARS and key.isascii() and key.isalnum()):
                raise _Unfit("its Apify Run ID is none of Apify's")
        except _Unfit as error:
            left.append(_left("Apify", record, "Apify Run ID", error))
        else:
            found[key] = record
    return found, left


def _left(table: str, record: Record, merge: str, error: Exception) -> Left:
    client_id = _text(record, "Client ID") or None
    key = one_line(_text(record, merge), 100)
    return Left(table, record.id, key, str(error), client_id, isinstance(error, _Live))


def _times(records: Sequence[Record], merge: str) -> Counter[str]:
    return Counter(_text(record, merge) for record in records if not is_marked(record.fields, merge))


def _only(record: Record, merge: str, times: Counter[str]) -> str:
    """Give a row's key, if it is that of no other row."""
    key = _text(record, merge)
    if is_marked(record.fields, merge):
        raise _Unfit("it is marked as a duplicate")
    if not key:
        raise _Unfit(f"it has no {merge}")
    if times[key] > 1:
        raise _Unfit(f"{times[key]} rows have this {merge}: see scripts/repair_run_records.py")
    return key


def _client_run(record: Record, times: Counter[str], terms: Terms) -> ClientRunRow:
    full_id = _only(record, "Run ID", times)
    client_id = _client_of(full_id, _text(record, "Client ID"))
    started_at = _started(record, full_id)
    status, told = _status(record, started_at, terms)
    notes = clean(str(record.fields.get("System Notes") or ""), _NOTES_CHARS)[0]
    return ClientRunRow(
        record_id=record.id,
        full_id=full_id,
        client_id=client_id,
        client_name=one_line(_text(record, "Client Name"), _NAME_CHARS) or client_id,
        status=status,
        started_at=started_at,
        finished_at=max(iso_time(record.fields.get("End Time")) or started_at, started_at),
        notes="\n".join(filter(None, (notes, told))),
        last_webhook_at=iso_time(record.fields.get("Last Webhook")),
        metrics=Metrics(
            profiles_submitted=_number(record, "Profiles Submitted for Post Harvesting"),
            posts_harvested=_number(record, "Total Posts Harvested"),
            cost_micros=_micros(record.fields.get("Apify API Costs")),
        ),
    )


def _job(record: Record, times: Counter[str], terms: Terms) -> JobRow:
    run_id = _only(record, "Run ID", times)
    try:
        same = run_ids.parse_base(run_id) == run_id
    except InvalidInput as error:
        raise _Unfit(str(error)) from None
    if not same:
        raise _Unfit("there are blanks around its Run ID")
    started_at = _started(record, run_id)
    status, _ = _status(record, started_at, terms)
    ended = max(iso_time(record.fields.get("End Time")) or started_at, started_at)
    return JobRow(record.id, run_id, status, started_at, ended)


def _client_of(full_id: str, client_id: str) -> str:
    """Give whose run ID this is. It must agree with the row's Client ID to the letter: no guess is made."""
    try:
        named = run_ids.client_of(full_id)
    except InvalidInput as error:
        raise _Unfit(str(error)) from None
    if not client_id:
        raise _Unfit("it has no Client ID")
    if named != client_id:
        raise _Unfit(f"its Run ID names client {named!a}, its Client ID is {client_id!a}")
    return named


def _started(record: Record, run_id: str) -> datetime:
    """Give the start; a row that does not tell began at the second of its run ID."""
    minted = datetime.strptime(f"20{run_id[: run_ids.BASE_LENGTH]}", "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    return iso_time(record.fields.get("Start Time")) or minted


def _status(record: Record, started_at: datetime, terms: Terms) -> tuple[ClientRunStatus, str]:
    told = _text(record, "Status")
    if told.lower() in _LIVE:
        if terms.now - started_at < terms.timeout:
            raise _Live(f"it is {told}: try again when it is over")
        hours = terms.timeout / timedelta(hours=1)
        note = (
            f"[{terms.now:%Y-%m-%dT%H:%M:%SZ}] Adopted: still {told} after more than {hours:g} h, so Failed"
        )
        return ClientRunStatus.FAILED, note
    status = _BY_CASE.get(told.lower())
    if status is None:
        raise _Unfit(f"its Status {one_line(told, 60)!a} is not known" if told else "it has no Status")
    note = f"[{terms.now:%Y-%m-%dT%H:%M:%SZ}] Adopted" + ("" if told == status else f": Status was {told}")
    return status, note


def _text(record: Record, column: str) -> str:
    value = record.fields.get(column)
    return value.strip() if isinstance(value, str) else ""


def _number(record: Record, column: str) -> int:
    return count(record.fields.get(column)) or 0


def _micros(value: Any) -> int:
    """Give USD in millionths; what is no amount, or no sane one, is 0."""
    try:
        micros = round(float(value) * 1_000_000) if value is not None else 0
    except (TypeError, ValueError, OverflowError):
        return 0
    return micros if 0 <= micros <= 10**15 else 0
