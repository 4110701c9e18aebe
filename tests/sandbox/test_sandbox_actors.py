"""The three actors: each asked in its own words, each telling of the same invented posts in its own."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from apify_client import ApifyClient
from apify_client.errors import ApifyApiError
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.sandbox.apify import SandboxApify
from harvester.sandbox.apify.actor import make_plan
from harvester.sandbox.apify.kinds import kind_of
from harvester.sandbox.apify.people import Scene, thread_of

from .conftest import ACTOR

APIMAESTRO = "apimaestro/linkedin-profile-posts"
SUPREME_CODER = "supreme_coder/linkedin-post"
ANCHOR = datetime(2026, 11, 22, tzinfo=UTC)
BASE = "https://www.linkedin.com/in/"
handles = st.from_regex(r"[a-z]{3,8}-[a-z]{3,8}", fullmatch=True) | st.sampled_from(
    ["prolific-a", "shared-b", "no-posts-c"]
)
#: Number, number of the post that it reposts or quotes, text, author, milliseconds.
Fact = tuple[str, str | None, str, str, int]


def items(actor: str, seed: int, given_input: Mapping[str, Any]) -> list[Any]:
    kind = kind_of(actor)
    kind.check(given_input)
    made = make_plan(kind, Scene(seed, ANCHOR), given_input, {})
    return [item for part in made.parts for item in part.read(0, len(part))]


def by_harvestapi(item: dict[str, Any]) -> Fact:
    if "repostId" in item:
        by = item["repostedBy"]["name"]
        return item["repostId"], item["id"], "", by, item["repostedAt"]["timestamp"]
    inner = item.get("repost") or {}
    author, moment = item["author"]["name"], item["postedAt"]["timestamp"]
    return item["id"], inner.get("id"), item["content"], author, moment


def by_apimaestro(item: dict[str, Any]) -> Fact:
    inner = item.get("reshared_post")
    author = f"{item['author']['first_name']} {item['author']['last_name']}".strip()
    number = _number(inner) if inner else None
    assert (item["post_type"] == "regular") is (inner is None)
    return _number(item), number, item["text"], author, item["posted_at"]["timestamp"]


def _number(item: dict[str, Any]) -> str:
    """Either form of the URN tells an activity, and the full one is LinkedIn's other number of it."""
    urn = item["urn"]
    number = str(urn if isinstance(urn, str) else urn["activity_urn"])
    assert item["full_urn"] == thread_of(number) != f"urn:li:activity:{number}"
    if not isinstance(urn, str):
        told = [
            f"urn:li:{key.removesuffix('_urn')}:{urn[key]}"
            for key in ("ugcPost_urn", "share_urn")
            if urn[key]
        ]
        assert told == [item["full_urn"]]
    return number


def by_supreme_coder(item: dict[str, Any]) -> Fact:
    inner = item.get("resharedPost") or {}
    number, reshared = (one.get("urn", "").removeprefix("urn:li:activity:") for one in (item, inner))
    assert item["shareUrn"] == thread_of(number)
    return number, reshared or None, item["text"], item["authorName"], item["postedAtTimestamp"]


@settings(deadline=None, max_examples=60)
@given(st.lists(handles, min_size=1, max_size=3, unique=True), st.integers(1, 30), st.integers(0, 5))
def test_three_actors_tell_of_the_same_posts(people: list[str], most: int, seed: int) -> None:
    urls = [BASE + handle for handle in people]
    told = {
        ACTOR: map(by_harvestapi, items(ACTOR, seed, {"targetUrls": urls, "maxPosts": most})),
        SUPREME_CODER: map(
            by_supreme_coder, items(SUPREME_CODER, seed, {"urls": urls, "limitPerSource": most})
        ),
        APIMAESTRO: (
            by_apimaestro(item)
            for handle in people
            for item in items(APIMAESTRO, seed, {"username": handle, "limit": most})
        ),
    }
    facts = {actor: sorted(found, key=str) for actor, found in told.items()}
    assert facts[ACTOR] == facts[APIMAESTRO] == facts[SUPREME_CODER]
    assert bool(facts[ACTOR]) is (people != ["no-posts-c"])


def test_counts_are_the_same_where_they_are_told() -> None:
    mine = items(ACTOR, 1, {"targetUrls": [BASE + "prolific-a"], "maxPosts": 60, "includeReposts": False})
    counts = {
        item["id"]: tuple(item["engagement"][key] for key in ("likes", "comments", "shares")) for item in mine
    }
    keys = ("total_reactions", "comments", "reposts")
    absent = 0
    for item in items(APIMAESTRO, 1, {"username": "prolific-a"}):
        stats = item["stats"]
        assert 0 not in stats.values(), "a count of zero is left out"
        if (number := _number(item)) in counts:
            absent += len(set(keys) - set(stats))
            assert tuple(stats.get(key, 0) for key in keys) == counts[number]
    assert absent
    for item in items(SUPREME_CODER, 1, {"urls": [BASE + "prolific-a"]}):
        if (number := by_supreme_coder(item)[0]) in counts:
            assert (item["numLikes"], item["numComments"], item["numShares"]) == counts[number]


def test_the_urn_is_a_string_in_some_outputs_and_an_object_in_others() -> None:
    forms = {type(items(APIMAESTRO, 1, {"username": f"person-{n}"})[0]["urn"]) for n in range(20)}
    assert forms == {str, dict}


def test_a_date_without_a_zone_is_ahead_of_its_timestamp() -> None:
    ahead = set()
    for item in items(APIMAESTRO, 1, {"username": "person-x"}) + items(
        APIMAESTRO, 1, {"username": "person-y"}
    ):
        told = item["posted_at"]
        shown = datetime.strptime(told["date"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        ahead.add(round((shown.timestamp() - told["timestamp"] / 1000) / 3600))
    assert ahead == {1, 2}


@given(st.integers(1, 40), st.integers(1, 100))
def test_pages_of_apimaestro_are_one_list(page_number: int, limit: int) -> None:
    def numbers(**asked: int) -> list[str]:
        return [_number(item) for item in items(APIMAESTRO, 1, {"username": "person-a", **asked})]

    whole = numbers(total_posts=1000)
    start = (page_number - 1) * limit
    assert numbers(page_number=page_number, limit=limit) == whole[start : start + limit]
    assert numbers(limit=1, total_posts=limit) == whole[:limit]


def test_supreme_coder_goes_back_to_a_day() -> None:
    urls = [f"{BASE}person-{number}" for number in range(20)]
    found = items(SUPREME_CODER, 1, {"urls": urls, "scrapeUntil": "2026-10-22"})
    oldest = datetime(2026, 10, 22, tzinfo=UTC).timestamp() * 1000
    assert found == [
        item for item in items(SUPREME_CODER, 1, {"urls": urls}) if item["postedAtTimestamp"] >= oldest
    ]
    single = items(
        SUPREME_CODER, 1, {"urls": ["https://www.linkedin.com/posts/x_y-activity-7329207003942125568-a"]}
    )
    assert [item["urn"] for item in single] == ["urn:li:activity:7329207003942125568"]


@pytest.mark.parametrize(
    ("actor", "given_input"),
    [
        (APIMAESTRO, {}),
        (APIMAESTRO, {"username": ["ann"]}),
        (APIMAESTRO, {"username": " "}),
        (APIMAESTRO, {"targetUrls": [BASE + "ann"]}),
        (APIMAESTRO, {"username": "ann", "limit": 101}),
        (APIMAESTRO, {"username": "ann", "limit": 0}),
        (APIMAESTRO, {"username": "ann", "page_number": 0}),
        (APIMAESTRO, {"username": "ann", "total_posts": "10"}),
        (SUPREME_CODER, {}),
        (SUPREME_CODER, {"urls": []}),
        (SUPREME_CODER, {"urls": None}),
        (SUPREME_CODER, {"urls": BASE + "ann"}),
        (SUPREME_CODER, {"urls": [BASE + "ann"], "limitPerSource": 0}),
        (SUPREME_CODER, {"urls": [BASE + "ann"], "scrapeUntil": "last week"}),
        (SUPREME_CODER, {"urls": [BASE + "ann"], "deepScrape": "yes"}),
    ],
)
def test_an_input_in_other_words_is_refused(
    client: ApifyClient, actor: str, given_input: dict[str, Any]
) -> None:
    with pytest.raises(ApifyApiError) as caught:
        client.actor(actor).start(run_input=given_input)
    assert (caught.value.status_code, caught.value.type) == (400, "invalid-input")
    assert caught.value.message.startswith("Input is not valid: Field input.")  # type: ignore[union-attr]


def ran(
    apify: SandboxApify, client: ApifyClient, actor: str, given_input: dict[str, Any]
) -> tuple[Any, list[Any]]:
    """A run, once its costs are final, and its items."""
    run = client.actor(actor).start(run_input=given_input)
    client.run(run.id).wait_for_finish()
    time.sleep(apify.options.scaled(10.0) + 0.02)
    return client.run(run.id).get(), client.dataset(run.default_dataset_id).list_items().items


PEOPLE = ("prolific-a", "no-posts-b", "five-swallowed", "nonsense-c", "bulk-7")


def test_each_charges_its_own_prices(apify: SandboxApify, client: ApifyClient) -> None:
    given_input = {"urls": [BASE + handle for handle in PEOPLE], "limitPerSource": 10}
    run, _ = ran(apify, client, SUPREME_CODER, given_input)
    assert run.charged_event_counts == {"apify-actor-start": 1, "post": 17}
    assert run.usage_total_usd == pytest.approx(0.002 + 17 * 0.001)
    spent = run.usage_total_usd
    counts: dict[str, int] = {}
    for handle in PEOPLE:
        run, _ = ran(apify, client, APIMAESTRO, {"username": BASE + handle, "limit": 10})
        counts[handle] = run.charged_event_counts.get("result", 0)
        spent += run.usage_total_usd
        assert run.usage_total_usd == pytest.approx(0.00005 + counts[handle] * 0.005)
    assert counts == dict(zip(PEOPLE, (10, 0, 0, 0, 7), strict=True))
    assert apify.ledger().charged_usd == pytest.approx(spent)
    targets = [BASE + handle for handle in PEOPLE]
    assert apify.ledger().starts_by_target() == dict.fromkeys(targets, 2)


@pytest.mark.parametrize(
    ("actor", "given_input", "paid"),
    [
        (APIMAESTRO, {"username": "prolific-a"}, 3),
        (SUPREME_CODER, {"urls": [BASE + "prolific-a"]}, 18),
    ],
)
def test_a_cap_ends_a_run(client: ApifyClient, actor: str, given_input: dict[str, Any], paid: int) -> None:
    run = client.actor(actor).start(run_input=given_input, max_total_charge_usd=Decimal("0.02"))
    client.run(run.id).wait_for_finish()
    assert len(client.dataset(run.default_dataset_id).list_items().items) == paid


def test_items_handed_over_are_charged_by_the_actors_own_shape() -> None:
    exact = [{"urn": "1"}, {"type": "post", "id": "1"}, {"error": "no"}, None]
    with SandboxApify(token="t0ken", time_scale=1200.0, run_seconds=0.05, datasets={"ann": exact}) as apify:
        mine = ApifyClient("t0ken", api_url=apify.url, api_public_url=apify.url)
        for actor, given_input, event in (
            (ACTOR, {"targetUrls": [BASE + "ann"]}, "post"),
            (APIMAESTRO, {"username": "ann"}, "result"),
            (SUPREME_CODER, {"urls": [BASE + "ann"]}, "post"),
        ):
            run, found = ran(apify, mine, actor, given_input)
            assert found == exact
            assert run.charged_event_counts == {"apify-actor-start": 1, event: 1}


@pytest.mark.parametrize("times", [1, None])
def test_targets_can_fail_in_a_run_that_succeeds(
    apify: SandboxApify, client: ApifyClient, times: int | None
) -> None:
    apify.inject("target-error", match="/in/prolific", times=times)
    urls = [BASE + "prolific-a", BASE + "ann", BASE + "prolific-b"]
    run, found = ran(apify, client, SUPREME_CODER, {"urls": urls, "limitPerSource": 5})
    failed = [item["inputUrl"] for item in found if "error" in item]
    assert failed == (urls[::2] if times is None else urls[:1])
    assert all(item["error"].startswith("Failed to scrape post: ") for item in found if "error" in item)
    assert not {item["inputUrl"] for item in found if "urn" in item} & set(failed)
    assert (run.status, run.charged_event_counts["post"]) == ("SUCCEEDED", len(found) - len(failed))
