"""The table of threats is whole, is what the documentation shows, and names tests that there are."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from . import disarmed, threats
from .rows import Proof

_ROOT = Path(__file__).parents[2]
_PROOFS = [proof for threat in threats.THREATS for proof in threat.proofs]


@cache
def _tests_of(file: str) -> frozenset[str]:
    tree = ast.parse((_ROOT / file).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_threat_has_a_row_with_a_control_and_a_proof() -> None:
    """None is left out, and none is only said to be held off."""
    ids = [threat.id for threat in threats.THREATS]
    assert len(ids) >= 28
    assert ids == [f"T{number}" for number in range(1, len(ids) + 1)]
    assert not [threat.id for threat in threats.THREATS if not (threat.control and threat.proofs)]


def test_the_documentation_has_the_table() -> None:
    """Make it anew with: cd tests && python -m security.threats."""
    assert threats.table() in (_ROOT / "docs" / "security.md").read_text()


@pytest.mark.parametrize("proof", _PROOFS, ids=lambda proof: proof.test.rpartition("::")[2])
def test_a_proof_names_a_test_and_a_way_to_take_its_control_away(proof: Proof) -> None:
    """Neither can be renamed without the table."""
    file, _, name = proof.test.partition("::")
    assert name in _tests_of(file)
    assert proof.without in disarmed.ways()


def test_no_way_to_take_a_control_away_is_without_a_proof() -> None:
    """A control that no test proves would look proved."""
    assert set(disarmed.ways()) == {proof.without for proof in _PROOFS}
