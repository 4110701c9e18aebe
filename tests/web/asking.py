"""Asking the web application, and preparing what it is asked about."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import psycopg
from factories import NOW, make_client, make_leads, make_settings
from flow.stage import impatient
from sqlalchemy import func, select

from harvester.ledger import actor_runs, tables
from harvester.models import ActorRun, ActorRunState
from harvester.webhook_tokens import TokenSigner
from routes import create_app
from services import Services, build

from . import documented

HOOK = "/api/apify-webhook"
TOKEN = "test-api-token"
STATIC = "a-static-token-made-by-hand"
#: A `werkzeug.test.TestResponse`, of whose `json` the type says that there may be none.
Asked = Any


class Web:
    """One web process."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.ledger = services.ledger
        self.app = create_app(services)
        self.http = self.app.test_client()

    def ask(self, method: str, path: str, *, token: str | None = TOKEN, **how: Any) -> Asked:
        """Ask, with the API's token unless another or none is given."""
        headers = dict(how.pop("headers", None) or {})
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        answer: Asked = self.http.open(path, method=method, headers=headers, **how)
        documented.check(self.app, answer)
        return answer

    def get(self, path: str, **how: Any) -> Asked:
        """Ask with GET."""
        return self.ask("GET", path, **how)

    def post(self, path: str, body: object = None, **how: Any) -> Asked:
        """Ask with POST, the body as JSON."""
        return self.ask("POST", path, json=body, **how)

    def hook(self, body: object, *, token: str | None, dispatch: str | None = None) -> Asked:
        """Call the webhook."""
        headers = {"X-Apify-Webhook-Dispatch-Id": dispatch} if dispatch is not None else {}
        if isinstance(body, bytes):
            return self.ask("POST", HOOK, token=token, headers=headers, data=body)
        return self.ask("POST", HOOK, token=token, headers=headers, json=body)

    def sign(self, run: ActorRun, *, attempt: int = 1, client_id: str | None = None) -> str:
        """Give the webhook's token of an actor run."""
        signer = TokenSigner(self.services.settings.webhook_secrets)
        return signer.sign(run.marker, attempt, client_id or run.client_id)

    def count(self, table: str) -> int:
        """Count a table's rows."""
        with self.ledger.read() as tx:
            found = select(func.count()).select_from(tables.metadata.tables[table])
            return int(tx.execute(found).scalar_one())

    def counts(self) -> dict[str, int]:
        """Count everything that the ledger holds."""
        return {name: self.count(name) for name in tables.metadata.tables}

    def at_work(self, client_id: str = "Guy-Wilson", apify_run_id: str = "AbCdEfGhIjKlMnOpQ") -> ActorRun:
        """Give an actor run of a new client that Apify has at work."""
        make_client(self.ledger, client_id)
        make_leads(self.ledger, client_id)
        answer = self.post("/api/apify/process-client", {"clientId": client_id})
        assert answer.status_code == 202, answer.json
        now = self.services.clock()
        with self.ledger.write() as tx:
            (planned,) = actor_runs.of_client_run(tx, answer.json["clientRunId"])
            held = actor_runs.claim(tx, planned.id, owner="t", now=now, until=now + timedelta(seconds=9))
            assert held is not None
            started = {"apify_run_id": apify_run_id, "dataset_id": "d", "attempt": 1}
            actor_runs.move(tx, held, ActorRunState.RUNNING, now=now, next_check_at=None, **started)
        return self.row(planned.id)

    def row(self, row_id: int) -> ActorRun:
        """Give an actor run as it is now."""
        with self.ledger.read() as tx:
            found = actor_runs.get(tx, row_id)
        assert found is not None
        return found


def ended(apify_run_id: str = "AbCdEfGhIjKlMnOpQ", event: str = "ACTOR.RUN.SUCCEEDED") -> dict[str, Any]:
    """Give the body of a webhook call, as Apify sends it by default."""
    return {
        "userId": "abf6vtB2nvQZ4nJzo",
        "createdAt": "2026-11-22T05:09:10.000Z",
        "eventType": event,
        "eventData": {"actorId": "fW4MyDhgwtMLrB987", "actorRunId": apify_run_id},
        "resource": {"id": apify_run_id, "status": "SUCCEEDED", "startedAt": NOW.isoformat()},
    }


@contextmanager
def opened_web(database_url: str, **settings: Any) -> Iterator[Web]:
    """Build the application, and close it afterwards."""
    services = build(make_settings(database_url=database_url, **settings))
    try:
        yield Web(services)
    finally:
        services.close()


@contextmanager
def locked(web: Web) -> Iterator[None]:
    """Hold the write lock of the ledger's file from outside."""
    impatient(web.ledger)
    with closing(sqlite3.connect(str(web.ledger.url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def shut(web: Web) -> Iterator[None]:
    """Let nobody into the ledger's PostgreSQL database, and throw out who is in."""
    url, name = web.ledger.url, web.ledger.url.database
    address = f"host={url.query['host']} user={url.username} dbname=postgres"
    with psycopg.connect(address, autocommit=True) as other:
        other.execute(f"alter database {name} with allow_connections false".encode())
        other.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        yield
        other.execute(f"alter database {name} with allow_connections true".encode())
