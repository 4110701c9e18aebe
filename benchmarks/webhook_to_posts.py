"""How soon the posts of a small dataset are in the ledger, after the webhook's call, on an idle system.

Web, one worker and the local Apify, each a process of its own. The time is from the local Apify's call until
a look at the ledger finds the posts. The floor, in turns with it, is what any way has to do: ask the local
Apify for the actor run and for its items, and write these with one commit.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, Final

import orjson
import psycopg
import requests
from agency import found
from databases import BOTH, database
from ingest import Apart
from measured import Measured, shown_only, tell
from sqlalchemy import func, select

from harvester.cli.children import Children, free_port
from harvester.ledger import Ledger, tables
from harvester.sandbox.apify.sandbox import SandboxApify

MOST_MORE_MS: Final = 250.0
ROUNDS: Final = 20
_LEADS: Final = 5
_TOKEN: Final = "benchmark-token"  # noqa: S105 - opens a benchmark alone
#: How long an actor run takes: everything is at rest when it ends, in seconds.
_RUN_SECONDS: Final = 1.2
_LOOK_SECONDS: Final = 0.002
_PATIENCE_SECONDS: Final = 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure on both databases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--databases", nargs="*", default=list(BOTH), choices=BOTH)
    parser.add_argument("--tick", help="TICK_SECONDS of the worker, instead of what it is shipped with")
    given = parser.parse_args(arguments)
    settings = {"TICK_SECONDS": given.tick} if given.tick else {}
    return tell([line for kind in given.databases for line in measured(kind, **settings)])


def apify(pipe: Connection) -> None:
    """Serve the local Apify. Asked, it says when it called us last, and for which actor run."""
    options: dict[str, Any] = {"max_concurrent_runs": 100, "max_memory_gbytes": 100}
    with SandboxApify(token=_TOKEN, time_scale=1, run_seconds=_RUN_SECONDS, **options) as sandbox:
        pipe.send(sandbox.url)
        with suppress(EOFError):
            while pipe.recv():
                calls = sandbox.ledger().webhook_calls
                pipe.send(datetime.fromisoformat(calls[-1].started_at).timestamp() if calls else 0.0)


def measured(kind: str, **settings: str) -> Iterator[Measured]:
    """Harvest one client after the other, and do the least for each of their datasets."""
    local = Apart(apify)
    url_of_apify = local.heard()
    ours: list[float] = []
    floor: list[float] = []
    try:
        with database(kind) as url, closing(Ledger(url)) as ledger:
            found(ledger, ROUNDS, _LEADS)
            with (
                _at_work(url, url_of_apify, settings) as children,
                _least(url, url_of_apify) as least,
            ):
                for number in range(ROUNDS):
                    ours.append(_harvested(children, ledger, local, f"Client-{number:04d}"))
                    floor.append(least(_actor_run(ledger)))
    finally:
        local.end()
    took, bare = median(ours) * 1000, median(floor) * 1000
    shown = f"{took:.0f} ms", f"{bare:.0f} ms", f"+ {took - bare:.0f} ms"
    what = f"{kind}: webhook to posts, median of {ROUNDS}"
    yield Measured(what, *shown, f"<= {MOST_MORE_MS:g} ms more", took - bare <= MOST_MORE_MS)
    yield shown_only(f"{kind}: the slowest", f"{max(ours) * 1000:.0f} ms", f"{max(floor) * 1000:.0f} ms")


@contextmanager
def _at_work(url: str, apify_url: str, settings: Mapping[str, str]) -> Iterator[Children]:
    """Start web and one worker, with the settings that they are shipped with but for those given."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "DATABASE_URL": url,
            "PORT": str(port),
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "API_TOKENS": _TOKEN,
            "WEBHOOK_SECRETS": secrets.token_hex(32),
            "APIFY_TOKEN": _TOKEN,
            "APIFY_API_URL": apify_url,
            "DAILY_BUDGET_USD": "1000",
            **settings,
        }
        with Children(Path(folder), environ) as children:
            children.start("web", ["-m", "harvester.cli", "serve"])
            children.start("worker", ["-m", "harvester.cli", "worker"])
            children.wait_for_url(f"{environ['PUBLIC_URL']}/readyz", 60)
            time.sleep(2)
            yield children


def _harvested(children: Children, ledger: Ledger, local: Apart, client_id: str) -> float:
    """Harvest a client. Gives the seconds from the webhook's call until its posts are there."""
    before = local.ask(True)
    answer = requests.post(
        f"{children.environ['PUBLIC_URL']}/api/apify/process-client",
        headers={"Authorization": f"Bearer {_TOKEN}"},
        json={"clientId": client_id},
        timeout=_PATIENCE_SECONDS,
    )
    if answer.status_code != 202:
        raise RuntimeError(f"{client_id}: {answer.status_code} {answer.text[:300]}")
    count = select(func.count()).where(tables.posts.c.client_id == client_id)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not _scalar(ledger, count):
        children.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{client_id} has no posts after {_PATIENCE_SECONDS:g} s")
        time.sleep(_LOOK_SECONDS)
    there = time.time()
    called: float = local.ask(True)
    if called == before:
        raise RuntimeError(f"the posts of {client_id} were there before the webhook's call")
    time.sleep(0.5)  # the client run is settled, and all is at rest again
    return there - called


def _scalar(ledger: Ledger, statement: Any) -> Any:
    with ledger.read() as tx:
        return tx.execute(statement).scalar_one()


def _actor_run(ledger: Ledger) -> str:
    """Name the actor run that Apify had last."""
    newest = select(tables.actor_runs.c.apify_run_id).order_by(tables.actor_runs.c.id.desc()).limit(1)
    return str(_scalar(ledger, newest))


@contextmanager
def _least(url: str, apify_url: str) -> Iterator[Callable[[str], float]]:
    """Give the floor: two calls over one connection, and one commit. It says its seconds."""
    with requests.Session() as session, _saving(url) as save:
        session.headers["Authorization"] = f"Bearer {_TOKEN}"

        def once(run_id: str) -> float:
            began = time.perf_counter()
            run = orjson.loads(session.get(f"{apify_url}/v2/actor-runs/{run_id}", timeout=60).content)
            items = f"{apify_url}/v2/datasets/{run['data']['defaultDatasetId']}/items"
            page = orjson.loads(session.get(f"{items}?offset=0&limit=1000", timeout=60).content)
            save([(f"{run_id} {at}", orjson.dumps(item)) for at, item in enumerate(page)])
            return time.perf_counter() - began

        yield once


@contextmanager
def _saving(url: str) -> Iterator[Callable[[Sequence[tuple[str, bytes]]], None]]:
    """Make a plain table beside the ledger's. Gives how to save rows into it, durably."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as lite:
            lite.execute("pragma synchronous = full")
            lite.execute("create table bare_posts (name text primary key, raw blob)")

            def save(rows: Sequence[tuple[str, bytes]]) -> None:
                lite.execute("begin immediate")
                lite.executemany("insert into bare_posts values (?, ?)", rows)
                lite.execute("commit")

            yield save
        return
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as real:
        real.execute("create table bare_posts (name text primary key, raw bytea)")

        def save_real(rows: Sequence[tuple[str, bytes]]) -> None:
            with real.transaction(), real.cursor() as cursor:
                cursor.executemany("insert into bare_posts values (%s, %s)", rows)

        yield save_real


if __name__ == "__main__":
    sys.exit(main())
