"""Minting base run IDs: kickoffs of the same second do not wait for one another."""

from __future__ import annotations

import time

from factories import NOW, opened

from harvester.ledger import Ledger, job_runs
from harvester.run_ids import candidates


def test_a_second_that_somebody_is_about_to_take_is_skipped_without_waiting(postgres_ledger: Ledger) -> None:
    url = postgres_ledger.url.render_as_string(hide_password=False)
    with opened(url, lock_seconds=30) as other, postgres_ledger.write() as tx:
        first = job_runs.mint(tx, candidates(NOW), source="orchestrator", now=NOW)
        began = time.monotonic()
        with other.write() as later:
            second = job_runs.mint(later, candidates(NOW), source="orchestrator", now=NOW)
        assert time.monotonic() - began < 30, "it waited for its lock"
    assert (first, second) == ("261122-050000", "261122-050001")
