"""Leads: who is due, who is being harvested, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    Update,
    and_,
    bindparam,
    case,
    func,
    literal,
    not_,
    or_,
    select,
    update,
)

from harvester.ledger import many_ids, rows
from harvester.ledger.columns import fixed
from harvester.ledger.database import Tx
from harvester.ledger.mirroring import Kind
from harvester.ledger.tables import actor_runs, client_runs, lead_outcomes, leads
from harvester.ledger.types import Utc
from harvester.models import ActorRunState, Lead, LeadStatus

#: After so many actor runs in a row that had no word about it, a lead is given up for unreachable.
MOST_UNANSWERED: Final = 3


def from_row(row: Any) -> Lead:
    """Read one row."""
    """Build a lead from a row of its table."""
    return rows.as_record(Lead, row, status=LeadStatus(row.status) if row.status else None)


def add(tx: Tx, client_id: str, new: Sequence[dict[str, Any]]) -> int:
    """Store leads given as `profile_url`, `given_url`, `name`, `extra`, `created_at`. Known ones are left
    as they are. Returns how many were new.
    """
    return sum(rows.insert_unless_there(tx, leads, client_id=client_id, **lead) for lead in new)


def by_urls(tx: Tx, client_id: str, profile_urls: Collection[str]) -> list[Lead]:
    """Give the client's leads with these canonical profile URLs."""
    statement = select(leads).where(leads.c.client_id == client_id, leads.c.profile_url.in_(profile_urls))
    return [from_row(row) for row in tx.execute(statement.order_by(leads.c.id))]


def page(tx: Tx, client_id: str, *, limit: int, after: int = 0) -> list[Lead]:
    """List a client's leads in the order they came, from the one behind `after`."""
    statement = select(leads).where(leads.c.client_id == client_id, leads.c.id > after)
    return [from_row(row) for row in tx.execute(statement.order_by(leads.c.id).limit(limit))]


def due(
    tx: Tx,
    client_id: str,
    *,
    now: datetime,
    stale_after: timedelta,
    limit: int,
    not_in: str,
    lock: bool = True,
) -> list[Lead]:
    """Pick leads that are due, newest first, skipping those that client run `not_in` has had already: since
    it was last taken up, if it was tried again after its end.

    A lead that is `Processing` is due again once it has been so for longer than `stale_after`, unless an
    actor run that is still open has it: that one will answer, however long it takes. With `lock`, nobody else
    may change them until the end of `tx`, and those that somebody holds are left out.
    """
    values = {"client_id": client_id, "stale": now - stale_after, "not_in": not_in, "most": limit}
    found = tx.execute(_due(lock=lock and not tx.on_sqlite), values)
    return [from_row(row) for row in found]


@cache
def _due(*, lock: bool) -> Select[Any]:
    client_id = bindparam("client_id", type_=String)
    had = _in_batches(client_id, or_(_had_by(bindparam("not_in", type_=String)), _still_open()))
    is_free = leads.c.id.not_in(had)
    statement = (
        select(leads)
        .where(leads.c.client_id == client_id, _due_if_stale_at(bindparam("stale", type_=Utc)), is_free)
        .order_by(leads.c.created_at.desc(), leads.c.id)
        .limit(bindparam("most", type_=Integer))
    )
    return statement.with_for_update(skip_locked=True) if lock else statement


def in_open_batches(tx: Tx, client_id: str) -> set[int]:
    """Name the client's leads that an open actor run has: one that has not answered yet."""
    return set(tx.execute(_in_batches(client_id, _still_open())).scalars())


def taken(tx: Tx, client_id: str, client_run_id: str) -> set[int]:
    """Name the client's leads that an open actor run has, or that this client run has had since it was last
    taken up.
    """
    had = or_(_had_by(client_run_id), _still_open())
    return set(tx.execute(_in_batches(client_id, had)).scalars())


def _had_by(client_run_id: str | ColumnElement[str]) -> ColumnElement[bool]:
    retried_at = select(client_runs.c.retried_at).where(client_runs.c.client_run_id == client_run_id)
    since = retried_at.scalar_subquery()
    anew = or_(since.is_(None), actor_runs.c.created_at >= since)
    return and_(actor_runs.c.client_run_id == client_run_id, anew)


def _still_open() -> ColumnElement[bool]:
    return not_(fixed(actor_runs.c.state, [ActorRunState.INGESTED, ActorRunState.FAILED]))


def _in_batches(client_id: str | ColumnElement[str], which: ColumnElement[bool]) -> Any:
    return (
        select(lead_outcomes.c.lead_id)
        .join(actor_runs, actor_runs.c.id == lead_outcomes.c.actor_run_id)
        .where(actor_runs.c.client_id == client_id, which)
    )


def is_due(now: datetime, stale_after: timedelta) -> ColumnElement[bool]:
    """Say in SQL when a lead is due."""
    return _due_if_stale_at(literal(now - stale_after, Utc))


def _due_if_stale_at(moment: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Say the same of one that is `Processing` since that moment, or before."""
    stale = and_(
        leads.c.status == LeadStatus.PROCESSING,
        or_(leads.c.last_check_at.is_(None), leads.c.last_check_at < moment),
    )
    return and_(
        or_(leads.c.status.is_(None), fixed(leads.c.status, ["", LeadStatus.PENDING]), stale),
        or_(leads.c.posts_actioned.is_(None), fixed(leads.c.posts_actioned, ["", "0", "false"])),
        leads.c.posts_scored_at.is_(None),
        leads.c.unreachable_at.is_(None),
    )


def count_by_status(tx: Tx, client_id: str) -> dict[str, int]:
    """Count a client's leads by status; those never looked at come under ''."""
    status = func.coalesce(leads.c.status, "")
    statement = select(status, func.count()).where(leads.c.client_id == client_id).group_by(status)
    return dict(tx.execute(statement).all())


def heal(tx: Tx, *, now: datetime, stale_after: timedelta) -> int:
    """Make leads `Pending` that were left `Processing` and that no open actor run has. Returns how many."""
    statement = update(leads).where(_left_behind(now, stale_after))
    healed = tx.execute(statement.values(status=LeadStatus.PENDING).returning(leads.c.id)).scalars().all()
    tx.owe(Kind.LEAD, *healed)
    return len(healed)


def left_behind(tx: Tx, *, now: datetime, stale_after: timedelta) -> list[Lead]:
    """Give the leads that `heal` would make `Pending`."""
    statement = select(leads).where(_left_behind(now, stale_after)).order_by(leads.c.id)
    return [from_row(row) for row in tx.execute(statement)]


def _left_behind(now: datetime, stale_after: timedelta) -> ColumnElement[bool]:
    stale = or_(leads.c.last_check_at.is_(None), leads.c.last_check_at < now - stale_after)
    still_had = (
        select(lead_outcomes.c.lead_id)
        .join(actor_runs, actor_runs.c.id == lead_outcomes.c.actor_run_id)
        .where(lead_outcomes.c.lead_id == leads.c.id, _still_open())
    )
    return and_(leads.c.status == LeadStatus.PROCESSING, stale, ~still_had.exists())


def claim(tx: Tx, lead_ids: Collection[int], *, client_run_id: str, now: datetime) -> None:
    """Mark leads as being harvested by a client run. Whoever asks for one that was unreachable tries anew."""
    tx.owe(Kind.LEAD, *lead_ids)
    values = {"claimed_by": client_run_id, "now": now, "ids": many_ids.as_value(tx, lead_ids)}
    tx.execute(_claim(on_sqlite=tx.on_sqlite), values)


@cache
def _claim(*, on_sqlite: bool) -> Update:
    tries = case((leads.c.unreachable_at.is_(None), leads.c.unanswered), else_=0)
    claimed = update(leads).where(many_ids.among(leads.c.id, on_sqlite=on_sqlite))
    return claimed.values(
        status=LeadStatus.PROCESSING,
        client_run_id=bindparam("claimed_by"),
        last_check_at=bindparam("now"),
        unanswered=tries,
        unreachable_at=None,
    )


def count_unreachable(tx: Tx, client_id: str) -> int:
    """Count a client's leads that are unreachable."""
    statement = select(func.count()).where(
        leads.c.client_id == client_id, leads.c.unreachable_at.is_not(None)
    )
    return int(tx.execute(statement).scalar_one())


def reach_again(tx: Tx, client_id: str, profile_urls: Collection[str] | None = None) -> list[str]:
    """Have unreachable leads of a client due again: those with these canonical URLs, or all. Names them."""
    wanted = [leads.c.client_id == client_id, leads.c.unreachable_at.is_not(None)]
    if profile_urls is not None:
        wanted.append(leads.c.profile_url.in_(profile_urls))
    again = update(leads).where(*wanted).values(unanswered=0, unreachable_at=None)
    return sorted(tx.execute(again.returning(leads.c.profile_url)).scalars())


def unanswered_in(tx: Tx, client_run_id: str) -> list[Lead]:
    """Give the leads that a client run had, has not handed on, and has no answer for, in their order.

    A lead that an open actor run has is not among them, nor one that a later client run has claimed.
    """
    had = select(lead_outcomes.c.lead_id).join(actor_runs, actor_runs.c.id == lead_outcomes.c.actor_run_id)
    ours = had.where(actor_runs.c.client_run_id == client_run_id)
    busy = had.where(_still_open(), lead_outcomes.c.lead_id == leads.c.id)
    statement = select(leads).where(
        leads.c.id.in_(ours),
        leads.c.client_run_id == client_run_id,
        leads.c.status.in_([LeadStatus.PENDING, LeadStatus.PROCESSING]),
        ~busy.exists(),
    )
    ordered = statement.order_by(leads.c.created_at.desc(), leads.c.id)
    return [from_row(row) for row in tx.execute(ordered)]
