"""The small form of the chaos run: some ten kills and stops in twenty harvests, the same ones every time."""

from __future__ import annotations

from pathlib import Path

import pytest

from .run import chaos
from .spoil import unnoticed

HARVESTS = 20


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "database"), [(1, "sqlite"), (2, "postgresql")], ids=["sqlite", "postgresql"]
)
def test_nothing_is_lost_and_nothing_happens_twice_while_everything_breaks(
    seed: int, database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[database])
    outcome = chaos(
        seed,
        database,
        url,
        tmp_path,
        harvests=HARVESTS,
        limit_seconds=110,
        pause=(0.3, 0.9),
        run_seconds=0.7,
        tell=print,
    )
    print(outcome)
    assert not outcome.violations, str(outcome)
    assert outcome.evidence is not None
    assert not unnoticed(outcome.evidence, outcome.again)
