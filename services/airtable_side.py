"""Everything that has to do with Airtable, put together. Imported only where Airtable is on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from harvester import airtable_formulas, log
from harvester.airtable import Airtable
from harvester.airtable_answers import Record
from harvester.airtable_schema import Table
from harvester.errors import LedgerUnavailable
from harvester.ledger import Ledger, client_runs, outbox
from harvester.ledger.mirroring import Kind, Mirroring
from harvester.settings import Settings
from services.airtable_blocks import Waits
from services.intake import Intake
from services.kickoff import Unread
from services.lead_reading import LeadReading
from services.mirror import Mirror
from services.mirror_content import Content
from services.mirror_duplicates import Duplicates
from services.pacing import Gaps, Pacing
from services.plan import AIRTABLE, Limits
from services.roster import Roster
from services.schemas import Schemas
from services.settle import Settle

_MIRROR = "mirror"
_INTAKE = "intake"
_CLIENTS = "clients"
#: Longest that a connection to Airtable may take to open, in seconds.
_CONNECT_SECONDS = 5.0
#: Longest that a call may take for which somebody waits: who kicks off, while the clients are looked up.
_WAITED_FOR_SECONDS = 6.0

_log = log.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AirtableSide:
    """All of it, for one process."""

    ledger: Ledger
    gateway: Airtable
    #: The same with less patience.
    quick: Airtable
    schemas: Schemas
    roster: Roster
    intake: Intake
    #: Reads due leads for somebody who waits.
    read_leads: LeadReading
    mirror: Mirror
    stopping: threading.Event
    clock: Callable[[], datetime]
    #: How old may be what was read of Airtable and is harvested by.
    stale: timedelta

    def due(self) -> list[str]:
        """Name the pieces of work that are due and that nobody has: leads to read first, then the mirror.

        While a client of Airtable's has a client run, what its row says may stop it at any moment.
        """
        reading = [f"{_INTAKE} {full_id}" for full_id in self.intake.due()]
        with self.ledger.read() as tx:
            live = client_runs.any_live(tx, origin=AIRTABLE)
        return [_CLIENTS] * live + reading + self.owing()

    def owing(self) -> list[str]:
        """Name those of them that send something, and no others."""
        return [f"{_MIRROR} {base} {kind}" for base, kind in self.mirror.due()]

    def do(self, name: str) -> None:
        """Do one of them, as far as it goes in a turn. Whose a base is, is looked up before it is touched."""
        what, _, of = name.partition(" ")
        base, _, kind = of.partition(" ")
        try:
            if what != _MIRROR or kind in (Kind.LEAD, Kind.POST):
                self.roster.refresh()
            if what == _INTAKE:
                self.intake(of)
            elif what == _MIRROR:
                self.mirror(base, Kind(kind))
        except LedgerUnavailable as error:
            _log.error("The ledger is not available, Airtable waits: %s", error)

    def read_clients(self) -> Unread | None:
        """See to it that the ledger has Airtable's clients. Says why if it has not what is there now."""
        copy = self.roster.refresh(within=_WAITED_FOR_SECONDS)
        if copy.problem is None:
            return None
        too_old = copy.read_at is None or self.clock() - copy.read_at > self.stale
        return Unread(copy.problem, too_old)

    def close(self) -> None:
        """Stop waiting for Airtable, and close the connections to it."""
        self.stopping.set()
        self.gateway.close()
        self.quick.close()


def build(
    settings: Settings,
    ledger: Ledger,
    limits: Limits,
    settle: Settle,
    owner: str,
    clock: Callable[[], datetime],
) -> AirtableSide:
    """Put it together. From now on the ledger writes down what Airtable is owed. Opens no connection."""
    assert settings.airtable_api_key is not None
    assert settings.master_clients_base_id is not None
    master = settings.master_clients_base_id
    delay = timedelta(seconds=settings.airtable_delay_seconds)
    outbox.mirror(ledger, Mirroring(master, delay, clock))
    stopping = threading.Event()
    gate = Pacing(ledger, clock, _gaps(settings), _waits(settings), stop=stopping)
    gateway = _gateway(settings, gate, settings.airtable_timeout_seconds)
    quick = _gateway(settings, gate, min(_WAITED_FOR_SECONDS, settings.airtable_timeout_seconds))
    schemas = Schemas(ledger, gateway, clock)
    fence = timedelta(seconds=settings.airtable_fence_seconds)
    intake = Intake(
        ledger,
        gateway,
        schemas,
        settle,
        limits,
        clock,
        master_base=master,
        retry_base=timedelta(seconds=settings.retry_base_seconds),
        stale=timedelta(seconds=settings.airtable_stale_seconds),
    )
    return AirtableSide(
        ledger=ledger,
        gateway=gateway,
        schemas=schemas,
        quick=quick,
        roster=Roster(
            ledger,
            quick,
            Schemas(ledger, quick, clock),
            clock,
            master_base=master,
            fresh=timedelta(seconds=settings.clients_fresh_seconds),
        ),
        intake=intake,
        read_leads=LeadReading(quick, Schemas(ledger, quick, clock), clock, stale_lead=limits.stale_lead),
        mirror=Mirror(
            ledger,
            gateway,
            schemas.of,
            Duplicates(ledger, partial(of_key, gateway), gateway.update, clock),
            Content(ledger, partial(of_ids, gateway), gateway.update, clock, fence=fence),
            clock,
            master=master,
            owner=owner,
            fence=fence,
            stopping=stopping,
            waiting=intake.due,
        ),
        stopping=stopping,
        clock=clock,
        stale=timedelta(seconds=settings.airtable_stale_seconds),
    )


def gateway_for(
    settings: Settings, ledger: Ledger, clock: Callable[[], datetime], seconds: float
) -> Airtable:
    """Build a gateway alone, in turn with all others on this ledger. `seconds`: wait for an answer."""
    gate = Pacing(ledger, clock, _gaps(settings), _waits(settings), stop=threading.Event())
    return _gateway(settings, gate, seconds)


def of_key(
    gateway: Airtable, base: str, table: Table, field: str, key: str, also: Sequence[str]
) -> list[Record]:
    """Read the records whose field is a key. Raises `AirtableError`."""
    found = table.field(field)
    assert found is not None, "a table without its key is never written to"
    formula = airtable_formulas.key_is(found, key)
    pages = gateway.pages(base, table, fields=[field, *also], formula=formula)
    return [record for page in pages for record in page]


def of_ids(
    gateway: Airtable, base: str, table: Table, ids: Sequence[str], fields: Sequence[str]
) -> list[Record]:
    """Read records by their IDs, as many as there still are. Raises `AirtableError`."""
    pages = gateway.pages(base, table, fields=fields, formula=airtable_formulas.records_are(ids))
    return [record for page in pages for record in page]


def _gateway(settings: Settings, gate: Pacing, seconds: float) -> Airtable:
    assert settings.airtable_api_key is not None
    return Airtable(
        token=settings.airtable_api_key.get_secret_value(),
        api_url=settings.airtable_api_url,
        gate=gate,
        timeout=(min(_CONNECT_SECONDS, seconds), seconds),
    )


def _gaps(settings: Settings) -> Gaps:
    return Gaps(
        base=timedelta(seconds=settings.airtable_base_interval_seconds),
        token=timedelta(seconds=settings.airtable_token_interval_seconds),
    )


def _waits(settings: Settings) -> Waits:
    return Waits(
        lockout=timedelta(seconds=settings.airtable_lockout_seconds),
        cap=timedelta(seconds=settings.airtable_cap_seconds),
        first=timedelta(seconds=settings.retry_base_seconds),
        trial=timedelta(seconds=settings.airtable_fence_seconds),
    )
