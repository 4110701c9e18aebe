"""What a kickoff costs on top of the rows that it writes: 1, 100, 1,000 clients in one call, 20 leads each.

Ours is `POST /api/apify/process`, in the process, from the request to the answer. The floor is the INSERTs of
the very rows that it has written, through the driver alone, into a ledger with the same clients and leads, in
as many transactions. Both in turn, several times; the median of each.
"""

from __future__ import annotations

import io
import secrets
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from bare_inserts import driver, inserted, written
from databases import BOTH, database
from flask.testing import FlaskClient
from many_clients import store
from measured import Measured, tell

from harvester import log
from harvester.settings import load
from routes import create_app
from services import build
from services.process import AT_ONCE

#: What is asked for: milliseconds for each client on top of its INSERTs.
MOST_MS: Final = 3.0
#: Clients in one call, and how often. Each call has clients of its own, told apart by their stream.
CALLS: Final = ((1, 15), (100, 5), (1_000, 3))
_TOKEN: Final = "benchmark-token"  # noqa: S105 - opens a benchmark alone


@dataclass
class Spent:
    """Milliseconds for each client, a figure for each call: by the clock, and of this process's processor."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    @contextmanager
    def on(self, size: int) -> Iterator[None]:
        """Count what happens within, for so many clients."""
        wall, processor = time.perf_counter(), time.process_time()
        yield
        self.processor.append((time.process_time() - processor) / size * 1000)
        self.wall.append((time.perf_counter() - wall) / size * 1000)


def main(_arguments: Sequence[str]) -> int:
    """Measure on both databases."""
    return tell([line for kind in BOTH for line in measured(kind)])


def measured(kind: str) -> Iterator[Measured]:
    """Kick all clients off, and insert the same rows into another ledger of that kind."""
    sizes = [size for size, calls in CALLS for _ in range(calls)]
    with database(kind) as url, database(kind) as other:
        for each in (url, other):
            store(each, sizes)
        with closing(driver(url)) as found, closing(driver(other)) as bare, _web(url) as web:
            spent = {size: (Spent(), Spent()) for size, _ in CALLS}
            for stream, size in enumerate(sizes, 1):
                ours, floor = spent[size]
                with ours.on(size):
                    run_id = _kicked_off(web, stream, size)
                rows = written(found, run_id)
                with floor.on(size):
                    inserted(bare, rows, at_once=AT_ONCE)
    for size, (ours, floor) in spent.items():
        told = f"{kind}, {size:,} client{'s' * (size > 1)} in one call, each"
        yield _on_top(told, ours.wall, floor.wall)
        yield _on_top(f"{told}: processor time", ours.processor, floor.processor)


def _on_top(what: str, ours: Sequence[float], floor: Sequence[float]) -> Measured:
    took, least = statistics.median(ours), statistics.median(floor)
    more = took - least
    shown = f"{took:.2f} ms", f"{least:.2f} ms", f"+ {more:.2f} ms"
    return Measured(what, *shown, f"<= {MOST_MS:g} ms on top", more <= MOST_MS)


def _kicked_off(web: FlaskClient, stream: int, size: int) -> str:
    answer = web.post(
        "/api/apify/process", json={"stream": stream}, headers={"Authorization": f"Bearer {_TOKEN}"}
    )
    told: dict[str, Any] = answer.get_json()
    started = sum(one.get("status") == "Running" for one in told.get("clients", ()))
    if answer.status_code != 202 or started != size:
        raise RuntimeError(f"{started} of {size} clients were started: {answer.status_code} {told}"[:500])
    return str(told["runId"])


@contextmanager
def _web(url: str) -> Iterator[FlaskClient]:
    environ = {
        "DATABASE_URL": url,
        "PUBLIC_URL": "http://127.0.0.1:9",
        "API_TOKENS": _TOKEN,
        "WEBHOOK_SECRETS": secrets.token_hex(32),
        "APIFY_TOKEN": _TOKEN,
        "APIFY_API_URL": "http://127.0.0.1:9",
    }
    log.configure("text", "INFO", io.StringIO())  # the lines are made as in the web process
    services = build(load(environ, env_file=None))
    try:
        yield create_app(services).test_client()
    finally:
        services.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
