"""The invented people and posts: repeatable, varied, shaped like the real actor's items."""

import json
import tracemalloc
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.sandbox.apify.actor import Plan, make_plan
from harvester.sandbox.apify.datasets import Dataset
from harvester.sandbox.apify.harvestapi import HARVESTAPI
from harvester.sandbox.apify.people import Scene, read_target
from harvester.sandbox.apify.posts import KINDS, build_post, kind_of

ANCHOR = datetime(2026, 11, 22, tzinfo=UTC)
SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "harvestapi-readme-sample.json"
#: What every post of the actor has, with the type of its value.
POST_KEYS: dict[str, type] = {
    "type": str, "id": str, "linkedinUrl": str, "content": str, "author": dict, "postedAt": dict,
    "postImages": list, "socialContent": dict, "engagement": dict, "reactions": list, "comments": list,
    "query": dict,
}  # fmt: skip

handles = st.from_regex(r"[a-z]{3,8}(-[a-z]{3,8})?", fullmatch=True) | st.sampled_from(
    ["no-posts-a", "error-b", "nonsense-c", "prolific-d", "shared-e", "shared-f", "été-ünal"]
)
urls = st.builds(
    lambda head, handle, tail: f"{head}/in/{handle}{tail}",
    st.sampled_from(
        ["https://www.linkedin.com", "http://linkedin.com", "https://de.linkedin.com", "linkedin.com"]
    ),
    handles,
    st.sampled_from(["", "/", "/?trk=x", "/recent-activity/all/"]),
)


def plan(targets: list[str], seed: int = 1, **given_input: Any) -> Plan:
    comments = given_input.pop("comments", None)
    reactions = given_input.pop("reactions", None)
    return make_plan(
        HARVESTAPI, Scene(seed, ANCHOR, comments, reactions), {"targetUrls": targets, **given_input}, {}
    )


def items_of(made: Plan) -> list[Any]:
    return [item for part in made.parts for item in part.read(0, len(part))]


def posts_of(items: list[Any]) -> list[dict[str, Any]]:
    return [
        item for item in items if isinstance(item, dict) and item.get("type") == "post" and "query" in item
    ]


@settings(deadline=None, max_examples=40)
@given(st.lists(urls, max_size=6, unique=True), st.none() | st.integers(0, 30), st.integers(0, 3))
def test_a_plan_is_repeatable_bounded_and_attributed(targets: list[str], most: int | None, seed: int) -> None:
    given_input = {} if most is None else {"maxPosts": most}
    items = items_of(plan(targets, seed, **given_input))
    assert items == items_of(plan(targets, seed, **given_input))
    assert json.loads(json.dumps(items)) == items
    per_target: dict[str, int] = {}
    for post in posts_of(items):
        per_target[post["query"]["targetUrl"]] = per_target.get(post["query"]["targetUrl"], 0) + 1
    assert set(per_target) <= set(targets)
    limit = 20 if most is None else most or 100
    assert all(count <= limit for count in per_target.values())
    for target in targets:
        handle = read_target(target).handle
        empty = any(word in handle for word in ("no-posts", "error", "nonsense"))
        assert (target in per_target) is not empty
        if "prolific" in handle:
            assert per_target[target] == limit


@settings(deadline=None, max_examples=40)
@given(st.lists(urls, min_size=1, max_size=4, unique=True))
def test_comments_and_reactions_come_before_their_post_and_are_nested_in_it(targets: list[str]) -> None:
    items = items_of(plan(targets, comments=2, reactions=0, maxPosts=3))
    loose: dict[str, list[str]] = {}
    for item in items:
        if not isinstance(item, dict) or item.get("type") not in ("post", "comment", "reaction"):
            continue
        if item["type"] != "post":
            loose.setdefault(item["postId"], []).append(item["id"])
        elif "query" in item:
            nested = [inner["id"] for inner in (*item["comments"], *item["reactions"])]
            assert set(nested) <= set(loose.get(item["id"], []))
            assert len(item["comments"]) <= 2


def test_every_kind_of_post_has_the_shape_of_a_real_one() -> None:
    items = posts_of(
        items_of(plan(["https://www.linkedin.com/in/prolific-a"], maxPosts=60, comments=0, reactions=0))
    )
    for item in items:
        for key, kind in POST_KEYS.items():
            assert isinstance(item[key], kind), key
        stamp = item["postedAt"]
        assert datetime.fromisoformat(stamp["date"]).timestamp() * 1000 == pytest.approx(
            stamp["timestamp"], abs=1
        )
        assert item["id"].isdigit()
        assert len(item["id"]) == 19
    texts = [item["content"] for item in items]
    assert "" in texts
    assert any(len(text) == 3000 for text in texts)
    assert any("\u0590" <= letter <= "\u06ff" for text in texts for letter in text)
    assert any("\u200d" in text for text in texts)
    for key in (
        "document",
        "article",
        "postVideo",
        "repost",
        "repostedBy",
        "contentAttributes",
        "newsletterUrl",
    ):
        assert any(key in item for item in items), key
    assert any(item["postImages"] for item in items)


def test_the_published_sample_has_no_key_that_ours_lack() -> None:
    ours = items_of(plan(["https://www.linkedin.com/in/prolific-b"], maxPosts=60, comments=0, reactions=0))
    have = {key for item in ours for key in _paths(item)}
    assert POST_KEYS.keys() <= have
    if SAMPLE.exists():
        sample = json.loads(SAMPLE.read_text())
        assert set(_paths(sample)) - have == set()


def _paths(value: Any, prefix: str = "") -> list[str]:
    if isinstance(value, list):
        return [path for item in value for path in _paths(item, prefix)]
    if not isinstance(value, dict):
        return []
    here = [f"{prefix}{key}" for key in value]
    return here + [path for key, item in value.items() for path in _paths(item, f"{prefix}{key}.")]


def test_two_leads_can_share_a_repost() -> None:
    targets = [f"https://www.linkedin.com/in/{handle}" for handle in ("shared-a", "shared-b")]
    first, second = items_of(plan(targets, maxPosts=1))
    assert first["id"] == second["id"]
    assert first["repostId"] != second["repostId"]
    assert {first["repostedBy"]["publicIdentifier"], second["repostedBy"]["publicIdentifier"]} == {
        "shared-a",
        "shared-b",
    }
    assert first["author"] == second["author"]
    assert first["author"]["publicIdentifier"] is None


def test_unwanted_kinds_and_old_posts_stay_out() -> None:
    target = ["https://www.linkedin.com/in/prolific-c"]
    without = posts_of(items_of(plan(target, maxPosts=60, includeReposts=False, includeQuotePosts=False)))
    assert len(without) == 60
    assert not any("repostId" in post or "repost" in post for post in without)
    people = [f"https://www.linkedin.com/in/person-{number}" for number in range(30)]
    week = posts_of(items_of(plan(people, maxPosts=0, postedLimit="week")))
    everything = posts_of(items_of(plan(people, maxPosts=0)))
    oldest = int(ANCHOR.timestamp() * 1000) - 7 * 86_400_000
    moments = [(post.get("repostedAt") or post["postedAt"])["timestamp"] for post in week]
    assert min(moments) >= oldest
    assert 30 <= len(week) < len(everything)


def test_special_handles_do_what_they_say() -> None:
    base = "https://www.linkedin.com/in/"
    made = plan([base + "no-posts", base + "error", "https://example.com/in/x"])
    assert made.no_results == 2
    assert items_of(made) == [
        {"error": "Failed to scrape the profile: HTTP 999", "query": {"targetUrl": base + "error"}}
    ]
    assert items_of(plan([base + "nonsense"])) == list(HARVESTAPI.nonsense)
    (single,) = items_of(plan(["https://www.linkedin.com/feed/update/urn:li:activity:7329207003942125568/"]))
    assert single["id"] == "7329207003942125568"


def test_items_of_several_targets_interleave_and_each_keeps_its_order() -> None:
    targets = [f"https://www.linkedin.com/company/prolific-{number}" for number in range(8)]
    items = items_of(plan(targets, maxPosts=30))
    order = [post["query"]["targetUrl"] for post in items]
    assert len(list(groupby(order))) > 100
    for target in targets:
        mine = [post for post in items if post["query"]["targetUrl"] == target]
        assert [post["id"] for post in mine] == [post["id"] for post in items_of(plan([target], maxPosts=30))]


def test_exact_items_replace_a_handles_or_a_marked_runs() -> None:
    given_items: list[Any] = [{"type": "post", "id": "1"}, "odd"]
    scene = Scene(1, ANCHOR)
    url = "https://www.linkedin.com/in/Some-One/"
    for key, given_input in (
        ("some-one", {"targetUrls": [url]}),
        ("m-7", {"targetUrls": [url], "marker": "m-7"}),
    ):
        assert items_of(make_plan(HARVESTAPI, scene, given_input, {key: given_items})) == given_items


def test_a_bulk_dataset_is_not_held_in_memory() -> None:
    tracemalloc.start()
    dataset = Dataset(plan(["https://www.linkedin.com/in/bulk-200000"]).parts, ANCHOR, HARVESTAPI.tariff)
    assert dataset.length == 200_000
    dataset.begin(0.0, 1.0, dataset.affordable(10**9))
    last = list(dataset.read(199_000, 200_000))
    assert dataset.charged(200_000) == {"post": 200_000}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len({item["id"] for item in last}) == 1000
    assert peak < 8_000_000


def test_a_person_goes_through_all_kinds() -> None:
    scene = Scene(1, ANCHOR)
    assert {kind_of(scene, "somebody", number) for number in range(len(KINDS))} == set(KINDS)
    assert build_post(scene, "somebody", "profile", 0) != build_post(
        Scene(2, ANCHOR), "somebody", "profile", 0
    )
