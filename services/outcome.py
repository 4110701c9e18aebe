"""What an actor run's end means for its leads, and how one is given up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from harvester import log
from harvester.apify_answers import ApifyRun
from harvester.ledger import Tx, actor_runs, leads, outcomes
from harvester.models import ActorRun, ActorRunState, LeadStatus, Target
from services import run_records

_log = log.get_logger(__name__)


def decide_leads(tx: Tx, run: ActorRun, *, answered_all: bool, now: datetime) -> None:
    """Write what came of each lead of a batch.

    Posts make a lead `Done`, whatever became of its actor run. Without posts it has `No Posts` only if the
    actor run answered for all (`answered_all`) and sent no error about it; else it is due again.
    """
    found = outcomes.posts_by_lead(tx, run.id)
    errors = outcomes.errors_by_lead(tx, run.id)
    for target in actor_runs.targets(tx, run.id):
        posts, error = found.get(target.lead_id, 0), errors.get(target.lead_id)
        status = _status(posts, answered=answered_all and error is None)
        detail = error if status is LeadStatus.PENDING else None
        _decide(tx, run, target, status, posts, detail or run.error, now)


def _status(posts: int, *, answered: bool) -> LeadStatus:
    if posts:
        return LeadStatus.DONE
    return LeadStatus.NO_POSTS if answered else LeadStatus.PENDING


def _decide(
    tx: Tx, run: ActorRun, target: Target, status: LeadStatus, posts: int, detail: str | None, now: datetime
) -> None:
    outcomes.decide(tx, run.id, target.lead_id, outcome=status, posts_found=posts, detail=detail, now=now)
    if run.is_orphan and status is LeadStatus.PENDING:
        return  # its batch has another actor run, which answers for the lead
    leads.decide(
        tx,
        target.lead_id,
        client_run_id=run.client_run_id,
        status=status,
        posts_found=None if status is LeadStatus.PENDING else posts,
        now=now,
    )


def latest_cost(run: ActorRun, found: ApifyRun) -> int | None:
    """Give what an actor run has cost as last told, in millionths of a USD: not every answer tells it."""
    return run.cost_micros if found.cost_micros is None else found.cost_micros


def ended_anew(run: ActorRun, found: ApifyRun) -> bool:
    """Say whether Apify tells of a later end than the one that we know: the run was resurrected.

    Or of the first that we hear of, where a row was given up before its run had ended.
    """
    if found.resurrections > run.resurrections or run.apify_finished_at is None:
        return True
    return found.finished_at is not None and found.finished_at > run.apify_finished_at


def give_up(tx: Tx, run: ActorRun, *, code: str, reason: str, now: datetime, **parked: Any) -> None:
    """End a claimed actor run as failed, with the reason; its leads without posts are due again."""
    failed = actor_runs.move(
        tx,
        run,
        ActorRunState.FAILED,
        now=now,
        next_check_at=None,
        error_code=code,
        error=reason,
        **parked,
    )
    decide_leads(tx, failed, answered_all=False, now=now)
    run_records.update(tx, run.client_run_id, run.client_id, source="advance", now=now)
    tx.after_commit(lambda: _log.error("Actor run given up: %s", reason, code=code))
