"""Server time of every page and list, on a ledger of 1,000 clients, 20,000 client runs and many posts.

Each address is asked for in this process, through Flask's test client, with parameters drawn at random, the
same on both databases: from the request until the whole answer is there. `--posts 1000000` takes some minutes
to build; with `--ledger` it is built once in that folder, and used again.
"""

from __future__ import annotations

import argparse
import io
import random
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import big_history
import big_ledger
from argon2 import PasswordHasher
from big_addresses import PAGES, Address, Draw
from databases import BOTH, SQLITE, database
from flask.testing import FlaskClient
from measured import Measured, at_most, tell

from harvester import log
from harvester.settings import load
from routes import create_app
from services import build

#: What is asked for: milliseconds of 95 in 100 answers.
MOST_MS: Final = 50.0
#: Answers of each address that are timed, after some that warm it up.
ASKED, WARMING = 25, 2
#: Addresses that are told of by themselves, the slowest first.
SHOWN: Final = 8
_TOKEN: Final = "benchmark-token"  # noqa: S105 - opens a benchmark alone
_PASSWORD: Final = "a password of a benchmark"  # noqa: S105 - likewise


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure each page on each database, and say with the exit code whether what is asked for is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=100_000, help="a multiple of 20,000")
    parser.add_argument("--databases", nargs="*", default=list(BOTH), choices=BOTH)
    parser.add_argument("--ledger", type=Path, help="keep the SQLite ledger in this folder, and use it again")
    parser.add_argument("--only", help="addresses that hold this")
    given = parser.parse_args(arguments)
    chosen = {name: page for name, page in PAGES.items() if not given.only or given.only in name}
    found = {kind: measured(kind, given.posts, chosen, given.ledger) for kind in given.databases}
    return tell([line for kind, taken in found.items() for line in _lines(kind, given.posts, taken)])


def measured(kind: str, posts: int, pages: dict[str, Address], folder: Path | None) -> dict[str, list[float]]:
    """Ask for each page so many times. Gives the milliseconds of each answer."""
    lent = database(kind) if folder is None or kind != SQLITE else nullcontext(_kept(folder, posts))
    with lent as url:
        now = big_ledger.build(url, posts)
        with _web(url) as web:
            draw = Draw(random.Random(3), list(big_history.runs(now)), posts)  # noqa: S311  # nosec B311 # no secret
            return {
                name: _timed(web, [page(draw) for _ in range(ASKED + WARMING)])
                for name, page in pages.items()
            }


def _timed(web: FlaskClient, addresses: Sequence[str]) -> list[float]:
    taken = []
    for address in addresses:
        headers = (
            {"Authorization": f"Bearer {_TOKEN}"} if address.startswith("/api") else {"Accept": "text/html"}
        )
        began = time.perf_counter()
        with web.get(address, headers=headers) as answer:
            _ = answer.data
        taken.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{address}: {answer.status_code} {answer.get_data(as_text=True)[:500]}")
    return taken[WARMING:]


def _lines(kind: str, posts: int, taken: dict[str, list[float]]) -> Iterator[Measured]:
    """Tell of all addresses together, of the slowest, and of each that takes too long."""
    everything = [one for each in taken.values() for one in each]
    what = f"{kind}, {posts:,} posts, all of {len(taken)} pages and lists: 95 in 100"
    yield at_most(_p95(everything), MOST_MS, what=what, unit=" ms")
    slowest = sorted(taken.items(), key=lambda one: -_p95(one[1]))
    shown = max(SHOWN, sum(_p95(each) > MOST_MS for _, each in slowest))
    for name, each in slowest[:shown]:
        yield at_most(
            _p95(each), MOST_MS, what=f"{kind}: {name} (half of them {median(each):.1f} ms)", unit=" ms"
        )


def _p95(taken: Sequence[float]) -> float:
    return quantiles(taken, n=20)[-1]


def _kept(folder: Path, posts: int) -> str:
    from harvester.ledger import Ledger, schema

    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder.resolve()}/operations-{posts}.db"
    ledger = Ledger(url)
    schema.migrate(ledger)
    ledger.close()
    return url


@contextmanager
def _web(url: str) -> Iterator[FlaskClient]:
    """Give a signed-in operator's browser, in front of the application as the web process has it."""
    environ: dict[str, Any] = {
        "DATABASE_URL": url,
        "PUBLIC_URL": "http://127.0.0.1:9",
        "API_TOKENS": _TOKEN,
        "WEBHOOK_SECRETS": secrets.token_hex(32),
        "APIFY_TOKEN": _TOKEN,
        "APIFY_API_URL": "http://127.0.0.1:9",
        "OPERATOR_PASSWORD_HASH": PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(_PASSWORD),
        "SECRET_KEY": secrets.token_hex(32),
    }
    log.configure("text", "INFO", io.StringIO())  # the lines are made as in the web process
    services = build(load(environ, env_file=None))
    try:
        web = create_app(services).test_client()
        _sign_in(web)
        yield web
    finally:
        services.close()


def _sign_in(web: FlaskClient) -> None:
    import re

    form = web.get("/login", headers={"Accept": "text/html"}).text
    hidden = dict(re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form))
    answer = web.post("/login", data={**hidden, "name": "Ann", "password": _PASSWORD})
    if answer.status_code != 303:
        raise RuntimeError(f"signing in: {answer.status_code}")


if __name__ == "__main__":
    sys.exit(main())
