"""Everything that can happen to harvests, in any order, and what must be true throughout: on SQLite."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from .stories import told_on

MEMORY = Path("/dev/shm")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_whatever_happens_nothing_is_lost_and_nothing_done_twice(migrated_file: Path) -> None:
    # Hundreds of stories need no disk, where the machine has a file system in memory.
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        told_on(f"sqlite:///{shutil.copyfile(migrated_file, Path(folder) / 'ledger.db')}", share=0.75)
