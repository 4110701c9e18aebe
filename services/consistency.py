"""The consistency check: the ledger compared with itself and with Airtable, and what differs put right.

Nothing is ever deleted, and nothing that a person deleted comes back unasked. A check can be interrupted and
repeated at any time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from harvester import log
from harvester.ledger import Ledger, Tx
from harvester.settings import Settings
from services.alerts import raise_alert
from services.consistency_airtable import MirrorCheck, Schemas
from services.consistency_findings import HARMLESS, Code, Finding, Remedy
from services.consistency_ledger import LedgerCheck
from services.consistency_repairs import Repaired, Repairs
from services.consistency_scope import Scope, days_of
from services.consistency_tables import Told
from services.record_marks import Gateway

#: What `--repair` does: all but what a person has to ask for by name.
REPAIRS: Final = frozenset(Remedy) - {Remedy.PERSON, Remedy.RECREATE}
#: Findings that the log names one by one, every night.
_LOGGED: Final = 100
#: What the workers do anyway is waited for so long; they look every tick.
_LEAST_PAUSE: Final = 1.0

_log = log.get_logger(__name__)


def _nobody(_table: str, _count: int) -> None:
    pass


class Consistency:
    """Finds and repairs. `airtable` is None where Airtable is off: the ledger alone is looked at then.

    `every` is how often `nightly` is called.
    """

    def __init__(
        self,
        ledger: Ledger,
        in_ledger: LedgerCheck,
        airtable: MirrorCheck | None,
        repairs: Repairs,
        clock: Callable[[], datetime],
        *,
        every: timedelta,
    ) -> None:
        self._ledger = ledger
        self._in_ledger = in_ledger
        self._airtable = airtable
        self._repairs = repairs
        self._clock = clock
        self._days = days_of(every)

    def find(
        self,
        *,
        client_id: str | None = None,
        deep: bool = False,
        told: Told = _nobody,
    ) -> list[Finding]:
        """Give all that is wrong, of one client if it is named. Raises `LedgerUnavailable`.

        `deep` compares every cell of posts too, and looks for leads that are gone; `told` hears which table
        is being read and how far that is.
        """
        return self._find(Scope(client_id, deep=deep), told)

    def _find(self, scope: Scope, told: Told) -> list[Finding]:
        found = [one for one in self._in_ledger() if scope.is_about(one.client_id)]
        if self._airtable is not None:
            found += self._airtable(scope, told)
        return found

    def repair(
        self,
        findings: Sequence[Finding],
        *,
        remedies: Collection[Remedy] = REPAIRS,
        told: Callable[[int], object] = lambda _count: None,
    ) -> Repaired:
        """Put right what these remedies can. What is to be sent is sent by the workers."""
        return self._repairs(findings, remedies=remedies, told=told)

    def nightly(self) -> None:
        """Look, do what can do no harm, and tell the log and the agency of the rest.

        That a person deleted something is told the first time alone. Of Airtable only what is worth its calls
        is read: the bases of clients that are Active, and the posts of each once in four weeks. Raises
        `LedgerUnavailable`.
        """
        found = self._find(Scope(night=self._clock().date(), days=self._days), _nobody)
        self._repairs(found, remedies=HARMLESS)
        worth = [one for one in found if one.code is not Code.DELETED]
        if not worth:
            return
        for one in worth[:_LOGGED]:
            _log.warning("Check: %s: %s", named(one), one.detail)
        counts = ", ".join(f"{count} {code}" for code, count in counted(worth).items())
        text = f"The consistency check found {counts}: see harvester check"
        with self._ledger.write() as tx:
            raise_alert(tx, "consistency check", text, now=self._clock())


def counted(findings: Sequence[Finding]) -> dict[Code, int]:
    """Count findings by what is wrong, in the order in which codes are listed."""
    counts = {code: sum(one.code is code for one in findings) for code in Code}
    return {code: count for code, count in counts.items() if count}


def named(one: Finding) -> str:
    """Name a finding in a few words: what is wrong, with what, where."""
    where = f" in {one.table} of {one.base}" if one.table else f" ({one.base})" if one.base else ""
    record = f", record {one.record_id}" if one.record_id and one.record_id != one.key else ""
    return f"{one.code} {one.key or ''}{record}{where}".replace("  ", " ")


class _Settle(Protocol):
    def __call__(self, full_id: str) -> object: ...

    def due(self, tx: Tx, limit: int) -> list[str]: ...


class _Reconcile(Protocol):
    def heal_leads(self) -> int: ...


class Side(Protocol):
    """What is there where Airtable is on."""

    @property
    def gateway(self) -> Gateway: ...  # noqa: D102
    @property
    def schemas(self) -> Schemas: ...  # noqa: D102
    @property
    def stopping(self) -> threading.Event: ...  # noqa: D102


def consistency(
    settings: Settings,
    ledger: Ledger,
    settle: _Settle,
    reconcile: _Reconcile,
    side: Side | None,
    clock: Callable[[], datetime],
    *,
    pause: Callable[[float], object] | None = None,
) -> Consistency:
    """Put the check together. `side` is None where Airtable is off; `pause` waits so many seconds, or says
    that it was told to stop.
    """
    pause = pause or (side.stopping.wait if side is not None else time.sleep)
    late = timedelta(seconds=settings.stale_lead_seconds + 2 * settings.reconcile_seconds)
    in_ledger = LedgerCheck(
        ledger,
        settle.due,
        clock,
        stale_lead=late,
        timeout=timedelta(seconds=settings.client_run_timeout_seconds),
        pause=partial(pause, max(_LEAST_PAUSE, 3 * settings.tick_seconds)),
    )
    airtable = None
    if side is not None and settings.master_clients_base_id is not None:
        airtable = MirrorCheck(
            ledger,
            side.gateway,
            side.schemas,
            clock,
            master_base=settings.master_clients_base_id,
            lockout=timedelta(seconds=settings.airtable_lockout_seconds),
            pause=pause,
        )
    repairs = Repairs(
        ledger,
        settle,
        reconcile.heal_leads,
        clock,
        gateway=side.gateway if side else None,
        schemas=side.schemas if side else None,
    )
    every = timedelta(seconds=settings.check_seconds)
    return Consistency(ledger, in_ledger, airtable, repairs, clock, every=every)
