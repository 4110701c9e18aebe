"""From a webhook to 10,000 posts in Airtable, beside the bare requests that this takes.

Our web process, one worker, and the local Apify, whose actor run of 10,000 posts ends and calls us; then the
posts go to a stub of Airtable that has no limits, ten at a time, with our pacing as short as settings allow.
The time is from the webhook's call to the last write at the stub. The floor repeats those writes, byte for
byte, one after the other over one connection of the same client library, in the same run.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, Final

import orjson
import pyairtable
from airtable_stub import canned, serve
from databases import SQLITE, database
from ingest import Apart, made
from measured import Measured, shown_only, tell, times

from harvester.cli.children import Children, direct, free_port
from harvester.sandbox.airtable import SandboxAirtable
from harvester.sandbox.airtable.agency import MASTER_ID, client_base, client_row, master_base
from harvester.sandbox.apify.sandbox import SandboxApify

MOST_TIMES: Final = 1.2
_CLIENT: Final = "Client-0000"
_BASE: Final = "appClient0000Base"
_LEADS: Final = 20
_TOKEN: Final = "benchmark-token"  # noqa: S105 - opens a benchmark alone
#: How long the actor run takes: the web process and the worker are at rest when it ends, in seconds.
_RUN_SECONDS: Final = 4.0
_SHORTEST: Final = "0.000001"
_KEPT: Final = ("PATH", "HOME", "LANG", "PYTHONPATH")


@dataclass(frozen=True)
class Round:
    """One harvest: seconds from the webhook to the first and to the last write, and processor seconds."""

    first: float
    seconds: float
    writes: list[bytes]
    worker_cpu: float


def apify(pipe: Connection, posts: int) -> None:
    """Serve the local Apify; each lead has its share of the posts. Asked, it says when it called us."""
    items = {item["id"]: item for item in made(posts + posts // 5, 0)}  # some post one and the same
    of_lead: dict[str, list[Any]] = {f"lead-0000-{number:03d}": [] for number in range(_LEADS)}
    for item in list(items.values())[:posts]:
        of_lead[item["query"]["targetUrl"].rpartition("/")[2]].append(item)
    options = {"run_seconds": _RUN_SECONDS, "max_concurrent_runs": 10, "max_memory_gbytes": 100}
    with SandboxApify(token=_TOKEN, time_scale=1_000, datasets=of_lead, **options) as sandbox:
        pipe.send(sandbox.url)
        try:
            while pipe.recv():
                calls = sandbox.ledger().webhook_calls
                pipe.send([datetime.fromisoformat(call.started_at).timestamp() for call in calls])
        except EOFError:
            return


def agency() -> tuple[dict[str, bytes], str, str]:
    """Give what a client's base and the master base answer, and the IDs of Posts and of its key."""
    url = "https://www.linkedin.com/in/lead-0000-{:03d}"
    rows = [{"LinkedIn Profile URL": url.format(number)} for number in range(_LEADS)]
    target = {"Posts Daily Target": 1_000_000, "Leads Batch Size for Post Collection": _LEADS}
    clients = [client_row(_CLIENT, _BASE, **target)]
    bases = [master_base(clients=clients), client_base(_BASE, leads=rows)]
    with SandboxAirtable(bases=bases, token=_TOKEN, base_requests=0, token_requests=0) as airtable:
        tables = {
            MASTER_ID: [airtable.table_id(MASTER_ID, "Clients")],
            _BASE: [airtable.table_id(_BASE, "Leads")],
        }
        answers = canned(airtable.url, _TOKEN, tables)
        return answers, airtable.table_id(_BASE, "Posts"), airtable.field_id(_BASE, "Posts", "Post Key")


def harvest(kind: str, posts: int, stub: Apart, stub_url: str, **settings: str) -> Round:
    """Harvest once, on a fresh ledger."""
    local = Apart(apify, posts)
    apify_url = local.heard()
    port = free_port()
    with database(kind) as url, tempfile.TemporaryDirectory() as folder:
        environ = {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "DATABASE_URL": url,
            "PORT": str(port),
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "API_TOKENS": _TOKEN,
            "WEBHOOK_SECRETS": secrets.token_hex(32),
            "APIFY_TOKEN": _TOKEN,
            "APIFY_API_URL": apify_url,
            "APIFY_MAX_POSTS": str(posts // 10),
            "APIFY_MAX_CHARGE_USD": "10000",
            "DAILY_BUDGET_USD": "1000000",
            "COST_SETTLE_SECONDS": "0.05",
            "AIRTABLE_API_KEY": _TOKEN,
            "AIRTABLE_API_URL": stub_url,
            "MASTER_CLIENTS_BASE_ID": MASTER_ID,
            "AIRTABLE_BASE_INTERVAL_SECONDS": _SHORTEST,
            "AIRTABLE_TOKEN_INTERVAL_SECONDS": _SHORTEST,
            "AIRTABLE_DELAY_SECONDS": _SHORTEST,
            **settings,
        }
        with Children(Path(folder), environ) as children:
            try:
                return _harvest(children, local, stub, posts)
            finally:
                local.end()


def _harvest(children: Children, local: Apart, stub: Apart, posts: int) -> Round:
    public = children.environ["PUBLIC_URL"]
    children.start("web", ["-m", "harvester.cli", "serve"])
    children.start("worker", ["-m", "harvester.cli", "worker"])
    children.wait_for_url(f"{public}/readyz", 60)
    stub.ask("new")
    _kickoff(public)
    worker = next(process.pid for name, process in children.running() if name == "worker")
    called: list[float] = []
    deadline, before = time.monotonic() + 120, 0.0
    while not called:
        _require(deadline, children)
        before = _cpu(worker)
        called = local.ask(True)
        time.sleep(0.05)
    while stub.ask("how many")[0] < posts:
        _require(deadline, children)
        time.sleep(0.1)
    cpu = _cpu(worker) - before
    _, first, last, bodies = stub.ask("bodies")
    return Round(first - called[0], last - called[0], bodies, cpu)


def _kickoff(public: str) -> None:
    from urllib.request import Request

    headers = {"Authorization": f"Bearer {_TOKEN}", "Content-Type": "application/json"}
    body = orjson.dumps({"clientId": _CLIENT})
    asked = Request(f"{public}/api/apify/process-client", data=body, headers=headers)  # noqa: S310 - loopback
    with direct.open(asked, timeout=60) as answer:
        answer.read()


def _require(deadline: float, children: Children) -> None:
    children.check()
    if time.monotonic() > deadline:
        raise TimeoutError("not all posts came to Airtable in time")


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def floor(pipe: Connection, url: str, table: str, bodies: Sequence[bytes]) -> None:
    """Send these bodies, one after the other. Says how many seconds that took, and of the processor."""
    api = pyairtable.Api(_TOKEN, endpoint_url=url, retry_strategy=None, timeout=(5, 30))
    path = api.table(_BASE, table).urls.records
    parsed: list[dict[str, Any]] = [orjson.loads(body) for body in bodies]
    began, busy = time.perf_counter(), time.process_time()
    for body in parsed:
        api.patch(path, json=body)
    pipe.send((time.perf_counter() - began, time.process_time() - busy))
    api.session.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, tell, and say with the exit code whether what is asked for is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", default=SQLITE)
    given = parser.parse_args(arguments)
    answers, table, key = agency()
    stub = Apart(serve, answers, table, key)
    stub_url = stub.heard()
    ours: list[Round] = []
    least: list[tuple[float, float]] = []
    for _ in range(given.rounds):
        found = harvest(given.database, given.posts, stub, stub_url)
        bare = Apart(floor, stub_url, table, found.writes)
        least.append(bare.heard())
        bare.end()
        ours.append(found)
    stub.end()
    return tell(_lines(given.posts, given.database, ours, least))


def _lines(
    posts: int, kind: str, ours: Sequence[Round], least: Sequence[tuple[float, float]]
) -> list[Measured]:
    what = f"{posts:,} posts, {kind}"
    took, bare = median(one.seconds for one in ours), median(seconds for seconds, _ in least)
    busy, bare_busy = median(one.worker_cpu for one in ours), median(cpu for _, cpu in least)
    writes, needed = median(len(one.writes) for one in ours), -(-posts // 10)
    return [
        times(took, bare, most=MOST_TIMES, what=f"webhook to the last of {what}"),
        shown_only("the first write after the webhook", f"{median(one.first for one in ours):.2f} s"),
        shown_only(
            "processor time of worker", f"{busy:.2f} s", f"{bare_busy:.2f} s", f"{busy / bare_busy:.2f}"
        ),
        shown_only("writes", f"{writes:,.0f}", f"{needed:,}", f"{writes / needed:.2f}"),
    ]


if __name__ == "__main__":
    sys.exit(main())
