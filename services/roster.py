"""The roster: Airtable's table Clients, read into the ledger's clients when they are needed and not fresh."""

from __future__ import annotations

import hashlib
import math
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from harvester import log
from harvester.airtable_errors import AirtableError, Unavailable
from harvester.airtable_schema import ALL_TABLES, Schema, Table, problems
from harvester.errors import HarvesterError, LedgerUnavailable, LostLease
from harvester.ledger import Ledger, Tx, clients, locks
from harvester.models import Client
from services.alerts import raise_alert
from services.client_rows import REMOVED, Reading, Row, read
from services.kickoff import ClientsNotRead
from services.no_access import in_words
from services.plan import AIRTABLE

CLIENTS: Final = "Clients"
_READ: Final = "clients read"
_BEING_READ: Final = "clients being read"
_NOT_READ: Final = "clients not read"
#: How long one process may take to read the table before another one tries.
_TURN: Final = timedelta(seconds=60)
#: After a read that failed, how long the ledger's copy is used without another try.
_NOT_AGAIN: Final = timedelta(seconds=5)
_LOOK_SECONDS: Final = 0.05
_GONE: Final = "its row is gone from Clients: put it back there, or let the client be"

_OTHERS_BASE: Final = "base {} is named in Clients, or is the master base: give it another with clients set"

_log = log.get_logger(__name__)


class Unfit(HarvesterError):
    """A base lacks what no harvest can do without. The message names it, and what to do."""


class Schemas(Protocol):
    """Knows what bases look like."""

    def of(self, base: str, *, fresh: bool = False) -> Schema:
        """Give a base's schema. Raises `AirtableError`."""


class Gateway(Protocol):
    """Reads tables."""

    def pages(self, base: str, table: Table, *, fields: Sequence[str]) -> Iterator[Sequence[Row]]:
        """Give a table's records by the page. Raises `AirtableError`."""


@dataclass(frozen=True, slots=True)
class Copy:
    """The ledger's copy of Clients: when it was read (None: never), and why it is not fresh (None: it is)."""

    read_at: datetime | None
    problem: str | None = None


class Roster:
    """Keeps the ledger's clients as Airtable has them. One process reads at a time."""

    def __init__(
        self,
        ledger: Ledger,
        gateway: Gateway,
        schemas: Schemas,
        clock: Callable[[], datetime],
        *,
        master_base: str,
        fresh: timedelta,
        wait_seconds: float = 3.0,
    ) -> None:
        """Build it. A copy younger than `fresh` is not read again; whoever finds another process reading it
        waits for `wait_seconds` at the most.
        """
        self._ledger = ledger
        self._gateway = gateway
        self._schemas = schemas
        self._clock = clock
        self._master_base = master_base
        self._fresh = fresh
        self._wait_seconds = wait_seconds

    def refresh(self, *, force: bool = False, within: float | None = None) -> Copy:
        """Read the table unless the copy is fresh, or that failed a moment ago; `force` reads it in any case.

        Whatever Airtable does, the ledger's copy stays usable. A reading for which somebody waits asks for no
        more once it has taken `within` seconds. Raises `LedgerUnavailable` alone.
        """
        owner = secrets.token_hex(8)
        until = time.monotonic() + self._wait_seconds
        while True:
            known = self._known()
            if not force and known is not None:
                return known
            if self._taken(owner):
                return self._read_again(owner, force=force, within=within)
            if time.monotonic() >= until:
                return Copy(self._read_at(), "another process is still reading it")
            time.sleep(_LOOK_SECONDS)

    def at_hand(self) -> Copy:
        """Refresh the copy, and give it. Raises `ClientsNotRead` if there is none, and cannot be now."""
        copy = self.refresh()
        if copy.read_at is None:
            raise ClientsNotRead(f"Airtable's Clients was never read, and cannot be now: {copy.problem}")
        return copy

    def _known(self) -> Copy | None:
        """Give the copy if it is fresh, or cannot be had fresher just now."""
        now = self._clock()
        with self._ledger.read() as tx:
            good, failed = locks.get(tx, _READ), locks.get(tx, _NOT_READ)
        read_at = None if good is None else good.until
        if read_at is not None and now - read_at < self._fresh:
            return Copy(read_at)
        return Copy(read_at, failed.reason) if failed is not None and failed.until > now else None

    def _read_at(self) -> datetime | None:
        with self._ledger.read() as tx:
            good = locks.get(tx, _READ)
        return None if good is None else good.until

    def _taken(self, owner: str) -> bool:
        now = self._clock()
        with self._ledger.read() as tx:
            if locks.held(tx, [_BEING_READ], now=now):
                return False
        with self._ledger.write() as tx:
            return locks.take(tx, _BEING_READ, now=now, until=now + _TURN, owner=owner)

    def _read_again(self, owner: str, *, force: bool, within: float | None) -> Copy:
        began = self._clock()
        try:
            known = self._known()  # another process may have read it since it was looked for
            if known is not None and not force:
                return known
            rows = self._rows(math.inf if within is None else time.monotonic() + within)
            with self._ledger.write() as tx:
                return self._kept(tx, rows, owner, began)
        except (AirtableError, Unfit, LostLease) as error:
            return self._failed(error)
        finally:
            with suppress(LedgerUnavailable), self._ledger.write() as tx:  # it runs out by itself
                locks.give_back(tx, _BEING_READ, owner=owner)

    def _rows(self, until: float) -> list[Row]:
        """Read the table; where the schema that we know of is not the base's any more, by its new one."""
        try:
            return self._rows_by(self._schemas.of(self._master_base), until)
        except (AirtableError, Unfit) as error:
            if not error.permanent:
                raise
        return self._rows_by(self._schemas.of(self._master_base, fresh=True), until)

    def _rows_by(self, schema: Schema, until: float) -> list[Row]:
        table = fit_table(schema, CLIENTS)
        rows: list[Row] = []
        for page in self._gateway.pages(schema.base, table, fields=wanted(table)):
            rows += page
            if time.monotonic() > until:
                raise Unavailable("it takes too long to read")
        return rows

    def _kept(self, tx: Tx, rows: Sequence[Row], owner: str, began: datetime) -> Copy:
        if not locks.renew(tx, _BEING_READ, until=self._clock() + _TURN, owner=owner):
            raise LostLease("reading Clients took so long that another process has begun to")
        known = clients.every(tx)
        taken = kept_elsewhere(known)
        found = read(rows, master_base=self._master_base, taken=taken, now=began)
        for client in _changed(known, found, self._master_base):
            clients.put(tx, client)
            tx.after_commit(partial(_tell, known.get(client.client_id), client))
        self._tell_of(tx, found)
        locks.extend(tx, _READ, until=began, times=len(rows), reason=_digest(found))
        locks.release(tx, _NOT_READ)
        return Copy(began)

    def _tell_of(self, tx: Tx, found: Reading) -> None:
        """Tell of what was not understood, once for each change of it."""
        before = locks.get(tx, _READ)
        if found.remarks and (before is None or before.reason != _digest(found)):
            for remark in found.remarks:
                tx.after_commit(partial(_log.warning, "Airtable: %s", remark))

    def _failed(self, error: HarvesterError) -> Copy:
        """Go on with the copy; what no waiting helps against, somebody is told."""
        read_at = self._read_at()
        problem = in_words(error, self._master_base, master=True)
        told = "is used as of " + f"{read_at:%Y-%m-%d %H:%M:%S} UTC" if read_at else "has never been read"
        _log.warning("Airtable's Clients cannot be read, and the ledger's copy %s: %s", told, problem)
        now = self._clock()
        with self._ledger.write() as tx:
            locks.extend(tx, _NOT_READ, until=now + _NOT_AGAIN, times=1, reason=problem)
            if error.permanent:
                raise_alert(tx, "airtable clients", f"Airtable's Clients cannot be read: {problem}", now=now)
        return Copy(read_at, problem)


def fit_table(schema: Schema, name: str) -> Table:
    """Give a table that has all that a harvest cannot do without. Raises `Unfit`.

    Choices are not among it where we only read: a client that cannot be `Active` is not.
    """
    spec = ALL_TABLES[name]
    wrong = [
        one
        for one in problems(schema, [spec])
        if one.required and (one.choice is None or spec.column(str(one.field)).written)
    ]
    table = schema.table(name)
    if wrong or table is None:
        told = "; ".join(f"{one.field}: {one.told}" if one.field else one.told for one in wrong)
        raise Unfit(f"base {schema.base}, table {name}: {told}")
    return table


def wanted(table: Table) -> list[str]:
    """Name the columns of Clients to read, as far as the table has them."""
    return [column.name for column in ALL_TABLES[CLIENTS].columns if column.name in table.fields]


def kept_elsewhere(known: Mapping[str, Client]) -> dict[str, str]:
    """Give the bases of the clients that are kept in the ledger alone, by client ID."""
    return {
        one.client_id: one.airtable_base
        for one in known.values()
        if one.origin != AIRTABLE and one.airtable_base is not None
    }


def _as_kept(client: Client, before: Client) -> Client:
    """Give a client with what the ledger alone knows of it."""
    return replace(
        client,
        created_at=before.created_at,
        daily_budget_micros=before.daily_budget_micros,
        schedule=before.schedule,
        actor_id=before.actor_id,
    )


def _changed(known: dict[str, Client], found: Reading, master_base: str) -> Iterator[Client]:
    """Give the clients that are not in the ledger as they were found, and those whose row is gone.

    One whose base is blank or malformed for now is closed, and keeps the base that it had: what is owed
    there waits.
    """
    for client_id, client in found.clients.items():
        before = known.get(client_id)
        if before is not None and client.airtable_error is not None and client.airtable_base is None:
            client = replace(client, airtable_base=before.airtable_base)
        if before is None or _as_kept(client, before) != before:
            yield client
    yield from _without_others_bases(known, found, master_base)
    for before in known.values():
        gone = replace(before, status=REMOVED, airtable_error=_GONE)
        if before.origin == AIRTABLE and before.client_id not in found.clients and gone != before:
            yield gone


def _without_others_bases(known: dict[str, Client], found: Reading, master_base: str) -> Iterator[Client]:
    """Give the ledger's own clients that are to be closed for a base of others, or opened again."""
    theirs = {client.airtable_base for client in found.clients.values()} | {master_base}
    for before in known.values():
        if before.origin != AIRTABLE and before.client_id not in found.clients:
            taken = before.airtable_base is not None and before.airtable_base in theirs
            error = _OTHERS_BASE.format(before.airtable_base) if taken else None
            if error != before.airtable_error:
                yield replace(before, airtable_error=error)


def _tell(before: Client | None, client: Client) -> None:
    was = before.airtable_error if before is not None else None
    if client.airtable_error is not None and client.airtable_error != was:
        _log.warning("Client %s is closed: %s", client.client_id, client.airtable_error)
    elif client.airtable_error is None and was is not None:
        _log.info("Client %s is open again", client.client_id)


def _digest(found: Reading) -> str:
    return hashlib.sha256("\n".join(sorted(found.remarks)).encode()).hexdigest()[:16]
