"""The gateway to Apify, with the real client, against the local Apify."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from gateway import ACTOR, HOOK_TOKEN, STARTS, TO_START, TOKEN, asked_of, ended, start, unused_url

from harvester.apify import MARKER_KEY, TERMINAL_EVENTS, Apify
from harvester.apify_errors import BadAnswer, Gone, NotNow, Refused, StartUnknown, Unavailable
from harvester.sandbox.apify import SandboxApify


@pytest.fixture
def sandbox() -> Iterator[SandboxApify]:
    """Runs take 0.1 s; an Apify minute takes 0.05 s."""
    with SandboxApify(token=TOKEN, seed=7, time_scale=1200.0, run_seconds=0.1) as started:
        yield started


@pytest.fixture
def apify(sandbox: SandboxApify) -> Apify:
    return Apify(token=TOKEN, api_url=sandbox.url, timeout_seconds=5)


class TestStart:
    def test_what_is_sent_arrives(self, apify: Apify, sandbox: SandboxApify) -> None:
        run = start(apify, "ann", "bob", marker="0af3.2")
        (begun,) = sandbox.ledger().starts
        assert begun.run_id == run.id
        assert begun.input == {
            "targetUrls": ["https://www.linkedin.com/in/ann", "https://www.linkedin.com/in/bob"],
            "maxPosts": 3,
            "postedLimit": "month",
            "includeQuotePosts": True,
            "includeReposts": True,
            "scrapeComments": False,
            "scrapeReactions": False,
            MARKER_KEY: "0af3.2",
        }
        options = asked_of(sandbox, f"actor-runs/{run.id}")["options"]
        assert (options["maxTotalChargeUsd"], options["timeoutSecs"]) == (0.75, 90)

    def test_the_webhook_arrives_as_a_parameter_of_the_start(
        self, apify: Apify, sandbox: SandboxApify
    ) -> None:
        run = start(apify)
        ended(apify, run)
        (dispatch,) = asked_of(sandbox, "webhook-dispatches")["items"]
        hook = asked_of(sandbox, f"webhooks/{dispatch['webhookId']}")
        assert hook["condition"] == {"actorRunId": run.id}
        assert hook["isAdHoc"]
        assert set(hook["eventTypes"]) == set(TERMINAL_EVENTS)
        assert hook["requestUrl"] == "http://127.0.0.1:9/api/apify-webhook"
        assert json.loads(hook["headersTemplate"]) == {"Authorization": f"Bearer {HOOK_TOKEN}"}

    def test_a_large_input_arrives_whole(self, apify: Apify, sandbox: SandboxApify) -> None:
        # From 1 KiB on the client compresses bodies.
        handles = [f"person-{number}" for number in range(200)]
        start(apify, *handles)
        (begun,) = sandbox.ledger().starts
        assert [url.rpartition("/")[2] for url in begun.input["targetUrls"]] == handles

    @pytest.mark.parametrize(
        ("fault", "starts"),
        [
            ({"kind": "answer-lost"}, 1),
            ({"kind": "truncated"}, 1),
            ({"kind": "reset"}, 0),
            *(({"kind": "server-error", "status": status}, 0) for status in (500, 502, 503, 504)),
            ({"kind": "refused", "status": 408, "type": "request-timeout"}, 0),
        ],
        ids=lambda value: f"{value['kind']}-{value.get('status', '')}" if isinstance(value, dict) else "",
    )
    def test_an_ambiguous_answer_is_asked_for_once(
        self, apify: Apify, sandbox: SandboxApify, fault: dict[str, Any], starts: int
    ) -> None:
        sandbox.inject(**fault, **TO_START, times=None)
        with pytest.raises(StartUnknown) as caught:
            start(apify)
        assert not caught.value.permanent
        ledger = sandbox.ledger()
        assert ledger.calls[STARTS] == 1
        assert len(ledger.starts) == starts

    def test_a_late_answer_is_asked_for_once(self, sandbox: SandboxApify) -> None:
        sandbox.inject("slow", **TO_START, seconds=0.6, times=None)
        hasty = Apify(token=TOKEN, api_url=sandbox.url, timeout_seconds=0.2)
        with pytest.raises(StartUnknown):
            start(hasty)
        time.sleep(0.8)  # the start takes effect behind our back, and is not repeated
        ledger = sandbox.ledger()
        assert ledger.calls[STARTS] == 1
        assert len(ledger.starts) == 1

    def test_a_connection_that_was_never_made_started_nothing(self) -> None:
        with pytest.raises(Unavailable):
            start(Apify(token=TOKEN, api_url=unused_url(), timeout_seconds=2))

    @pytest.mark.parametrize("status", [400, 402, 429])
    @pytest.mark.parametrize("kind", ["actor-memory-limit-exceeded", "concurrent-runs-limit-exceeded"])
    def test_not_now_is_told_by_the_type(
        self, apify: Apify, sandbox: SandboxApify, status: int, kind: str
    ) -> None:
        sandbox.inject("refused", **TO_START, status=status, type=kind)
        with pytest.raises(NotNow):
            start(apify)

    @pytest.mark.parametrize("kind", ["memory-limit", "concurrency-limit"])
    def test_a_full_account_means_not_now(self, apify: Apify, sandbox: SandboxApify, kind: Any) -> None:
        sandbox.inject(kind)
        with pytest.raises(NotNow):
            start(apify)
        assert sandbox.ledger().starts == []

    def test_being_slowed_down_means_not_now(self, apify: Apify, sandbox: SandboxApify) -> None:
        sandbox.inject("rate-limit", **TO_START)
        with pytest.raises(NotNow):
            start(apify)
        assert sandbox.ledger().calls[STARTS] == 1

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, "invalid-input"),
            (400, "max-total-charge-usd-below-minimum"),
            (401, "user-or-token-not-found"),
            (402, "not-enough-usage-to-run-paid-actor"),
            (403, "platform-feature-disabled"),
            (404, "actor-not-found"),
            (413, "request-too-large"),
        ],
    )
    def test_a_refusal_has_apifys_own_type(
        self, apify: Apify, sandbox: SandboxApify, status: int, kind: str
    ) -> None:
        sandbox.inject("refused", **TO_START, status=status, type=kind, message="Monthly limit exceeded")
        with pytest.raises(Refused, match="Monthly limit exceeded") as caught:
            start(apify)
        assert caught.value.code == kind
        assert caught.value.permanent

    def test_an_actor_that_is_not_there_is_a_refusal(self, apify: Apify) -> None:
        with pytest.raises(Refused) as caught:
            apify.start(
                "nobody/nothing",
                {"targetUrls": []},
                marker="m.1",
                max_charge_usd=Decimal(1),
                run_timeout_seconds=9,
                webhook_url="http://127.0.0.1:9/",
                webhook_token=HOOK_TOKEN,
            )
        assert caught.value.code == "actor-not-found"


class TestRuns:
    def test_a_lost_start_is_found_by_its_marker(self, apify: Apify, sandbox: SandboxApify) -> None:
        since = datetime.now(UTC) - timedelta(minutes=1)
        other = start(apify, marker="other.1")
        sandbox.inject("answer-lost", **TO_START)
        with pytest.raises(StartUnknown):
            start(apify, marker="lost.1")
        found = {apify.marker_of(run): run for run in apify.runs_since(ACTOR, since)}
        lost = {begun.run_id for begun in sandbox.ledger().starts} - {other.id}
        assert {found["lost.1"].id} == lost
        assert found["other.1"].id == other.id

    def test_an_input_is_read_once(self, apify: Apify, sandbox: SandboxApify) -> None:
        run = start(apify)
        found = [apify.marker_of(run) for _ in range(3)]
        assert len(set(found)) == 1
        assert found[0] is not None
        asked = sandbox.ledger().calls
        assert [count for call, count in asked.items() if "records" in call] == [1]

    def test_an_actor_run_is_aborted_once_and_what_has_ended_is_left_alone(
        self, apify: Apify, sandbox: SandboxApify
    ) -> None:
        sandbox.inject("run-slow", seconds=600)
        run = start(apify)
        for _ in range(2):
            apify.abort(run.id)
        assert ended(apify, run).status == "ABORTED"
        apify.abort(run.id)
        with pytest.raises(Gone):
            apify.abort("nobody")

    def test_earlier_runs_are_not_listed(self, apify: Apify) -> None:
        start(apify)
        assert list(apify.runs_since(ACTOR, datetime.now(UTC) + timedelta(minutes=1))) == []

    def test_a_list_without_costs_is_read(self, apify: Apify) -> None:
        run = ended(apify, start(apify))
        (listed,) = apify.runs_since(ACTOR, datetime.now(UTC) - timedelta(minutes=1))
        assert (listed.id, listed.dataset_id, listed.status) == (run.id, run.dataset_id, "SUCCEEDED")
        assert listed.cost_micros is None

    def test_the_newest_run_is_listed_first(self, apify: Apify) -> None:
        first, second = start(apify, marker="a.1"), start(apify, marker="b.1")
        listed = apify.runs_since(ACTOR, datetime.now(UTC) - timedelta(minutes=1))
        assert [run.id for run in listed] == [second.id, first.id]

    def test_the_cost_is_apifys_to_the_millionth(self, apify: Apify, sandbox: SandboxApify) -> None:
        run = ended(apify, start(apify))
        time.sleep(0.05)  # costs lag behind by 10 s of Apify's
        cost = apify.run(run.id).cost_micros
        assert cost == round(sandbox.ledger().charged_usd * 1_000_000)
        assert cost > 0

    def test_what_is_not_there_is_gone(self, apify: Apify) -> None:
        missing = "AbCdEfGhIjKlMnOpQ"
        with pytest.raises(Gone):
            apify.run(missing)
        with pytest.raises(Gone):
            apify.items(missing, offset=0, limit=10)
        with pytest.raises(Gone):
            apify.actor("nobody/nothing")

    @pytest.mark.parametrize(
        "bad", ["", "..", "../users/me", "a/b", "a\nb", "a\n", "a?x=1", "a%2fb", "é" * 17, "x" * 65]
    )
    def test_what_is_no_id_is_refused_before_any_call(
        self, apify: Apify, sandbox: SandboxApify, bad: str
    ) -> None:
        with pytest.raises(BadAnswer):
            apify.run(bad)
        with pytest.raises(BadAnswer):
            apify.items(bad, offset=0, limit=10)
        assert sandbox.ledger().calls == {}


class TestItems:
    def put(self, sandbox: SandboxApify, apify: Apify, items: list[Any]) -> str:
        run = ended(apify, start(apify))
        sandbox.put_items(run.id, items)
        return run.dataset_id

    def test_pages_follow_storage_order_and_end_empty(self, apify: Apify, sandbox: SandboxApify) -> None:
        dataset = self.put(sandbox, apify, [{"n": number} for number in range(25)])
        pages = [apify.items(dataset, offset=offset, limit=10) for offset in (0, 10, 20, 25)]
        assert [len(page.items) for page in pages] == [10, 10, 5, 0]
        assert [item["n"] for page in pages for item in page.items] == list(range(25))
        assert pages[1].offset == 10

    def test_lone_surrogates_do_not_cost_a_page(self, apify: Apify, sandbox: SandboxApify) -> None:
        items = [{"content": "half an emoji: \ud83d"}, {"content": "a whole one: \U0001f600"}, {"n": 2**70}]
        assert apify.items(self.put(sandbox, apify, items), offset=0, limit=10).items == items

    def test_items_of_every_json_type_come_through(self, apify: Apify, sandbox: SandboxApify) -> None:
        items = [None, True, 3.5, "text", [1, [2]], {"a": {"b": None}}]
        assert apify.items(self.put(sandbox, apify, items), offset=0, limit=10).items == items

    def test_a_page_that_was_cut_off_is_a_bad_answer(self, apify: Apify, sandbox: SandboxApify) -> None:
        dataset = self.put(sandbox, apify, [{"content": "x" * 100}] * 50)
        sandbox.inject("truncated", path="/v2/datasets/*")
        with pytest.raises(BadAnswer):
            apify.items(dataset, offset=0, limit=50)

    @pytest.mark.parametrize("status", [500, 502, 503, 429])
    def test_trouble_is_told_at_once_and_not_retried(
        self, apify: Apify, sandbox: SandboxApify, status: int
    ) -> None:
        dataset = self.put(sandbox, apify, [])
        sandbox.inject("refused", path="/v2/datasets/*", status=status, type="x", times=None)
        with pytest.raises(Unavailable):
            apify.items(dataset, offset=0, limit=50)
        assert sandbox.ledger().calls["GET /v2/datasets/<dataset>/items"] == 1
