"""Items in the shapes of several actors, of invented people; beside each, what it must become."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from harvester.normalise import ACTORS, Outcome
from harvester.posts import Post

FIXTURES = Path(__file__).parent / "fixtures"
_APIMAESTRO = {
    "company": "apimaestro/linkedin-company-posts",
    "detail": "apimaestro/linkedin-post-detail",
    "": "apimaestro/linkedin-profile-posts",
}
_ACTORS = {
    "supreme_coder": "supreme_coder/linkedin-post",
    "curious_coder": "curious_coder/linkedin-post-search-scraper",
}


def names(folder: str) -> list[str]:
    """Give the examples of a module."""
    found = (FIXTURES / folder).glob("*.json")
    return sorted(path.stem for path in found if not path.stem.endswith(".expected"))


def load(folder: str, name: str) -> Any:
    """Give an example's item."""
    return json.loads((FIXTURES / folder / f"{name}.json").read_text())


def expected(folder: str, name: str) -> Any:
    """Give what an example must become."""
    return json.loads((FIXTURES / folder / f"{name}.expected.json").read_text())


def actor_id(folder: str, name: str) -> str:
    """Give the actor that an example comes from."""
    if folder != "apimaestro":
        return _ACTORS[folder]
    return _APIMAESTRO.get(name.partition("_")[0], _APIMAESTRO[""])


def become(folder: str, name: str) -> Outcome:
    """Read an example with its actor's normaliser."""
    return ACTORS[actor_id(folder, name)].normalise(load(folder, name))


def post_of(folder: str, name: str) -> Post:
    """Read an example that is a post."""
    outcome = become(folder, name)
    assert isinstance(outcome, Post)
    return outcome


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Give an outcome as the files of what is expected have it."""
    told = {"outcome": type(outcome).__name__, **asdict(outcome)}
    for one in told.get("companions", ()):
        one["item"] = None  # it is in the post's own
    read: dict[str, Any] = orjson.loads(orjson.dumps(told))
    return read
