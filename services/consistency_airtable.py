"""Airtable compared with the ledger: every table that we write to, base by base."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from harvester.airtable_errors import AirtableError
from harvester.airtable_schema import Schema
from harvester.ledger import Ledger, Tx, clients, outbox_checks
from harvester.ledger.mirroring import Kind
from harvester.models import Client
from services import consistency_outbox
from services.consistency_findings import Code, Finding, Remedy
from services.consistency_outbox import Unshown
from services.consistency_reach import Reach
from services.consistency_scope import Scope
from services.consistency_tables import Comparison, Target, Told
from services.mirror_records import TABLES
from services.record_marks import Gateway

_IN_MASTER: Final = (Kind.CLIENT_RUN, Kind.JOB_RUN, Kind.ACTOR_RUN)
_HARVEST_STATUS: Final = "Posts Harvest Status"
_IN_CLIENTS: Final = (Kind.LEAD, Kind.POST)
#: Records that are asked for by their IDs in one request.
_ASKED_AT_ONCE: Final = 100
_NOT_LOOKED_AT: Final = "not looked at: Airtable cannot be reached"


class Schemas(Protocol):
    """Knows what bases look like."""

    def of(self, base: str) -> Schema:
        """Give a base's schema. Raises `AirtableError`."""


class MirrorCheck:
    """Reads what Airtable shows, by as few requests as it can; changes nothing.

    Of posts only the keys are compared, and of leads only those shown as being harvested, unless the check is
    deep. A list that breaks off is read anew after `lockout`; `pause` waits so many seconds, unless it is
    told to stop, and then says so: the check ends with the error at hand.
    """

    def __init__(
        self,
        ledger: Ledger,
        gateway: Gateway,
        schemas: Schemas,
        clock: Callable[[], datetime],
        *,
        master_base: str,
        lockout: timedelta,
        pause: Callable[[float], object],
    ) -> None:
        self._ledger = ledger
        self._gateway = gateway
        self._schemas = schemas
        self._clock = clock
        self._master = master_base
        self._lockout = lockout
        self._pause = pause

    def __call__(self, scope: Scope, told: Told) -> list[Finding]:
        """Give what is wrong; that a base cannot be read is a finding too. Raises `LedgerUnavailable`."""
        with self._ledger.read(patient=True) as tx:
            owners = _open_clients(tx)
            found, unshown = consistency_outbox.look(tx, self._master, {self._master, *owners})
        reach = Reach(self._clock, self._pause, self._lockout)
        wanted = {base: one.client_id for base, one in owners.items() if scope.wants(one)}
        for base, owner in [(self._master, None), *wanted.items()]:
            kinds = [kind for kind in (_IN_CLIENTS if owner else _IN_MASTER) if scope.reads(base, kind)]
            kinds = [kind for kind in kinds if self._is_wanted(base, kind)]
            if reach.lost and kinds:
                found.append(_unreadable(base, owner, _NOT_LOOKED_AT))
                continue
            try:
                for target in self._targets(base, owner, kinds, reach):
                    found += self._compared(target, unshown, reach, scope, told)
            except AirtableError as error:
                if self._pause(0):
                    raise
                reach.failed(error, vital=base == self._master)
                found.append(_unreadable(base, owner, str(error)))
        return [one for one in found if scope.is_about(one.client_id) or one.code is Code.UNREADABLE]

    def _targets(self, base: str, owner: str | None, kinds: Sequence[Kind], reach: Reach) -> list[Target]:
        """Give a base's tables that can be compared. Nothing is asked for the sake of none."""
        if not kinds:
            return []
        schema = reach(partial(self._schemas.of, base))
        found = (_target(schema, base, kind, owner) for kind in kinds)
        return [target for target in found if target is not None]

    def _is_wanted(self, base: str, kind: Kind) -> bool:
        """A table of leads of which none is known to us has nothing to be compared with."""
        if kind is not Kind.LEAD:
            return True
        with self._ledger.read() as tx:
            return outbox_checks.is_known(tx, base, kind)

    def _compared(
        self, target: Target, unshown: Unshown, reach: Reach, scope: Scope, told: Told
    ) -> list[Finding]:
        all_read = scope.deep or target.kind is not Kind.LEAD
        found = reach(partial(self._once, target, unshown, scope, all_read, told))
        reach.answered()
        return reach(partial(self._really_gone, target, found))

    def _once(
        self, target: Target, unshown: Unshown, scope: Scope, all_read: bool, told: Told
    ) -> list[Finding]:
        with self._ledger.read() as tx:
            deleted = outbox_checks.deleted(tx, target.base, target.kind)
        whole = scope.deep or target.kind is not Kind.POST
        comparison = Comparison(self._ledger, target, began=self._clock(), whole=whole, deleted=deleted)
        found = list(self._read(target, comparison, all_read=all_read, told=told))
        known = unshown.get((target.base, target.kind), set())
        return [*found, *comparison.rest(known, all_read=all_read)]

    def _really_gone(self, target: Target, found: list[Finding]) -> list[Finding]:
        """Leave out what is there after all: a record that changes while a list is read may slip through."""
        from harvester.airtable_formulas import records_are  # imports pyairtable, which takes long

        ids = [one.record_id for one in found if one.code is Code.MISSING and one.record_id]
        there: set[str] = set()
        for start in range(0, len(ids), _ASKED_AT_ONCE):
            formula = records_are(ids[start : start + _ASKED_AT_ONCE])
            for page in self._gateway.pages(
                target.base, target.table, fields=[_key(target)], formula=formula
            ):
                there.update(record.id for record in page)
        return [one for one in found if one.code is not Code.MISSING or one.record_id not in there]

    def _read(
        self, target: Target, comparison: Comparison, *, all_read: bool, told: Told
    ) -> Iterator[Finding]:
        count = 0
        formula = None if all_read else _at_work(target)
        for page in self._gateway.pages(
            target.base, target.table, fields=comparison.columns(), formula=formula
        ):
            yield from comparison.page(page)
            count += len(page)
            told(f"{target.table.name} of {target.client_id or 'the agency'}", count)


def _open_clients(tx: Tx) -> dict[str, Client]:
    """Give the clients whose bases may be asked, by these, in the order of their IDs."""
    every = sorted(clients.every(tx).values(), key=lambda one: one.client_id)
    return {one.airtable_base: one for one in every if one.airtable_base and one.airtable_error is None}


def _unreadable(base: str, owner: str | None, told: str) -> Finding:
    return Finding(Code.UNREADABLE, told, Remedy.PERSON, client_id=owner, base=base)


def _target(schema: Schema, base: str, kind: Kind, owner: str | None) -> Target | None:
    """Give a table to compare; None if the base has none that can be: `harvester airtable check` says so."""
    spec = TABLES[kind]
    table = schema.table(spec.name)
    if table is None or table.field(spec.merge or _HARVEST_STATUS) is None:
        return None
    return Target(base, kind, owner, table, spec)


def _key(target: Target) -> str:
    return target.spec.merge or _HARVEST_STATUS


def _at_work(target: Target) -> str:
    from harvester.airtable_formulas import key_is  # imports pyairtable, which takes long

    field = target.table.field(_HARVEST_STATUS)
    assert field is not None, "a table of leads without it is not compared"
    return key_is(field, "Processing")
