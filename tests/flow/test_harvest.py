"""A harvest from kickoff to the completed record, against what the local Apify knows to be true."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from harvester.posts import RejectReason

from .conftest import MakeStage
from .proxy import Reply
from .stage import Stage

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT.parent / "shared" / "data" / "harvestapi-readme-sample.json"
FIXTURES = ROOT / "tests" / "normalise" / "fixtures" / "harvestapi"
IN = "https://www.linkedin.com/in/"


def links(items: list[Any]) -> dict[str, set[str]]:
    """Give, for each post that the datasets hold, the leads that it was found under."""
    found: dict[str, set[str]] = {}
    for item in items:
        if item["type"] == "post":
            found.setdefault(item["id"], set()).add(item["query"]["targetUrl"])
    return found


def test_a_harvest_brings_what_apify_has(any_stage: Stage) -> None:
    stage = any_stage
    run = stage.harvest("ann", "bob", "cho", "dan-no-posts", "eve-shared", "fay-shared")
    truth = links(stage.items())
    assert {key: set(post["leads"]) for key, post in stage.posts().items()} == truth
    assert max(map(len, truth.values())) == 2, "two leads share a repost"
    assert run["status"] == "Completed"
    assert run["metrics"] == {
        "profilesSubmitted": 6,
        "postsHarvested": len(truth),
        "postsNew": len(truth),
        "itemsRejected": 0,
        "apifyCostUsd": stage.sandbox.ledger().charged_usd,
        "actorRuns": 1,
    }
    assert run["errors"] == []
    with_posts = set().union(*truth.values())
    assert stage.leads() == {
        handle: "Done" if IN + handle in with_posts else "No Posts" for handle in stage.leads()
    }
    assert stage.leads()["dan-no-posts"] == "No Posts"
    assert len(stage.sandbox.ledger().starts) == 1


def test_a_repost_belongs_to_who_reposted_it(stage: Stage) -> None:
    stage.harvest("eve-shared")
    reposts = [post for post in stage.posts().values() if post["kind"] == "repost"]
    assert reposts
    for post in reposts:
        assert post["leads"] == [f"{IN}eve-shared"]
        assert post["author"]["url"] not in post["leads"]


def test_comments_and_reactions_are_neither_posts_nor_rejects(make_stage: MakeStage) -> None:
    stage = make_stage(scrape_comments=3, scrape_reactions=3)
    run = stage.harvest("ann", "bob", "cho")
    kinds = [item["type"] for item in stage.items()]
    assert {"comment", "reaction"} < set(kinds)
    assert run["metrics"]["postsHarvested"] == kinds.count("post")
    assert run["metrics"]["itemsRejected"] == 0
    assert run["metrics"]["apifyCostUsd"] == stage.sandbox.ledger().charged_usd
    assert run["actorRuns"][0]["items"] == len(kinds)


def test_an_error_about_a_lead_makes_it_due_again(stage: Stage) -> None:
    run = stage.harvest("ann", "bob-error")
    assert run["status"] == "Completed"
    (reject,) = stage.rejects()
    assert reject["reason"] == RejectReason.ERROR_ITEM
    assert "HTTP 999" in reject["detail"]
    assert run["metrics"]["itemsRejected"] == 1
    assert stage.leads() == {"ann": "Done", "bob-error": "Pending"}


def test_nonsense_is_rejected_with_reasons(stage: Stage) -> None:
    run = stage.harvest("ann", "bob-nonsense")
    assert run["status"] == "Completed"  # what one profile brings is no fault of the actor
    nonsense = [place for place, item in enumerate(stage.items()) if not _is_post(item)]
    assert [reject["position"] for reject in stage.rejects()] == nonsense
    assert run["metrics"]["itemsRejected"] == len(nonsense) > 5
    assert len({reject["reason"] for reject in stage.rejects()}) > 2
    assert stage.leads() == {"ann": "Done", "bob-nonsense": "Pending"}


def _is_post(item: Any) -> bool:
    return isinstance(item, dict) and "linkedinUrl" in item


def test_a_post_of_nobody_we_asked_for_is_rejected(make_stage: MakeStage) -> None:
    stray = json.loads((FIXTURES / "original.json").read_text()) | {"query": {"targetUrl": f"{IN}stranger"}}
    stage = make_stage(apify={"datasets": {"ann": [stray]}})
    run = stage.harvest("ann", "bob-no-posts")
    assert [reject["reason"] for reject in stage.rejects()] == [RejectReason.UNATTRIBUTABLE]
    assert (run["metrics"]["postsHarvested"], run["metrics"]["itemsRejected"]) == (0, 1)
    assert stage.posts() == {}


def test_the_published_sample_gives_one_post(make_stage: MakeStage) -> None:
    file = SAMPLE if SAMPLE.exists() else FIXTURES / "document.json"
    post = json.loads(file.read_text())
    items = [*post.get("comments", []), *post.get("reactions", []), post]
    handle = post["author"]["publicIdentifier"]
    stage = make_stage(apify={"datasets": {handle: items}})
    run = stage.harvest(handle)
    assert (run["metrics"]["postsHarvested"], run["metrics"]["itemsRejected"]) == (1, 0)
    assert list(stage.posts()) == [post["id"]]
    assert stage.leads() == {handle: "Done"}


def test_what_is_known_already_is_not_new(any_stage: Stage) -> None:
    stage = any_stage
    stage.agency("ann")
    asked = {"clientId": "Guy-Wilson", "targetUrls": [f"{IN}ann/?trk=x"], "maxPosts": 3}
    runs = []
    for _ in range(2):
        answer = stage.api("POST", "/api/apify/run", asked)
        assert answer.status == 202
        runs.append(stage.finish(answer.json["clientRunId"])["metrics"])
        stage.clock.skip(seconds=1)
    assert runs[0]["postsHarvested"] == runs[1]["postsHarvested"] == len(stage.posts()) > 0
    assert (runs[0]["postsNew"], runs[1]["postsNew"]) == (len(stage.posts()), 0)
    assert [start.input["maxPosts"] for start in stage.sandbox.ledger().starts] == [3, 3]


def test_two_clients_with_one_lead_have_a_post_each(stage: Stage) -> None:
    stage.agency("ann", client_id="First-Client")
    stage.agency("ann", client_id="first-client")
    runs = [stage.kickoff(client_id) for client_id in ("First-Client", "first-client")]
    found = [stage.finish(full_id) for full_id in runs]
    assert [run["metrics"]["postsNew"] for run in found] == [len(stage.posts())] * 2
    assert set(stage.posts(client_id="First-Client")) == set(stage.posts(client_id="first-client"))


def test_a_bottomless_item_is_no_trouble(stage: Stage) -> None:
    """As deep as a parser lets in, which is deeper than an encoder can climb."""
    pit = b"[" * 1_015 + b"]" * 1_015
    post = json.loads((FIXTURES / "original.json").read_text()) | {"query": {"targetUrl": f"{IN}ann"}}
    items = json.dumps([post | {"pit": "PIT"}, {"type": "post", "pit": "PIT"}]).encode()
    items = items.replace(b'"PIT"', pit)

    def swapped(_method: str, path: str, reply: Reply) -> Reply:
        whole = "/items" in path and "offset=0&" in path
        return replace(reply, body=items if whole else b"[]") if "/items" in path else reply

    stage.proxy.spoil = swapped
    run = stage.harvest("ann")
    assert (run["metrics"]["postsHarvested"], run["metrics"]["itemsRejected"]) == (1, 1)
    assert run["status"] == "Completed", run
