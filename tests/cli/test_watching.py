"""Watching: drawn anew on a terminal until Ctrl-C or the end, and refused where nobody looks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from records import FULL_ID, create, ended

from harvester.ledger import Ledger

from .conftest import Harvester
from .terminal import in_terminal

LEAVE = "\x1b[?1049l"
FOOT = re.compile(r"Every 0\.2 s, last at [0-9:]{8} UTC\. Ctrl-C ends\.")


@pytest.mark.parametrize("command", [["runs"], ["status"]], ids=" ".join)
@pytest.mark.parametrize(
    ("more", "told"),
    [([], "needs a terminal"), (["--json"], "is for people")],
    ids=["pipe", "json"],
)
def test_where_nobody_looks_watching_is_refused_in_words(
    command: list[str], more: list[str], told: str, harvester: Harvester
) -> None:
    assert told in harvester(*command, *more, "--watch", code=2).stderr


@pytest.mark.parametrize("every", ["0", "nan", "soon", "261122-050000-Guy-Wilson"])
def test_what_is_no_number_of_seconds_is_refused(every: str, harvester: Harvester) -> None:
    assert "--watch" in harvester("runs", "--watch", every, code=2).stderr


@pytest.mark.slow
def test_one_is_drawn_anew_until_it_is_over_and_stays_on_the_terminal(
    ledger: Ledger, environ: dict[str, str], tmp_path: Path
) -> None:
    create(ledger)
    command = ("runs", FULL_ID, "--watch", "0.2")
    with in_terminal(*command, environ=environ, folder=tmp_path, columns=120) as shown:
        shown.read(lambda text: len(FOOT.findall(text)) > 2)
        assert "Running" in shown.text
        assert LEAVE not in shown.text
        ended(ledger)
        assert shown.code() == 0
    after = shown.text.rpartition(LEAVE)[2]
    assert FULL_ID in after
    assert "Completed" in after


@pytest.mark.slow
def test_ctrl_c_ends_it_well_and_gives_the_terminal_back(environ: dict[str, str], tmp_path: Path) -> None:
    command = ("status", "--watch", "0.2")
    with in_terminal(*command, environ=environ, folder=tmp_path, rows=8) as shown:
        shown.read(lambda text: len(FOOT.findall(text)) > 1)
        assert "more lines: make the window higher" in shown.text
        shown.interrupt()
        assert shown.code() == 0
    assert "Traceback" not in shown.text
    assert shown.text.rpartition(LEAVE)[2].count("Client run") == 2
