"""What curious_coder's items become, by example; its actor is never started."""

from __future__ import annotations

from datetime import date

import pytest
from actor_examples import as_json, become, expected, names, post_of

from harvester.errors import InvalidInput
from harvester.normalise import ACTORS, STARTABLE, Ask

FOLDER = "curious_coder"
ACTOR = ACTORS["curious_coder/linkedin-post-search-scraper"]


@pytest.mark.parametrize("name", names(FOLDER))
def test_every_example_becomes_what_lies_beside_it(name: str) -> None:
    assert as_json(become(FOLDER, name)) == expected(FOLDER, name)


def test_who_was_searched_for_is_the_author_whatever_the_item_is() -> None:
    people = [post_of(FOLDER, name) for name in ("person", "repost_laid_flat")]
    assert {post.found_under for post in people} == {("https://www.linkedin.com/in/odalys-brumfeld",)}
    companies = [post_of(FOLDER, name) for name in ("company", "company_by_its_id")]
    assert {post.found_under for post in companies} == {("https://www.linkedin.com/company/vell-orchards",)}


def test_it_is_not_started_since_it_needs_a_cookie() -> None:
    assert ACTOR.actor_id not in STARTABLE
    with pytest.raises(InvalidInput, match="cookie") as refusal:
        ACTOR.input_for(Ask(["https://www.linkedin.com/in/ann"], 5, "any", 0, 0, date(2026, 3, 1)))
    assert refusal.value.code == "actor_not_startable"
