"""Preview: what a kickoff would do now. It writes nothing, and makes no call that costs.

It asks what kickoff asks, in the same order; of clients that are kept in Airtable, Clients is read before,
as it is before a kickoff.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from harvester.errors import HarvesterError
from harvester.jobs import JobPlan, JobRun
from harvester.ledger import Ledger, Tx, client_runs, clients, cost_history, job_clients
from harvester.models import Client, ClientRunStatus
from harvester.run_ids import client_run_id
from services import budgets, lots, pauses, preview_leads
from services.eligibility import PASSING, USED_UP, Skip, hour_full, why_not
from services.kickoff import ClientsNotRead, Order, ReadClients, UnknownClient, Unread, checked
from services.plan import ACTIVE, AIRTABLE, Limits, Need, need_of, parted, profiles_for
from services.preview_basis import Basis
from services.preview_leads import DueLead, ReadLeads

#: So far back goes what a profile has cost.
_HISTORY: Final = timedelta(days=30)
#: More clients than there are.
_EVERYBODY: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Preview:
    """What a kickoff of one client would do now.

    `skip`: why nothing would be started; else `batches`, the leads of each batch planned at once, which are
    `actor_runs` of the actor. As long as the target is not met more follow, `most_batches` in all, which are
    `most_actor_runs`, each with a cap of its own. `at_most_micros` is what all of them may cost before the
    client's day is over, `about_micros` what the first ones cost if profiles cost what they did in
    the last 30 days (None: nobody knows), both in millionths of a USD. `paused` says what keeps them from
    starting, `remark` what is doubtful. `unread`: who is due is not known, and `batches` are none.
    """

    client_id: str
    client_name: str
    actor_id: str
    skip: Skip | None = None
    posts_wanted: int | None = None
    batches: tuple[tuple[DueLead, ...], ...] = ()
    actor_runs: int = 0
    most_batches: int = 0
    most_actor_runs: int = 0
    at_most_micros: int = 0
    about_micros: int | None = None
    paused: str | None = None
    remark: str | None = None
    unread: bool = False

    @property
    def leads(self) -> list[DueLead]:
        """All leads of the first batches, in their order."""
        return [lead for batch in self.batches for lead in batch]


class Previews:
    """Looks ahead, for one client or for all."""

    def __init__(
        self,
        ledger: Ledger,
        limits: Limits,
        clock: Callable[[], datetime],
        *,
        read_clients: ReadClients | None = None,
        read_leads: ReadLeads | None = None,
    ) -> None:
        """Build it. Both readers go with Airtable."""
        self._ledger = ledger
        self._limits = limits
        self._clock = clock
        self._read_clients = read_clients
        self._read_leads = read_leads

    def __call__(self, order: Order) -> Preview:
        """Look ahead at one order. Raises what a kickoff raises for it, but for its key."""
        order = checked(order)
        unread = self._read()
        basis = self._basis(order, unread)
        remark = None if unread is None else f"Clients could not be read now: {unread.problem}"
        if basis.skip is not None or not self._is_read_for(basis):
            return self._as_known(basis, remark)
        return self._as_read(basis, remark)

    def first_due(self, client_id: str, count: int) -> Preview:
        """Look for the first leads that are due, whether or not the client's target is met.

        Raises what a kickoff raises.
        """
        order = checked(Order(client_id))
        unread = self._read()
        basis = replace(self._basis(order, unread, chosen=True), profiles=count, batches=0)
        read = basis.skip is None and self._is_read_for(basis)
        return self._as_read(basis, None) if read else self._as_known(basis, None)

    def every(
        self, *, stream: int | None = None, client_id: str | None = None, limit: int | None = None
    ) -> Iterator[Preview]:
        """Look ahead at all clients that a job run would be for, by ID.

        Of leads in Airtable none is read for it, which takes a call for each client: who is due there is not
        known, but what they may cost. Raises `UnknownClient` and `ClientsNotRead`.
        """
        unread = self._read()
        job = JobRun(
            run_id="",
            source="",
            status=ClientRunStatus.RUNNING,
            started_at=self._clock(),
            finished_at=None,
            plan=JobPlan.PROCESS,
            stream=stream,
            only_client=client_id,
            most_clients=limit,
        )
        with self._ledger.read() as tx:
            if client_id is not None and clients.get(tx, client_id) is None:
                raise UnknownClient(f"there is no client {client_id}")
            found = job_clients.undecided(tx, job, status=ACTIVE, limit=_EVERYBODY)
        for one in found:
            basis = self._basis(Order(one), unread, guarded=True)
            is_read = basis.skip is None and self._is_read_for(basis)
            yield self._not_read(basis) if is_read else self._as_known(basis, None)

    def _read(self) -> Unread | None:
        return self._read_clients() if self._read_clients is not None else None

    def _is_read_for(self, basis: Basis) -> bool:
        of_airtable = basis.client.origin == AIRTABLE and basis.order.target_urls is None
        return self._read_leads is not None and of_airtable and basis.client.airtable_error is None

    def _basis(
        self, order: Order, unread: Unread | None, *, chosen: bool = False, guarded: bool = False
    ) -> Basis:
        chosen = chosen or order.target_urls is not None
        with self._ledger.read() as tx:
            client = clients.get(tx, order.client_id)
            if client is None and unread is not None:
                raise ClientsNotRead(f"there is no client {order.client_id} as far as is known")
            if client is None:
                raise UnknownClient(f"there is no client {order.client_id}")
            if unread is not None and unread.too_old and client.origin == AIRTABLE:
                raise ClientsNotRead(
                    f"what is known of {client.client_id} is too old to go by: {unread.problem}"
                )
            return self._of(tx, order, client, chosen=chosen, guarded=guarded)

    def _of(self, tx: Tx, order: Order, client: Client, *, chosen: bool, guarded: bool) -> Basis:
        now = self._clock()
        need = need_of(tx, client, self._limits, now)
        batches = order.max_batches if order.max_batches is not None else max(0, need.batches)
        actor_id = lots.actor_id_of(client, self._limits.actor_id)
        return Basis(
            order=order,
            client=client,
            actor_id=actor_id,
            skip=self._skip(tx, client, need, now, chosen=chosen, guarded=guarded),
            posts=need.posts,
            profiles=max(0, profiles_for(client, self._limits, posts=need.posts, batches=batches)),
            batches=batches,
            paused=pauses.why_waiting(tx, client.client_id, actor_id),
        )

    def _skip(
        self, tx: Tx, client: Client, need: Need, now: datetime, *, chosen: bool, guarded: bool
    ) -> Skip | None:
        skip = why_not(tx, client, self._limits, now, chosen=chosen, guarded=guarded, need=need)
        live = client_runs.live_of(tx, client.client_id)
        if live is not None and (skip is None or skip.code in PASSING):
            return Skip("run_in_progress", f"client run {live.client_run_id} is still running")
        if skip is None and client.airtable_error is not None:
            return Skip("client_closed", f"the client is closed: {client.airtable_error}")
        return skip or hour_full(tx, client.client_id, self._limits, now)

    def _as_known(self, basis: Basis, remark: str | None) -> Preview:
        if basis.skip is not None:
            return self._nothing(basis, remark)
        now = self._clock()
        with self._ledger.read() as tx:
            if basis.order.target_urls is not None:
                found = preview_leads.chosen(tx, basis.client.client_id, basis.order.target_urls)
            else:
                found = preview_leads.of_ledger(
                    tx,
                    basis.client,
                    self._limits,
                    most=basis.looked_for if basis.profiles else 0,
                    full_id=_full_id(basis.order),
                    now=now,
                )
            return self._planned(tx, basis, found, remark, now)

    def _as_read(self, basis: Basis, remark: str | None) -> Preview:
        assert self._read_leads is not None
        now = self._clock()
        try:
            found = preview_leads.of_airtable(
                self._ledger,
                self._read_leads,
                basis.client,
                self._limits,
                most=basis.looked_for if basis.profiles else 0,
                full_id=_full_id(basis.order),
                now=now,
            )
        except HarvesterError as error:
            if error.permanent:
                return self._nothing(
                    basis, remark, Skip("leads_not_read", f"its leads cannot be read: {error}")
                )
            told = f"as the ledger knows its leads; Airtable cannot be asked: {error}"
            return self._bounded(self._as_known(basis, told), basis, now)
        with self._ledger.read() as tx:
            return self._planned(tx, basis, found, remark, now)

    def _not_read(self, basis: Basis) -> Preview:
        told = "its leads are read from Airtable at its kickoff"
        known = replace(self._nothing(basis, told), posts_wanted=basis.posts, unread=True)
        return self._bounded(known, basis, self._clock())

    def _bounded(self, found: Preview, basis: Basis, now: datetime) -> Preview:
        """Bound by target and guardrail alone what a client may cost whose leads are not known."""
        most = basis.batches if basis.profiles else 0
        with self._ledger.read() as tx:
            about = self._about(tx, basis.client.client_id, basis.profiles, now)
            runs = basis.runs_behind(most)
            at_most = self._at_most(tx, basis.client, runs, now)
        least = None if about is None else min(about, at_most)
        return replace(
            found, most_batches=most, most_actor_runs=runs, at_most_micros=at_most, about_micros=least
        )

    def _nothing(self, basis: Basis, remark: str | None, skip: Skip | None = None) -> Preview:
        client, skip = basis.client, skip or basis.skip
        return Preview(
            client.client_id, client.name, basis.actor_id, skip, paused=basis.paused, remark=remark
        )

    def _planned(
        self, tx: Tx, basis: Basis, found: Sequence[DueLead], remark: str | None, now: datetime
    ) -> Preview:
        explicit = basis.order.target_urls is not None
        first = found if explicit else found[: basis.profiles]
        room = None if explicit else basis.batches or None
        parts = tuple(tuple(part) for part in parted(first, basis.client.batch_size, most=room))
        follow = 0 if explicit else len(found) - len(first)
        most = len(parts) if explicit else min(basis.batches, len(parts) + follow)
        runs = sum(lots.runs_for(len(part), basis.actor_id) for part in parts)
        most_runs = runs + basis.runs_behind(most - len(parts))
        at_most = self._at_most(tx, basis.client, most_runs, now) if parts else 0
        about = self._about(tx, basis.client.client_id, len(first), now)
        return Preview(
            client_id=basis.client.client_id,
            client_name=basis.client.name,
            actor_id=basis.actor_id,
            posts_wanted=None if explicit else basis.posts,
            batches=parts,
            actor_runs=runs,
            most_batches=most,
            most_actor_runs=most_runs,
            at_most_micros=at_most,
            about_micros=None if about is None else min(about, at_most),
            paused=basis.paused,
            remark=USED_UP if basis.batches < 1 and not (explicit or parts) else remark,
        )

    def _at_most(self, tx: Tx, client: Client, runs: int, now: datetime) -> int:
        """Say what so many actor runs may cost: each has its cap, and all of them the budgets."""
        return min(runs * self._limits.budgets.run_micros, self._left(tx, client, now))

    def _left(self, tx: Tx, client: Client, now: datetime) -> int:
        """Say what the budgets leave at the most, if nothing that is under way costs anything."""
        standing = budgets.both(tx, client, self._limits.budgets, now)
        return max(0, min(budget.limit - budget.money.paid for budget in standing))

    def _about(self, tx: Tx, client_id: str, profiles: int, now: datetime) -> int | None:
        since = now - _HISTORY
        rate = cost_history.micros_per_profile(tx, since=since, client_id=client_id)
        if rate is None:
            rate = cost_history.micros_per_profile(tx, since=since)
        return None if rate is None else round(rate * profiles)


def _full_id(order: Order) -> str | None:
    return None if order.run_id is None else client_run_id(order.run_id, order.client_id)
