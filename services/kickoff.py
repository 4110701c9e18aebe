"""Kickoff: the only moment at which a client run record is made and its first actor runs are planned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from harvester import log, run_ids, tracing
from harvester.errors import HarvesterError, InvalidInput
from harvester.ledger import Ledger, Tx, activity, client_runs, clients, idempotency, job_runs, leads
from harvester.models import Client, ClientRun, Lead
from harvester.profile_urls import canonical
from services import run_records
from services.eligibility import PASSING, TooManyKickoffs, hour_full, why_not
from services.plan import AIRTABLE, Limits, Need, need_of, plan_due, plan_these

_log = log.get_logger(__name__)


class UnknownClient(HarvesterError):
    """There is no client of this ID."""


class ClientsNotRead(HarvesterError):
    """The ledger does not know a client, and Airtable, which may, could not be asked. Try again later."""

    permanent = False


class KeyReused(HarvesterError):
    """An idempotency key was used before for another client."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller asks for. `target_urls` and `max_posts`: these profiles now, instead of those due.

    `by`: who asks, for the activity log; None for a job run, which has its own line there.
    """

    client_id: str
    source: str = "orchestrator"
    run_id: str | None = None
    max_batches: int | None = None
    target_urls: Sequence[str] | None = None
    max_posts: int | None = None
    idempotency_key: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an order: accepted, skipped for a reason, or refused because of another client run."""

    outcome: Literal["accepted", "skipped", "run_in_progress", "run_exists"]
    client_id: str
    run_id: str | None = None
    client_run_id: str | None = None
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """Why the ledger has not what Airtable has of its clients now; `too_old`: nor anything to go by."""

    problem: str
    too_old: bool = False


#: Sees to it that the ledger has what Airtable has of its clients, and says why if it has not.
ReadClients = Callable[[], Unread | None]


class Kickoff:
    """Takes orders. Everything that an accepted one causes is on disk before it is answered."""

    def __init__(
        self,
        ledger: Ledger,
        limits: Limits,
        clock: Callable[[], datetime],
        *,
        read_clients: ReadClients | None = None,
    ) -> None:
        self._ledger = ledger
        self._limits = limits
        self._clock = clock
        self._read_clients = read_clients

    def __call__(self, order: Order) -> Answer:
        """Carry out one order, or say why not.

        Raises `InvalidInput` for an order that makes no sense, `UnknownClient`, `ClientsNotRead`,
        `KeyReused`, `TooManyKickoffs`, and `LedgerUnavailable` when nothing could be written.
        """
        order = checked(order)
        unread = self._read_clients() if self._read_clients is not None else None
        try:
            return _traced(order, lambda: self._taken(order, unread))
        except UnknownClient as error:
            if unread is None:
                raise
            raise ClientsNotRead(
                f"{error} as far as is known, and Clients was not read: {unread.problem}"
            ) from error

    def within(self, tx: Tx, order: Order) -> Answer:
        """Carry out an order of a job run that is open, in its transaction, which has the client to itself.
        Clients were read before.

        A client whose batches of the day or kickoffs of the hour are used up is skipped: what the job run
        decided tells that it was asked for. By itself it gets a record that tells so, or is refused.
        Raises `UnknownClient`, and what `run_records.create` raises. Nothing of it is counted as failed here.
        """
        return _traced(order, lambda: self._carried_out(tx, order, None, of_open_job=True))

    def _taken(self, order: Order, unread: Unread | None) -> Answer:
        try:
            with self._ledger.write() as tx:
                return self._answered(tx, order, unread)
        except run_records.AlreadyExists as error:
            return self._refused(order, "run_exists", error.found.client_run_id, error.found.run_id)
        except run_records.ClientBusy as error:
            return self._refused(order, "run_in_progress", error.live.client_run_id, error.live.run_id)

    def _answered(self, tx: Tx, order: Order, unread: Unread | None) -> Answer:
        key = order.idempotency_key
        if key is None:
            return self._carried_out(tx, order, unread)
        kept = idempotency.get(tx, key)
        if kept is not None and kept.client_id != order.client_id:
            raise KeyReused(
                f"this Idempotency-Key was used before, for another client than {order.client_id}"
            )
        if kept is not None:
            return Answer(**kept.answer)
        answer = self._carried_out(tx, order, unread)
        idempotency.keep(tx, key, idempotency.KeptAnswer(order.client_id, asdict(answer)), now=self._clock())
        return answer

    def _carried_out(
        self, tx: Tx, order: Order, unread: Unread | None, *, of_open_job: bool = False
    ) -> Answer:
        if not of_open_job:
            tx.exclusively(f"client:{order.client_id}")
        client = clients.get(tx, order.client_id)
        if client is None:
            raise UnknownClient(f"there is no client {order.client_id}")
        if unread is not None and unread.too_old and client.origin == AIRTABLE:
            raise ClientsNotRead(f"what is known of {client.client_id} is too old to go by: {unread.problem}")
        now = self._clock()
        need = need_of(tx, client, self._limits, now)
        skipped = self._not_eligible(tx, client, order, need, now, guarded=of_open_job)
        if skipped is not None:
            return skipped
        live = client_runs.live_of(tx, client.client_id)
        if live is not None:
            return Answer("run_in_progress", client.client_id, live.run_id, live.client_run_id)
        full = hour_full(tx, client.client_id, self._limits, now)
        if full is not None and not of_open_job:
            raise TooManyKickoffs(full)
        if full is not None:
            return Answer("skipped", client.client_id, code=full.code, reason=full.reason)
        return self._started(tx, client, order, need, now, of_open_job=of_open_job)

    def _not_eligible(
        self, tx: Tx, client: Client, order: Order, need: Need, now: datetime, *, guarded: bool
    ) -> Answer | None:
        chosen = order.target_urls is not None
        skip = why_not(tx, client, self._limits, now, chosen=chosen, guarded=guarded, need=need)
        if skip is None or (skip.code in PASSING and client_runs.live_of(tx, client.client_id)):
            return None
        return Answer("skipped", client.client_id, code=skip.code, reason=skip.reason)

    def _started(
        self, tx: Tx, client: Client, order: Order, need: Need, now: datetime, *, of_open_job: bool = False
    ) -> Answer:
        run_id = order.run_id or job_runs.mint(tx, run_ids.candidates(now), source=order.source, now=now)
        run = run_records.create(
            tx,
            run_id=run_id,
            client_id=client.client_id,
            client_name=client.name,
            source=order.source,
            now=now,
            target_posts=None if order.target_urls is not None else need.posts,
            max_batches=order.max_batches if order.max_batches is not None else max(0, need.batches),
            of_open_job=of_open_job,
        )
        planned = self._planned(tx, client, order, run.client_run_id, need.posts, run.max_batches, now)
        told = "leads are to be read from Airtable" if planned is None else f"{planned} batches planned"
        ids = {"clientRunId": run.client_run_id, "source": order.source}
        tx.after_commit(lambda: _log.info("Kickoff of %s: %s", run.client_run_id, told, **ids))
        if order.by is not None:
            _noted(tx, order.by, run, told, now)
        return Answer("accepted", client.client_id, run_id, run.client_run_id)

    def _planned(
        self, tx: Tx, client: Client, order: Order, full_id: str, posts: int, batches: int, now: datetime
    ) -> int | None:
        """Plan the first batches, and say how many; None if leads are to be read first."""
        if client.airtable_error is not None:
            return 0
        if order.target_urls is None and self._read_clients is not None and client.origin == AIRTABLE:
            client_runs.ask_for_leads(tx, full_id, at=now)
            return None
        if order.target_urls is None:
            return plan_due(
                tx,
                client,
                self._limits,
                client_run_id=full_id,
                posts=posts,
                batches=batches,
                now=now,
            )
        return plan_these(
            tx,
            client,
            self._limits,
            _leads_of(tx, client.client_id, order.target_urls, now),
            client_run_id=full_id,
            max_posts=order.max_posts or self._limits.max_posts,
            now=now,
        )

    def _refused(
        self, order: Order, outcome: Literal["run_exists", "run_in_progress"], full_id: str, run_id: str
    ) -> Answer:
        with self._ledger.write() as tx:
            run_records.creation_failed(
                tx,
                run_id=order.run_id,
                client_id=order.client_id,
                source=order.source,
                reason=outcome,
                now=self._clock(),
            )
        return Answer(outcome, order.client_id, run_id, full_id)


def _traced(order: Order, carry_out: Callable[[], Answer]) -> Answer:
    with tracing.span("kickoff", client_id=order.client_id, source=order.source) as span:
        answer = carry_out()
        if answer.outcome == "accepted" and answer.client_run_id is not None:
            span.of(answer.client_run_id)
        return answer


def checked(order: Order) -> Order:
    """Give an order in its plainest form. Raises `InvalidInput`, and `UnknownClient` for what is no ID."""
    if order.source not in run_records.KICKOFF_SOURCES:
        known = ", ".join(sorted(run_records.KICKOFF_SOURCES))
        raise InvalidInput(f"source {order.source!r} is not one of {known}", code="invalid_source")
    try:
        run_ids.require_client_id(order.client_id)
    except InvalidInput as error:
        raise UnknownClient(str(error)) from error
    if order.run_id is not None:
        full_id = run_ids.require(order.run_id, order.client_id)
        order = replace(order, run_id=run_ids.base_of(full_id))
    for name, number in (("maxPosts", order.max_posts), ("maxBatchesOverride", order.max_batches)):
        if number is not None and number < 1:
            raise InvalidInput(f"{name} must be 1 or more, not {number}")
    if order.target_urls is not None:
        profiles_of(order.target_urls)
    return order


def profiles_of(urls: Sequence[str]) -> dict[str, str]:
    """Give the canonical forms of profile URLs, each with the form that it was first given in.

    Raises `InvalidInput` for one that is no profile's, and for none at all.
    """
    if not urls:
        raise InvalidInput("targetUrls names no profile")
    given: dict[str, str] = {}
    for url in urls:
        given.setdefault(canonical(url), url)
    return given


def _noted(tx: Tx, by: str, run: ClientRun, told: str, now: datetime) -> None:
    ids = {"client_run_id": run.client_run_id, "client_id": run.client_id}
    activity.record(tx, "kickoff", source=by, **ids, ok=True, detail=told, now=now)


def _leads_of(tx: Tx, client_id: str, urls: Sequence[str], now: datetime) -> list[Lead]:
    given = profiles_of(urls)
    new: list[dict[str, Any]] = [
        {"profile_url": url, "given_url": as_given, "name": None, "extra": {}, "created_at": now}
        for url, as_given in given.items()
    ]
    leads.add(tx, client_id, new)
    busy = leads.in_open_batches(tx, client_id)  # of a client run whose record was deleted: paid for already
    return [lead for lead in leads.by_urls(tx, client_id, given) if lead.id not in busy]
