"""An agency's house for the browser: the local Apify, a real web process and a real worker, on one ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.processes import (
    API_TOKEN,
    HARVESTER,
    SECRETS,
    environment,
    free_port,
    processes_in,
    until,
    until_ready,
)
from factories import NOW, make_client, opened
from flow.stage import FINAL, Answer, Json, call
from pages.operator import SECRET_KEY, password_hash

from harvester.ledger import Ledger, leads
from harvester.sandbox.apify import SandboxApify

#: Seconds that anything may take on a machine that is busy with other tests.
PATIENCE = 60
#: Handles of leads of whose posts the local Apify has exactly these texts.
HOSTILE = "hedwig-hostile"
FOUND = "sabine-searched"
HOSTILE_TEXT = (
    "<script>alert('of a post')</script> "
    "<img src='http://127.0.0.1:9/spy.png' onerror=\"alert('of an image')\"> "
    "</p></main></body> {{ 7 * 7 }} \u202egnihtemos\u202c javascript:alert(1) &lt;b&gt; "
    "<style>body{display:none}</style>"
)
FOUND_TEXT = "=SUM(A1:A9) The quick ostrich keeps a ledger of its crêpes."


class House:
    """The processes, asked over HTTP as a program does. Each test lets a client of its own move in."""

    def __init__(self, url: str, sandbox: SandboxApify, ledger: Ledger) -> None:
        self.url = url
        self.sandbox = sandbox
        self.ledger = ledger

    def agency(self, client_id: str, *handles: str, **changes: Any) -> str:
        """Store a client whose leads have these handles. Gives its ID."""
        make_client(self.ledger, client_id, **{"daily_target": 1_000, **changes})
        urls = [f"https://www.linkedin.com/in/{handle}" for handle in handles]
        rows: list[Json] = [
            {"profile_url": url, "given_url": url, "name": handle, "extra": {}, "created_at": NOW}
            for url, handle in zip(urls, handles, strict=True)
        ]
        with self.ledger.write() as tx:
            leads.add(tx, client_id, rows)
        return client_id

    def api(self, method: str, path: str, body: object = None) -> Answer:
        """Call the API with its token."""
        answer = call(method, self.url + path, body, token=API_TOKEN)
        assert answer.status < 300, (path, answer)
        return answer

    def begun(self, client_id: str, *handles: str, **changes: Any) -> str:
        """Store a client and kick it off. Gives the client run ID."""
        body = {"clientId": self.agency(client_id, *handles, **changes)}
        return str(self.api("POST", "/api/apify/process-client", body).json["clientRunId"])

    def harvest(self, client_id: str, *handles: str, **changes: Any) -> Json:
        """Store a client, kick it off, and wait until its run has ended."""
        return self.ended(self.begun(client_id, *handles, **changes))

    def run(self, full_id: str) -> Json:
        """Give a client run as the API shows it."""
        found: Json = self.api("GET", f"/api/runs/{full_id}").json["run"]
        return found

    def ended(self, full_id: str) -> Json:
        """Wait until a client run has ended."""
        self.until(lambda: self.run(full_id)["status"] in FINAL, lambda: str(self.run(full_id)))
        return self.run(full_id)

    def rows(self, path: str, name: str) -> list[Json]:
        """Give the first page of a listing of the API."""
        found: list[Json] = self.api("GET", path).json[name]
        return found

    def until(self, true: Callable[[], object], tale: Callable[[], str] = str) -> None:
        """Wait until something holds."""
        until(lambda: bool(true()), PATIENCE, tale)

    def parked(self, client_id: str, *handles: str) -> Json:
        """Harvest while no dataset can be read. Gives the dead letter; datasets are whole again."""
        self.sandbox.inject("truncated", path="/v2/datasets/*", times=None)
        full_id = self.begun(client_id, *handles)

        def ours() -> list[Json]:
            rows = self.rows("/api/dead-letters", "deadLetters")
            return [row for row in rows if row["clientRunId"] == full_id]

        self.until(ours, lambda: str(self.run(full_id)))
        self.sandbox.faults = []
        (letter,) = ours()
        return letter


def _items(handle: str, post_id: str, text: str) -> list[Json]:
    """Give a dataset's items as the actor makes them."""
    profile = f"https://www.linkedin.com/in/{handle}"
    author = {"type": "profile", "name": f"{text[:30]}", "publicIdentifier": handle, "linkedinUrl": profile}
    return [
        {
            "type": "post",
            "id": post_id,
            "linkedinUrl": f"https://www.linkedin.com/feed/update/urn:li:activity:{post_id}",
            "content": text,
            "author": author,
            "postedAt": {"timestamp": 1_763_700_000_000, "date": "2025-11-21T04:40:00.000Z"},
            "postImages": [],
            "engagement": {"likes": 3, "comments": 2, "shares": 1, "reactions": []},
            "query": {"targetUrl": profile},
        }
    ]


@contextmanager
def house_in(folder: Path, database_url: str) -> Iterator[House]:
    """Start everything, and end it afterwards."""
    datasets = {
        HOSTILE: _items(HOSTILE, "7329207003942125001", HOSTILE_TEXT),
        FOUND: _items(FOUND, "7329207003942125002", FOUND_TEXT),
    }
    options: Json = {"token": SECRETS["APIFY_TOKEN"], "seed": 7, "time_scale": 600.0, "run_seconds": 0.3}
    with SandboxApify(**options, datasets=datasets) as sandbox, processes_in(folder) as processes:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        environ = environment(
            DATABASE_URL=database_url,
            PORT=port,
            PUBLIC_URL=url,
            APIFY_API_URL=sandbox.url,
            OPERATOR_PASSWORD_HASH=password_hash(),
            SECRET_KEY=SECRET_KEY,
            **_TIMERS,
        )
        web = processes.start(*HARVESTER, "serve", environ=environ)
        worker = processes.start(*HARVESTER, "worker", environ=environ)
        until_ready(url, lambda: web.output)
        worker.wait_for("Worker started")
        with opened(database_url) as ledger:
            yield House(url, sandbox, ledger)
            assert [web.popen.poll(), worker.popen.poll()] == [None, None], web.output + worker.output


_TIMERS = {
    "TICK_SECONDS": 0.1,
    "RECONCILE_SECONDS": 30,
    "RETRY_BASE_SECONDS": 0.02,
    "COST_SETTLE_SECONDS": 0.1,
    "NOT_NOW_SECONDS": 0.5,
    "ITEMS_LAG_SECONDS": 1,
}
