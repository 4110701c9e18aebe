"""How the actors' outputs stand: rates now and before, what changed field by field, rejects by reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from harvester.ledger import Ledger, Tx, actor_outputs, clients, pauses
from harvester.ledger.actor_outputs import Look, Output
from harvester.normalise import ACTORS, STARTABLE, actor_of
from harvester.normalise.text import one_line
from services import shapes
from services.drift import HISTORY
from services.drift_judging import RATES, Change, Jump, Rate, changes, items_of, jumps, share, whole
from services.kickoff import UnknownClient
from services.pauses import shown

#: The latest actor runs are taken together until they have so many items; a few tell nothing of a shape.
_ENOUGH: Final = 4
_SAMPLES: Final = 3
_SAMPLE_CHARS: Final = 400


class Drift:
    """Shows what became of the actors' outputs."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def actors(
        self, actor_id: str | None = None, *, client_id: str | None = None, rejects: bool = False
    ) -> list[dict[str, Any]]:
        """Report on all actors that can be started or have brought something, or on one of them.

        With `client_id` only what was brought for that client counts, with `rejects` samples of what was
        refused are there, too. Raises `InvalidInput` (code `unknown_actor`) for an actor that is not known,
        `UnknownClient`.
        """
        with self._ledger.read() as tx:
            if client_id is not None and clients.get(tx, client_id) is None:
                raise UnknownClient(f"there is no client {client_id}")
            wanted = [actor_of(actor_id).actor_id] if actor_id is not None else _all(tx)
            return [_reported(tx, one, client_id, rejects=rejects) for one in wanted]


def _all(tx: Tx) -> list[str]:
    return sorted({*STARTABLE, *actor_outputs.actors(tx), *pauses.actors(tx)})


def _reported(tx: Tx, actor_id: str, client_id: str | None, *, rejects: bool) -> dict[str, Any]:
    found = actor_outputs.latest(tx, actor_id, limit=2 * HISTORY, client_id=client_id, fields=True)
    latest = _latest(found)
    history = found[len(latest) :][:HISTORY]
    now, past = whole(one.look for one in latest), whole(one.look for one in history)
    paused = pauses.get(tx, pauses.of_actor(actor_id))
    jumped = {jump.rate.name: jump for jump in jumps(now, [one.look for one in history])}
    report = {
        "actorId": actor_id,
        "startable": actor_id in STARTABLE,
        "whyNot": None if actor_id in STARTABLE else _why_not(actor_id),
        "paused": None if paused is None else shown(paused),
        "latest": _span(latest, now),
        "history": _span(history, past),
        "rates": [_rate(rate, now, past, jumped.get(rate.name)) for rate in RATES],
        "changes": [_change(one) for one in changes(now.fields, past.fields)],
    }
    return report | ({"rejects": _rejects(tx, latest)} if rejects else {})


def _latest(found: Sequence[Output]) -> list[Output]:
    """Take the newest runs that have enough items between them."""
    taken, items = 0, 0
    while taken < min(len(found), HISTORY) and items < _ENOUGH:
        items += items_of(found[taken].look)
        taken += 1
    return list(found[:taken])


def _why_not(actor_id: str) -> str:
    return ACTORS[actor_id].why_not if actor_id in ACTORS else "no normaliser is known for it"


def _span(outputs: Sequence[Output], look: Look) -> dict[str, Any]:
    return {
        "actorRuns": len(outputs),
        "items": look.items,
        "posts": look.posts,
        "companions": look.companions,
        "from": shapes.time(outputs[-1].judged_at) if outputs else None,
        "to": shapes.time(outputs[0].judged_at) if outputs else None,
    }


def _rate(rate: Rate, now: Look, past: Look, jump: Jump | None) -> dict[str, Any]:
    (some, of), (before, before_of) = rate.of(now), rate.of(past)
    return {
        "name": rate.name,
        "now": round(share(some, of), 4) if of else None,
        "nowCount": some,
        "nowOf": of,
        "before": round(share(before, before_of), 4) if before_of else None,
        "beforeCount": before,
        "beforeOf": before_of,
        "jumped": jump is not None,
    }


def _change(change: Change) -> dict[str, str]:
    return {"field": change.path, "what": change.what, "before": change.before, "now": change.now}


def _rejects(tx: Tx, outputs: Sequence[Output]) -> list[dict[str, Any]]:
    found = actor_outputs.reject_reasons(tx, [one.actor_run_id for one in outputs], samples=_SAMPLES)
    for one in found:
        one["samples"] = [
            {
                "clientRunId": sample["client_run_id"],
                "detail": sample["detail"],
                "sample": one_line(sample["sample"] or "", _SAMPLE_CHARS) or None,
            }
            for sample in one["samples"]
        ]
    return found
