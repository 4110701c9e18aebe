"""The demo's invented agency: three clients and their leads. No such people exist."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from harvester.ledger import Ledger, clients, leads
from harvester.models import Client

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

#: Client ID, name, posts wanted, leads, time zone, and leads of a kind that the sandbox treats specially.
_CLIENTS = (
    ("Aurora-Advisory", "Aurora Advisory", 24, 30, "Europe/London", ("nils-no-posts", "vera-no-posts")),
    ("Blue-Harbor", "Blue Harbor Partners", 12, 15, "Australia/Sydney", ("oskar-error",)),
    ("Cedar-Works", "Cedar Works", 8, 10, "America/New_York", ("mara-nonsense",)),
)


def found(ledger: Ledger, now: datetime) -> list[str]:
    """Store the clients and their leads. Returns the client IDs."""
    with ledger.write() as tx:
        for number, (client_id, name, target, count, timezone, special) in enumerate(_CLIENTS):
            client = Client(
                client_id=client_id,
                name=name,
                status="Active",
                service_level=2,
                daily_target=target,
                batch_size=6,
                max_batches=10,
                stream=1,
                timezone=timezone,
                airtable_base=None,
                created_at=now,
            )
            clients.add(tx, client)
            slugs = [*special, *(_slug(number, i) for i in range(count - len(special)))]
            leads.add(tx, client_id, [_lead(slug, now) for slug in slugs])
    return [client[0] for client in _CLIENTS]


def _slug(client: int, number: int) -> str:
    return (
        f"{_FIRST[number % len(_FIRST)]}-{_LAST[(number * 7 + client * 3) % len(_LAST)]}-{client}{number:02d}"
    )


def _lead(slug: str, now: datetime) -> dict[str, Any]:
    url = f"https://www.linkedin.com/in/{slug}"
    return {
        "profile_url": url,
        "given_url": url,
        "name": " ".join(part.capitalize() for part in slug.split("-")[:2]),
        "extra": {},
        "created_at": now,
    }
