"""Drift: whether an actor's output is as it was. If not somebody is told; if it is useless, it is paused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from harvester import log
from harvester.ledger import Tx, activity, actor_outputs, pauses, posts, run_events
from harvester.ledger.actor_outputs import Look
from harvester.ledger.pauses import Pause
from harvester.models import ActorRun, LeadAnswer
from services.alerts import over, raise_alert
from services.drift_judging import (
    Change,
    Jump,
    are_many,
    explaining,
    has_history,
    items_of,
    jumps,
    unusable,
    whole,
)
from services.outcome import Heard

#: So many actor runs are an actor's history, and how far back those go that may pause it.
HISTORY: Final = 20
_LATELY: Final = timedelta(hours=24)
#: Who pauses an actor whose output is of no use.
BY: Final = "drift"

_log = log.get_logger(__name__)


def judge(tx: Tx, run: ActorRun, heard: list[Heard], *, now: datetime) -> None:
    """Look at the output of an actor run that was read to its end, beside what its actor brought before.

    To be called in the transaction that settles it.
    """
    told = [one for one in heard if one.answer is not None]
    empty = sum(one.answer is not LeadAnswer.POSTS for one in told)
    earlier = actor_outputs.latest(tx, run.actor_id, limit=HISTORY, but=run.id)
    history = [one.look for one in earlier]
    look = actor_outputs.judge(tx, run, targets=len(told), empty=empty, now=now)
    found = jumps(look, history)
    many = not has_history(history) and are_many(posts.misfits(tx, run.id), run.cursor)
    if many or found:
        _warn(tx, run, look, found, now=now)
    elif run.cursor:
        over(tx, _output_of(run), now)
    if actor_outputs.was_asked_again(tx, run):
        actor_outputs.excuse_one(tx, run, now=now)
    else:
        _pause_if_useless(tx, run, now)


def _warn(tx: Tx, run: ActorRun, look: Look, found: list[Jump], *, now: datetime) -> None:
    misfits = [f"{look.misfits} of {run.cursor} items could not be understood"] if look.misfits else []
    what = "; ".join((*misfits, *map(str, found)))
    text = f"{what}: the Actor may have changed its output{_hint(tx, run, look)}"
    actor = run.actor_id
    remedy = (
        f"see batch {run.batch} of {run.client_run_id}, and harvester drift --actor {actor} for what changed "
        f"field by field; to start no more meanwhile: harvester pause --actor {actor}"
    )
    raise_alert(tx, _output_of(run), f"{text}. What to do: {remedy}", now=now, in_log=True)
    _note(tx, run, f"Output of {actor}: {text}", now)
    tx.after_commit(lambda: _log.error("%s", text))


def _hint(tx: Tx, run: ActorRun, look: Look) -> str:
    earlier = actor_outputs.latest(tx, run.actor_id, limit=HISTORY, but=run.id, fields=True)
    change = explaining(look.fields, whole(one.look for one in earlier).fields)
    return "" if change is None else f" ({in_words(change)})"


def _note(tx: Tx, run: ActorRun, text: str, now: datetime) -> None:
    run_events.add(tx, run.client_run_id, "drift", text, now=now, batch=run.batch)


def in_words(change: Change) -> str:
    """Say what became of a field."""
    return (
        f"the field {change.path or 'that is the item itself'}: {change.what}, {change.before} → {change.now}"
    )


def _pause_if_useless(tx: Tx, run: ActorRun, now: datetime) -> None:
    """Start nothing more of an actor of whose items more than half are of no use.

    What a person let pass is not held against it again, nor is what lies a day back.
    """
    latest = actor_outputs.latest(tx, run.actor_id, limit=HISTORY)
    counted = [one for one in latest if one.excused_at is None and one.judged_at > now - _LATELY]
    seen = unusable(counted)
    if seen is None:
        return
    actor = run.actor_id
    reason = f"{seen.misfits + seen.errors} of its last {items_of(seen)} items were of no use"
    if not pauses.put(tx, Pause(pauses.of_actor(actor), now, reason, BY)):
        return
    remedy = (
        f"see harvester drift --actor {actor}; then harvester resume --actor {actor}, or another actor by "
        "APIFY_ACTOR_ID or for the client. What is planned waits: harvester cancel and harvester retry take "
        "it to another actor. Once an upgrade understands the items: harvester backfill"
    )
    text = f"Nothing is started of {actor} any more: {reason}. What is at work goes on. What to do: {remedy}"
    raise_alert(tx, paused_alert(actor), text, now=now, again_after=None)
    run_events.add(
        tx, run.client_run_id, "drift", f"Starts of {actor} are paused: {reason}", now=now, batch=run.batch
    )
    told = f"{actor}: {reason}"
    activity.record(
        tx,
        "pause",
        source=BY,
        client_run_id=run.client_run_id,
        client_id=run.client_id,
        ok=True,
        detail=told,
        now=now,
    )


def paused_alert(actor_id: str) -> str:
    """Give the key of the alert that stands as long as an actor is paused for its output."""
    return f"actor {actor_id} paused"


def _output_of(run: ActorRun) -> str:
    return f"output of {run.actor_id}"
