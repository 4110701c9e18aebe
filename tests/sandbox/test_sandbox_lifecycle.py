"""States, charges, caps and lags of the sandbox's runs."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

import pytest
from apify_client import ApifyClient
from apify_client.errors import InvalidRequestError

from harvester.sandbox.apify import SandboxApify

from .conftest import ACTOR

Start = Callable[..., Any]
Finish = Callable[[str], Any]


def settled(apify: SandboxApify, client: ApifyClient, run_id: str) -> Any:
    """The run, once its costs are final."""
    client.run(run_id).wait_for_finish()
    time.sleep(apify.options.scaled(10.0) + 0.02)
    return client.run(run_id).get()


def test_a_run_passes_through_its_states(client: ApifyClient, start: Start) -> None:
    run = start("prolific-1", max_posts=5)
    seen = [run.status]
    while seen[-1] != "SUCCEEDED":
        now = client.run(run.id).get()
        assert now is not None
        if now.status != seen[-1]:
            seen.append(now.status)
    order = ["READY", "RUNNING", "SUCCEEDED"]
    assert seen == [status for status in order if status in seen]


@pytest.mark.parametrize(
    ("status", "message"), [("SUCCEEDED", "Finished."), ("ABORTED", "Maximum total charge reached.")]
)
def test_the_charge_cap_ends_a_run_with_the_paid_items_in_place(
    apify: SandboxApify,
    client: ApifyClient,
    start: Start,
    status: Literal["SUCCEEDED", "ABORTED"],
    message: str,
) -> None:
    platform = apify._platform
    platform.options = replace(platform.options, at_cap=status)
    run = start("prolific-2", "no-posts-2", max_posts=50, max_total_charge_usd=0.02)
    ended = settled(apify, client, run.id)
    assert (ended.status, ended.status_message) == (status, message)
    assert ended.charged_event_counts == {"apify-actor-start": 1, "post": 9} | (
        {"no-result": 1} if status == "SUCCEEDED" else {}
    )
    assert ended.usage_total_usd <= 0.02
    assert len(client.dataset(run.default_dataset_id).list_items().items) == 9


def test_a_resurrected_run_may_spend_more(
    apify: SandboxApify, client: ApifyClient, start: Start, finish: Finish
) -> None:
    run = finish(start("prolific-3", max_posts=20, max_total_charge_usd=0.02).id)
    with pytest.raises(InvalidRequestError):
        client.run(run.id).resurrect(max_total_charge_usd=Decimal("0.01"))
    client.run(run.id).resurrect(max_total_charge_usd=Decimal(1))
    with pytest.raises(InvalidRequestError):
        client.run(run.id).resurrect()
    ended = settled(apify, client, run.id)
    assert ended.status == "SUCCEEDED"
    assert ended.charged_event_counts["post"] == 20


def test_comments_reactions_and_empty_targets_are_charged(
    apify: SandboxApify, client: ApifyClient, start: Start
) -> None:
    extra = {"scrapeComments": True, "scrapeReactions": True, "maxComments": 3, "maxReactions": 3}
    run = start("prolific-4", "no-posts-4", "error-4", "nonsense-4", max_posts=10, extra=extra)
    counts = settled(apify, client, run.id).charged_event_counts
    items = client.dataset(run.default_dataset_id).list_items().items
    kinds = [item["type"] for item in items if isinstance(item, dict) and item.get("postId")]
    assert kinds, "there were neither comments nor reactions"
    assert counts == {"apify-actor-start": 1, "post": 10 + len(kinds), "no-result": 1}


def test_who_is_swallowed_brings_nothing_and_is_charged_for_nothing(
    apify: SandboxApify, client: ApifyClient, start: Start
) -> None:
    run = start("no-posts-5", "prolific-5-swallowed", "five-swallowed", max_posts=10)
    ended = settled(apify, client, run.id)
    assert (ended.status, ended.charged_event_counts) == (
        "SUCCEEDED",
        {"apify-actor-start": 1, "no-result": 1},
    )
    assert client.dataset(run.default_dataset_id).list_items().items == []


def test_a_run_that_outlives_its_timeout_times_out(client: ApifyClient) -> None:
    with SandboxApify(token="t0ken", run_seconds=30.0) as apify:
        slow = ApifyClient("t0ken", api_url=apify.url)
        run = slow.actor(ACTOR).start(
            run_input={"targetUrls": ["https://www.linkedin.com/in/bulk-300"]},
            run_timeout=timedelta(seconds=1),
        )
        ended = slow.run(run.id).wait_for_finish()
        assert ended is not None
        assert ended.status == "TIMED-OUT"
        assert 5 <= len(slow.dataset(run.default_dataset_id).list_items().items) < 100


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("run-fail", "FAILED", 1), ("run-abort", "ABORTED", None), ("run-timeout", "TIMED-OUT", None)],
)
def test_runs_end_badly_on_purpose_and_keep_what_they_have(
    apify: SandboxApify,
    client: ApifyClient,
    start: Start,
    finish: Finish,
    kind: Any,
    status: str,
    code: int | None,
) -> None:
    apify.inject(kind, match="prolific-5")
    other = start("prolific-6", max_posts=40)
    run = finish(start("prolific-5", max_posts=40).id)
    assert (run.status, run.exit_code) == (status, code)
    assert 10 <= len(client.dataset(run.default_dataset_id).list_items().items) < 40
    assert finish(other.id).status == "SUCCEEDED"


def test_a_graceful_abort_lets_the_run_work_on_for_a_while(
    apify: SandboxApify, client: ApifyClient, start: Start, finish: Finish
) -> None:
    apify.inject("run-slow", seconds=30.0)
    run = start("prolific-7", max_posts=40)
    aborting = client.run(run.id).abort(gracefully=True)
    assert aborting.status == "ABORTING"
    assert finish(run.id).status == "ABORTED"


def test_costs_and_counts_lag_behind_what_is_true() -> None:
    with SandboxApify(token="t0ken", run_seconds=0.1, time_scale=1.0) as apify:
        client = ApifyClient("t0ken", api_url=apify.url)
        given = {"targetUrls": ["https://www.linkedin.com/in/prolific-8"], "maxPosts": 10}
        run = client.actor(ACTOR).start(run_input=given, wait_for_finish=10)
        assert run.status == "SUCCEEDED"
        page = client.dataset(run.default_dataset_id).list_items()
        assert (len(page.items), page.total) == (10, 0)
        assert run.charged_event_counts == {"apify-actor-start": 1}
        dataset = client.dataset(run.default_dataset_id).get()
        assert dataset is not None
        assert dataset.item_count == 0
        assert apify.ledger().charged_usd == pytest.approx(0.02005)


def test_items_arrive_in_storage_order_while_the_run_works(
    client: ApifyClient, start: Start, finish: Finish
) -> None:
    run = start("prolific-9", "prolific-10", max_posts=100)
    dataset = client.dataset(run.default_dataset_id)
    read: list[Any] = []
    while (now := client.run(run.id).get()) is not None and now.status in ("READY", "RUNNING"):
        read += dataset.list_items(offset=len(read), limit=30).items
    read += dataset.list_items(offset=len(read)).items
    assert read == dataset.list_items().items
    assert len(read) == 200


def test_reset_forgets_everything(apify: SandboxApify, client: ApifyClient, start: Start) -> None:
    run = start("marlowe-1")
    apify.inject("rate-limit", times=None)
    apify.reset()
    assert client.run(run.id).get() is None
    assert (apify.ledger().starts, apify.faults) == ([], [])
    assert apify.ledger().charged_usd == 0
