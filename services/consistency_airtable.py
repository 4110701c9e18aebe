"""Airtable compared with the ledger: every table that we write to, base by base."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final, Protocol

from harvester.airtable_errors import AirtableError, Blocked, Capped
from harvester.airtable_schema import Schema
from harvester.ledger import Ledger, clients, outbox_checks
from harvester.ledger.mirroring import Kind
from services.consistency_findings import Code, Finding, Remedy
from services.consistency_tables import Comparison, Target, Told
from services.mirror_records import TABLES
from services.record_marks import Gateway

_IN_MASTER: Final = (Kind.CLIENT_RUN, Kind.JOB_RUN, Kind.ACTOR_RUN)
_HARVEST_STATUS: Final = "Posts Harvest Status"
_IN_CLIENTS: Final = (Kind.LEAD, Kind.POST)
#: A list that breaks off is read anew so often: what was read of it may be read twice and counts once.
_ATTEMPTS: Final = 3
#: Records that are asked for by their IDs in one request.
_ASKED_AT_ONCE: Final = 100


class Schemas(Protocol):
    """Knows what bases look like."""

    def of(self, base: str) -> Schema:
        """Give a base's schema. Raises `AirtableError`."""


class MirrorCheck:
    """Reads what Airtable shows, by as few requests as it can; changes nothing.

    Of posts only the keys are compared, and of leads only those shown as being harvested, unless the check is
    `deep`. A list that breaks off is read anew after `lockout`; `pause` waits so many seconds, unless it is
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

    def __call__(self, *, client_id: str | None, deep: bool, told: Told) -> list[Finding]:
        """Give what is wrong; that a base cannot be read is a finding too. Raises `LedgerUnavailable`."""
        found: list[Finding] = []
        unshown = self._unshown(found)
        for base, owner in self._bases(client_id):
            kinds = _IN_CLIENTS if owner else _IN_MASTER
            try:
                schema = self._schemas.of(base)
                for kind in kinds:
                    target = _target(schema, base, kind, owner)
                    if target and self._is_wanted(target):
                        found += self._compared(target, unshown, deep=deep, told=told)
            except AirtableError as error:
                if self._pause(0):
                    raise
                found.append(Finding(Code.UNREADABLE, str(error), Remedy.PERSON, client_id=owner, base=base))
        return [one for one in found if client_id in (None, one.client_id) or one.code is Code.UNREADABLE]

    def _unshown(self, found: list[Finding]) -> dict[tuple[str, Kind], set[str]]:
        """Find what Airtable was never told of, such as what is older than its being switched on."""
        keys: dict[tuple[str, Kind], set[str]] = {}
        with self._ledger.read(patient=True) as tx:
            rows = [(kind, row) for kind in Kind for row in outbox_checks.unshown(tx, kind, self._master)]
        for kind, row in rows:
            keys.setdefault((row.base, kind), set()).add(row.key)
            found.append(
                Finding(
                    Code.UNSHOWN,
                    "Airtable was never told of it",
                    Remedy.SEND,
                    row.key,
                    row.client_id,
                    row.base,
                    TABLES[kind].name,
                    owe=row.owe,
                )
            )
        return keys

    def _bases(self, client_id: str | None) -> list[tuple[str, str | None]]:
        """Give the master base, and the bases of clients that are open, with whose they are."""
        with self._ledger.read() as tx:
            every = clients.every(tx).values()
        of_clients: list[tuple[str, str | None]] = [
            (one.airtable_base, one.client_id)
            for one in every
            if one.airtable_base and one.airtable_error is None and client_id in (None, one.client_id)
        ]
        return [(self._master, None), *of_clients]

    def _is_wanted(self, target: Target) -> bool:
        """A table of leads of which none is known to us has nothing to be compared with."""
        if target.kind is not Kind.LEAD:
            return True
        with self._ledger.read() as tx:
            return outbox_checks.is_known(tx, target.base, target.kind)

    def _compared(
        self, target: Target, unshown: dict[tuple[str, Kind], set[str]], *, deep: bool, told: Told
    ) -> list[Finding]:
        whole = deep or target.kind is not Kind.POST
        all_read = deep or target.kind is not Kind.LEAD
        for attempt in range(_ATTEMPTS):
            comparison = Comparison(self._ledger, target, began=self._clock(), whole=whole)
            try:
                found = list(self._read(target, comparison, all_read=all_read, told=told))
            except AirtableError as error:
                if attempt == _ATTEMPTS - 1 or not self._will_pass(error):
                    raise
                if self._pause(self._lockout.total_seconds()):
                    raise
            else:
                rest = comparison.rest(unshown.get((target.base, target.kind), set()), all_read=all_read)
                return self._really_gone(target, [*found, *rest])
        raise AssertionError("the last attempt returns or raises")

    def _will_pass(self, error: AirtableError) -> bool:
        """Say whether it is worth while to wait: for what ends by itself, and soon."""
        if isinstance(error, Blocked):
            return error.until - self._clock() <= 2 * self._lockout
        return not error.permanent and not isinstance(error, Capped)

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
