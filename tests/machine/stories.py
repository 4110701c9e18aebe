"""How stories are told to the state machine: how many, from which seed, on which ledger."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from math import ceil

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import run_state_machine_as_test

from .days import Days
from .workers import Mortal

#: Stories told in all. Most are about us and not about the database, and PostgreSQL takes twice as long.
EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "500"))
STEPS = 40
#: Shrinking takes minutes: MACHINE_SHRINK=1 asks for it once a failure is to be understood.
PHASES = tuple(Phase) if os.environ.get("MACHINE_SHRINK") else (Phase.explicit, Phase.reuse, Phase.generate)


def told_on(url: str, *, share: float) -> None:
    """Tell this share of the stories on the ledger behind a URL."""
    seed = int(os.environ.get("MACHINE_SEED") or random.SystemRandom().randrange(10**6))
    print(f"The same stories again: MACHINE_SEED={seed} MACHINE_EXAMPLES={EXAMPLES}")
    with log_for_the_machine_alone(), closing(Mortal(url)) as ledger, closing(Mortal(url)) as second:

        @hypothesis.seed(seed)
        def days() -> Days:
            return Days(ledger, second)

        run_state_machine_as_test(
            days,  # type: ignore[arg-type]  # it calls this, and nothing else
            settings=hypothesis.settings(
                max_examples=ceil(EXAMPLES * share),
                stateful_step_count=STEPS,
                deadline=None,
                phases=PHASES,
                suppress_health_check=list(HealthCheck),
            ),
        )


@contextmanager
def log_for_the_machine_alone() -> Iterator[None]:
    """Keep what hundreds of stories log out of pytest's report, and pay for no line that is not looked at."""
    services, records = logging.getLogger("services"), logging.getLogger("services.run_records")
    services.propagate = False
    records.setLevel(logging.INFO)
    try:
        yield
    finally:
        services.propagate = True
        records.setLevel(logging.NOTSET)
