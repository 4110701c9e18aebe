"""Importing leads from a CSV file: good rows are kept, each bad one is named with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import TextIOWrapper
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any, Final

from harvester.csv_rows import Row, read_rows
from harvester.errors import HarvesterError, InvalidInput
from harvester.ledger import Ledger, activity, clients, leads
from harvester.normalise.text import clean, one_line
from harvester.profile_urls import canonical
from harvester.wording import counted

URL_COLUMN: Final = "linkedin_profile_url"
NAME_COLUMN: Final = "name"
#: Longest name and longest other cell, in characters: what Airtable's long text holds.
_NAME_CHARS: Final = 500
_CELL_CHARS: Final = 100_000
_COLUMN_CHARS: Final = 200
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that was refused: the line of the file it begins on, and why."""

    line: int
    reason: str


@dataclass(slots=True)
class Report:
    """What an import did."""

    added: int = 0
    known: int = 0
    errors: list[RowError] = field(default_factory=list)


def import_file(
    ledger: Ledger,
    client_id: str,
    file: Path,
    *,
    now: datetime,
    progress: Callable[[int], None],
    by: str = "operator",
) -> Report:
    """Import a UTF-8 CSV file with a header, as `import_stream` does. Raises what that raises."""
    try:
        with file.open("rb") as stream:
            return import_stream(ledger, client_id, stream, now=now, by=by, progress=progress)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror or error}") from error


def import_stream(
    ledger: Ledger,
    client_id: str,
    stream: IO[bytes],
    *,
    now: datetime,
    by: str,
    progress: Callable[[int], None] = lambda _done: None,
) -> Report:
    """Import UTF-8 CSV with a header, on behalf of `by`; closes it.

    `progress` is told how many rows have been dealt with. Rows are committed by the hundred, so an
    interrupted import can be run again: what is known stays. Raises `InvalidInput` for what cannot be read as
    such, and `HarvesterError` if there is no such client.
    """
    with ledger.read() as tx:
        if clients.get(tx, client_id) is None:
            raise HarvesterError(f"there is no client {client_id}: add it with harvester clients add")
    report = Report()
    try:
        _imported(ledger, client_id, stream, report, now, progress)
    finally:
        if report.added:
            _noted(ledger, client_id, report, by, now)
    return report


def _imported(
    ledger: Ledger,
    client_id: str,
    stream: IO[bytes],
    report: Report,
    now: datetime,
    progress: Callable[[int], None],
) -> None:
    batch: list[dict[str, Any]] = []
    for lead in _leads(stream, report, now, progress):
        batch.append(lead)
        if len(batch) >= _AT_ONCE:
            _keep(ledger, client_id, batch, report)
            progress(report.added + report.known + len(report.errors))
    _keep(ledger, client_id, batch, report)
    progress(report.added + report.known + len(report.errors))


def _noted(ledger: Ledger, client_id: str, report: Report, by: str, now: datetime) -> None:
    told = (
        f"{counted(report.added, 'lead')} added, {report.known} known before, "
        f"{counted(len(report.errors), 'row')} refused"
    )
    ids = {"client_run_id": None, "client_id": client_id}
    with ledger.write() as tx:
        activity.record(tx, "import leads", source=by, **ids, ok=True, detail=told, now=now)


def _keep(ledger: Ledger, client_id: str, batch: list[dict[str, Any]], report: Report) -> None:
    if not batch:
        return
    with ledger.write() as tx:
        added = leads.add(tx, client_id, batch)
    report.added += added
    report.known += len(batch) - added
    batch.clear()


def _leads(
    stream: IO[bytes], report: Report, now: datetime, progress: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    with TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        rows = read_rows(text)
        columns = _columns(next(rows, None))
        for row in rows:
            try:
                yield _lead(_by_column(columns, row), now)
            except InvalidInput as error:
                report.errors.append(RowError(row.line, str(error)))
                if not len(report.errors) % _AT_ONCE:
                    progress(report.added + report.known + len(report.errors))


def _columns(header: Row | None) -> list[str]:
    """Give the header's names; the two that we know in our spelling, a second of the same name numbered."""
    names = [cell.strip() for cell in header.checked()] if header else []
    known = [name.lower() if name.lower() in (URL_COLUMN, NAME_COLUMN) else name for name in names]
    if known.count(URL_COLUMN) != 1:
        shown = one_line(", ".join(filter(None, names)), 300) or "nothing"
        many = "no" if URL_COLUMN not in known else "more than one"
        raise InvalidInput(f"the file has {many} column {URL_COLUMN}; its first line has: {shown}")
    return [
        clean(name, _COLUMN_CHARS)[0] if name and name not in known[:i] else f"{name or 'column'} {i + 1}"
        for i, name in enumerate(known)
    ]


def _by_column(columns: list[str], row: Row) -> dict[str, str]:
    cells = row.checked()
    if any(cell.strip() for cell in cells[len(columns) :]):
        raise InvalidInput("the row has more cells than the header")
    return dict(zip_longest(columns, cells[: len(columns)], fillvalue=""))


def _lead(row: dict[str, str], now: datetime) -> dict[str, Any]:
    given = row.pop(URL_COLUMN).strip()
    if not given:
        raise InvalidInput(f"{URL_COLUMN} is empty")
    name = row.pop(NAME_COLUMN, "").strip()
    if len(name) > _NAME_CHARS:
        raise InvalidInput(f"{NAME_COLUMN} is longer than {_NAME_CHARS} characters")
    extra = {column: cell for column, cell in row.items() if cell.strip()}
    for column, cell in extra.items():
        if len(cell) > _CELL_CHARS:
            raise InvalidInput(f"{one_line(column, 50)} is longer than {_CELL_CHARS} characters")
    return {
        "profile_url": canonical(given),
        "given_url": given,
        "name": one_line(name, _NAME_CHARS) or None,
        "extra": extra,
        "created_at": now,
    }
