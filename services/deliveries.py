"""Deliveries: a webhook call is proved, kept, and answered. What it means is found out afterwards.

Of the payload only the actor run's ID is believed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import SecretStr

from harvester import log, tracing
from harvester.apify import TERMINAL_EVENTS
from harvester.errors import HarvesterError, InvalidInput
from harvester.ledger import Ledger, Tx, deliveries
from harvester.ledger.deliveries import TheirRow
from harvester.ledger.group_commit import APART, GroupCommit
from harvester.models import DeliveryOutcome
from harvester.webhook_payload import Payload
from harvester.webhook_tokens import Claim, TokenSigner, is_one_of
from services import run_records
from services.orphans import orphan_marker

#: An actor run's end, and its return to life.
_HEEDED: Final = frozenset({*TERMINAL_EVENTS, "ACTOR.RUN.RESURRECTED"})

_log = log.get_logger(__name__)


class Unauthorised(HarvesterError):
    """The call proves nothing, or proves to be about another actor run."""


@dataclass(frozen=True, slots=True)
class Proof:
    """How a call proved itself: with the token of one actor run, or with the static one (no claim)."""

    claim: Claim | None


class Deliveries:
    """The webhook's two steps: `prove` before anything is read, `keep` before anything is answered."""

    def __init__(
        self,
        ledger: Ledger,
        signer: TokenSigner,
        static_tokens: Sequence[SecretStr],
        clock: Callable[[], datetime],
    ) -> None:
        self._in_one_commit = GroupCommit(ledger, _kept_together)
        self._signer = signer
        self._static = tuple(static_tokens)
        self._clock = clock

    def prove(self, authorization: str | None) -> Proof:
        """Check an `Authorization` header without the ledger. Raises `Unauthorised`."""
        claim = self._signer.verify(authorization)
        if claim is not None:
            return Proof(claim)
        if is_one_of(authorization, self._static):
            return Proof(None)
        raise Unauthorised("the webhook's token is missing or wrong")

    def keep(
        self,
        proof: Proof,
        payload: Payload,
        *,
        dispatch_id: str | None,
        headers: Mapping[str, str],
        body: str,
    ) -> DeliveryOutcome:
        """Store one delivery and make its actor run due. On return it is on disk, with those of others.

        Raises `Unauthorised` for another actor run's token, `InvalidInput` for the end of no actor run, and
        `LedgerUnavailable`.
        """
        call = _Call(proof, payload, dispatch_id, headers, body, self._clock())
        with tracing.span("delivery", event=payload.event_type) as span:
            outcome = self._in_one_commit(call)
            span.note(outcome=outcome)
            if call.run is not None:
                span.of(call.run.client_run_id)
        ids = {"clientRunId": call.run.client_run_id} if call.run is not None else {}
        _log.info("Delivery %s: %s", outcome, payload.event_type, **ids)
        return outcome


@dataclass(slots=True)
class _Call:
    """One call that is to be kept: a work of a group commit."""

    proof: Proof
    payload: Payload
    dispatch_id: str | None
    headers: Mapping[str, str]
    body: str
    now: datetime
    #: The actor run that it turns out to be about, and what becomes of it if it was not kept before.
    run: TheirRow | None = None
    outcome: DeliveryOutcome = DeliveryOutcome.IGNORED

    def __call__(self, tx: Tx) -> DeliveryOutcome:
        """Keep it by itself."""
        self.look_into(_Known(tx, [self]))
        [outcome] = _kept(tx, [self])
        if outcome is DeliveryOutcome.ACCEPTED and self.run is not None:
            run_records.require(tx, self.run.client_run_id, self.run.client_id)
        return outcome

    def look_into(self, known: _Known) -> None:
        """Find out what it is about. Raises `Unauthorised`, `InvalidInput`."""
        self.run = known.run_of(self.proof, self.payload)
        self.outcome = _outcome(self.payload, self.run)

    def row(self) -> dict[str, Any]:
        """Give it as the ledger has it. Only an accepted one waits to be processed."""
        return {
            "dispatch_key": _dispatch_key(self.proof, self.dispatch_id, self.payload, self.body),
            "dispatch_id": self.dispatch_id,
            "event_type": self.payload.event_type,
            "apify_run_id": self.payload.apify_run_id,
            "actor_run_id": self.run.id if self.run else None,
            "client_id": self.run.client_id if self.run else None,
            "outcome": self.outcome,
            "received_at": self.now,
            "processed_at": None if self.outcome is DeliveryOutcome.ACCEPTED else self.now,
            "headers": self.headers,
            "body": self.body,
        }


class _Known:
    """The rows that calls may be about, read at once."""

    def __init__(self, tx: Tx, calls: Sequence[_Call]) -> None:
        named = {call.payload.apify_run_id for call in calls} - {None}
        intents = {call.proof.claim.intent for call in calls if call.proof.claim is not None}
        found = deliveries.rows_of(tx, sorted(filter(None, named)), sorted(intents))
        self._by_run = {row.apify_run_id: row for row in found if row.apify_run_id is not None}
        self._by_marker = {row.marker: row for row in found}

    def run_of(self, proof: Proof, payload: Payload) -> TheirRow | None:
        """Find our row. A token speaks for its own actor run alone."""
        run_id = payload.apify_run_id
        told = self._by_run.get(run_id) if run_id else None
        if proof.claim is None:
            return told
        own = self._by_marker.get(proof.claim.intent)
        if own is not None and own.client_id != proof.claim.client_id:
            raise Unauthorised("the token is another client's")
        if told is not None and told.marker == orphan_marker(proof.claim.intent, proof.claim.attempt):
            return told
        if told is not None and (own is None or told.id != own.id):
            raise Unauthorised("the token is another actor run's")
        if own is not None and told is None and run_id and not _may_be(own, proof.claim, run_id):
            raise Unauthorised("the token is another actor run's")
        return own


def _kept_together(tx: Tx, calls: Sequence[_Call]) -> list[Any]:
    """Keep calls with as many statements as one. Gives the outcome of each, or why it is refused.

    One whose client run has lost its record is done apart: that is told with its own log IDs.
    """
    known = _Known(tx, calls)
    not_kept = [_in_the_way(call, known) for call in calls]
    good = [call for call, why in zip(calls, not_kept, strict=True) if why is None]
    outcomes = iter(_kept(tx, good))
    return [next(outcomes) if why is None else why for why in not_kept]


def _in_the_way(call: _Call, known: _Known) -> Any:
    try:
        call.look_into(known)
    except HarvesterError as error:
        return error
    return APART if call.run is not None and not call.run.recorded else None


def _kept(tx: Tx, calls: Sequence[_Call]) -> list[DeliveryOutcome]:
    """Store calls that were looked into, and make their actor runs due. Gives the outcome of each."""
    rows = [call.row() for call in calls]
    first = {row["dispatch_key"]: at for at, row in reversed(list(enumerate(rows)))}
    new = {first[key] for key in deliveries.store_all(tx, [rows[at] for at in first.values()])}
    outcomes = [call.outcome if at in new else DeliveryOutcome.DUPLICATE for at, call in enumerate(calls)]
    accepted = [
        call for call, outcome in zip(calls, outcomes, strict=True) if outcome is DeliveryOutcome.ACCEPTED
    ]
    woken = Counter(call.run.id for call in accepted if call.run is not None)
    while woken:  # each delivery wakes its row, so one with two is woken twice
        deliveries.wake(tx, sorted(woken), now=min(call.now for call in accepted))
        woken -= Counter(woken.keys())
    return outcomes


def _may_be(own: TheirRow, claim: Claim, apify_run_id: str) -> bool:
    """Say whether an actor run that we do not know may be of this row: its answer was lost, or it is an
    earlier attempt's that was given up for lost. It may also have become known a moment ago.
    """
    return own.apify_run_id in (None, apify_run_id) or claim.attempt < own.attempt


def _outcome(payload: Payload, run: TheirRow | None) -> DeliveryOutcome:
    if payload.event_type not in _HEEDED:
        return DeliveryOutcome.IGNORED
    if payload.apify_run_id is None:
        raise InvalidInput("the body names no actor run")
    return DeliveryOutcome.ACCEPTED if run is not None else DeliveryOutcome.UNKNOWN_RUN


def _dispatch_key(proof: Proof, dispatch_id: str | None, payload: Payload, body: str) -> str:
    """Name what makes a delivery the same as another: its dispatch, or run, event and time together.

    A dispatch ID counts for its own token alone: who has one must not be able to use up another's.
    """
    if dispatch_id is not None:
        return f"dispatch:{proof.claim.intent if proof.claim else 'static'}:{dispatch_id}"
    told = (payload.apify_run_id, payload.event_type, payload.created_at)
    parts = "|".join(part or "" for part in told) if any(told) else body
    return "event:" + hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()
