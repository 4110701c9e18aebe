"""The mirror: what Airtable is owed is paid, by one writer per base and table, at the pace of the base.

A turn lasts a few seconds; then whoever else waits for a thread has one. What a turn does not come to stays
due, and the next one goes on with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Final, Protocol

from harvester import log
from harvester.airtable_errors import (
    BadAnswer,
    Blocked,
    Capped,
    NotAllowed,
    OutcomeUnknown,
    TooFast,
    Unavailable,
    UnknownField,
)
from harvester.airtable_schema import Schema, Table
from harvester.errors import HarvesterError, LedgerUnavailable, LostLease
from harvester.ledger import Ledger, Tx, airtable_slots, clients, locks, outbox_sending
from harvester.ledger.group_commit import GroupCommit
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox import State
from harvester.ledger.outbox_sending import Owed
from services.alerts import raise_alert
from services.mirror_cells import AT_ONCE, Prepared, batches, key_problem, left_out, prepare
from services.mirror_content import Content
from services.mirror_duplicates import Duplicates
from services.mirror_lanes import Lanes
from services.mirror_records import TABLES, render
from services.mirror_sending import Gateway, Sending, creation_refused
from services.mirror_turn import Turn
from services.no_access import in_words

#: Requests on the way at once, with those that wait for their moment: an answer takes longer than a gap.
_SIDE_BY_SIDE: Final = 5
#: How long a turn lasts, and how long a table is left alone that takes nothing.
_TURN: Final = timedelta(seconds=3)
_SHUT: Final = timedelta(minutes=5)
#: How old a schema must be for a refusal to be its fault.
_LOOK_AGAIN: Final = timedelta(minutes=1)
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
#: What a turn ends with quietly: the base is blocked, and is come back to when it is not.
_LATER: Final = (Blocked, TooFast, Unavailable, OutcomeUnknown, BadAnswer, Capped)

_log = log.get_logger(__name__)


class _Closed(Exception):
    """This table cannot be written to until a person has done something."""


class SchemaOf(Protocol):
    """Gives the schema of a base; read now if it is to be `fresh`."""

    def __call__(self, base: str, *, fresh: bool = False) -> Schema: ...  # noqa: D102


class Mirror:
    """Sends what is due. Any number of processes may call it for any base and kind."""

    def __init__(
        self,
        ledger: Ledger,
        gateway: Gateway,
        schema_of: SchemaOf,
        duplicates: Duplicates,
        content: Content,
        clock: Callable[[], datetime],
        *,
        master: str,
        owner: str,
        fence: timedelta,
        stopping: threading.Event,
        waiting: Callable[[], object] = list,
    ) -> None:
        """Build it. `waiting` says whether other work of this process waits for a thread."""
        self._ledger = ledger
        self._gateway = gateway
        self._schema_of = schema_of
        self._duplicates = duplicates
        self._content = content
        self._clock = clock
        self._master = master
        self._owner = owner
        self._fence = fence
        self._stopping = stopping
        self._waiting = waiting
        self._together = GroupCommit(ledger)
        self._numbers = count()
        self._looked_at: dict[str, datetime] = {}

    def due(self) -> list[tuple[str, Kind]]:
        """Name each base and kind of which something is due, that can be asked now and nobody writes to."""
        now = self._clock()
        with self._ledger.read() as tx:
            if not outbox_sending.anything_due(tx, now=now):
                return []
            found = outbox_sending.due_targets(tx, self._master, now=now)
            busy = locks.held(tx, [_lock(base, kind) for base, kind in found], now=now)
            shut = {slot.base for slot in airtable_slots.blocked(tx, now=now)}
        if not found:  # all that is due is owed to bases that are nobody's any more
            with self._ledger.write() as tx:
                outbox_sending.retire_strangers(tx, self._master)
        return [(base, kind) for base, kind in found if base not in shut and _lock(base, kind) not in busy]

    def __call__(self, base: str, kind: Kind) -> None:
        """Take a turn at one table, if it is free."""
        owner = f"{self._owner}:{next(self._numbers)}"
        turn = Turn(self._ledger, _lock(base, kind), owner, self._fence, self._clock)
        try:
            if not turn.taken():
                return
            try:
                self._work(base, kind, turn)
            except HarvesterError:
                raise
            except Exception as error:  # a mistake of ours, which would come again at the next look
                _log.exception("Airtable could not be told")
                self._shut(base, kind, turn, f"{type(error).__name__}: {error}"[:300])
            finally:
                turn.give_back()
        except _LATER as error:
            _log.info("Airtable base %s waits: %s", base, error)
        except LostLease as error:
            _log.warning("%s", error)
        except LedgerUnavailable as error:
            _log.error("The ledger is not available, Airtable is told later: %s", error)

    def _work(self, base: str, kind: Kind, turn: Turn) -> None:
        until = self._clock() + _TURN
        more, fresh = True, False
        with Lanes(_SIDE_BY_SIDE, harmless=_LATER) as lanes:
            while more:
                if self._clock() >= until and not (self.due() or self._waiting()):
                    until = self._clock() + _TURN  # nobody else wants the thread
                more = self._clock() < until and not self._stopping.is_set()
                try:
                    if more:
                        more = self._round(base, kind, turn, lanes, fresh=fresh)
                        fresh = False
                    else:
                        lanes.wait()
                except UnknownField as error:
                    if fresh:
                        self._shut(base, kind, turn, str(error))
                        return
                    fresh = True  # it was renamed or removed
                except (_Closed, NotAllowed) as error:
                    self._shut(base, kind, turn, in_words(error, base, master=base == self._master))
                    return

    def _owed(self, tx: Tx, base: str, kind: Kind, lanes: Lanes) -> list[Owed]:
        """Give what is due and not on its way. What is less than a request waits for what is on its way."""
        on_way, most = lanes.rows, AT_ONCE * _SIDE_BY_SIDE
        page = outbox_sending.page(tx, base, kind, now=self._clock(), limit=most + len(on_way))
        owed = [row for row in page if row.id not in on_way][:most]
        return owed[: len(owed) - len(owed) % AT_ONCE] if on_way else owed

    def _round(self, base: str, kind: Kind, turn: Turn, lanes: Lanes, *, fresh: bool) -> bool:
        """Send some of what is due. False if nothing was."""
        with self._ledger.read() as tx:
            owed = self._owed(tx, base, kind, lanes)
            strangers, closed = self._left_out(tx, base, owed)
            values = render(tx, kind, owed)
        if not owed:
            waited = bool(lanes.rows)
            lanes.wait()
            return waited
        schema = self._looked_at_again(base, kind) if fresh else self._schema_of(base)
        table = schema.table(TABLES[kind].name)
        left = [row for row in owed if row.id not in strangers | closed and row.id in values]
        self._retired([row for row in owed if row.id in strangers or row.id not in values])
        self._put_off(closed)
        if kind is Kind.POST and table is None and self._content.kept_in(schema):
            self._content(schema, left, turn)
        elif table is None:
            self._missing_table(base, kind)
        else:
            wrong = key_problem(table, TABLES[kind])
            if wrong is not None:
                raise _Closed(f"{wrong} in base {base}: run harvester airtable check")
            self._send(
                table, kind, turn, lanes, [prepare(row, values[row.id], table, TABLES[kind]) for row in left]
            )
        return True

    def _looked_at_again(self, base: str, kind: Kind) -> Schema:
        """Read a schema that was found to have changed, and tell somebody what is left out from now on."""
        schema, name = self._schema_of(base, fresh=True), TABLES[kind].name
        self._looked_at[base] = self._clock()
        gone = left_out(schema.table(name), TABLES[kind])
        if gone:
            told = f"{name} of Airtable base {base} takes no {', '.join(gone)}: run harvester airtable check"
            with self._ledger.write() as tx:
                raise_alert(tx, f"airtable columns {base} {name}", told, now=self._clock())
        return schema

    def _is_doubtful(self, base: str) -> bool:
        """Say whether a base's schema was read long enough ago that it may be another one by now."""
        return self._clock() - self._looked_at.get(base, _LONG_AGO) >= _LOOK_AGAIN

    def _missing_table(self, base: str, kind: Kind) -> None:
        if self._schema_of(base, fresh=True).table(TABLES[kind].name) is None:
            raise _Closed(f"base {base} has no table {TABLES[kind].name}: run harvester airtable check")

    def _left_out(self, tx: Tx, base: str, owed: Sequence[Owed]) -> tuple[set[int], set[int]]:
        """Name rows of clients whose base this is not any more, and of those who may not be written for.

        Nothing of either may be written here: nor of a client that has the base of another, or the master's.
        """
        if not owed or owed[0].kind not in (Kind.LEAD, Kind.POST):
            return set(), set()
        at_home = {client.client_id: client for client in clients.of_base(tx, base)}
        open_ = [client_id for client_id, client in at_home.items() if client.airtable_error is None]
        alone = open_ if len(open_) == 1 and base != self._master else []
        strangers = {row.id for row in owed if row.client_id not in at_home}
        return strangers, {row.id for row in owed if row.client_id not in alone} - strangers

    def _put_off(self, row_ids: set[int]) -> None:
        if row_ids:
            until, told = self._clock() + _SHUT, "its client is closed for a fault of its base"
            with self._ledger.write() as tx:
                outbox_sending.put_off(tx, row_ids, until=until, error=told)

    def _retired(self, rows: Sequence[Owed]) -> None:
        told = "nothing of the ledger belongs here any more"
        if rows:
            with self._ledger.write() as tx:
                for row in rows:
                    outbox_sending.give_up(tx, row, State.RETIRED, error=told)

    def _send(self, table: Table, kind: Kind, turn: Turn, lanes: Lanes, rows: Sequence[Prepared]) -> None:
        if not rows:
            return
        self._write_down(table.name, turn, rows)
        sending = Sending(
            self._ledger,
            self._gateway,
            self._duplicates,
            turn,
            table,
            TABLES[kind],
            self._clock,
            fence=self._fence,
            doubtful=partial(self._is_doubtful, rows[0].row.base),
            together=self._together,
        )
        for batch in batches([row for row in rows if row.cells]):
            lanes.put([row.row.id for row in batch], partial(sending, batch))

    def _write_down(self, name: str, turn: Turn, rows: Sequence[Prepared]) -> None:
        """Note what is about to be sent. What comes of it may never be heard: what follows builds on this."""
        same = [row.sent(row.row.record_id) for row in rows if not row.cells]
        unoffered = {(row.row.base, *choice) for row in rows for choice in row.unoffered.items()}
        with self._ledger.write() as tx:
            for base, field, choice in sorted(unoffered):
                told = f"{field} of {name} in Airtable base {base} does not offer {choice}, and is left out"
                raise_alert(tx, f"airtable choice {base} {name} {choice}", told, now=self._clock())
            if not turn.renew(tx):
                raise LostLease("another process took the turn over; nothing is sent")
            outbox_sending.acknowledge(tx, same, now=self._clock())
            outbox_sending.about_to_send(tx, {row.row.id: row.cells.keys() for row in rows if row.cells})

    def _shut(self, base: str, kind: Kind, turn: Turn, told: str) -> None:
        """Leave a table alone for a while, count what is not created, and tell somebody."""
        now = self._clock()
        name = TABLES[kind].name
        with self._ledger.write() as tx:
            turn.shut(tx, until=now + _SHUT)
            raise_alert(
                tx, f"airtable closed {base} {name}", f"{name} of Airtable base {base}: {told}", now=now
            )
            if kind is Kind.CLIENT_RUN:
                self._count_refused(tx, base, told, now)

    def _count_refused(self, tx: Tx, base: str, told: str, now: datetime) -> None:
        for row in outbox_sending.page(tx, base, Kind.CLIENT_RUN, now=now, limit=100):
            if row.record_id is None and not row.failures:
                creation_refused(tx, row.key, row.client_id, told, now)
                outbox_sending.failed_once(tx, row.id, error=told)


def _lock(base: str, kind: Kind) -> str:
    return f"mirror {base} {TABLES[kind].name}"
