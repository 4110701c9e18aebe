"""Every test of the table of threats fails once the control that it proves is taken away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from .disarmed import VARIABLE
from .threats import Trial, trials

_ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("trial", list(trials()), ids=lambda trial: trial.without)
def test_without_its_control_a_test_fails(trial: Trial, tmp_path: Path) -> None:
    """In one of its forms at the least; on SQLite alone, for the control is the same."""
    report = tmp_path / "report.xml"
    arguments = ("-q", "-p", "no:cacheprovider", "-k", "not postgresql", f"--junitxml={report}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, *trial.tests],
        cwd=_ROOT,
        env={**os.environ, VARIABLE: trial.without},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert _failed(report) == {test.rpartition("::")[2] for test in trial.tests}, done.stdout[-3000:]


def _failed(report: Path) -> set[str]:
    """Give the names of the tests that failed in some form; one whose fixture broke has not."""
    cases = ElementTree.parse(report).getroot().iter("testcase")
    return {str(case.get("name")).partition("[")[0] for case in cases if case.find("failure") is not None}
