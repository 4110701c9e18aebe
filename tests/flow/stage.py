"""A whole harvest in one process: the local Apify, the web application on loopback, and a worker's hands."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from factories import NOW, make_client, make_settings
from sqlalchemy import select
from werkzeug.serving import BaseWSGIServer, make_server

from harvester.ledger import Ledger, leads, tables
from harvester.sandbox.apify import SandboxApify
from harvester.webhook_tokens import TokenSigner
from routes import create_app
from services import Services, build
from services.terms import WEBHOOK_PATH

from .proxy import Proxy

APIFY_TOKEN = "apify_api_ThisIsATestToken0123456789"
API_TOKEN = "test-api-token"
FINAL = ("Completed", "Completed with Errors", "Failed", "Cancelled")
Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(method: str, url: str, body: object = None, *, token: str | None = None, **headers: str) -> Answer:
    """Call a server on loopback; any status is an answer. `body` is sent as JSON, bytes as they are."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return Answer(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read())


class AheadClock:
    """The real time, or what it will be in a while."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def skip(self, **by: float) -> None:
        """Jump ahead, by as much as `timedelta` takes."""
        self.ahead += timedelta(**by)


class Stage:
    """Drives real services. `web` and `worker` are built apart, as in two processes on one ledger."""

    def __init__(
        self, sandbox: SandboxApify, proxy: Proxy, clock: AheadClock, web: Services, worker: Services
    ) -> None:
        self.sandbox = sandbox
        self.proxy = proxy
        self.clock = clock
        self.web = web
        self.worker = worker
        self.ledger = worker.ledger
        self.url = web.settings.public_url

    def agency(self, *handles: str, client_id: str = "Guy-Wilson", **changes: Any) -> str:
        """Store a client whose leads have these handles. Gives its ID."""
        make_client(self.ledger, client_id, **{"daily_target": 1_000, **changes})
        urls = [f"https://www.linkedin.com/in/{handle}" for handle in handles]
        rows: list[Json] = [
            {"profile_url": url, "given_url": url, "name": None, "extra": {}, "created_at": NOW}
            for url in urls
        ]
        with self.ledger.write() as tx:
            leads.add(tx, client_id, rows)
        return client_id

    def api(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Call the API with its token."""
        return call(method, self.url + path, body, token=API_TOKEN, **headers)

    def kickoff(self, client_id: str = "Guy-Wilson", **body: object) -> str:
        """Kick off over HTTP. Gives the client run ID."""
        answer = self.api("POST", "/api/apify/process-client", {"clientId": client_id, **body})
        assert answer.status == 202, answer
        return str(answer.json["clientRunId"])

    def turn(self) -> None:
        """Let the worker do everything that is due now."""
        self.worker.tick(self.worker.advance)
        airtable = self.worker.airtable
        if airtable is not None:
            for name in airtable.due():
                airtable.do(name)

    def work(self, until: Callable[[], object], seconds: float = 15.0) -> None:
        """Work until something holds."""
        deadline = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < deadline, f"still waiting: {self.rows()}"
            self.turn()
            time.sleep(0.01)

    def finish(self, full_id: str, seconds: float = 15.0) -> Json:
        """Work until a client run is over. Gives it as the API shows it."""
        self.work(lambda: self.run(full_id)["status"] in FINAL, seconds)
        return self.run(full_id)

    def harvest(self, *handles: str, **changes: Any) -> Json:
        """Make a client, kick it off, and work until its run is over."""
        return self.finish(self.kickoff(self.agency(*handles, **changes)))

    def run(self, full_id: str) -> Json:
        """Give a client run as the API shows it."""
        found = self.worker.overview.run(full_id)
        assert found is not None, f"there is no record {full_id}"
        return found

    def rows(self) -> list[Json]:
        """Give the actor runs as they are in the ledger."""
        with self.ledger.read() as tx:
            found = tx.execute(select(tables.actor_runs).order_by(tables.actor_runs.c.id))
            return [dict(row._mapping) for row in found]

    def row(self) -> Json:
        """Give the only actor run."""
        (row,) = self.rows()
        return row

    def begun(self, client_id: str = "Guy-Wilson") -> str:
        """Kick off, and work until all is at work at Apify. Gives the client run ID.

        Webhooks are dropped from now on: nothing goes on before the reconcile time is over.
        """
        self.sandbox.inject("webhook-drop", times=None)
        full_id = self.kickoff(client_id)
        self.work(lambda: self.in_state("running"))
        return full_id

    def ended(self) -> None:
        """Wait until Apify has ended all runs, and jump to when that is looked at at last."""
        deadline = time.monotonic() + 10
        while set(self.sandbox.ledger().runs_by_status) & {"READY", "RUNNING", "ABORTING", "TIMING-OUT"}:
            assert time.monotonic() < deadline, "an actor run of the local Apify does not end"
            time.sleep(0.01)
        self.clock.skip(seconds=self.worker.settings.reconcile_seconds + 1)

    def in_state(self, *states: str) -> bool:
        """Say whether all actor runs are in one of these states."""
        found = [row["state"] for row in self.rows()]
        return bool(found) and set(found) <= set(states)

    def leads(self, client_id: str = "Guy-Wilson") -> dict[str, str | None]:
        """Give each lead's status by its handle."""
        rows = self.worker.overview.leads(client_id)
        return {row["linkedinProfileUrl"].rpartition("/")[2]: row["status"] for row in rows}

    def posts(self, **narrowed: Any) -> dict[str, Json]:
        """Give the stored posts by their key."""
        return {row["postKey"]: row for row in self.worker.overview.posts(limit=1_000, **narrowed).rows}

    def deliveries(self) -> list[Json]:
        """Give what reached the webhook, oldest first."""
        return self.worker.overview.deliveries(limit=1_000).rows[::-1]

    def rejects(self) -> list[Json]:
        """Give the rejects, in the order of the dataset."""
        with self.ledger.read() as tx:
            found = tx.execute(select(tables.rejects).order_by(tables.rejects.c.position))
            return [dict(row._mapping) for row in found]

    def apify(self, method: str, path: str) -> Any:
        """Ask the local Apify itself."""
        answer = call(method, f"{self.sandbox.url}/v2/{path}", token=APIFY_TOKEN)
        assert answer.status < 300, answer
        return answer.json

    def items(self) -> list[Any]:
        """Give the items of all datasets, from the local Apify itself."""
        started = [self.apify("GET", f"actor-runs/{one.run_id}") for one in self.sandbox.ledger().starts]
        found = [self.apify("GET", f"datasets/{run['data']['defaultDatasetId']}/items") for run in started]
        return [item for items in found for item in items]

    def deliver(self, body: object, *, token: str | None, **headers: str) -> Answer:
        """Call the webhook as Apify does."""
        return call("POST", self.url + WEBHOOK_PATH, body, token=token, **headers)

    def token(self, attempt: int = 1) -> str:
        """Sign a webhook's token for the only actor run, as the worker does."""
        row = self.row()
        signer = TokenSigner(self.web.settings.webhook_secrets)
        return signer.sign(row["marker"], attempt, row["client_id"])


def impatient(ledger: Ledger) -> None:
    """Wait for SQLite's lock 50 ms at the most from now on."""
    ledger._lock_seconds = 0.05


@contextmanager
def staged(database_url: str, *, apify: Mapping[str, Any] | None = None, **settings: Any) -> Iterator[Stage]:
    """Set everything up and take it down again. Apify's minute takes 0.05 s, an actor run 0.06 s.

    `apify` are options of the local Apify; `settings` those of ours. Timers that would hide a lost webhook
    are long unless given.
    """
    options = {"token": APIFY_TOKEN, "seed": 7, "time_scale": 1200.0, "run_seconds": 0.06, **(apify or {})}
    with SandboxApify(**options) as sandbox, closing(Proxy(sandbox.url)) as proxy, _served() as serve:
        found = make_settings(
            **{
                "database_url": database_url,
                "apify_api_url": proxy.url,
                "apify_token": APIFY_TOKEN,
                "api_tokens": API_TOKEN,
                "public_url": serve.url,
                "reconcile_seconds": 60,
                "cost_settle_seconds": 0.05,
                **settings,
            }
        )
        clock = AheadClock()
        web, worker = build(found, clock=clock), build(found, clock=clock)
        serve.app = create_app(web)
        try:
            yield Stage(sandbox, proxy, clock, web, worker)
        finally:
            # Apify stops calling before the ledger closes.
            sandbox.close()
            serve.stop()
            web.close()
            worker.close()


class _Serve:
    app: Callable[..., Any] | None = None

    def __init__(self) -> None:
        def late(environ: Any, start_response: Any) -> Any:
            assert self.app is not None, "nothing is served yet"
            return self.app(environ, start_response)

        self._server: BaseWSGIServer = make_server("127.0.0.1", 0, late, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="web")
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


@contextmanager
def _served() -> Iterator[_Serve]:
    serve = _Serve()
    try:
        yield serve
    finally:
        serve.stop()
