"""Everything that can happen to harvests, in any order, and what must be true throughout: on PostgreSQL."""

from __future__ import annotations

import pytest

from .stories import told_on


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_whatever_happens_nothing_is_lost_and_nothing_done_twice(postgres_url: str) -> None:
    told_on(postgres_url, share=0.25)
