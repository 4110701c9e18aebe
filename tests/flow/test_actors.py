"""Harvests with each actor that can be started, and the same people harvested with one after another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from factories import make_client
from sqlalchemy import select

from harvester.ledger import clients, post_tables
from harvester.posts import RejectReason

from .conftest import MakeStage
from .stage import Stage

HARVESTAPI = "harvestapi/linkedin-profile-posts"
APIMAESTRO = "apimaestro/linkedin-profile-posts"
SUPREME_CODER = "supreme_coder/linkedin-post"
OTHERS = (APIMAESTRO, SUPREME_CODER)
IN = "https://www.linkedin.com/in/"
PEOPLE = ("ann", "bob", "cho", "dan-no-posts", "eve-shared", "fay-shared")
CLIENT = "Guy-Wilson"
Json = dict[str, Any]


def found(stage: Stage, actor: str) -> Iterator[tuple[str, Json]]:
    """Give what an actor's datasets hold, each item with the lead that it was found under."""
    for start in stage.sandbox.ledger().starts:
        if start.actor != actor:
            continue
        run = stage.apify("GET", f"actor-runs/{start.run_id}")["data"]
        for item in stage.apify("GET", f"datasets/{run['defaultDatasetId']}/items"):
            yield lead_of(start.input, item), item


def lead_of(given: Json, item: Json) -> str:
    """Give the lead that an item was found under, as the actor tells it or, of one lead, its INPUT."""
    if "username" in given:
        return f"{IN}{given['username']}"
    return str(item["inputUrl"] if "inputUrl" in item else item["query"]["targetUrl"])


def activity(item: Json) -> str:
    """Give LinkedIn's number of the post in an item's words; of a repost, that of what was reposted."""
    is_repost = item.get("post_type") == "repost" or item.get("isRepost") is True
    post = (item.get("reshared_post") or item["resharedPost"]) if is_repost else item
    urn = post.get("urn", post.get("id"))
    number = urn["activity_urn"] if isinstance(urn, dict) else urn
    return str(number).removeprefix("urn:li:activity:")


def links(stage: Stage, actor: str) -> dict[str, set[str]]:
    """Give, for each post that an actor has found, the leads that it was found under."""
    truth: dict[str, set[str]] = {}
    for lead, item in found(stage, actor):
        truth.setdefault(activity(item), set()).add(lead)
    return truth


def stored(stage: Stage, client_id: str = CLIENT) -> dict[str, set[str]]:
    """Give, for each stored post of a client, its leads."""
    return {key: set(post["leads"]) for key, post in stage.posts(client_id=client_id).items()}


@pytest.mark.parametrize("actor", OTHERS)
def test_a_harvest_by_setting_brings_what_apify_has(make_any_stage: MakeStage, actor: str) -> None:
    stage = make_any_stage(apify_actor_id=actor, apify_max_posts=6)
    run = stage.harvest(*PEOPLE)
    truth = links(stage, actor)
    assert stored(stage) == truth
    assert max(map(len, truth.values())) > 1, "two leads share a repost"
    ledger = stage.sandbox.ledger()
    assert run["status"] == "Completed"
    assert run["metrics"] == {
        "profilesSubmitted": len(PEOPLE),
        "postsHarvested": len(truth),
        "postsNew": len(truth),
        "itemsRejected": 0,
        "apifyCostUsd": ledger.charged_usd,
        "actorRuns": len(PEOPLE) if actor == APIMAESTRO else 1,
    }
    assert run["errors"] == []
    assert {start.actor for start in ledger.starts} == {actor}
    asked = [lead.removeprefix(IN) for lead in ledger.starts_by_target()]
    assert sorted(asked) == sorted(PEOPLE)
    assert set(ledger.starts_by_target().values()) == {1}
    assert stage.leads() == {who: "No Posts" if "no-posts" in who else "Done" for who in PEOPLE}


def test_a_clients_own_actor_harvests_for_it_and_the_settings_for_others(make_any_stage: MakeStage) -> None:
    stage = make_any_stage()
    actors = {"By-Setting": HARVESTAPI, "One-By-One": APIMAESTRO, "All-At-Once": SUPREME_CODER}
    for client_id, actor in actors.items():
        own = {} if actor == HARVESTAPI else {"actor_id": actor}
        stage.agency(*PEOPLE, client_id=client_id, **own)
    runs = {client_id: stage.kickoff(client_id) for client_id in actors}
    ended = {client_id: stage.finish(full_id) for client_id, full_id in runs.items()}
    assert {run["status"] for run in ended.values()} == {"Completed"}
    for client_id, actor in actors.items():
        assert stored(stage, client_id) == links(stage, actor) != {}
    by_actor = dict.fromkeys(actors.values(), 0)
    for start in stage.sandbox.ledger().starts:
        by_actor[start.actor] += 1
    assert by_actor == {HARVESTAPI: 1, APIMAESTRO: len(PEOPLE), SUPREME_CODER: 1}
    total = sum(run["metrics"]["apifyCostUsd"] for run in ended.values())
    assert total == pytest.approx(stage.sandbox.ledger().charged_usd)


def harvested(stage: Stage, actor: str, *people: str) -> Json:
    """Harvest people, whether they are due or not, with an actor. Gives the metrics."""
    with stage.ledger.write() as tx:
        assert clients.change(tx, CLIENT, actor_id=actor)
    asked = {"clientId": CLIENT, "targetUrls": [IN + who for who in people], "maxPosts": 25}
    answer = stage.api("POST", "/api/apify/run", asked)
    assert answer.status == 202, answer
    run = stage.finish(answer.json["clientRunId"])
    stage.clock.skip(seconds=1)
    assert (run["status"], run["errors"]) == ("Completed", [])
    return dict(run["metrics"])


@pytest.mark.slow
@pytest.mark.parametrize("order", list(itertools.permutations((HARVESTAPI, *OTHERS)))[::2])
def test_the_same_people_by_three_actors_are_the_same_posts(
    make_any_stage: MakeStage, order: tuple[str, ...]
) -> None:
    stage = make_any_stage(apify_posted_limit="any")
    make_client(stage.ledger, CLIENT, daily_target=1_000)
    metrics = [harvested(stage, actor, *PEOPLE) for actor in order]
    assert [one["postsHarvested"] for one in metrics] == [len(stage.posts())] * 3
    assert [one["postsNew"] for one in metrics] == [len(stage.posts()), 0, 0]
    assert [one["itemsRejected"] for one in metrics] == [0, 0, 0]
    assert stored(stage) == links(stage, order[0]) == links(stage, order[1]) == links(stage, order[2])
    assert {type(item["urn"]) for _, item in found(stage, APIMAESTRO)} == {str, dict}
    known = numbers(stage)
    for _, item in found(stage, APIMAESTRO):
        is_repost = item["post_type"] == "repost"
        post = item["reshared_post"] if is_repost else item
        other = post["full_urn"].rpartition(":")[2]
        assert known[activity(item)] >= {activity(item), other} | ({_outer(item)} if is_repost else set())
    every = [number for told in known.values() for number in told]
    assert len(every) == len(set(every)), "two posts have one number"


def _outer(item: Json) -> str:
    """Give LinkedIn's number of a repost itself."""
    return activity(item | {"post_type": "regular"})


def numbers(stage: Stage) -> dict[str, set[str]]:
    """Give, for each stored post by its key, every number that it is known by."""
    return {key: {key, *(name["number"] for name in post["names"])} for key, post in stage.posts().items()}


ACTIVITY, UGC_POST = "7402746946853253120", "7402746945318146049"
#: One post of Ann's: by one of its numbers, by the other, by both.
TOLD: dict[str, Json] = {
    HARVESTAPI: {
        "type": "post",
        "id": ACTIVITY,
        "linkedinUrl": f"https://www.linkedin.com/posts/ann_words-activity-{ACTIVITY}-abcd",
        "content": "As harvestapi tells it.",
        "engagement": {"likes": 5, "comments": 1, "shares": 0},
        "query": {"targetUrl": f"{IN}ann"},
    },
    SUPREME_CODER: {
        "type": "text",
        "urn": f"urn:li:ugcPost:{UGC_POST}",
        "url": f"https://www.linkedin.com/feed/update/urn:li:ugcPost:{UGC_POST}",
        "text": "As supreme_coder tells it.",
        "numLikes": 6,
        "numComments": 1,
        "inputUrl": f"{IN}ann",
    },
    APIMAESTRO: {
        "urn": {"activity_urn": ACTIVITY, "share_urn": None, "ugcPost_urn": UGC_POST},
        "full_urn": f"urn:li:ugcPost:{UGC_POST}",
        "text": "As apimaestro tells it.",
        "post_type": "regular",
        "stats": {"total_reactions": 7},
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("order", list(itertools.permutations(TOLD))[::2])
def test_an_item_that_tells_both_numbers_makes_one_post_of_two(
    make_any_stage: MakeStage, order: tuple[str, ...]
) -> None:
    datasets: dict[str, list[Json]] = {}
    stage = make_any_stage(apify={"datasets": datasets})
    make_client(stage.ledger, CLIENT)
    kept = []
    for actor in order:
        datasets["ann"] = [TOLD[actor]]
        assert harvested(stage, actor, "ann")["postsHarvested"] == 1
        kept.append(len(stage.posts()))
    apart = order.index(APIMAESTRO) == 2
    assert kept == [1, 2 if apart else 1, 1]
    (post,) = stage.posts().values()
    assert post["postKey"] == (UGC_POST if order[0] == SUPREME_CODER else ACTIVITY)
    assert post["text"] == f"As {order[-1].partition('/')[0]} tells it."
    assert post["leads"] == [f"{IN}ann"]
    assert numbers(stage) == {post["postKey"]: {ACTIVITY, UGC_POST}}
    likes = {HARVESTAPI: 5, SUPREME_CODER: 6, APIMAESTRO: 7}
    assert post["likes"] == likes[order[-1]]
    with stage.ledger.read() as tx:
        before = tx.execute(select(post_tables.post_counts.c.likes)).scalars()
        assert sorted(before) == sorted(likes[actor] for actor in order[:-1])


@pytest.mark.parametrize("actor", OTHERS)
def test_nonsense_of_any_actor_is_rejected_with_reasons(make_stage: MakeStage, actor: str) -> None:
    stage = make_stage(apify_actor_id=actor)
    run = stage.harvest("ann", "bob-nonsense")
    assert run["status"] == "Completed"
    nonsense = [item for item in stage.items() if not isinstance(item, dict) or "url" not in item]
    assert len(stage.rejects()) == run["metrics"]["itemsRejected"] == len(nonsense) == 5
    assert len({reject["reason"] for reject in stage.rejects()}) > 1
    assert stage.leads()["ann"] == "Done"
    assert len(stage.posts()) == len(stage.items()) - len(nonsense) > 0


@pytest.mark.parametrize("actor", OTHERS)
def test_who_met_an_error_item_is_asked_for_again(make_stage: MakeStage, actor: str) -> None:
    """The actor run has succeeded, and another one brings what that one did not."""
    stage = make_stage(apify_actor_id=actor)
    stage.sandbox.inject("target-error", match="bob")
    run = stage.harvest("ann", "bob", "cho")
    assert run["status"] == "Completed"
    (reject,) = stage.rejects()
    assert reject["reason"] == RejectReason.ERROR_ITEM
    assert "Failed to " in reject["detail"]
    assert stage.leads() == {"ann": "Done", "bob": "Pending", "cho": "Done"}
    assert stored(stage) == links_of_posts(stage, actor)
    stage.clock.skip(hours=1)
    again = stage.finish(stage.kickoff())
    assert (again["status"], again["metrics"]["profilesSubmitted"]) == ("Completed", 1)
    assert set(stage.leads().values()) == {"Done"}
    assert stored(stage) == links_of_posts(stage, actor)


def links_of_posts(stage: Stage, actor: str) -> dict[str, set[str]]:
    """Give the same as `links` of the items that are posts."""
    truth: dict[str, set[str]] = {}
    for lead, item in found(stage, actor):
        if "error" not in item:
            truth.setdefault(activity(item), set()).add(lead)
    return truth
