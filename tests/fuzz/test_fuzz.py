"""No bytes break a parser: any bytes quickly, and for some seconds those that a fuzzer is led to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from security import corpus

from .targets import TARGETS

_ROOT = Path(__file__).parents[2]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _written(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=80) | st.text(max_size=60).map(str.encode) | _JSON.map(_written))
def test_no_bytes_break_a_parser(name: str, data: bytes) -> None:
    TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
def test_no_hostile_text_breaks_a_parser(name: str) -> None:
    for text in (*corpus.TEXTS, *corpus.IDS, *corpus.URLS):
        TARGETS[name](text.encode("utf-8", "surrogatepass"))
        TARGETS[name](_written(text))
        TARGETS[name](
            _written({"id": text, "eventType": text, "records": [text], "tables": [{"name": text}]})
        )


@pytest.mark.slow
@pytest.mark.skipif(find_spec("atheris") is None, reason="Atheris has no package for this Python")
@pytest.mark.parametrize("names", [["items"], ["payloads"], []], ids=["items", "payloads", "all"])
def test_a_fuzzer_finds_nothing_within_seconds(names: list[str], tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "fuzz", *names, "--runs", "6000", "--seconds", "6"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{_ROOT}{os.pathsep}{_ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert told.returncode == 0, told.stderr[-3_000:]
    assert "stat::number_of_executed_units" in told.stderr
