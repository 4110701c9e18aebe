"""A process of eight threads that all fire the same schedule: run by `test_several_processes.py`.

Arguments: the ledger's URL, and so many days. Each begins when a line comes on stdin, and at its end it
prints how many job runs it has reserved so far.
"""

from __future__ import annotations

import sys
from datetime import timedelta

from factories import FakeClock, make_limits, opened
from simultaneous import at_once

from harvester.ledger import Ledger, Tx
from services.decisions import Decisions
from services.kickoff import Kickoff
from services.process import Process
from services.schedule import Rules, Schedule
from services.scheduled import Firing, Scheduled, job_runs_of

THREADS = 8
RULES = Rules("0 5 * * *", "Europe/London", "last")


def process_on(ledger: Ledger, clock: FakeClock) -> Process:
    limits = make_limits()
    decisions = Decisions(Kickoff(ledger, limits, clock), limits, recent=timedelta(days=1))
    seconds = timedelta(seconds=25)
    return Process(ledger, decisions, clock, lease=seconds, stale=seconds, owner="test")


def main(url: str, days: int) -> None:
    clock, reserved = FakeClock(), [0]
    with opened(url, lock_seconds=60) as ledger:
        reserve = job_runs_of(process_on(ledger, clock))

        def fire(tx: Tx, firing: Firing) -> str:
            tx.after_commit(lambda: reserved.append(1))
            return reserve(tx, firing)

        schedule = Schedule(ledger, RULES, clock)
        scheduled = Scheduled(ledger, fire, clock, missed=RULES.missed)
        schedule.sync()
        print("ready", flush=True)
        for _ in range(days):
            sys.stdin.readline()  # all processes have one clock, the ledger's: their days begin together
            clock.advance(days=1)
            at_once([scheduled] * THREADS)
            schedule.sync()
            print(sum(reserved), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
