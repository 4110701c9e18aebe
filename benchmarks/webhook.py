"""Webhook calls acknowledged: how many a second, how late the slowest ones, and how long one alone takes.

The product as shipped (`harvester serve`) keeps deliveries for actor runs that are at work, each with a
dispatch ID of its own and its actor run's own token. The floor is a bare Flask handler that reads the same
body and answers, under the same gunicorn; beside it, one that commits each request by itself. All are
asked in turn, in several rounds, over 16 and 64 connections that are kept, by a process that has made its
requests beforehand; the median of the rounds counts. At the end every delivery that was acknowledged must
be in the ledger, each once.
"""

from __future__ import annotations

import argparse
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Final

from bare import committer, make_table
from databases import BOTH, database
from measured import Measured, share, shown_only, tell, times
from pydantic import SecretStr
from webhook_calls import Calls
from webhook_servers import PRODUCT, Server, ask, served

from harvester.webhook_tokens import TokenSigner

CONNECTIONS: Final = (16, 64)
ROUNDS: Final = 3
#: Requests of one round over so many connections; and over one, one after the other.
REQUESTS: Final = 1_500
ALONE: Final = 100
_WARMING: Final = 300
#: What is asked for: of the bare rate; times the bare p99; times a commit and the bare handler's answer.
LEAST_SHARE: Final = 0.6
MOST_P99: Final = 3.0
MOST_ALONE: Final = 1.5
_BARE: Final = "bare"
_PLAIN: Final = ", a commit each and nothing else"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all of them in turn, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--kinds", nargs="+", choices=BOTH, default=BOTH)
    given = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="post-harvester-bench-")))
        secret = secrets.token_hex(32)
        signer = TokenSigner([SecretStr(secret)])
        urls = {kind: stack.enter_context(database(kind)) for kind in given.kinds}
        calls = {kind: Calls(url, signer) for kind, url in urls.items()}
        apps = {_BARE: ("bare:app", given.kinds[0])}
        for kind, url in urls.items():
            make_table(url)
            apps |= {kind: (PRODUCT, kind), kind + _PLAIN: ("bare:committing()", kind)}
        servers = {
            name: stack.enter_context(served(folder, name, app, urls[kind], calls[kind], secret))
            for name, (app, kind) in apps.items()
        }
        load_share = _in_turn(list(servers.values()), given.rounds)
        commits = {kind: _commit_ms(url) for kind, url in urls.items()}
        for kind in urls:
            calls[kind].check_kept()
    lines = [line for kind in urls for line in _lines(kind, servers, commits[kind])]
    return tell([*lines, shown_only("load generator, share of a core at the most", f"{load_share:.0%}")])


def _in_turn(servers: Sequence[Server], rounds: int) -> float:
    """Ask each in turn, and give the most of a core that the load generator took."""
    for server in servers:  # each process imports and connects when it is first asked
        ask(server, max(CONNECTIONS), _WARMING, counts=False)
    most = 0.0
    for _ in range(rounds):
        for connections, server in product(CONNECTIONS, servers):
            most = max(most, ask(server, connections, REQUESTS))
        for server in servers:
            ask(server, 1, ALONE)
    return most


def _commit_ms(url: str) -> float:
    """Give the median of what one commit takes, through the driver alone, with nobody else at work."""
    commit, text, took = committer(url), "x" * 2_000, []
    for _ in range(ALONE):
        began = time.perf_counter()
        commit(text)
        took.append(time.perf_counter() - began)
        time.sleep(0.002)
    return statistics.median(took) * 1000


def _lines(kind: str, servers: dict[str, Server], commit_ms: float) -> Iterator[Measured]:
    ours, plain, bare = servers[kind], servers[kind + _PLAIN], servers[_BARE]
    for connections in CONNECTIONS:
        at = f"{kind}, {connections} connections"
        mine, its, floor = (one.median(connections) for one in (ours, plain, bare))
        yield share(mine.rate, floor.rate, least=LEAST_SHARE, what=f"{at}: acknowledged")
        yield _beside(f"{at}{_PLAIN}", its.rate, floor.rate, "/s", 0)
        yield times(mine.p99, floor.p99, most=MOST_P99, what=f"{at}: p99", unit=" ms", digits=1)
        yield _beside(f"{at}: median", mine.p50, floor.p50, " ms", 1)
        yield _beside(f"{at}: processor time each", mine.processor, floor.processor, " ms", 2)
    what = f"{kind}: one alone, beside a commit ({commit_ms:.2f} ms) and the bare handler"
    yield times(ours.median(1).p50, commit_ms + bare.median(1).p50, most=MOST_ALONE, what=what, unit=" ms")


def _beside(what: str, ours: float, floor: float, unit: str, digits: int) -> Measured:
    return shown_only(what, f"{ours:,.{digits}f}{unit}", f"{floor:,.{digits}f}{unit}", f"{ours / floor:.2f}")


if __name__ == "__main__":
    sys.exit(main())
