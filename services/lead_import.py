"""Importing leads from a CSV file: good rows are kept, each bad one is named with its line."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TextIO

from harvester.errors import HarvesterError, InvalidInput
from harvester.ledger import Ledger, clients, leads
from harvester.normalise.text import clean, one_line
from harvester.profile_urls import canonical

URL_COLUMN: Final = "linkedin_profile_url"
NAME_COLUMN: Final = "name"
_CELL_CHARS: Final = 10_000
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that was refused: the line of the file it ends on, and why."""

    line: int
    reason: str


@dataclass(slots=True)
class Report:
    """What an import did."""

    added: int = 0
    known: int = 0
    errors: list[RowError] = field(default_factory=list)


def import_file(
    ledger: Ledger, client_id: str, file: Path, *, now: datetime, progress: Callable[[int], None]
) -> Report:
    """Import a UTF-8 CSV file with a header. `progress` is told how many rows have been dealt with.

    Rows are committed by the hundred, so an interrupted import can be run again: what is known stays.
    Raises `InvalidInput` for a file that cannot be read as such, and if there is no such client.
    """
    with ledger.read() as tx:
        if clients.get(tx, client_id) is None:
            raise HarvesterError(f"there is no client {client_id}: add it with harvester clients add")
    report = Report()
    batch: list[dict[str, Any]] = []
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            for row in _rows(stream, report, now):
                batch.append(row)
                if len(batch) >= _AT_ONCE:
                    _keep(ledger, client_id, batch, report)
                    progress(report.added + report.known + len(report.errors))
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file} is not UTF-8 (byte {error.start}): save it as CSV UTF-8") from error
    except csv.Error as error:
        raise InvalidInput(f"{file} is no CSV: {error}") from error
    finally:
        _keep(ledger, client_id, batch, report)
    progress(report.added + report.known + len(report.errors))
    return report


def _keep(ledger: Ledger, client_id: str, batch: list[dict[str, Any]], report: Report) -> None:
    if not batch:
        return
    with ledger.write() as tx:
        added = leads.add(tx, client_id, batch)
    report.added += added
    report.known += len(batch) - added
    batch.clear()


def _rows(stream: TextIO, report: Report, now: datetime) -> Iterator[dict[str, Any]]:
    header = stream.readline()
    stream.seek(0)
    reader = csv.DictReader(stream, dialect=_dialect(header))
    names = {name.strip().lower(): name for name in reader.fieldnames or () if name}
    if URL_COLUMN not in names:
        raise InvalidInput(
            f"the file has no column {URL_COLUMN}; it has: {one_line(', '.join(names) or 'nothing', 300)}"
        )
    for row in reader:
        try:
            yield _lead(row, names, now)
        except InvalidInput as error:
            report.errors.append(RowError(reader.line_num, str(error)))


def _dialect(header: str) -> type[csv.excel]:
    """Take the separator from the header: spreadsheets of many countries write semicolons or tabs."""

    class Dialect(csv.excel):
        delimiter = max(",;\t", key=header.count)

    return Dialect


def _lead(row: dict[str | Any, Any], names: dict[str, str], now: datetime) -> dict[str, Any]:
    if None in row:
        raise InvalidInput("the row has more cells than the header")
    given = (row[names[URL_COLUMN]] or "").strip()
    if not given:
        raise InvalidInput(f"{URL_COLUMN} is empty")
    name = (row.get(names.get(NAME_COLUMN, "")) or "").strip()
    used = {names[URL_COLUMN], names.get(NAME_COLUMN)}
    extra = {clean(k, 200)[0]: clean(v, _CELL_CHARS)[0] for k, v in row.items() if k not in used and v}
    return {
        "profile_url": canonical(given),
        "given_url": clean(given, 2_000)[0],
        "name": clean(name, 500)[0] or None,
        "extra": extra,
        "created_at": now,
    }
