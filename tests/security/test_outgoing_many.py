"""Datasets whose pages are too large, or that do not end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from random import Random
from typing import Any

import pytest
from flow.stage import Stage, staged

from harvester.ledger import alerts
from harvester.posts import RejectReason
from services import ingest

#: Packed into this, an item is too large for an answer of one megabyte.
FAR_TOO_LARGE = 1_200_000


@pytest.fixture
def stage(sqlite_url: str) -> Iterator[Stage]:
    with ExitStack() as stack:
        options: dict[str, Any] = {"apify_answer_mb": 1, "apify_max_charge_usd": 100}
        yield stack.enter_context(staged(sqlite_url, **options))


def put(stage: Stage, change: Any) -> tuple[str, list[Any]]:
    """Have one lead's items at Apify, each changed by its place. Gives the client run and the items."""
    full_id = stage.begun(stage.agency("ann-bulk-60"))
    stage.ended()
    items = [change(place, item) for place, item in enumerate(stage.items())]
    (begun,) = stage.sandbox.ledger().starts
    stage.sandbox.put_items(begun.run_id, items)
    return full_id, items


@pytest.mark.parametrize("seed", range(3))
def test_pages_that_are_too_large_are_read_in_smaller_ones(stage: Stage, seed: int) -> None:
    """Every item is a post or a reject, in its place; who is too large alone holds up nobody."""
    chance = Random(seed)
    sizes = [chance.choice((10, 10_000, 90_000, 400_000)) for _ in range(60)]
    too_large = set(chance.sample(range(60), 3))

    def grown(place: int, item: Any) -> Any:
        kept = FAR_TOO_LARGE if place in too_large else sizes[place]
        return {**item, "postImages": [{"url": "https://media.licdn.com/" + "x" * kept}]}

    full_id, _ = put(stage, grown)
    run = stage.finish(full_id, seconds=40)
    assert run["metrics"]["postsHarvested"] == 57
    assert {(one["position"], one["reason"]) for one in stage.rejects()} == {
        (place, RejectReason.TOO_LARGE) for place in too_large
    }
    row = stage.row()
    assert (row["cursor"], row["items_expected"], row["failures"]) == (60, 60, 0)
    assert run["status"] == "Completed"


def test_smaller_pages_are_not_asked_for_over_and_over(stage: Stage) -> None:
    """What is too large costs some calls, and never one for each item."""
    calls = 0

    def counted(_method: str, path: str, reply: Any) -> Any:
        nonlocal calls
        calls += "/items" in path
        return reply

    full_id, _ = put(stage, lambda place, item: {**item, "x": "x" * (FAR_TOO_LARGE if place == 30 else 9)})
    stage.proxy.spoil = counted
    stage.finish(full_id)
    assert calls < 30


def test_of_a_dataset_without_end_only_so_much_is_taken(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is neither read nor forgotten: the actor run, the client run and an alert name it."""
    monkeypatch.setattr(ingest, "MOST_ITEMS", 40)
    full_id, _ = put(stage, lambda _place, item: item)
    run = stage.finish(full_id)
    row = stage.row()
    assert (row["cursor"], row["items_expected"], row["error_code"]) == (40, 60, ingest.TOO_MANY)
    assert run["metrics"]["postsHarvested"] == 40
    assert run["status"] == "Completed with Errors"
    assert row["dataset_id"] in run["errors"][0]["message"]
    with stage.ledger.read() as tx:
        told = [alert.text for alert in alerts.untold(tx, limit=20)]
    assert [text for text in told if "the first 40 were taken" in text and row["dataset_id"] in text]


def test_what_was_asked_for_is_taken_whatever_the_bound(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bound must not leave off what somebody ordered and pays for."""
    monkeypatch.setattr(ingest, "MOST_ITEMS", 1)
    run = stage.harvest("ann")
    assert run["status"] == "Completed"
    assert stage.row()["cursor"] == stage.row()["items_expected"] == 2
