"""The floor of a kickoff: the very rows that it has written, inserted through the driver alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import psycopg

#: How what a job run wrote is read again, in the order in which the rows refer to each other, and which
#: column says whose a row is.
_ASKED: Final = {
    "job_runs": ("select * from job_runs where run_id || '-' like ?", "run_id"),
    "client_runs": ("select * from client_runs where client_run_id like ?", "client_run_id"),
    "activity": (
        "select * from activity where client_run_id like ? order by client_run_id",
        "client_run_id",
    ),
    "actor_runs": (
        "select * from actor_runs where client_run_id like ? order by client_run_id",
        "client_run_id",
    ),
    "lead_outcomes": (
        "select lead_outcomes.*, client_run_id as whose from lead_outcomes "
        "join actor_runs on actor_runs.id = actor_run_id where client_run_id like ? order by client_run_id",
        "whose",
    ),
    "run_events": (
        "select * from run_events where client_run_id like ? order by client_run_id",
        "client_run_id",
    ),
    "job_clients": (
        "select * from job_clients where client_run_id like ? order by client_run_id",
        "client_run_id",
    ),
}


@dataclass(frozen=True)
class Written:
    """A table's rows by whose they are, and the statement that inserts one."""

    insert: str
    rows: dict[str, list[Sequence[Any]]]


def driver(url: str) -> Any:
    """Open a ledger through its driver, with the same durability as ours."""
    if not url.startswith("sqlite"):
        return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def written(connection: Any, run_id: str) -> dict[str, Written]:
    """Read what the kickoffs of a job run have written, by table, as the driver gives it."""
    mark = "?" if isinstance(connection, sqlite3.Connection) else "%s"
    return {table: _read(connection, table, f"{run_id}-%", mark) for table in _ASKED}


def _read(connection: Any, table: str, like: str, mark: str) -> Written:
    asked, whose = _ASKED[table]
    if table == "job_runs":
        like = like.removesuffix("%")
    cursor = connection.execute(asked.replace("?", mark), (like,))
    names = [column[0] for column in cursor.description]
    by_owner = groupby(cursor.fetchall(), itemgetter(names.index(whose)))
    width = len(names) - (whose == "whose")
    columns, marks = ", ".join(names[:width]), ", ".join([mark] * width)
    insert = f"insert into {table} ({columns}) values ({marks})"  # noqa: S608  # nosec B608 # our own names
    return Written(insert, {owner: [row[:width] for row in rows] for owner, rows in by_owner})


def inserted(connection: Any, found: dict[str, Written], *, at_once: int) -> None:
    """Insert the rows, each client's table by table, `at_once` clients in a transaction after the job run."""
    of_clients = dict(found)
    job = of_clients.pop("job_runs")
    whose = list(found["client_runs"].rows)
    cursor = connection.cursor()
    _committed(cursor, ((job.insert, rows) for rows in job.rows.values()))
    for first in range(0, len(whose), at_once):
        _committed(cursor, _each(of_clients, whose[first : first + at_once]))
    cursor.close()


def _each(found: dict[str, Written], whose: Sequence[str]) -> Iterator[tuple[str, list[Sequence[Any]]]]:
    for owner in whose:
        for table in found.values():
            yield table.insert, table.rows.get(owner, [])


def _committed(cursor: Any, inserts: Iterator[tuple[str, list[Sequence[Any]]]]) -> None:
    cursor.execute("begin")
    for statement, rows in inserts:
        cursor.executemany(statement, rows)
    cursor.execute("commit")
