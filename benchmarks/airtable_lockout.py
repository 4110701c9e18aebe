"""Posts to one base that locks out whoever asks too often, by worker processes that share one ledger.

The local Airtable allows five requests a second of a base, and after one too many refuses all of them for 30
seconds. Real workers send 500 posts: one worker, one delivery; then two workers at once, two deliveries.
The time from a delivery's commit to the last answer is compared with ideal pacing: requests of ten posts
at exactly one gap from each other, the first of them at once.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from threading import Barrier, Thread
from typing import Any, Final

from databases import BOTH, SQLITE, database
from measured import Measured, tell, times

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from flow.mirror_rows import Owing, owing, post
from flow.on_airtable import TOKEN, base_id
from flow.processes import Process, process

from harvester.models import ActorRun, Lead
from harvester.sandbox.airtable.agency import MASTER_ID

CLIENT: Final = "Guy-Wilson"
GAP: Final = 0.2222
AT_ONCE: Final = 10
MOST_TIMES: Final = 1.05
#: As the settings have them, but for the delay, in which changes of a row gather.
TIMERS: Final[dict[str, Any]] = {
    "airtable_base_interval_seconds": GAP,
    "airtable_token_interval_seconds": 0.0222,
    "airtable_lockout_seconds": 30,
    "airtable_timeout_seconds": 30,
    "airtable_fence_seconds": 60,
    "airtable_delay_seconds": 0.001,
    "clients_fresh_seconds": 600,
}


@dataclass(frozen=True)
class Figures:
    """What came of it."""

    posts: int
    records: int
    writes: int
    too_many: int
    seconds: float

    @property
    def ideal(self) -> float:
        """How long ideal pacing takes, to the end of the last request's gap."""
        return ceil(self.posts / AT_ONCE) * GAP


@contextmanager
def workers(rows: Owing, folder: Path, count: int) -> Iterator[None]:
    """Run so many workers on the ledger and the Airtable of the stage, all of them at work."""
    settings = rows.stage.worker.settings
    keys = {
        "airtable_api_key": TOKEN,
        "airtable_api_url": rows.airtable.url,
        "master_clients_base_id": MASTER_ID,
        "apify_api_url": settings.apify_api_url,
    }
    with ExitStack() as stack:
        started: list[Process] = []
        for number in range(count):
            own = folder / f"worker-{number}"
            own.mkdir()
            url = settings.database_url.get_secret_value()
            started.append(stack.enter_context(process("worker", own, url, **keys, **TIMERS)))
        for one in started:
            _wait(lambda one=one: "Worker started" in one.log.read_text(), 90)
        time.sleep(2)  # what a worker does first, it has done
        yield


def _wait(done: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s")
        time.sleep(0.05)


def measured(kind: str, posts: int, count: int) -> Figures:
    """Let so many workers send as many deliveries of so many posts each."""
    handles = [f"lead-{number:03d}" for number in range(50)]
    with database(kind) as url, tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        rows = stack.enter_context(owing(url, {CLIENT: handles}, airtable={"time_scale": 1.0}, **TIMERS))
        people = rows.took_in()
        rows.side.schemas.of(base_id(CLIENT))
        run = rows.run(people)
        stack.enter_context(workers(rows, Path(folder), count))
        _wait(lambda: not rows.agency.owed(), 60)
        before = len(rows.calls(base=base_id(CLIENT)))
        began = time.monotonic()
        _deliver(rows, [run] * count, people, posts)
        _wait(lambda: not rows.agency.owed(), 60 + 3 * posts * count / AT_ONCE * GAP)
        seconds = time.monotonic() - began
        calls = rows.calls(base=base_id(CLIENT))[before:]
        return Figures(
            posts=posts * count,
            records=len(rows.agency.rows("Posts", CLIENT)),
            writes=sum(one.method == "PATCH" and one.table == "Posts" for one in calls),
            too_many=sum(one.status == 429 for one in calls),
            seconds=seconds,
        )


def _deliver(rows: Owing, runs: Sequence[ActorRun], people: Sequence[Lead], posts: int) -> None:
    """Store the posts of each delivery at the same time, each in one transaction."""
    together = Barrier(len(runs))

    def store(number: int, run: ActorRun) -> None:
        of_run = [(post(number * posts + at, text="x" * 1_200), people[at % 50]) for at in range(posts)]
        together.wait()
        rows.store(run, of_run)

    threads = [Thread(target=store, args=one) for one in enumerate(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def lines(kind: str, count: int, found: Figures) -> list[Measured]:
    """Lay out what came of it."""
    workers = "1 worker" if count == 1 else f"{count} workers at once"
    what = f"{found.posts:,} posts, {workers}, {kind}"
    least = ceil(found.posts / AT_ONCE)
    wrong = found.posts - found.records
    return [
        times(found.seconds, found.ideal, most=MOST_TIMES, what=what),
        Measured(f"{what}: answered with 429", str(found.too_many), aim="0", met=not found.too_many),
        Measured(f"{what}: rows lost or twice", str(abs(wrong)), aim="0", met=not wrong),
        Measured(f"{what}: writes", f"{found.writes}", f"{least}", f"{found.writes / least:.2f}"),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, tell, and say with the exit code whether what is asked for is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=500, help="of each delivery")
    parser.add_argument("--databases", nargs="*", default=list(BOTH), choices=BOTH)
    given = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    found: list[Measured] = []
    for kind in given.databases:
        for count in (1, 2) if kind == SQLITE else (2,):
            found += lines(kind, count, measured(kind, given.posts, count))
    return tell(found)


if __name__ == "__main__":
    sys.exit(main())
