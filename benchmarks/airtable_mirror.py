"""How near the mirror comes to the pace that Airtable allows.

The real mirror, gateway and ledger send posts to two bases of the local Airtable at once, in real time; one
of the bases takes a while for each answer. Each figure is a ratio to ideal pacing in the same run: requests
at exactly one gap from each other. 10,000 posts take 222 seconds at that pace, the usual 2,000 take 44.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from factories import opened
from flow.mirror_rows import Owing, owing, post
from flow.on_airtable import base_id

from harvester.ledger import schema
from harvester.sandbox.airtable.faults import Fault
from harvester.side_work import SideWork

#: Seconds between two requests to a base, as the settings have it.
GAP = 0.2222
#: Records that one request takes.
AT_ONCE = 10
#: Whose base answers at once, and whose takes its time.
QUICK, SLOW = "Blue-Harbor", "Guy-Wilson"
#: What is asked for: writes over the least, and share of the pace.
MOST_WRITES, LEAST_PACE = 1.01, 0.95


@dataclass(frozen=True)
class Figures:
    """What came of it, for one base."""

    writes: int
    other_calls: int
    too_many: int
    seconds: float
    pace: float

    def good(self, least: int) -> bool:
        """Say whether it is as good as is asked for, where `least` writes would do."""
        return self.writes <= MOST_WRITES * least and not self.too_many and self.pace >= LEAST_PACE


@contextmanager
def prepared(folder: str, posts: int, latency_ms: float) -> Iterator[Owing]:
    """Stage an agency on a fresh ledger that owes so many posts of each client."""
    url = f"sqlite:///{folder}/ledger.db"
    with opened(url) as ledger:
        schema.migrate(ledger)
    timers = {
        "airtable_base_interval_seconds": GAP,
        "airtable_token_interval_seconds": 0.0222,
        "airtable_lockout_seconds": 30,
        "airtable_timeout_seconds": 30,
        "airtable_fence_seconds": 60,
        "airtable_delay_seconds": 1_000_000,
    }
    people = {client: [f"{client}-{number}".lower() for number in range(100)] for client in (QUICK, SLOW)}
    with owing(url, people, airtable={"time_scale": 1.0}, **timers) as rows:
        for client in people:
            store(rows, client, posts)
            rows.side.schemas.of(base_id(client))
        slow = Fault(kind="slow", method="PATCH", base=base_id(SLOW), seconds=latency_ms / 1_000)
        rows.airtable.faults = [slow]
        rows.stage.clock.skip(days=12)  # what has gathered is due now
        yield rows


def store(rows: Owing, client: str, posts: int) -> None:
    """Store so many posts of a client, as large as posts are."""
    known = rows.took_in(client)
    run = rows.run(known, client)
    for first in range(0, posts, 1_000):
        numbers = range(first, min(first + 1_000, posts))
        rows.store(run, [(post(number, text="x" * 1_200), known[number % 100]) for number in numbers])


def send(rows: Owing, seconds: float) -> None:
    """Let the threads of a worker send until all of it is there. Raises `TimeoutError`."""
    side = SideWork(rows.side.due, rows.side.do, threads=8, stopping=rows.side.stopping)
    deadline = time.monotonic() + seconds
    while rows.agency.owed():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all posts were sent within {seconds:.0f} s")
        side.look()
        time.sleep(0.5)
    side.stop(10)


def figures(rows: Owing, client: str, begun: int) -> Figures:
    """Work out the figures of a base from what the local Airtable counted."""
    calls = rows.calls(base=base_id(client), since=begun)
    times = [one.at for one in calls if one.method == "PATCH"]
    seconds = max(times) - min(times)
    return Figures(
        writes=len(times),
        other_calls=len(calls) - len(times),
        too_many=sum(one.status == 429 for one in calls),
        seconds=seconds,
        pace=(len(times) - 1) * GAP / seconds,
    )


def table(found: Sequence[tuple[str, Figures]], posts: int, latency_ms: float) -> Table:
    """Lay the figures out."""
    shown = Table("base", "posts", "writes", "least", "other calls", "429", "seconds", "share of the pace")
    names = {QUICK: "answers at once", SLOW: f"answers after {latency_ms:.0f} ms"}
    for client, one in found:
        counts = (posts, one.writes, ceil(posts / AT_ONCE), one.other_calls, one.too_many)
        cells = [f"{count:,}" for count in counts]
        shown.add_row(names[client], *cells, f"{one.seconds:.1f}", f"{one.pace:.1%}")
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say with the exit code whether what is asked for is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=2_000, help="posts to each of the two bases")
    parser.add_argument("--latency", type=float, default=300.0, help="of the slow base, in milliseconds")
    given = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    least = ceil(given.posts / AT_ONCE)
    with tempfile.TemporaryDirectory() as folder, prepared(folder, given.posts, given.latency) as rows:
        begun = len(rows.airtable.ledger().requests)
        send(rows, 60 + 3 * least * GAP)
        found = [(client, figures(rows, client, begun)) for client in (QUICK, SLOW)]
    Console(width=110).print(table(found, given.posts, given.latency))
    met = all(one.good(least) for _, one in found)
    print(f"{'Met' if met else 'MISSED'}: at most 1 % over the least writes, no 429, 95 % of the pace.")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
