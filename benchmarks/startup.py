"""How soon we are there: web and worker from their start until they work, and commands beside Python itself.

Web is ready when `/readyz` answers 200; the worker when its log says that it has started. Both start on an
empty ledger at the newest schema, and on one with many posts. A command is as long as its process.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from databases import SQLITE, database
from measured import Measured, at_most, shown_only, tell, times
from sqlalchemy import insert

from harvester.cli.children import Children, direct, free_port
from harvester.ledger import Ledger, tables

#: What is asked for: seconds of each process, and times `python -c pass`.
MOST_SECONDS: Final = 2.0
MOST_TIMES: Final = 5.0
_WITHIN: Final = 60
_LOOK: Final = 0.01
_BULK: Final = 10_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all of it, the best of several rounds each. Exit code 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=4)
    given = parser.parse_args(arguments)
    return tell([*_commands(3 * given.rounds), *_processes(given.posts, given.rounds)])


def _commands(rounds: int) -> Iterator[Measured]:
    calls = {
        "floor": ("-c", "pass"),
        "--help": ("-m", "harvester.cli", "--help"),
        "--version": ("-m", "harvester.cli", "--version"),
        "alerts --help": ("-m", "harvester.cli", "alerts", "--help"),
    }
    took: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            took[name].append(_call_ms(call))
    best = {name: min(rounds) for name, rounds in took.items()}
    floor = best.pop("floor")
    what = "`harvester --help`, beside `python -c pass`"
    yield times(best.pop("--help"), floor, most=MOST_TIMES, what=what, unit=" ms", digits=0)
    for name, ms in best.items():
        yield shown_only(f"`harvester {name}`", f"{ms:.0f} ms", f"{floor:.0f} ms", f"{ms / floor:.2f}")


def _call_ms(call: Sequence[str]) -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, *call], stdout=subprocess.DEVNULL, check=True)  # noqa: S603  # nosec B603 # ours
    return (time.monotonic() - began) * 1_000


def _processes(posts: int, rounds: int) -> Iterator[Measured]:
    with database(SQLITE) as empty, database(SQLITE) as full:
        _fill(full, posts)
        urls = {"an empty ledger": empty, f"{posts:,} posts": full}
        for name, start in (("web", _web), ("worker", _worker)):
            took: dict[str, list[float]] = {what: [] for what in urls}
            for _ in range(rounds):
                for what, url in urls.items():
                    took[what].append(_seconds(url, start))
            for what, seconds in took.items():
                yield at_most(min(seconds), MOST_SECONDS, what=f"{name}, {what}", unit=" s", digits=2)


def _seconds(url: str, ready: Callable[[Children], None]) -> float:
    """Start one process, and tell how many seconds passed until it was ready."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "DATABASE_URL": url,
            "PORT": str(port),
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "API_TOKENS": secrets.token_hex(16),
            "WEBHOOK_SECRETS": secrets.token_hex(32),
            "APIFY_TOKEN": secrets.token_hex(16),
        }
        with Children(Path(folder), environ) as children:
            began = time.monotonic()
            ready(children)
            return time.monotonic() - began


def _web(children: Children) -> None:
    children.start("web", ["-m", "harvester.cli", "serve"])
    url = f"{children.environ['PUBLIC_URL']}/readyz"
    _until(children, lambda: _answers(url))


def _answers(url: str) -> bool:
    with suppress(OSError), direct.open(url, timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def _worker(children: Children) -> None:
    log = children.start("worker", ["-m", "harvester.cli", "worker"])
    _until(children, lambda: "Worker started" in log.read_text(errors="replace"))


def _until(children: Children, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WITHIN
    while not done():
        children.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"not ready within {_WITHIN} s")
        time.sleep(_LOOK)


def _fill(url: str, posts: int) -> None:
    """Store so many posts of one client, each with a few hundred bytes of raw item."""
    now = datetime.now(UTC)
    with closing(Ledger(url)) as ledger:
        for first in range(0, posts, _BULK):
            with ledger.write() as tx:
                rows = [_post(number, now) for number in range(first, min(posts, first + _BULK))]
                tx.execute(insert(tables.posts), rows)


def _post(number: int, now: datetime) -> dict[str, Any]:
    return {
        "client_id": "Client-0001",
        "post_key": f"urn:li:activity:{7_000_000_000_000_000_000 + number}",
        "url": f"https://www.linkedin.com/feed/update/{number}",
        "kind": "original",
        "text": "Some words of a post " * 10,
        "text_truncated": False,
        "posted_at": now,
        "images": [],
        "extras": {},
        "raw": b"{}" * 200,
        "first_actor_run_id": 1,
        "first_client_run_id": "260101-120000-Client-0001",
        "first_seen_at": now,
        "last_seen_at": now,
    }


if __name__ == "__main__":
    sys.exit(main())
