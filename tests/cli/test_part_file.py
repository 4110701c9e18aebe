"""A file is whole or not there, wherever its writer is stopped."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from harvester import part_file


@contextmanager
def stopped_at(line: int) -> Iterator[list[int]]:
    """Send us SIGINT after so many lines of the module. Gives a list that is empty once it was sent."""
    left = [line]

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        if frame.f_code.co_filename != part_file.__file__:
            return None
        if event == "line" and left:
            left[0] -= 1
            if left[0] == 0:
                left.clear()
                os.kill(os.getpid(), signal.SIGINT)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield left
    finally:
        sys.settrace(before)


def test_wherever_it_is_stopped_no_part_is_left(tmp_path: Path) -> None:
    file = tmp_path / "b"
    handlers = [signal.getsignal(number) for number in part_file._STOPPING]
    for line in range(1, 1_000):
        file.unlink(missing_ok=True)
        stopped = False
        with stopped_at(line) as left:
            try:
                with part_file.whole_or_not_at_all(file) as part:
                    part.write_text("whole")
            except KeyboardInterrupt:
                stopped = True
        assert {one.name for one in tmp_path.iterdir()} <= {"b"}, f"stopped after {line} lines"
        assert not file.exists() or file.read_text() == "whole"
        assert [signal.getsignal(number) for number in part_file._STOPPING] == handlers
        assert stopped or file.exists()
        if left:
            assert line > 20, "it was hardly ever stopped"
            return
    pytest.fail("it never came to its end")
