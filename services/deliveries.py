"""Deliveries: a webhook call is proved, kept, and answered. What it means is found out afterwards.

Of the payload only the actor run's ID is believed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import SecretStr

from harvester import log, tracing
from harvester.apify import TERMINAL_EVENTS
from harvester.errors import HarvesterError, InvalidInput
from harvester.ledger import Ledger, Tx, actor_runs, deliveries
from harvester.ledger.group_commit import GroupCommit
from harvester.models import ActorRun, DeliveryOutcome
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
        self._in_one_commit = GroupCommit(ledger)
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
        now = self._clock()
        ids: dict[str, str] = {}

        def kept(tx: Tx) -> DeliveryOutcome:
            run = self._run_of(tx, proof, payload)
            ids.update({"clientRunId": run.client_run_id} if run else {})
            outcome = _outcome(payload, run)
            new = deliveries.store(
                tx,
                dispatch_key=_dispatch_key(proof, dispatch_id, payload, body),
                dispatch_id=dispatch_id,
                event_type=payload.event_type,
                apify_run_id=payload.apify_run_id,
                actor_run_id=run.id if run else None,
                client_id=run.client_id if run else None,
                outcome=outcome,
                headers=dict(headers),
                body=body,
                now=now,
            )
            if not new:
                return DeliveryOutcome.DUPLICATE
            if outcome is DeliveryOutcome.ACCEPTED and run is not None:
                actor_runs.wake(tx, run.id, now=now)
                run_records.require(tx, run.client_run_id, run.client_id)
            return outcome

        with tracing.span("delivery", event=payload.event_type) as span:
            outcome = self._in_one_commit(kept)
            span.note(outcome=outcome)
            if "clientRunId" in ids:
                span.of(ids["clientRunId"])
        _log.info("Delivery %s: %s", outcome, payload.event_type, **ids)
        return outcome

    def _run_of(self, tx: Tx, proof: Proof, payload: Payload) -> ActorRun | None:
        """Find our row. A token speaks for its own actor run alone."""
        told = actor_runs.by_apify_run_id(tx, payload.apify_run_id) if payload.apify_run_id else None
        if proof.claim is None:
            return told
        own = told
        if told is None or told.marker != proof.claim.intent:
            own = actor_runs.by_marker(tx, proof.claim.intent)
        if own is not None and own.client_id != proof.claim.client_id:
            raise Unauthorised("the token is another client's")
        if told is not None and told.marker == orphan_marker(proof.claim.intent, proof.claim.attempt):
            return told
        if told is not None and (own is None or told.id != own.id):
            raise Unauthorised("the token is another actor run's")
        run_id = payload.apify_run_id
        if own is not None and told is None and run_id and not _may_be(own, proof.claim, run_id):
            raise Unauthorised("the token is another actor run's")
        return own


def _may_be(own: ActorRun, claim: Claim, apify_run_id: str) -> bool:
    """Say whether an actor run that we do not know may be of this row: its answer was lost, or it is an
    earlier attempt's that was given up for lost. It may also have become known a moment ago.
    """
    return own.apify_run_id in (None, apify_run_id) or claim.attempt < own.attempt


def _outcome(payload: Payload, run: ActorRun | None) -> DeliveryOutcome:
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
