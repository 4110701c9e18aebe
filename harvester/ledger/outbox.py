"""The outbox: what Airtable is owed. A row says that something changed; what, is read when it is sent.

Every change that Airtable should show raises a row's version in the transaction that makes it. A row is owed
while its version is beyond what was sent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal, null, or_, select, update

from harvester.ledger import rows
from harvester.ledger.airtable_tables import outbox
from harvester.ledger.database import Ledger, Tx
from harvester.ledger.job_tables import job_runs
from harvester.ledger.mirroring import Kind, Mirroring
from harvester.ledger.tables import actor_runs, client_runs, clients, posts

#: Most values that one IN clause is given; SQLite refuses statements with more than 32,766 variables.
IN_CLAUSE: Final = 5_000


class State(StrEnum):
    """Where an outbox row stands.

    Parked: Airtable refused it; tried again when it changes, or a person says so. Missing: a person deleted
    its record, and it is not made anew. Retired: its base is no longer its client's, or it has no subject.
    """

    OK = "ok"
    PARKED = "parked"
    MISSING = "missing"
    RETIRED = "retired"


LIVE: Final = outbox.c.state.in_([State.OK, State.PARKED])


def mirror(ledger: Ledger, mirroring: Mirroring) -> None:
    """Put what Airtable should show into the outbox from now on."""
    ledger.at_end_of_owing(partial(_write_down, mirroring))


def _write_down(mirroring: Mirroring, tx: Tx, owed: dict[Kind, set[Any]]) -> None:
    """Write down what a transaction has changed, in one order everywhere: two would else wait for each other.

    A client run sums its actor runs up: it changes with them.
    """
    actor_run_ids = owed.get(Kind.ACTOR_RUN, set())
    if actor_run_ids:
        of_them = select(actor_runs.c.client_run_id).where(actor_runs.c.id.in_(actor_run_ids))
        owed.setdefault(Kind.CLIENT_RUN, set()).update(tx.execute(of_them).scalars())
    now = mirroring.clock()
    for kind in Kind:
        for part in parts(sorted(owed.get(kind, ()))):
            if kind is not Kind.LEAD:  # which records show a lead, intake alone knows
                _insert_found(tx, _found(tx, kind, part, mirroring.master_base), kind, now)
            _raise(tx, _of(tx, kind, part), mirroring.master_base, now=now, due_at=now + mirroring.delay)


def _found(tx: Tx, kind: Kind, keys: Sequence[Any], master: str) -> Select[Any]:
    """Select base, key, subject and client of what is to be shown; an actor run once Apify has named it."""
    in_master = literal(master)
    if kind is Kind.JOB_RUN:
        return select(in_master, job_runs.c.run_id, null(), null()).where(
            rows.among(tx, job_runs.c.run_id, keys)
        )
    if kind is Kind.CLIENT_RUN:
        return select(
            in_master, client_runs.c.client_run_id, client_runs.c.id, client_runs.c.client_id
        ).where(rows.among(tx, client_runs.c.client_run_id, keys))
    if kind is Kind.ACTOR_RUN:
        return select(in_master, actor_runs.c.apify_run_id, actor_runs.c.id, actor_runs.c.client_id).where(
            rows.among(tx, actor_runs.c.id, keys), actor_runs.c.apify_run_id.is_not(None)
        )
    return (
        select(clients.c.airtable_base, posts.c.post_key, posts.c.id, posts.c.client_id)
        .join(clients, clients.c.client_id == posts.c.client_id)
        .where(rows.among(tx, posts.c.id, keys), clients.c.airtable_base.is_not(None))
    )


def _of(tx: Tx, kind: Kind, keys: Sequence[Any]) -> ColumnElement[bool]:
    by_key = kind in (Kind.JOB_RUN, Kind.CLIENT_RUN)
    return and_(outbox.c.kind == kind, rows.among(tx, outbox.c.key if by_key else outbox.c.subject_id, keys))


def _insert_found(tx: Tx, found: Select[Any], kind: Kind, now: datetime) -> None:
    """Insert what is to be shown and has no row yet, within the database: a page has a thousand posts."""
    _, key, *_ = found.selected_columns
    fixed: dict[str, Any] = {
        "kind": literal(kind.value),
        "version": literal(0),
        "sent_version": literal(0),
        "state": literal(State.OK.value),
        "changed_at": literal(now, outbox.c.changed_at.type),
        "failures": literal(0),
    }
    chosen = found.add_columns(*fixed.values()).order_by(key)
    names = ["base", "key", "subject_id", "client_id", *fixed]
    tx.execute(rows.upsert(tx, outbox).from_select(names, chosen).on_conflict_do_nothing())


def _insert(tx: Tx, found: Sequence[Any], kind: Kind, now: datetime, **more: Any) -> None:
    fixed = {"kind": kind, "version": 0, "sent_version": 0, "state": State.OK, "changed_at": now, **more}
    new = [
        {**fixed, "base": base, "key": key, "subject_id": subject_id, "client_id": client_id}
        for base, key, subject_id, client_id in sorted(found, key=lambda row: str(row[1]))
    ]
    if new:
        tx.execute(rows.upsert(tx, outbox).on_conflict_do_nothing(), new)


def _raise(tx: Tx, which: ColumnElement[bool], master: str, *, now: datetime, due_at: datetime) -> None:
    wanted = and_(which, outbox.c.state != State.MISSING, _at_home(master))
    if not tx.on_sqlite:
        tx.execute(select(outbox.c.id).where(wanted).order_by(outbox.c.id).with_for_update())
    changed = {
        "state": case((outbox.c.state == State.RETIRED, State.OK), else_=outbox.c.state),
        "version": outbox.c.version + 1,
        "changed_at": now,
        "due_at": func.coalesce(outbox.c.due_at, literal(due_at, outbox.c.due_at.type)),
    }
    tx.execute(update(outbox).where(wanted).values(**changed))


def _at_home(master: str) -> ColumnElement[bool]:
    """Match rows whose base is the master's, or their client's now: what was retired may be so again."""
    of_client = exists().where(
        clients.c.client_id == outbox.c.client_id, clients.c.airtable_base == outbox.c.base
    )
    return or_(outbox.c.base == master, of_client)


def map_leads(
    tx: Tx,
    base: str,
    client_id: str,
    records: Mapping[str, int],
    *,
    now: datetime,
    shows: Mapping[str, str] | None = None,
) -> None:
    """Remember which records of a base, by their IDs, show which leads. Nothing is owed by this.

    `shows` is the status that each was read with: what it shows otherwise later, somebody has put there.
    """
    for record_id, lead_id in sorted(records.items()):
        row = (base, record_id, lead_id, client_id)
        _insert(tx, [row], Kind.LEAD, now, record_id=record_id, shows=(shows or {}).get(record_id))


def lead_records(tx: Tx, base: str, lead_ids: Collection[int]) -> dict[int, list[str]]:
    """Give a base's records that show these leads, the one known longest first; a lead can have several."""
    found: dict[int, list[str]] = {}
    for part in parts(sorted(lead_ids)):
        statement = select(outbox.c.subject_id, outbox.c.key).where(
            outbox.c.base == base, _of(tx, Kind.LEAD, part), LIVE
        )
        for lead_id, record_id in tx.execute(statement.order_by(outbox.c.id)):
            found.setdefault(lead_id, []).append(record_id)
    return found


def parts(values: Sequence[Any]) -> list[Sequence[Any]]:
    """Cut values into parts that one statement can take."""
    return [values[start : start + IN_CLAUSE] for start in range(0, len(values), IN_CLAUSE)]
