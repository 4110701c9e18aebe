"""What happens in a chaos run, made from its seed alone: who is killed or stopped when, what is ordered."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from factories import make_client

from harvester.ledger import Ledger, leads

CLIENTS = ("Aurora", "Blue-Harbor", "Cobalt", "Dune-2", "Ember_Works")
#: Leads of each client, that are harvested because they are due.
DUE_LEADS = 120
#: People of each client who are harvested because an order names them, again and again.
REGULARS = 20
#: Pieces of a handle that the sandbox heeds.
_KINDS = ("", "", "", "", "", "", "shared", "prolific", "no-posts", "nonsense", "error")
#: Of so many orders of a client, one is cancelled: before it is started, or while it is at work.
_CANCELS = 6
_CANCELLED_WITHIN = 1.0
#: Before any second that a kickoff could mint.
_SHARED_JOBS = "250101-"


@dataclass(frozen=True)
class Act:
    """Something that is done to a process: after so many seconds, to whom, and for how long."""

    wait: float
    kind: Literal["kill", "kill a child", "stop"]
    who: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Order:
    """One kickoff: where it is posted, with which key and which body."""

    client_id: str
    key: str
    path: str
    body: dict[str, Any]
    #: How long after it was accepted its client run is cancelled, if it is.
    cancel_after: float | None = None


def acts(seed: int, names: Sequence[str], pause: tuple[float, float], longest_stop: float) -> Iterator[Act]:
    """Give what is done to the processes, for ever; between two acts is a pause of so many seconds."""
    chance = random.Random(f"acts/{seed}")
    while True:
        kind = chance.choices(("kill", "kill a child", "stop"), (5, 1, 4))[0]
        who = chance.choice(names)
        yield Act(chance.uniform(*pause), kind, who, chance.uniform(0.3, longest_stop))  # type: ignore[arg-type]


def orders(seed: int, client_id: str, count: int, *, cancels: bool = False) -> list[Order]:
    """Give a client's orders: due leads, or people by name; every third one under a job that all share.

    With `cancels`, a few of them are cancelled.
    """
    chance = random.Random(f"orders/{seed}/{client_id}")
    return [_order(chance, client_id, number, cancels) for number in range(count)]


def _order(chance: random.Random, client_id: str, number: int, cancels: bool) -> Order:
    body: dict[str, Any] = {"clientId": client_id}
    if number % 3 == 0:
        body["runId"] = f"{_SHARED_JOBS}{number // 3600:02}{number // 60 % 60:02}{number % 60:02}"
    if chance.random() < 0.5:
        path = "/api/apify/process-client"
        body["maxBatchesOverride"] = chance.randint(1, 2)
    else:
        people = chance.sample(range(REGULARS), chance.randint(1, 4))
        path = "/api/apify/run"
        body["targetUrls"] = [_url(handle(client_id, "regular", one)) for one in people]
        body["maxPosts"] = chance.randint(1, 3)
    cancel_after = chance.uniform(0, _CANCELLED_WITHIN) if cancels and number % _CANCELS == 1 else None
    return Order(client_id, f"{client_id}-{number}", path, body, cancel_after)


def found(
    ledger: Ledger,
    clients: Sequence[str] = CLIENTS,
    due_leads: int = DUE_LEADS,
    max_batches: int = 10_000,
) -> None:
    """Store the clients and their leads; the day's target is out of reach, and its batches may be.

    Orders for one client name how many batches they want, or the people.
    """
    for client_id in clients:
        make_client(ledger, client_id, daily_target=100_000, batch_size=2, max_batches=max_batches)
        people = [handle(client_id, "due", number) for number in range(due_leads)]
        with ledger.write() as tx:
            leads.add(tx, client_id, [_lead(person) for person in people])


def handle(client_id: str, role: str, number: int) -> str:
    """Name a person so that it shows whose lead it is."""
    kind = _KINDS[number % len(_KINDS)]
    return "-".join(filter(None, (client_id.lower(), role, str(number), kind)))


def _lead(person: str) -> dict[str, Any]:
    created = datetime(2026, 11, 1, tzinfo=UTC)
    return {
        "profile_url": _url(person),
        "given_url": _url(person),
        "name": person,
        "extra": {},
        "created_at": created,
    }


def _url(person: str) -> str:
    return f"https://www.linkedin.com/in/{person}"
