"""Everything that can happen to harvests, in any order, and what must be true throughout and in the end."""

from __future__ import annotations

import logging
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import run_state_machine_as_test

from .harvests import Harvests
from .workers import Mortal

#: Stories told in all; half of them on each database.
EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "500"))
#: Shrinking takes minutes: MACHINE_SHRINK=1 asks for it once a failure is to be understood.
PHASES = tuple(Phase) if os.environ.get("MACHINE_SHRINK") else (Phase.explicit, Phase.reuse, Phase.generate)


@pytest.fixture
def url(request: pytest.FixtureRequest, database: str) -> Iterator[str]:
    """A ledger in memory, where the machine has some to spare: hundreds of stories need no disk."""
    if database == "postgresql":
        yield request.getfixturevalue("postgres_url")
        return
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        template = request.getfixturevalue("migrated_file")
        yield f"sqlite:///{shutil.copyfile(template, Path(folder) / 'ledger.db')}"


@pytest.fixture(autouse=True)
def log_for_the_machine_alone() -> Iterator[None]:
    """Keep what hundreds of stories log out of pytest's report, and pay for no line that is not looked at."""
    services, records = logging.getLogger("services"), logging.getLogger("services.run_records")
    services.propagate = False
    records.setLevel(logging.INFO)
    yield
    services.propagate = True
    records.setLevel(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_whatever_happens_nothing_is_lost_and_nothing_done_twice(url: str) -> None:
    seed = int(os.environ.get("MACHINE_SEED") or random.SystemRandom().randrange(10**6))
    print(f"Repeat these stories with MACHINE_SEED={seed} MACHINE_EXAMPLES={EXAMPLES}")
    with closing(Mortal(url)) as ledger, closing(Mortal(url)) as second:

        @hypothesis.seed(seed)
        def harvests() -> Harvests:
            return Harvests(ledger, second)

        run_state_machine_as_test(
            harvests,  # type: ignore[arg-type]  # it calls this, and nothing else
            settings=hypothesis.settings(
                max_examples=-(-EXAMPLES // 2),
                stateful_step_count=50,
                deadline=None,
                phases=PHASES,
                suppress_health_check=list(HealthCheck),
            ),
        )
