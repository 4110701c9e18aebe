"""The invented agency of the demo's day: seven clients in three streams. No such people exist."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from harvester.cli.demo_agency import handle as invented_handle
from harvester.cli.demo_agency import stored_client, stored_lead
from harvester.ledger import Ledger, clients, leads
from harvester.models import Client


@dataclass(frozen=True, slots=True)
class OfTheDay:
    """A client. `budget_micros`: its own budget of a day, in millionths of a USD."""

    client_id: str
    name: str
    stream: int
    target: int
    size: int
    timezone: str
    budget_micros: int | None = None
    special: tuple[str, ...] = ()

    def handles(self) -> list[str]:
        """Name its leads, as their profile URLs do, the special ones first."""
        number = CLIENTS.index(self)
        return [*self.special, *(invented_handle(number, i) for i in range(self.size - len(self.special)))]

    def stored(self, now: datetime) -> Client:
        """Give the client as the ledger keeps it."""
        return stored_client(
            self.client_id,
            self.name,
            target=self.target,
            timezone=self.timezone,
            now=now,
            stream=self.stream,
            daily_budget_micros=self.budget_micros,
        )

    @property
    def mark(self) -> str:
        """What is in the INPUT of each of its actor runs, and of nobody else's."""
        return f"-{CLIENTS.index(self)}"


OVER_BUDGET: Final = OfTheDay(
    "Dune-Capital", "Dune Capital", 2, 40, 40, "Europe/London", budget_micros=30_000
)
PAUSED: Final = OfTheDay("Elm-Studio", "Elm Studio", 2, 6, 8, "Australia/Sydney")
FAILING: Final = OfTheDay("Fjord-Legal", "Fjord Legal", 3, 32, 16, "Europe/Oslo")
CLIENTS: Final = (
    OfTheDay("Aurora-Advisory", "Aurora Advisory", 1, 24, 30, "Europe/London", special=("nils-no-posts",)),
    OfTheDay("Blue-Harbor", "Blue Harbor Partners", 1, 12, 15, "Australia/Sydney", special=("oskar-error",)),
    OfTheDay("Cedar-Works", "Cedar Works", 2, 8, 10, "America/New_York", special=("mara-nonsense",)),
    OVER_BUDGET,
    PAUSED,
    FAILING,
    OfTheDay("Glade-Energy", "Glade Energy", 3, 8, 10, "America/Chicago"),
)


def found(ledger: Ledger, now: datetime) -> None:
    """Store the clients and their leads."""
    with ledger.write() as tx:
        for one in CLIENTS:
            clients.add(tx, one.stored(now))
            leads.add(tx, one.client_id, [stored_lead(handle, now) for handle in one.handles()])
