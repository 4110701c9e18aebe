"""Budgets, places and pauses hold whatever happens, and nobody starves behind them."""

from __future__ import annotations

from contextlib import closing

import hypothesis
import pytest
from hypothesis.stateful import run_state_machine_as_test
from machine.workers import Mortal

from .spending import Spending


def lived_on(url: str, examples: int) -> None:
    """Tell so many stories on the ledger behind a URL."""
    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    with closing(Mortal(url)) as ledger:

        def spending() -> Spending:
            return Spending(ledger)

        run_state_machine_as_test(
            spending,  # type: ignore[arg-type]  # it calls this, and nothing else
            settings=settings,
        )


def test_nothing_that_is_sent_passes_a_budget_and_nobody_starves(sqlite_url: str) -> None:
    lived_on(sqlite_url, 2)


@pytest.mark.slow
def test_it_is_so_in_many_stories(sqlite_url: str) -> None:
    lived_on(sqlite_url, 12)


@pytest.mark.slow
def test_it_is_so_on_postgresql(postgres_url: str) -> None:
    lived_on(postgres_url, 4)
