"""After a restore: what may have been started since the backup is searched for, not started again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from factories import opened

from services import Services, build
from services.backup import backup
from services.restore import restore

from .conftest import MakeStage
from .stage import FINAL, Stage

UNKNOWN_START = 600.0


@contextmanager
def on_a_new_ledger(stage: Stage, file: Path) -> Iterator[Services]:
    """Restore a backup into a new ledger, as after the loss of the old one, and work on that."""
    with opened(f"sqlite:///{file.with_name('new.db')}") as ledger:
        made = restore(ledger, file, clock=stage.clock, unknown_start=timedelta(seconds=UNKNOWN_START))
        assert made.searched_for == 1
        yield build(stage.worker.settings, clock=stage.clock, ledger=ledger)


def finished(services: Services, full_id: str) -> str:
    """Work until a client run is over, and give its status."""
    deadline = time.monotonic() + 30
    while True:
        services.tick(services.advance)
        run = services.overview.run(full_id)
        assert run is not None
        if run["status"] in FINAL:
            return str(run["status"])
        assert time.monotonic() < deadline, run
        time.sleep(0.01)


@pytest.mark.parametrize("started_since", [True, False])
def test_a_planned_batch_is_paid_for_once(started_since: bool, make_stage: MakeStage, tmp_path: Path) -> None:
    stage = make_stage(unknown_start_seconds=UNKNOWN_START)
    stage.sandbox.inject("webhook-drop", times=None)
    stage.agency("ann", "bob")
    full_id = stage.kickoff()
    backup(stage.ledger, tmp_path / "b.db", clock=stage.clock)
    if started_since:
        stage.work(lambda: stage.in_state("running"))
    starts = len(stage.sandbox.ledger().starts)
    assert starts == started_since
    with on_a_new_ledger(stage, tmp_path / "b.db") as services:
        services.tick(services.advance)
        assert len(stage.sandbox.ledger().starts) == starts
        stage.clock.skip(seconds=UNKNOWN_START + 1)
        services.tick(services.advance)
        stage.ended()
        assert finished(services, full_id) == "Completed"
        assert services.overview.posts(limit=1).rows
    assert len(stage.sandbox.ledger().starts) == 1
