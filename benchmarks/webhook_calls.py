"""Webhook calls as Apify makes them, for actor runs that are at work in a ledger."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bare import PATH
from sqlalchemy import insert, select

from harvester.ledger import Ledger, tables
from harvester.models import ActorRunState, ClientRunStatus
from harvester.webhook_tokens import TokenSigner

CLIENTS: Final = 20
ACTOR_RUNS: Final = 600
_RUN_ID: Final = "261122-050000"
_LATER: Final = timedelta(hours=1)
_ACTOR: Final = "harvestapi/linkedin-profile-posts"


@dataclass
class Calls:
    """Calls for the actor runs of one ledger, in turn, each with a dispatch ID of its own."""

    url: str
    signer: TokenSigner
    kept: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._rows = itertools.cycle([_made(self.signer, row) for row in _running(self.url)])

    def take(self, count: int, *, kept: bool) -> list[bytes]:
        """Make the next ones, as they go over the wire; `kept`: the ledger must have them in the end."""
        ids = [secrets.token_hex(8) for _ in range(count)]
        if kept:
            self.kept.update(ids)
        told = (f"X-Apify-Webhook-Dispatch-Id: {one}\r\n\r\n".encode() for one in ids)
        return [head + one + body for one, (head, body) in zip(told, self._rows, strict=False)]

    def check_kept(self) -> None:
        """Raise `RuntimeError` unless the ledger has each of them once, accepted, and no other."""
        columns = tables.deliveries.c
        with closing(Ledger(self.url)) as ledger, ledger.read() as tx:
            found = tx.execute(select(columns.dispatch_id, columns.outcome)).all()
        kept = [dispatch_id for dispatch_id, outcome in found if outcome == "accepted"]
        if len(kept) != len(self.kept) or set(kept) != self.kept:
            raise RuntimeError(f"{len(self.kept)} acknowledged, {len(kept)} kept of {len(found)}")


def _running(url: str) -> Sequence[dict[str, Any]]:
    """Store clients, each with a live client run, and actor runs that Apify has at work."""
    now = datetime.now(UTC)
    names = [f"Client-{number:02d}" for number in range(CLIENTS)]
    rows = [_actor_run(name, batch, now) for batch in range(ACTOR_RUNS // CLIENTS) for name in names]
    with closing(Ledger(url)) as ledger, ledger.write(patient=True) as tx:
        tx.execute(insert(tables.clients), [_client(name, now) for name in names])
        tx.execute(insert(tables.client_runs), [_client_run(name, now) for name in names])
        tx.execute(insert(tables.actor_runs), rows)
    return rows


def _client(name: str, now: datetime) -> dict[str, Any]:
    return {
        "client_id": name,
        "name": name,
        "status": "Active",
        "service_level": 2,
        "daily_target": 100,
        "batch_size": 20,
        "max_batches": 10,
        "stream": 1,
        "timezone": "UTC",
        "created_at": now,
    }


def _client_run(name: str, now: datetime) -> dict[str, Any]:
    return {
        "client_run_id": f"{_RUN_ID}-{name}",
        "run_id": _RUN_ID,
        "client_id": name,
        "client_name": name,
        "source": "orchestrator",
        "status": ClientRunStatus.RUNNING,
        "created_at": now,
        "started_at": now,
        "max_batches": 10,
        "system_notes": "",
    }


def _actor_run(name: str, batch: int, now: datetime) -> dict[str, Any]:
    return {
        "marker": secrets.token_hex(16),
        "client_run_id": f"{_RUN_ID}-{name}",
        "client_id": name,
        "batch": batch,
        "state": ActorRunState.RUNNING,
        "actor_id": _ACTOR,
        "max_posts": 2,
        "profiles": 20,
        "attempt": 1,
        "start_requested_at": now,
        "apify_run_id": secrets.token_hex(9)[:17],
        "dataset_id": secrets.token_hex(9)[:17],
        "next_check_at": now + _LATER,
        "created_at": now,
    }


def _made(signer: TokenSigner, row: dict[str, Any]) -> tuple[bytes, bytes]:
    """Give the head of a row's calls, but for the dispatch ID, and their body."""
    body = json.dumps(_payload(row)).encode()
    lines = (
        f"POST {PATH} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "User-Agent: ApifyWebhook/1.0",
        "X-Apify-Webhook: yo",
        "X-Apify-Request-Origin: WEBHOOK",
        f"Authorization: Bearer {signer.sign(row['marker'], row['attempt'], row['client_id'])}",
        "",
    )
    return "\r\n".join(lines).encode(), body


def _payload(row: dict[str, Any]) -> dict[str, Any]:
    """Give Apify's default payload, some 2 KB: the actor run is told as its API would."""
    ids = {"actId": "fW4MyDhgwtMLrB987", "userId": "abf6vtB2nvQZ4nJzo"}
    resource = {
        "id": row["apify_run_id"],
        **ids,
        "startedAt": "2026-11-22T05:00:01.750Z",
        "finishedAt": "2026-11-22T05:01:40.408Z",
        "status": "SUCCEEDED",
        "statusMessage": "Scraped 40 posts",
        "defaultDatasetId": row["dataset_id"],
        "stats": dict(_numbers("stats", 24)),
        "options": {"build": "latest", "timeoutSecs": 3600, "memoryMbytes": 256, "maxItems": 40},
        "usage": dict(_numbers("USAGE", 16)),
        "usageUsd": dict(_numbers("USAGE_USD", 16)),
        "links": {f"link{at}": f"https://api.apify.com/v2/actor-runs/{at}" for at in range(6)},
    }
    return {
        "userId": ids["userId"],
        "createdAt": "2026-11-22T05:01:40.408Z",
        "eventType": "ACTOR.RUN.SUCCEEDED",
        "eventData": {"actorId": ids["actId"], "actorRunId": row["apify_run_id"]},
        "resource": resource,
    }


def _numbers(name: str, count: int) -> Iterator[tuple[str, float]]:
    return ((f"{name}_{at}", at / 7) for at in range(count))
