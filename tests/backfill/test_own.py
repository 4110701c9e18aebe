"""An actor run of ours, read again: what the difference says is what applying it does."""

from __future__ import annotations

from random import Random

import pytest
from flow.conftest import MakeStage
from flow.stage import Stage

from backfill import past
from harvester.apify_errors import Gone
from harvester.errors import InvalidInput
from services.backfill import CannotBackfill

#: What a backfill may write: posts and what hangs on them, sums, the log, and what is owed to Airtable.
WRITTEN = (
    *("posts", "post_names", "post_counts", "companions", "sightings", "rejects", "backfills", "activity"),
    *("client_runs", "job_runs", "outbox", "run_events", "locks"),
)


@pytest.mark.parametrize("seed", range(2))
def test_the_difference_is_the_effect(make_any_stage: MakeStage, seed: int) -> None:
    """Whatever the dataset has become, round after round; a second time changes nothing."""
    chance = Random(seed)
    stage = make_any_stage(apify_max_charge_usd=100)
    before_run = stage.harvest("ann-bulk-12", "bob-bulk-9")
    started, items, others = len(stage.sandbox.ledger().starts), stage.items(), past.whole(stage, *WRITTEN)
    for _ in range(6):
        stage.sandbox.put_items(
            past.run_id(stage), [past.damaged(item, chance, place) for place, item in enumerate(items)]
        )
        rows, old, old_rejects = past.whole(stage), past.posts(stage), past.rejected(stage)
        told = past.shown(stage, past.ours(stage)).difference
        assert past.whole(stage) == rows
        done = past.applied(stage, past.ours(stage)).difference
        assert done == told
        new, new_rejects = past.posts(stage), past.rejected(stage)
        assert len(new.keys() - old.keys()) == told.posts_new
        assert old.keys() <= new.keys()
        changed = {key for key in old if old[key] != new[key]}
        assert len(changed) == told.posts_changed
        assert {change.post_key for change in told.examples} == changed
        assert len(old_rejects.keys() - new_rejects.keys()) == told.understood
        assert len(new_rejects.keys() - old_rejects.keys()) == told.refused_anew
        settled = past.whole(stage, "backfills", "activity", "locks", "client_runs", "outbox")
        assert past.applied(stage, past.ours(stage)).difference.is_empty
        assert past.whole(stage, "backfills", "activity", "locks", "client_runs", "outbox") == settled
        run = stage.run(before_run["clientRunId"])
        assert {name: run[name] for name in ("status", "finishedAt")} == {
            name: before_run[name] for name in ("status", "finishedAt")
        }
        assert run["metrics"]["postsHarvested"] == len(new)
    assert past.whole(stage, *WRITTEN) == others
    assert len(stage.sandbox.ledger().starts) == started


def test_what_was_seen_since_is_not_written_over(stage: Stage) -> None:
    """The dataset of the first harvest tells older words than a later harvest's."""
    stage.harvest("ann-bulk-3")
    items = stage.items()
    first = past.ours(stage)
    stage.sandbox.put_items(past.run_id(stage), [{**item, "content": "Newer words"} for item in items])
    past.applied(stage, past.ours(stage))
    stage.sandbox.put_items(past.run_id(stage), [{**item, "content": "Older words"} for item in items])
    first.at = first.at.replace(year=first.at.year - 1)  # type: ignore[union-attr]
    assert past.shown(stage, first).difference.posts_changed == 0
    past.applied(stage, first)
    assert {post["text"] for post in past.posts(stage).values()} == {"Newer words"}


def test_what_cannot_be_read_again_is_said(stage: Stage) -> None:
    """A run of another client, one at work, and one that nobody knows."""
    stage.agency("ann-bulk-3")
    stage.begun()
    run = past.run_id(stage)
    with pytest.raises(CannotBackfill, match="is running"):
        past.ours(stage)
    with pytest.raises(InvalidInput, match="not of Nobody"):
        past.of(stage).of_actor_run(run, client_id="Nobody", actor_id=None)
    with pytest.raises(InvalidInput, match="say for whom"):
        past.of(stage).of_actor_run("HG7ML7M8z78YcAPEB", client_id=None, actor_id=None)
    with pytest.raises(InvalidInput, match="yet to come"):
        past.of(stage).of_stored(stage.clock().replace(year=2_999), client_id=None)


def test_two_at_once_are_one(stage: Stage) -> None:
    """The second is told who is at work, and since when."""
    stage.harvest("ann-bulk-3")
    told: list[str] = []

    def meanwhile(done: int, total: int | None) -> None:
        with pytest.raises(CannotBackfill, match="is at work, by a test since 20") as caught:
            past.applied(stage, past.ours(stage))
        told.append(str(caught.value))

    past.of(stage).apply(past.ours(stage), meanwhile, by="a test")
    assert told
    past.applied(stage, past.ours(stage))


def test_of_a_dataset_that_is_gone_it_is_told_what_there_is_still(stage: Stage) -> None:
    """Apify keeps datasets for some days; the ledger has the raw items for as long as it is told to."""
    stage.harvest("ann-bulk-3")
    gone = {"status": 404, "type": "record-not-found", "message": "Dataset was not found"}
    stage.sandbox.inject("refused", method="GET", path="/v2/datasets/*", **gone)
    rows = past.whole(stage)
    with pytest.raises(Gone, match="--since"):
        past.ours(stage)
    assert past.whole(stage) == rows
