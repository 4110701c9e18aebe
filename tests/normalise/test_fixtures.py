"""Every fixture becomes what lies beside it: a folder of them belongs to the module of its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from actor_examples import FIXTURES, as_json

from harvester.normalise import ACTORS, Normaliser

FILES = sorted(path for path in FIXTURES.glob("*/*.json") if not path.stem.endswith(".expected"))


def normalisers(folder: str) -> set[Normaliser]:
    """Give the normalisers of the actors in the module of this name."""
    return {one.normalise for one in ACTORS.values() if one.normalise.__module__.endswith(f".{folder}")}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_fixture_becomes_what_lies_beside_it(file: Path) -> None:
    item = json.loads(file.read_text())  # not orjson: some hold half a surrogate pair, as real datasets do
    expected = json.loads(file.with_name(f"{file.stem}.expected.json").read_text())
    assert expected in [as_json(normalise(item)) for normalise in normalisers(file.parent.name)]


def test_every_actor_has_fixtures() -> None:
    folders = {file.parent.name for file in FILES}
    modules = {one.normalise.__module__.rpartition(".")[2] for one in ACTORS.values()}
    assert folders == modules
