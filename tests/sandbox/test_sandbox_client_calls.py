"""Every call of the real client that a harvester makes, against the sandbox."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pydantic
import pytest
from apify_client import ApifyClient
from apify_client.errors import ApifyApiError, InvalidRequestError, NotFoundError, UnauthorizedError

from harvester.sandbox.apify import SandboxApify

from .conftest import ACTOR

Start = Callable[..., Any]
Finish = Callable[[str], Any]


def test_a_started_run_carries_what_was_asked_for(
    apify: SandboxApify, client: ApifyClient, start: Start
) -> None:
    run = start(
        "marlowe-1",
        max_total_charge_usd=0.5,
        memory_mbytes=256,
        run_timeout=timedelta(minutes=30),
        max_items=10,
    )
    assert run.status in ("READY", "RUNNING")
    assert (run.options.memory_mbytes, run.options.timeout_secs) == (256, 1800)
    assert (run.options.max_total_charge_usd, run.options.max_items) == (0.5, 10)
    assert run.pricing_info.pricing_model == "PAY_PER_EVENT"
    assert run.meta.user_agent.startswith("ApifyClient/3.")
    for made in (run.id, run.act_id, run.default_dataset_id, run.default_key_value_store_id):
        assert len(made) == 17
        assert made.isalnum()
    again = client.run(run.id).get()
    assert again is not None
    assert again.id == run.id


def test_a_run_ends_with_its_items_and_their_charge(
    client: ApifyClient, start: Start, finish: Finish
) -> None:
    run = finish(start("marlowe-2", "ondine-2", max_posts=1).id)
    assert (run.status, run.exit_code) == ("SUCCEEDED", 0)
    assert run.finished_at >= run.started_at
    page = client.dataset(run.default_dataset_id).list_items(offset=0, limit=1000)
    assert (page.count, page.offset, page.limit, page.desc) == (2, 0, 1000, False)
    assert {item["query"]["targetUrl"] for item in page.items} == {
        "https://www.linkedin.com/in/marlowe-2",
        "https://www.linkedin.com/in/ondine-2",
    }
    time.sleep(0.05)
    settled = client.run(run.id).get()
    assert settled is not None
    assert settled.charged_event_counts == {"apify-actor-start": 1, "post": 2}
    assert settled.usage_total_usd == pytest.approx(0.00405)


def test_wait_for_finish_is_granted_on_start_and_on_get(apify: SandboxApify, client: ApifyClient) -> None:
    run = client.actor(ACTOR).start(run_input={"targetUrls": []}, wait_for_finish=30)
    assert run.status == "SUCCEEDED"
    called = client.actor(ACTOR).call(run_input={"targetUrls": []}, logger=None)
    assert called is not None
    assert called.status == "SUCCEEDED"


def test_abort_and_resurrect(apify: SandboxApify, client: ApifyClient, start: Start, finish: Finish) -> None:
    apify.inject("run-slow", seconds=30.0)
    run = start("prolific-3", max_posts=50)
    while (now := client.run(run.id).get()) is None or now.status == "READY":
        time.sleep(0.01)
    assert client.run(run.id).abort(gracefully=False).status in ("ABORTING", "ABORTED")
    ended = finish(run.id)
    assert (ended.status, ended.exit_code) == ("ABORTED", None)
    before = len(client.dataset(run.default_dataset_id).list_items().items)
    assert before < 50
    revived = client.run(run.id).resurrect()
    assert (revived.id, revived.status) == (run.id, "RUNNING")
    whole = finish(run.id)
    assert (whole.status, whole.stats.resurrect_count) == ("SUCCEEDED", 1)
    assert len(client.dataset(run.default_dataset_id).list_items().items) == 50
    assert client.run(run.id).abort().status == "SUCCEEDED"


def _runs(client: ApifyClient, apify: SandboxApify, path: str, **params: Any) -> dict[str, Any]:
    response = client.http_client.call(method="GET", url=f"{apify.url}/v2/{path}", params=params)
    found: dict[str, Any] = response.json()["data"]
    return found


def test_run_lists_page_filter_and_hide_costs(apify: SandboxApify, client: ApifyClient, start: Start) -> None:
    apify.inject("run-slow", seconds=30.0, match="marlowe-4")
    first, second = start("marlowe-4"), start("marlowe-5")
    time.sleep(0.01)
    middle = datetime.now(UTC).isoformat()
    time.sleep(0.01)
    third = start("marlowe-6")
    ids = [first.id, second.id, third.id]
    everything = _runs(client, apify, "actor-runs")
    assert [row["id"] for row in everything["items"]] == ids
    assert "usageTotalUsd" not in everything["items"][0]
    assert (everything["total"], everything["count"]) == (3, 3)
    assert [row["id"] for row in _runs(client, apify, "actor-runs", startedAfter=middle)["items"]] == ids[2:]
    assert [row["id"] for row in _runs(client, apify, "actor-runs", startedBefore=middle)["items"]] == ids[:2]
    page = _runs(client, apify, "actors/harvestapi~linkedin-profile-posts/runs", offset=1, limit=1, desc="1")
    assert [row["id"] for row in page["items"]] == [second.id]
    assert page["total"] == 3
    client.run(first.id).abort()
    client.run(first.id).wait_for_finish()
    states = _runs(client, apify, "actor-runs", status="ABORTED,FAILED")
    assert [row["id"] for row in states["items"]] == [first.id]


def test_the_clients_own_run_list_rejects_what_the_real_api_leaves_out(
    client: ApifyClient, start: Start
) -> None:
    start("marlowe-7")
    with pytest.raises(pydantic.ValidationError):
        client.runs().list()


def test_run_lists_with_costs_satisfy_the_client() -> None:
    with SandboxApify(token="t", run_seconds=0.1, list_usage=True) as apify:
        client = ApifyClient("t", api_url=apify.url)
        client.actor(ACTOR).start(run_input={"targetUrls": []}, wait_for_finish=10)
        assert [row.status for row in client.runs().list().items] == ["SUCCEEDED"]


def test_items_iterate_in_pages_and_stream_as_lines(
    client: ApifyClient, start: Start, finish: Finish
) -> None:
    run = finish(start("bulk-2500", max_posts=None).id)
    dataset = client.dataset(run.default_dataset_id)
    numbers = [item["id"] for item in dataset.iterate_items(chunk_size=1000)]
    assert len(set(numbers)) == 2500
    with dataset.stream_items(item_format="jsonl") as response:
        lines = b"".join(response.iter_bytes()).splitlines()
    assert len(lines) == 2500
    whole = dataset.list_items()
    assert [item["id"] for item in whole.items] == numbers
    assert whole.limit == 999_999_999_999
    backwards = dataset.list_items(offset=1, limit=2, desc=True, fields=["id"])
    assert backwards.items == [{"id": numbers[-2]}, {"id": numbers[-3]}]
    assert "id" not in dataset.list_items(limit=1, omit=["id"]).items[0]


def test_the_input_and_its_marker_can_be_read_back(client: ApifyClient, start: Start) -> None:
    run = start("marlowe-8", extra={"marker": "intent-12", "webhooks": [{"eventTypes": ["nonsense"]}]})
    record = client.key_value_store(run.default_key_value_store_id).get_record("INPUT")
    assert record is not None
    assert record["value"]["marker"] == "intent-12"
    assert client.key_value_store(run.default_key_value_store_id).get_record("OUTPUT") is None


def test_the_dataset_knows_its_run(client: ApifyClient, start: Start, finish: Finish) -> None:
    run = finish(start("marlowe-9", max_posts=1).id)
    time.sleep(0.05)
    dataset = client.dataset(run.default_dataset_id).get()
    assert dataset is not None
    assert (dataset.act_run_id, dataset.item_count) == (run.id, 1)
    same = client.run(run.id).dataset().get()
    assert same is not None
    assert same.id == dataset.id


def test_account_limits_and_log(
    apify: SandboxApify, client: ApifyClient, start: Start, finish: Finish
) -> None:
    apify.inject("run-slow", seconds=30.0)
    run = start("marlowe-10", memory_mbytes=512)
    account, limits = client.user().get(), client.user().limits()
    assert account is not None
    assert limits is not None
    assert limits.current.active_actor_job_count == 1
    assert limits.current.actor_memory_gbytes == 0.5
    assert limits.limits.max_concurrent_actor_jobs == 25
    client.run(run.id).abort()
    finish(run.id)
    log = client.log(run.id).get()
    assert log is not None
    assert log.splitlines()[-1].endswith("Z Actor was aborted.")
    assert client.actor(ACTOR).get() is not None
    assert client.actor(ACTOR).validate_input({"targetUrls": []}) is True


def test_what_does_not_exist_is_none_or_not_found(client: ApifyClient) -> None:
    assert client.run("abcdefghijklmnopq").get() is None
    assert client.dataset("abcdefghijklmnopq").get() is None
    with pytest.raises(NotFoundError):
        client.dataset("abcdefghijklmnopq").list_items()
    with pytest.raises(NotFoundError, match="Actor was not found"):
        client.actor("nobody/nothing").start(run_input={})


def test_a_foreign_token_is_refused(apify: SandboxApify) -> None:
    with pytest.raises(UnauthorizedError) as caught:
        ApifyClient("other", api_url=apify.url).user().get()
    assert caught.value.type == "user-or-token-not-found"


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"max_total_charge_usd": 0.001}, "max-total-charge-usd-below-minimum"),
        ({"max_total_charge_usd": 0}, "max-total-charge-usd-must-be-greater-than-zero"),
        ({"max_items": 0}, "max-items-must-be-greater-than-zero"),
        ({"memory_mbytes": 300}, "invalid-input"),
        ({"memory_mbytes": 64}, "invalid-input"),
        ({"build": "beta"}, "unknown-build-tag"),
        ({"extra": {"targetUrls": "https://www.linkedin.com/in/x"}}, "invalid-input"),
        ({"extra": {"targetUrls": ["x"] * 10_001}}, "invalid-input"),
        ({"max_posts": -1}, "invalid-input"),
        ({"extra": {"postedLimit": "fortnight"}}, "invalid-input"),
        ({"extra": {"scrapeComments": "yes"}}, "invalid-input"),
        (
            {"webhooks": [{"event_types": ["ACTOR.RUN.SUCCEEDED"], "request_url": "ftp://x"}]},
            "schema-validation",
        ),
        (
            {
                "webhooks": [
                    {
                        "event_types": ["ACTOR.RUN.SUCCEEDED"],
                        "request_url": "http://x",
                        "payload_template": '{"a": {{nobody}}}',
                    }
                ]
            },
            "schema-validation",
        ),
    ],
)
def test_a_bad_start_is_refused_and_starts_nothing(
    apify: SandboxApify, start: Start, how: dict[str, Any], expected: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        start("marlowe-11", **how)
    assert caught.value.type == expected
    assert apify.ledger().starts == []


def test_limits_of_the_account_are_kept() -> None:
    options: dict[str, Any] = {
        "token": "t",
        "run_seconds": 5.0,
        "max_concurrent_runs": 2,
        "max_memory_gbytes": 1,
    }
    with SandboxApify(**options) as apify:
        actor = ApifyClient("t", api_url=apify.url).actor(ACTOR)
        actor.start(run_input={}, memory_mbytes=512)
        with pytest.raises(ApifyApiError) as caught:
            actor.start(run_input={}, memory_mbytes=1024)
        assert (caught.value.status_code, caught.value.type) == (402, "actor-memory-limit-exceeded")
        actor.start(run_input={}, memory_mbytes=128)
        with pytest.raises(ApifyApiError) as caught:
            actor.start(run_input={}, memory_mbytes=128)
        assert (caught.value.status_code, caught.value.type) == (402, "concurrent-runs-limit-exceeded")
        assert len(apify.ledger().starts) == 2
