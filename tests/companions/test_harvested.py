"""Comments and reactions of a whole harvest, against what the local Apify knows to be true."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flow.stage import Stage, staged

from harvester.posts import CompanionKind

from .saying import stored

ASKED: dict[str, Any] = {"scrape_comments": 2, "scrape_reactions": 3}
MOST = {CompanionKind.COMMENT: 2, CompanionKind.REACTION: 3}


def truth(stage: Stage) -> dict[tuple[str, str], Any]:
    """Give the items that are comments or reactions, by kind and ID."""
    return {(item["type"], item["id"]): item for item in stage.items() if item["type"] in list(MOST)}


def test_what_was_asked_for_is_stored_with_its_post_and_counts_as_nothing_else(ledger_url: str) -> None:
    with staged(ledger_url, **ASKED) as stage:
        run = stage.harvest("ann", "bob", "eve-shared", "fay-shared")
        told, rows = truth(stage), stored(stage.ledger)
        assert set(rows) == set(told)
        ids = {post["id"]: key for key, post in stage.posts().items()}
        for at, row in rows.items():
            item = told[at]
            assert ids[row["post_id"]] == item["postId"]
            assert row["author_name"] == item["actor"]["name"]
            assert row["author_headline"] == item["actor"]["position"]
            assert row["text"] == item.get("commentary", "")
            assert row["reaction"] == item.get("reactionType")
        per_post = Counter((row["kind"], row["post_id"]) for row in rows.values())
        assert {kind: max(n for (of, _), n in per_post.items() if of == kind) for kind in MOST} == MOST
        kinds = Counter(item["type"] for item in stage.items())
        assert run["metrics"]["postsHarvested"] == len(stage.posts())
        assert (run["metrics"]["itemsRejected"], run["status"]) == (0, "Completed")
        assert run["actorRuns"][0]["items"] == sum(kinds.values())
        assert run["metrics"]["apifyCostUsd"] == stage.sandbox.ledger().charged_usd > 0.002 * kinds["post"]
        _check_again(stage, rows)


def _check_again(stage: Stage, rows: dict[tuple[str, str], Any]) -> None:
    """Harvest the same people a second time: nothing is stored twice."""
    stage.clock.skip(seconds=1)
    urls = [f"https://www.linkedin.com/in/{handle}" for handle in ("ann", "bob", "eve-shared", "fay-shared")]
    answer = stage.api("POST", "/api/apify/run", {"clientId": "Guy-Wilson", "targetUrls": urls})
    assert stage.finish(answer.json["clientRunId"])["metrics"]["postsNew"] == 0
    again = stored(stage.ledger)
    assert {at: (row["id"], row["post_id"], row["text"]) for at, row in again.items()} == {
        at: (row["id"], row["post_id"], row["text"]) for at, row in rows.items()
    }
    assert all(again[at]["last_seen_at"] > row["last_seen_at"] for at, row in rows.items())


def test_they_are_paid_for_within_the_cap(sqlite_url: str) -> None:
    """The actor ends at the cap, between a post and what belongs to it: what came is kept, and linked."""
    with staged(sqlite_url, **ASKED, apify_max_charge_usd="0.02") as stage:
        run = stage.harvest("ann", "bob", "cho")
        (start,) = stage.sandbox.ledger().starts
        asked = {name: start.input[name] for name in ("maxComments", "maxReactions")}
        assert asked == {"maxComments": 2, "maxReactions": 3}
        charged = stage.sandbox.ledger().charged_usd
        assert run["metrics"]["apifyCostUsd"] == charged <= 0.02
        assert charged > 0.015, "the cap was what ended it"
        rows = stored(stage.ledger)
        assert set(rows) == set(truth(stage))
        keys = set(stage.posts())
        assert rows
        assert all((row["post_id"] is None) is (row["post_number"] not in keys) for row in rows.values())


def test_none_is_asked_for_unless_somebody_wants_them(sqlite_url: str) -> None:
    with staged(sqlite_url) as stage:
        stage.harvest("ann", "bob")
        (start,) = stage.sandbox.ledger().starts
        assert not start.input["scrapeComments"]
        assert not start.input["scrapeReactions"]
        assert stored(stage.ledger) == {}
