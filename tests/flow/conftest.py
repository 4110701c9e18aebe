"""Stages on which a harvest can be played."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from .stage import Stage, staged

MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(sqlite_url: str) -> Iterator[MakeStage]:
    """Set up a stage on SQLite; the arguments are those of `staged`."""
    with ExitStack() as stack:

        def made(**options: Any) -> Stage:
            return stack.enter_context(staged(sqlite_url, **options))

        yield made


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """A stage on SQLite, as it comes."""
    return make_stage()


@pytest.fixture
def any_stage(ledger_url: str) -> Iterator[Stage]:
    """A stage as it comes, once on each database."""
    with staged(ledger_url) as found:
        yield found
