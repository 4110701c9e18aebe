"""Backfill: what was paid for already, read again or for the first time, on purpose.

It starts nothing at Apify, makes no client run record and ends none. What it would do is shown before it is
done; what it has stored stays, and it goes on from there.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from harvester import run_ids
from harvester.apify import Apify
from harvester.apify_answers import ApifyRun, required_id
from harvester.apify_errors import BadAnswer, Gone
from harvester.errors import HarvesterError, InvalidInput
from harvester.ledger import Ledger, Tx, activity, actor_runs, backfills, clients, locks
from harvester.models import ActorRun, ActorRunState
from harvester.normalise import actor_of
from harvester.normalise.values import iso_time
from services import run_records
from services.attribution import Attribution
from services.backfill_difference import Difference
from services.backfill_sources import DatasetSource, Portion, Source, StoredSource
from services.ingest import MOST_ITEMS
from services.kickoff import UnknownClient
from services.storing import store_page

if TYPE_CHECKING:
    from services import Services

#: How long a backfill counts as at work after the last portion that it has stored.
_LEASE: Final = timedelta(minutes=2)
_OVER: Final = (ActorRunState.INGESTED, ActorRunState.FAILED)
_UNKNOWN_ACTOR: Final = "Apify does not tell which actor it is of: name it with --actor"
_STORED_ALONE: Final = "what the ledger has stored of it can be read again with --since"

#: Is told how far a backfill is: its cursor, and its end if that is known.
Progress = Callable[[int, int | None], None]


class CannotBackfill(HarvesterError):
    """It was asked for rightly, and will not be done for a reason of ours; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a backfill came to. `began_at`: where it went on from what was stored before, else 0."""

    source: Source
    difference: Difference
    began_at: int = 0


@dataclass(frozen=True, slots=True)
class Backfills:
    """Finds sources, shows what they would change, and takes them in."""

    ledger: Ledger
    apify: Apify
    clock: Callable[[], datetime]

    def of_actor_run(self, apify_run_id: str, *, client_id: str | None, actor_id: str | None) -> Source:
        """Give the dataset of an actor run: with its own leads if it is ours, else on behalf of a client.

        Raises `CannotBackfill`, `InvalidInput`, `UnknownClient`, and what Apify's gateway raises.
        """
        _check_id(apify_run_id)
        with self.ledger.read() as tx:
            run = actor_runs.by_apify_run_id(tx, apify_run_id)
        if run is None:
            if client_id is None:
                raise InvalidInput(
                    f"{apify_run_id[:60]} is no actor run of ours: say for whom, with --client"
                )
            told = self._require_ended(apify_run_id)
            actor = actor_id or self._actor_name(told.actor_id)
            return self._foreign(told.dataset_id, client_id, actor, told.finished_at or self.clock())
        if client_id not in (None, run.client_id):
            raise InvalidInput(f"{apify_run_id} is an actor run of {run.client_id}, not of {client_id}")
        if actor_id is not None and actor_of(actor_id).actor_id != run.actor_id:
            raise InvalidInput(f"{apify_run_id} is an actor run of {run.actor_id}, not of {actor_id}")
        return self._ours(run)

    def _require_ended(self, apify_run_id: str) -> ApifyRun:
        told = self.apify.run(apify_run_id)
        if not told.ended:
            raise CannotBackfill(f"actor run {apify_run_id} is still {told.status}")
        return told

    def _ours(self, run: ActorRun) -> Source:
        named = f"batch {run.batch} of {run.client_run_id}"
        if run.parked_at is not None:
            raise CannotBackfill(f"{named} waits for a person: harvester dead-letters list")
        if run.state not in _OVER:
            raise CannotBackfill(f"{named} is {run.state}: it is read by itself")
        if run.dataset_id is None:
            raise CannotBackfill(f"{named} has no dataset")
        actor_of(run.actor_id)
        with self.ledger.read() as tx:
            attribution = Attribution(actor_runs.targets(tx, run.id))
            at = backfills.seen_at(tx, run)
        try:
            return self._source(run, attribution, at)
        except Gone as error:
            raise Gone(f"{error}; {_STORED_ALONE}") from error

    def of_dataset(self, dataset_id: str, *, client_id: str, actor_id: str | None) -> Source:
        """Give a dataset on behalf of a client; if an actor run of ours has filled it, that one's.

        Raises what `of_actor_run` raises.
        """
        _check_id(dataset_id)
        told = self.apify.dataset(dataset_id)
        run_id = told.get("actRunId")
        if isinstance(run_id, str):
            with self.ledger.read() as tx:
                run = actor_runs.by_apify_run_id(tx, run_id)
            if run is not None and run.dataset_id == dataset_id:
                return self.of_actor_run(run_id, client_id=client_id, actor_id=actor_id)
            with suppress(Gone):  # a dataset with a name is kept for longer than its actor run
                self._require_ended(run_id)
        actor = actor_id or self._actor_name(told.get("actId"))
        return self._foreign(dataset_id, client_id, actor, _moment(told) or self.clock())

    def _actor_name(self, apify_actor_id: object) -> str:
        if not isinstance(apify_actor_id, str):
            raise InvalidInput(_UNKNOWN_ACTOR)
        try:
            told = self.apify.actor(apify_actor_id)
        except Gone as error:
            raise InvalidInput(_UNKNOWN_ACTOR) from error
        user, name = told.get("username"), told.get("name")
        if not isinstance(user, str) or not isinstance(name, str):
            raise InvalidInput(_UNKNOWN_ACTOR)
        return f"{user}/{name}"

    def _foreign(self, dataset_id: str, client_id: str, actor_id: str, at: datetime) -> Source:
        run_ids.require_client_id(client_id)
        actor = actor_of(actor_id).actor_id
        at = min(at, self.clock())  # what was seen in the future could never be told otherwise
        with self.ledger.read() as tx:
            if clients.get(tx, client_id) is None:
                raise UnknownClient(f"there is no client {client_id}")
            targets = backfills.every_lead(tx, client_id)
            run = backfills.foreign_run(tx, client_id, dataset_id, actor, at)
        return self._source(run, Attribution(targets, alone=False), at)

    def _source(self, run: ActorRun, attribution: Attribution, at: datetime) -> DatasetSource:
        assert run.dataset_id is not None, "who asks for a source has looked"
        told = self.apify.dataset(run.dataset_id).get("itemCount")
        total = told if isinstance(told, int) else None
        return DatasetSource(self.ledger, self.apify, run, attribution, at, MOST_ITEMS, total)

    def of_stored(self, since: datetime, *, client_id: str | None) -> Source:
        """Give the raw items that the ledger has, of actor runs made since then. Raises `InvalidInput`,
        `UnknownClient`.
        """
        if since > self.clock():
            raise InvalidInput(f"{since:%Y-%m-%d %H:%M} UTC is yet to come")
        with self.ledger.read() as tx:
            if client_id is not None and clients.get(tx, client_id) is None:
                raise UnknownClient(f"there is no client {client_id}")
            runs = backfills.runs_since(tx, since, client_id=client_id, after=0)
        return StoredSource(self.ledger, since, client_id, total=runs[-1].id if runs else 0)

    def difference(self, source: Source, progress: Progress) -> Done:
        """Say what a source would change. Writes nothing."""
        found = Difference()
        for portion in source.portions(0):
            with self.ledger.read() as tx:
                found.take(tx, portion)
            progress(portion.cursor, source.total)
        return Done(source, found)

    def apply(self, source: Source, progress: Progress, *, by: str) -> Done:
        """Take a source in, from where an earlier one of its kind stopped, and say what that changed.

        It may be ended between two portions; what is stored stays. Raises `CannotBackfill` while another one
        of the same source is at work.
        """
        owner, name = secrets.token_hex(8), f"backfill {source.key}"
        begun = self._begun(source, name, owner, by)
        found, touched = Difference(), dict[int, ActorRun]()
        try:
            for portion in source.portions(begun.cursor):
                self._store(begun.id, portion, found, name, owner)
                if portion.is_last:
                    touched.pop(portion.run.id, None)
                else:
                    touched[portion.run.id] = portion.run
                progress(portion.cursor, source.total)
            self._finish(begun, found, by)
        finally:
            with self.ledger.write() as tx:
                for run in touched.values():  # of what was stored before it was ended
                    self._recount(tx, run)
                locks.give_back(tx, name, owner=owner)
        return Done(source, found, begun.cursor)

    def _begun(self, source: Source, name: str, owner: str, by: str) -> backfills.Backfill:
        now = self.clock()
        with self.ledger.write() as tx:
            if not locks.take(tx, name, now=now, until=now + _LEASE, owner=owner, longest=_LEASE):
                raise CannotBackfill(_at_work(tx, source, name))
            row = source.saved(tx)
            begun = backfills.begin(
                tx,
                source.key,
                source=source.kind,
                client_id=source.client_id,
                actor_run_id=row,
                by=by,
                now=now,
            )
            _note(tx, source.client_id, by, f"began at {begun.cursor}: {source.key}", now)
        return begun

    def _store(self, row_id: int, portion: Portion, found: Difference, name: str, owner: str) -> None:
        now = self.clock()
        before = (found.posts_new, found.posts_changed, found.refused.total())
        with self.ledger.write() as tx:
            if not locks.renew(tx, name, until=now + _LEASE, owner=owner):
                raise CannotBackfill("another backfill of the same source has taken over meanwhile")
            found.take(tx, portion)
            store_page(tx, portion.run, portion.read, now=portion.at)
            if portion.understood:
                backfills.drop_rejects(tx, portion.run, portion.understood)
            after = (found.posts_new, found.posts_changed, found.refused.total())
            new, changed, rejected = (later - earlier for later, earlier in zip(after, before, strict=True))
            backfills.advance(tx, row_id, cursor=portion.cursor, new=new, changed=changed, rejected=rejected)
            if portion.is_last:
                self._recount(tx, portion.run)

    def _recount(self, tx: Tx, run: ActorRun) -> None:
        """Bring the sums of its client run up to date; how that ended stays."""
        if run_ids.is_client_run_id(run.client_run_id):
            run_records.update(tx, run.client_run_id, run.client_id, source="backfill", now=self.clock())

    def _finish(self, begun: backfills.Backfill, found: Difference, by: str) -> None:
        told = f"{found.posts_new} posts new, {found.posts_changed} changed, {found.understood} rejects less"
        now = self.clock()
        with self.ledger.write() as tx:
            backfills.finish(tx, begun.id, now=now)
            _note(tx, begun.client_id, by, f"finished: {begun.key}: {told}", now)


def _check_id(given: str) -> None:
    """Refuse what cannot be an ID of Apify's. Raises `InvalidInput`."""
    try:
        required_id(given)
    except BadAnswer as error:
        raise InvalidInput(str(error)) from error


def _at_work(tx: Tx, source: Source, name: str) -> str:
    """Say who is at work on a source, and until when it is believed to be."""
    begun, lock = backfills.opened(tx, source.key), locks.get(tx, name)
    who = f", by {begun.by} since {begun.started_at:%Y-%m-%d %H:%M} UTC" if begun else ""
    until = (
        f"; should its process be dead, it can be gone on with from {lock.until:%H:%M:%S} UTC on"
        if lock
        else ""
    )
    return f"a backfill of {source.words} is at work{who}{until}"


def of(services: Services) -> Backfills:
    """Build it of services that are ready."""
    return Backfills(services.ledger, services.apify, services.clock)


def _moment(told: dict[str, Any]) -> datetime | None:
    """Give when a dataset was last written to, as Apify tells it."""
    return iso_time(told.get("modifiedAt")) or iso_time(told.get("createdAt"))


def _note(tx: Tx, client_id: str | None, by: str, detail: str, now: datetime) -> None:
    ids = {"client_run_id": None, "client_id": client_id}
    activity.record(tx, "backfill", source=by, **ids, ok=True, detail=detail[:500], now=now)
