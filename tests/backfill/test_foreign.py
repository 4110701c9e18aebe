"""A foreign actor run's dataset, taken in for a client; and what is stored, read again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import gateway
import pytest
from flow.conftest import MakeStage
from flow.stage import Stage
from sqlalchemy import update

from backfill import past
from harvester.errors import InvalidInput
from harvester.ledger import backfills, tables, usage
from harvester.posts import RejectReason
from services import backfill_sources
from services.kickoff import UnknownClient

CLIENT = "Guy-Wilson"
ACTOR = "harvestapi/linkedin-profile-posts"


def filled(stage: Stage, *handles: str) -> str:
    """Have an actor run that no row of ours knows. Gives its dataset."""
    apify = stage.worker.apify
    return gateway.ended(apify, gateway.start(apify, *handles)).dataset_id


def test_only_leads_of_the_client_get_posts(make_any_stage: MakeStage) -> None:
    """The row that it hangs on is no batch, no money and no client run, and it is there once."""
    stage = make_any_stage()
    stage.agency("ann-bulk-3")
    dataset = filled(stage, "ann-bulk-3", "stranger-bulk-2")
    found = past.of(stage)
    rows = past.whole(stage)
    told = past.shown(stage, found.of_dataset(dataset, client_id=CLIENT, actor_id=None)).difference
    assert past.whole(stage) == rows
    done = past.applied(stage, found.of_dataset(dataset, client_id=CLIENT, actor_id=None)).difference
    assert done == told
    assert len(stage.posts()) == told.posts_new > 0
    assert {tuple(post["leads"]) for post in stage.posts().values()} == {
        ("https://www.linkedin.com/in/ann-bulk-3",)
    }
    assert told.refused
    assert set(past.rejected(stage).values()) == {RejectReason.UNATTRIBUTABLE}
    assert not past.shown(
        stage, found.of_dataset(dataset, client_id=CLIENT, actor_id=None)
    ).difference.posts_new
    past.applied(stage, found.of_dataset(dataset, client_id=CLIENT, actor_id=None))
    assert stage.row()["marker"].startswith(backfills.FOREIGN)
    since = stage.clock().replace(year=2_000)
    with stage.ledger.read() as tx:
        assert usage.batches_since(tx, CLIENT, since=since) == 0
        assert usage.of_client(tx, CLIENT, since=since).paid == 0
        assert usage.posts_to_come(tx, CLIENT, since=since) == 0
    assert past.whole(stage)["client_runs"] == []
    assert past.whole(stage)["lead_outcomes"] == []
    assert stage.leads() == {"ann-bulk-3": None} or set(stage.leads().values()) <= {None, "Pending"}
    for path in ("/api/posts", "/api/runs", "/api/clients"):
        assert stage.api("GET", path).status < 500


def test_its_rejects_become_posts_once_their_lead_is_there(stage: Stage) -> None:
    """What is stored is enough: nothing is asked of Apify again."""
    stage.agency("ann-bulk-3")
    dataset = filled(stage, "ann-bulk-3", "stranger-bulk-2")
    found = past.of(stage)
    past.applied(stage, found.of_dataset(dataset, client_id=CLIENT, actor_id=None))
    refused, posts = past.rejected(stage), past.posts(stage)
    stage.agency("ben-bulk-1", client_id="Other")
    with stage.ledger.write() as tx:
        other = tables.leads.c.profile_url.like("%ben-bulk-1")
        url = "https://www.linkedin.com/in/stranger-bulk-2"
        tx.execute(update(tables.leads).where(other).values(profile_url=url, client_id=CLIENT))
    since = stage.clock().replace(year=2_000)
    told = past.shown(stage, found.of_stored(since, client_id=CLIENT)).difference
    assert told.posts_new == told.understood == len(refused)
    assert past.applied(stage, found.of_stored(since, client_id=CLIENT)).difference == told
    assert past.rejected(stage) == {}
    assert len(past.posts(stage)) == len(posts) + len(refused)


def test_bad_input_is_said(stage: Stage) -> None:
    """Nothing is written for it."""
    stage.agency("ann-bulk-1")
    dataset = filled(stage, "ann-bulk-1")
    rows, found = past.whole(stage), past.of(stage)
    with pytest.raises(UnknownClient):
        found.of_dataset(dataset, client_id="Nobody", actor_id=None)
    with pytest.raises(InvalidInput):
        found.of_dataset(dataset, client_id=CLIENT, actor_id="nobody/knows-this")
    assert past.whole(stage) == rows


def test_it_goes_on_where_it_was_ended(make_any_stage: MakeStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it ends with is what it would have ended with, and its sums too."""
    monkeypatch.setattr("services.dataset_pages.PAGE_ITEMS", 5)
    stage = make_any_stage(apify_max_charge_usd=100)
    run = stage.harvest("ann-bulk-12")
    items = stage.items()
    again = [{**item, "content": f"Words {place}"} for place, item in enumerate(items)]
    stage.sandbox.put_items(past.run_id(stage), [*again, {"nothing": 1}])
    seen: list[int] = []

    def ending(done: int, total: int | None) -> None:
        seen.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        past.of(stage).apply(past.ours(stage), ending, by="a test")
    assert seen == [10]
    assert stage.run(run["clientRunId"])["metrics"]["postsHarvested"] == 12
    done = past.applied(stage, past.ours(stage))
    assert (done.began_at, done.difference.posts_changed) == (10, 2)
    assert {post["text"] for post in past.posts(stage).values()} == {item["content"] for item in again}
    assert len(past.rejected(stage)) == 1
    with stage.ledger.read() as tx:
        assert backfills.opened(tx, past.ours(stage).key) is None


def test_a_dataset_without_an_end_is_cut_and_that_is_told(stage: Stage) -> None:
    """As an ingest, it takes no more items than are taken of any dataset."""
    stage.harvest("ann-bulk-7")
    source = past.ours(stage)
    assert isinstance(source, backfill_sources.DatasetSource)
    source.most = 4
    told = past.applied(stage, source).difference
    assert told.items == 4
    assert dict(told.unread) == {"beyond the first 4 items of its dataset": 3}


def test_what_is_stored_is_read_again_and_stays(make_any_stage: MakeStage) -> None:
    """Posts of which the raw item is there stay as they are; those without are told."""
    stage = make_any_stage(apify_max_charge_usd=100)
    stage.harvest("ann-bulk-6")
    since = stage.clock().replace(year=2_000)
    with stage.ledger.write() as tx:
        first = min(past.posts(stage))
        tx.execute(update(tables.posts).where(tables.posts.c.post_key == first).values(raw=b""))
    kept = past.whole(stage)
    done = past.applied(stage, past.of(stage).of_stored(since, client_id=None)).difference
    assert (done.posts_same, done.posts_new, done.posts_changed) == (5, 0, 0)
    assert dict(done.unread) == {"pruned": 1}
    for table in ("posts", "sightings", "rejects", "leads", "actor_runs", "lead_outcomes"):
        assert past.whole(stage)[table] == kept[table]


def test_a_wrong_actor_is_put_right_by_the_right_one(stage: Stage) -> None:
    """Of what was read as another actor's nothing stays but the rejects, and those are read again."""
    stage.agency("ann-bulk-3")
    dataset = filled(stage, "ann-bulk-3")
    found = past.of(stage)
    wrong = found.of_dataset(dataset, client_id=CLIENT, actor_id="apimaestro/linkedin-post-detail")
    assert past.applied(stage, wrong).difference.posts_new == 0
    refused = past.rejected(stage)
    assert refused
    told = past.shown(stage, found.of_dataset(dataset, client_id=CLIENT, actor_id=ACTOR)).difference
    assert (told.posts_new, told.understood) == (len(refused), len(refused))
    done = past.applied(stage, found.of_dataset(dataset, client_id=CLIENT, actor_id=ACTOR)).difference
    assert done == told
    assert past.rejected(stage) == {}
    assert stage.row()["actor_id"] == ACTOR


def test_the_right_actor_begins_anew_where_a_wrong_one_was_ended(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the wrong one had read by then would be nobody's for good."""
    monkeypatch.setattr("services.dataset_pages.PAGE_ITEMS", 1)
    stage.agency("ann-bulk-12")
    dataset = filled(stage, "ann-bulk-12")
    found = past.of(stage)

    def ending(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    wrong = found.of_dataset(dataset, client_id=CLIENT, actor_id="apimaestro/linkedin-post-detail")
    with pytest.raises(KeyboardInterrupt):
        found.apply(wrong, ending, by="a test")
    assert past.rejected(stage)
    done = past.applied(stage, found.of_dataset(dataset, client_id=CLIENT, actor_id=ACTOR))
    assert done.began_at == 0
    assert past.rejected(stage) == {}


def test_a_dataset_outlives_the_actor_run_that_filled_it(stage: Stage) -> None:
    """Apify keeps a dataset that has a name for ever, and neither its actor run nor each Actor."""
    stage.agency("ann-bulk-3")
    dataset = filled(stage, "ann-bulk-3")
    found = past.of(stage)
    for path in ("/v2/actor-runs/*", "/v2/actors/*"):
        gone = {"status": 404, "type": "record-not-found", "message": "It was not found"}
        stage.sandbox.inject("refused", method="GET", path=path, **gone)
    with pytest.raises(InvalidInput, match="--actor"):
        found.of_dataset(dataset, client_id=CLIENT, actor_id=None)
    told = past.applied(stage, found.of_dataset(dataset, client_id=CLIENT, actor_id=ACTOR)).difference
    assert told.posts_new == len(stage.posts()) > 0


def test_nothing_was_seen_in_the_future(stage: Stage) -> None:
    """Where Apify's clock is ahead, what is seen next would never count."""
    stage.agency("ann-bulk-1")
    behind = stage.clock() - timedelta(hours=3)
    found = replace(past.of(stage), clock=lambda: behind)
    source = found.of_dataset(filled(stage, "ann-bulk-1"), client_id=CLIENT, actor_id=ACTOR)
    assert isinstance(source, backfill_sources.DatasetSource)
    assert source.at == source.run.created_at == behind
