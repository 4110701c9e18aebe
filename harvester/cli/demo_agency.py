"""The demo's invented agency: three clients and their leads. No such people exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from harvester.ledger import Ledger, clients, leads
from harvester.models import Client

BATCH_SIZE = 6
MAX_BATCHES = 10
STREAM = 1
SERVICE_LEVEL = 2

_FIRST = (
    "ada",
    "bruno",
    "chiara",
    "dmitri",
    "elena",
    "farid",
    "greta",
    "hassan",
    "ines",
    "jonas",
    "kavya",
    "lior",
)
_LAST = ("lindqvist", "moreau", "novak", "okafor", "petrov", "quist", "rahimi", "santos", "takeda", "ullman")


@dataclass(frozen=True, slots=True)
class Invented:
    """A client. Its Airtable base keeps posts in a table or as the content of a cell of each lead.

    `special` are leads that the sandbox Apify treats specially. `not_due` are leads that Airtable alone has,
    each with what its row says, for which it is not to be harvested.
    """

    client_id: str
    name: str
    target: int
    size: int
    timezone: str
    special: tuple[str, ...]
    base: str
    keeps_posts: Literal["table", "content"]
    not_due: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def handles(self) -> list[str]:
        """Name its leads, as their profile URLs do, the special ones first."""
        number = CLIENTS.index(self)
        return [*self.special, *(handle(number, i) for i in range(self.size - len(self.special)))]


CLIENTS = (
    Invented(
        "Aurora-Advisory",
        "Aurora Advisory",
        24,
        30,
        "Europe/London",
        ("nils-no-posts", "vera-no-posts"),
        "appAuroraAdvisory",
        "table",
        {"rosa-lindqvist": {"Posts Harvest Status": "Done"}},
    ),
    Invented(
        "Blue-Harbor",
        "Blue Harbor Partners",
        12,
        15,
        "Australia/Sydney",
        ("oskar-error",),
        "appBlueHarborBase",
        "table",
        {"tomas-moreau": {"Posts Actioned": "Yes"}},
    ),
    Invented(
        "Cedar-Works",
        "Cedar Works",
        8,
        10,
        "America/New_York",
        ("mara-nonsense",),
        "appCedarWorksBase",
        "content",
    ),
)


def found(ledger: Ledger, now: datetime) -> None:
    """Store the clients and their leads."""
    with ledger.write() as tx:
        for invented in CLIENTS:
            clients.add(
                tx,
                stored_client(
                    invented.client_id,
                    invented.name,
                    target=invented.target,
                    timezone=invented.timezone,
                    now=now,
                ),
            )
            leads.add(tx, invented.client_id, [stored_lead(handle, now) for handle in invented.handles()])


def stored_client(
    client_id: str, name: str, *, target: int, timezone: str, now: datetime, **more: Any
) -> Client:
    """Give a client as `ledger.clients.add` takes it; `more` are values other than the demo's usual ones."""
    usual = {"stream": STREAM, "daily_budget_micros": None}
    return Client(
        client_id=client_id,
        name=name,
        status="Active",
        service_level=SERVICE_LEVEL,
        daily_target=target,
        batch_size=BATCH_SIZE,
        max_batches=MAX_BATCHES,
        timezone=timezone,
        airtable_base=None,
        created_at=now,
        **{**usual, **more},
    )


def handle(client: int, number: int) -> str:
    """Invent the handle of a client's lead; it ends in `-` and the client's number."""
    return (
        f"{_FIRST[number % len(_FIRST)]}-{_LAST[(number * 7 + client * 3) % len(_LAST)]}-{client}{number:02d}"
    )


def profile_url(handle: str) -> str:
    """Give the URL of a lead's profile."""
    return f"https://www.linkedin.com/in/{handle}"


def names(handle: str) -> tuple[str, str]:
    """Give a lead's first and last name."""
    first, last = handle.split("-")[:2]
    return first.capitalize(), last.capitalize()


def stored_lead(handle: str, now: datetime) -> dict[str, Any]:
    """Give a lead as `ledger.leads.add` takes it."""
    url = profile_url(handle)
    return {
        "profile_url": url,
        "given_url": url,
        "name": " ".join(names(handle)),
        "extra": {},
        "created_at": now,
    }
