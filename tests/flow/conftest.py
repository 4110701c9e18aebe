"""Stages on which a harvest can be played."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from .stage import Stage, staged

MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(sqlite_url: str) -> Iterator[MakeStage]:
    """Set up a stage on SQLite; the arguments are those of `staged`."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(staged(sqlite_url, **options))


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """A stage on SQLite, as it comes."""
    return make_stage()


@pytest.fixture
def make_any_stage(ledger_url: str) -> Iterator[MakeStage]:
    """Set up a stage; the test runs once on each database."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(staged(ledger_url, **options))


@pytest.fixture
def any_stage(make_any_stage: MakeStage) -> Stage:
    """A stage as it comes, once on each database."""
    return make_any_stage()
