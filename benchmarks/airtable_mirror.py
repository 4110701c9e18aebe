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

from measured import Measured, shown_only, tell

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


def lines(name: str, one: Figures, posts: int) -> list[Measured]:
    """Lay the figures of a base out."""
    least = ceil(posts / AT_ONCE)
    most = MOST_WRITES * least
    what, aim = f"{posts:,} posts to a base that {name}", f"<= {MOST_WRITES:g}"
    written = f"{one.writes:,}", f"{least:,}", f"{one.writes / least:.3f}"
    pace = f"{one.pace / GAP:.2f}/s", f"{1 / GAP:.2f}/s", f"{one.pace:.3f}"
    return [
        Measured(f"{what}: requests", *pace, f">= {LEAST_PACE:g}", one.pace >= LEAST_PACE),
        Measured(f"{what}: writes", *written, aim, one.writes <= most),
        Measured(f"{what}: answered with 429", str(one.too_many), aim="0", met=one.too_many == 0),
        shown_only(f"{what}: other requests", str(one.other_calls)),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, tell, and say with the exit code whether what is asked for is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=2_000, help="posts to each of the two bases")
    parser.add_argument("--latency", type=float, default=300.0, help="of the slow base, in milliseconds")
    given = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, prepared(folder, given.posts, given.latency) as rows:
        begun = len(rows.airtable.ledger().requests)
        send(rows, 60 + 3 * ceil(given.posts / AT_ONCE) * GAP)
        found = {client: figures(rows, client, begun) for client in (QUICK, SLOW)}
    names = {QUICK: "answers at once", SLOW: f"takes {given.latency:.0f} ms to answer"}
    return tell([line for client, one in found.items() for line in lines(names[client], one, given.posts)])


if __name__ == "__main__":
    sys.exit(main())
