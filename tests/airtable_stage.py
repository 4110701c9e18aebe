"""A sandbox Airtable with an agency's bases, and the services that read clients and leads from it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from factories import FakeClock, make_limits

from harvester.airtable import Airtable
from harvester.ledger import Ledger, outbox
from harvester.ledger.mirroring import Mirroring
from harvester.sandbox.airtable import SandboxAirtable
from harvester.sandbox.airtable.agency import MASTER_ID, client_base, master_base
from services.airtable_side import of_ids, of_key
from services.intake import Intake
from services.kickoff import Kickoff, Unread
from services.mirror import Mirror
from services.mirror_content import Content
from services.mirror_duplicates import Duplicates
from services.roster import Roster
from services.schemas import Schemas
from services.settle import Settle

FRESH = timedelta(seconds=45)


def base_id(number: int) -> str:
    """Give the ID of a client's base."""
    return f"appClientBase{number:04}"


BASE = base_id(1)


class OpenGate:
    """Lets every request through at once: the sandbox's own limits are off. Pacing has tests of its own."""

    def turn(self, base: str, *, meta: bool = False) -> None:
        """Let it through."""

    def worked(self, base: str, *, meta: bool = False) -> None:
        """Hear it."""

    def failed(self, base: str, told: str) -> None:
        """Hear it."""

    def too_fast(self, base: str) -> None:
        """Hear it."""

    def capped(self, base: str, told: str) -> None:
        """Hear it."""


class AirtableStage:
    """One process with Airtable on."""

    def __init__(self, ledger: Ledger, sandbox: SandboxAirtable, clock: FakeClock) -> None:
        self.ledger = ledger
        self.sandbox = sandbox
        self.clock = clock
        self.gateway = Airtable(
            token=sandbox.options.token, api_url=sandbox.url, gate=OpenGate(), timeout=(2.0, 2.0)
        )
        schemas = Schemas(ledger, self.gateway, clock)
        limits = make_limits()
        self.roster = Roster(
            ledger, self.gateway, schemas, clock, master_base=MASTER_ID, fresh=FRESH, wait_seconds=0.3
        )
        self.kickoff = Kickoff(ledger, limits, clock, read_clients=self._read_clients)
        self.settle = Settle(ledger, limits, clock, timeout=timedelta(days=1), leads_are_read=True)
        self.intake = Intake(
            ledger,
            self.gateway,
            schemas,
            self.settle,
            limits,
            clock,
            master_base=MASTER_ID,
            retry_base=timedelta(seconds=1),
            stale=timedelta(days=2),
        )

        self._mirror = Mirror(
            ledger,
            self.gateway,
            schemas.of,
            Duplicates(ledger, partial(of_key, self.gateway), self.gateway.update, clock),
            Content(
                ledger, partial(of_ids, self.gateway), self.gateway.update, clock, fence=timedelta(minutes=1)
            ),
            clock,
            master=MASTER_ID,
            owner="stage",
            fence=timedelta(minutes=1),
            stopping=threading.Event(),
        )

    def _read_clients(self) -> Unread | None:
        problem = self.roster.refresh().problem
        return None if problem is None else Unread(problem)

    def tell(self) -> None:
        """Tell Airtable everything that it is owed."""
        self.clock.advance(seconds=2)
        for _ in range(100):
            due = self._mirror.due()
            if not due:
                self.clock.advance(seconds=1)
                return
            for base, kind in due:
                self._mirror(base, kind)
        raise AssertionError("it tells for ever")

    def read_all(self) -> None:
        """Read leads for every client run that wants them, and wait for those that have to wait."""
        for _ in range(100):
            for full_id in self.intake.due():
                self.intake(full_id)
            if not self.waiting():
                return
            self.clock.advance(seconds=5)
        raise AssertionError("it reads for ever")

    def settle_all(self) -> None:
        """Settle what the tick would."""
        with self.ledger.read() as tx:
            due = self.settle.due(tx, 100)
        for full_id in due:
            self.settle(full_id)

    def waiting(self) -> list[str]:
        """Name the client runs that leads are to be read for, now or later."""
        with self.ledger.read() as tx:
            found = tx.connection.exec_driver_sql(
                "select client_run_id from client_runs where leads_due_at is not null and status = 'Running'"
            )
            return [row[0] for row in found]

    def leads(self, base: str = BASE) -> list[dict[str, Any]]:
        """Give the rows of Leads, oldest first."""
        return self.sandbox.records(base, "Leads")

    def lists(self, base: str) -> int:
        """Count the pages of records that were read of a base."""
        return sum(1 for one in self.sandbox.ledger().requests if one.base == base and one.rows)


@contextmanager
def opened_stage(
    ledger: Ledger,
    clock: FakeClock,
    *,
    clients: Sequence[Mapping[str, Any]] = (),
    leads: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> Iterator[AirtableStage]:
    """Build it: a master base with these rows of Clients, and client bases with these rows of Leads."""
    outbox.mirror(ledger, Mirroring(MASTER_ID, timedelta(seconds=1), clock))
    bases = [client_base(base, leads=rows) for base, rows in (leads or {}).items()]
    sandbox = SandboxAirtable(
        bases=[master_base(clients=clients), *bases], base_requests=0, token_requests=0, lockout_seconds=0
    )
    with sandbox:
        stage = AirtableStage(ledger, sandbox, clock)
        try:
            yield stage
        finally:
            stage.gateway.close()


def person(number: int, created: datetime, **more: Any) -> dict[str, Any]:
    """Give a row of Leads that is due."""
    return {
        "LinkedIn Profile URL": f"https://www.linkedin.com/in/person-{number}",
        "First Name": "Person",
        "Last Name": str(number),
        "Date Created": created.isoformat(),
        **more,
    }
