"""Minting base run IDs: kickoffs of the same second do not wait for one another."""

from __future__ import annotations

import time
from itertools import islice

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


def test_many_of_one_second_take_the_seconds_behind_it_and_leave_out_those_that_are_taken(
    ledger: Ledger,
) -> None:
    expected = list(islice(candidates(NOW), 60))
    given = {expected[3], expected[40]}
    with ledger.write() as tx:
        for run_id in given:
            assert job_runs.reserve(tx, run_id, source="orchestrator", now=NOW)
        found = [job_runs.mint(tx, candidates(NOW), source="orchestrator", now=NOW) for _ in range(58)]
    assert found == [run_id for run_id in expected if run_id not in given]
