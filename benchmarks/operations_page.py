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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import big_ledger
from argon2 import PasswordHasher
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
ASKED, WARMING = 40, 3
_TOKEN: Final = "benchmark-token"  # noqa: S105 - opens a benchmark alone
_PASSWORD: Final = "a password of a benchmark"  # noqa: S105 - likewise
_WORDS: Final = ("team", "years", "people", "we hire", "custom", "the", "growth team", "zzzz")


@dataclass(frozen=True)
class Draw:
    """What parameters are drawn from."""

    chance: random.Random
    runs: Sequence[big_ledger.Run]
    posts: int

    @property
    def run(self) -> big_ledger.Run:
        """Draw a client run."""
        return self.chance.choice(self.runs)

    @property
    def client(self) -> str:
        """Draw a client."""
        return self.run.client_id

    @property
    def post(self) -> int:
        """Draw a post."""
        return self.chance.randint(1, self.posts)

    @property
    def words(self) -> str:
        """Draw words that many posts have, or few, or none."""
        return self.chance.choice([*_WORDS, f"no{self.post}"]).replace(" ", "+")

    @property
    def day(self) -> str:
        """Draw a day of the last year."""
        newest = self.runs[-1].at
        return f"{newest - timedelta(days=self.chance.randrange(365)):%Y-%m-%d}"

    @property
    def lead(self) -> str:
        """Draw a lead."""
        return big_ledger.url_of(self.chance.choice(self.run.leads))


_Address = Callable[[Draw], str]
#: Every page and list that only reads: what is asked for, and how its parameters are drawn. Files that stream
#: all that is found have no place here: they last as long as they are.
PAGES: Final[dict[str, _Address]] = {
    "now": lambda d: "/",
    "clients": lambda d: f"/clients?cursor={d.client}",
    "clients by name": lambda d: f"/clients?q={d.client[:9]}",
    "a client": lambda d: f"/clients/{d.client}",
    "a client's leads": lambda d: f"/clients/{d.client}/leads",
    "client runs": lambda d: f"/runs?cursor={d.run.id}",
    "client runs by status": lambda d: f"/runs?status={d.run.status.replace(' ', '+')}",
    "client runs of a client": lambda d: f"/runs?clientId={d.client}",
    "a client run": lambda d: f"/runs/{d.run.full_id}",
    "its story": lambda d: f"/runs/{d.run.full_id}/story",
    "its profiles": lambda d: f"/runs/{d.run.full_id}/coverage",
    "its rejects": lambda d: f"/runs/{d.run.full_id}/rejects",
    "job runs": lambda d: "/jobs",
    "a job run of 1,000 clients": lambda d: f"/jobs/{d.run.run_id}",
    "posts": lambda d: f"/posts?cursor={d.post}",
    "posts by words": lambda d: f"/posts?q={d.words}",
    "posts by words and client": lambda d: f"/posts?q={d.words}&clientId={d.client}",
    "posts by words and time": lambda d: f"/posts?q={d.words}&postedTo={d.day}",
    "posts of a client": lambda d: f"/posts?clientId={d.client}",
    "posts of a lead": lambda d: f"/posts?lead={d.lead}",
    "posts of a client run": lambda d: f"/posts?clientRunId={d.run.full_id}",
    "posts by time": lambda d: f"/posts?postedTo={d.day}",
    "posts of a client by time": lambda d: f"/posts?clientId={d.client}&postedTo={d.day}",
    "a post": lambda d: f"/posts/{d.post}",
    "deliveries": lambda d: f"/deliveries?cursor={d.run.id}",
    "deliveries by outcome": lambda d: "/deliveries?outcome=unknown_run",
    "deliveries of a client run": lambda d: f"/deliveries?clientRunId={d.run.full_id}",
    "a delivery": lambda d: f"/deliveries/{d.run.id}",
    "dead letters": lambda d: "/dead-letters",
    "actors": lambda d: "/actors",
    "activity of people": lambda d: "/activity",
    "all activity": lambda d: f"/activity?operation=*&cursor={3 * d.run.id}",
    "activity of a client": lambda d: f"/activity?clientId={d.client}",
    "activity that failed": lambda d: "/activity?ok=false",
    "what a process of all costs": lambda d: "/process?whole=1",
    "whether to resume": lambda d: "/resume",
    "a kickoff's preview": lambda d: f"/clients/{d.client}/kickoff",
    "/api/runs": lambda d: f"/api/runs?limit=50&cursor={d.run.id}",
    "/api/runs of a job run, 1,000 rows": lambda d: f"/api/runs?limit=1000&runId={d.run.run_id}",
    "/api/runs/ID": lambda d: f"/api/runs/{d.run.full_id}",
    "/api/runs/ID/events": lambda d: f"/api/runs/{d.run.full_id}/events",
    "/api/runs/ID/coverage": lambda d: f"/api/runs/{d.run.full_id}/coverage",
    "/api/clients": lambda d: f"/api/clients?cursor={d.client}",
    "/api/clients/ID/preview": lambda d: f"/api/clients/{d.client}/preview",
    "/api/jobs": lambda d: "/api/jobs",
    "/api/jobs/ID": lambda d: f"/api/jobs/{d.run.run_id}",
    "/api/posts": lambda d: f"/api/posts?q={d.words}&clientId={d.client}",
    "/api/comments": lambda d: f"/api/comments?clientId={d.client}",
    "/api/reactions": lambda d: f"/api/reactions?cursor={max(2, d.post // 5)}",
    "/api/deliveries": lambda d: f"/api/deliveries?cursor={d.run.id}",
    "/api/activity": lambda d: f"/api/activity?clientId={d.client}",
    "/api/dead-letters": lambda d: "/api/dead-letters",
    "/api/alerts": lambda d: "/api/alerts",
    "/api/costs": lambda d: "/api/costs",
    "/api/costs of a client": lambda d: f"/api/costs?clientId={d.client}",
    "/api/actors": lambda d: "/api/actors",
    "/api/starts": lambda d: "/api/starts",
    "/api/schedule": lambda d: "/api/schedule",
    "/metrics": lambda d: "/metrics",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure each page on each database, and say with the exit code whether what is asked for is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=200_000, help="a multiple of 20,000")
    parser.add_argument("--databases", nargs="*", default=list(BOTH), choices=BOTH)
    parser.add_argument("--ledger", type=Path, help="keep the SQLite ledger in this folder, and use it again")
    parser.add_argument("--only", help="addresses that hold this")
    given = parser.parse_args(arguments)
    chosen = {name: page for name, page in PAGES.items() if not given.only or given.only in name}
    found = {kind: measured(kind, given.posts, chosen, given.ledger) for kind in given.databases}
    return tell([line for kind, taken in found.items() for line in _lines(kind, given.posts, taken)])


def measured(
    kind: str, posts: int, pages: dict[str, _Address], folder: Path | None
) -> dict[str, list[float]]:
    """Ask for each page so many times. Gives the milliseconds of each answer."""
    kept = folder is not None and kind == SQLITE
    with database(kind) if not kept else nullcontext(_kept(folder, posts)) as url:
        now = big_ledger.build(url, posts)
        with _web(url) as web:
            draw = Draw(random.Random(3), list(big_ledger.runs(now)), posts)  # noqa: S311 - no secret
            return {name: _timed(web, [page(draw) for _ in range(ASKED + WARMING)]) for name, page in pages.items()}


def _timed(web: FlaskClient, addresses: Sequence[str]) -> list[float]:
    taken = []
    for address in addresses:
        headers = {"Authorization": f"Bearer {_TOKEN}"} if address.startswith("/api") else {"Accept": "text/html"}
        began = time.perf_counter()
        with web.get(address, headers=headers) as answer:
            _ = answer.data
        taken.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{address}: {answer.status_code} {answer.text[:500]}")
    return taken[WARMING:]


def _lines(kind: str, posts: int, taken: dict[str, list[float]]) -> Iterator[Measured]:
    """Give the slowest address first of each database's, then all the others."""
    everything = [one for each in taken.values() for one in each]
    what = f"{kind}, {posts:,} posts, all of {len(taken)} pages and lists: 95 in 100"
    yield at_most(_p95(everything), MOST_MS, what=what, unit=" ms")
    for name, each in sorted(taken.items(), key=lambda one: -_p95(one[1])):
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
