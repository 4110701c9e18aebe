"""Pause: the switch that stops starts at Apify at once: of all clients, of one, or of an actor."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from harvester import log, run_ids
from harvester.errors import InvalidInput, LedgerUnavailable
from harvester.ledger import Ledger, Tx, activity, actor_outputs, clients, due_actor_runs, pauses
from harvester.ledger.pauses import ALL as ALL
from harvester.ledger.pauses import Pause as Pause
from harvester.ledger.pauses import of_actor as of_actor
from harvester.normalise import actor_of
from harvester.normalise.text import one_line
from services import shapes
from services.account import most_in_flight
from services.alerts import over
from services.drift import paused_alert
from services.kickoff import UnknownClient
from services.start import STARTS

_REASON_CHARS = 500

_log = log.get_logger(__name__)


class Pauses:
    """Pauses and lifts. Kickoffs are taken while starts are paused, and wait; what runs goes on."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime], *, max_in_flight: int) -> None:
        self._ledger = ledger
        self._clock = clock
        self._max_in_flight = max_in_flight

    def pause(self, scope: str = ALL, *, reason: str = "", by: str) -> Pause:
        """Pause the starts of a client, of an actor (`of_actor`), or of all: from the return on none begins.

        One that is paused already stays so, since when it was. Raises `UnknownClient`; `InvalidInput` (code
        `unknown_actor`) for an actor that nobody knows.
        """
        scope = _checked(scope)
        told = one_line(reason, _REASON_CHARS) or "no reason given"
        wanted = Pause(scope, self._clock(), told, by)
        with self._ledger.write() as tx:
            tx.exclusively(STARTS)  # whoever is about to start something has done so, or sees this
            _require(tx, wanted)
            if not pauses.put(tx, wanted):
                return pauses.get(tx, scope) or wanted
            self._note(tx, "pause", wanted, by, wanted.reason)
            tx.after_commit(lambda: _log.warning("Starts %s are paused: %s", whose(wanted), wanted.reason))
        return wanted

    def lift(self, scope: str = ALL, *, by: str) -> bool:
        """End a pause; what waits starts as places are free. False if there was none of this scope.

        An actor is not paused again for what it has brought until now. Raises as `pause` does.
        """
        scope = _checked(scope)
        now = self._clock()
        ended = Pause(scope, now, "", by)
        with self._ledger.write() as tx:
            lifted = pauses.lift(tx, scope)
            if not lifted:
                _require(tx, ended)
                return False
            self._note(tx, "lift pause", ended, by, "lifted")
            if ended.actor_id is not None:
                actor_outputs.excuse(tx, ended.actor_id, now=now)
                over(tx, paused_alert(ended.actor_id), now)
            tx.after_commit(lambda: _log.warning("Starts %s are paused no more", whose(ended)))
        return True

    def standing(self) -> list[Pause]:
        """Give all pauses, that of all clients first."""
        with self._ledger.read() as tx:
            return pauses.standing(tx)

    def of(self, client_ids: Collection[str]) -> list[Pause]:
        """Give the pauses that keep batches of these clients from starting; none where none can be read now.

        It is told beside what was done already, which it must not make look as if it had failed.
        """
        if not client_ids:
            return []
        try:
            with self._ledger.read() as tx:
                return pauses.holding(tx, client_ids)
        except LedgerUnavailable as error:
            _log.warning("Whether starts are paused could not be read: %s", error)
            return []

    def state(self) -> dict[str, Any]:
        """Show what is paused, how many actor runs are at work and may be, and how many wait."""
        with self._ledger.read() as tx:
            found = pauses.standing(tx)
            return {
                "paused": any(pause.scope == ALL for pause in found),
                "pauses": [shown(pause) for pause in found],
                "inFlight": due_actor_runs.in_flight(tx),
                "mostInFlight": most_in_flight(tx, self._max_in_flight),
                "waiting": due_actor_runs.count_planned(tx),
            }

    def _note(self, tx: Tx, operation: str, pause: Pause, by: str, detail: str) -> None:
        activity.record(
            tx,
            operation,
            source=by,
            client_run_id=None,
            client_id=pause.client_id,
            ok=True,
            detail=f"{pause.actor_id}: {detail}" if pause.actor_id else detail,
            now=self._clock(),
        )


def shown(pause: Pause) -> dict[str, Any]:
    """Show a pause; `clientId` is null for that of all clients, and for one of an actor (`actorId`)."""
    return {
        "clientId": pause.client_id,
        "actorId": pause.actor_id,
        "since": shapes.time(pause.since),
        "reason": pause.reason,
        "pausedBy": pause.paused_by,
    }


def told(found: Sequence[Pause]) -> dict[str, Any]:
    """Show under `pauses` what holds up an order that was taken; nothing when nothing does."""
    return {"pauses": [shown(pause) for pause in found]} if found else {}


def in_words(pause: Pause) -> str:
    """Say for people what is paused, since when, by whom and why."""
    return (
        f"starts {whose(pause)} are paused since {pause.since:%Y-%m-%d %H:%M} UTC "
        f"(by {pause.paused_by}): {pause.reason}"
    )


def why_waiting(tx: Tx, client_id: str, actor_id: str | None = None) -> str | None:
    """Say in words what pause keeps a client's batches from starting; None if none does.

    Those of this actor; without one, those that wait to be started.
    """
    if actor_id is not None:
        found = pauses.of_start(tx, client_id, actor_id)
    else:
        found = pauses.of_client(tx, client_id) or next(iter(pauses.of_waiting(tx, client_id)), None)
    return None if found is None else in_words(found)


def whose(pause: Pause) -> str:
    """Say in words whose starts a pause keeps back."""
    if pause.actor_id is not None:
        return f"of actor {pause.actor_id}"
    return "of all clients" if pause.scope == ALL else f"of client {pause.scope}"


def _checked(scope: str) -> str:
    """Give the scope back, an actor's under the ID that it is known by."""
    named = pauses.actor_in(scope)
    if named is not None:
        return of_actor(actor_of(named).actor_id)
    if scope == ALL:
        return scope
    try:
        run_ids.require_client_id(scope)
    except InvalidInput as error:  # PostgreSQL could not even be asked for some of them
        raise UnknownClient(str(error)) from error
    return scope


def _require(tx: Tx, pause: Pause) -> None:
    if pause.client_id is not None and clients.get(tx, pause.client_id) is None:
        raise UnknownClient(f"there is no client {pause.client_id}")
