"""Answers that Apify's API does not describe, and what an error may not tell."""

from __future__ import annotations

import base64
import gzip
import json
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gateway import HOOK_TOKEN, TO_START, TOKEN, fixed, of, server, start, unused_url

from harvester.apify import Apify
from harvester.apify_answers import run_from
from harvester.apify_errors import ApifyError, BadAnswer, StartUnknown, Unavailable
from harvester.sandbox.apify import SandboxApify


class TestStrangeAnswers:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b'{"data": []}',
            b"<html>Welcome to the hotel's network</html>",
            b"[1, 2",
            b"[NaN]",
            b'["\\ud800", 1' + b"0" * 5000 + b"]",
            b"\xff\xfe[]",
        ],
    )
    def test_what_is_no_list_of_items_is_a_bad_answer(self, body: bytes) -> None:
        with server(fixed(body)) as url, pytest.raises(BadAnswer):
            of(url).items("dataset", offset=0, limit=10)

    @pytest.mark.parametrize("depth", [5_000, 100_000])
    def test_bottomless_nesting_is_a_bad_answer(self, depth: int) -> None:
        for content in (b"[" * depth + b"]" * depth, b'["\\ud800"' + b",[" * depth + b"]" * depth + b"]"):
            with server(fixed(content)) as url, pytest.raises(BadAnswer):
                of(url).items("dataset", offset=0, limit=10)

    @pytest.mark.parametrize(
        ("told", "priced", "charged"),
        [
            ({"post": 3}, ["post", "no-result"], {"post": 3, "no-result": 0}),
            ({"post": 3, "no-result": 2}, ["post"], {"post": 3, "no-result": 2}),
            ({"post": 3}, None, {"post": 3}),
            ({"no-result": None, "post": "3", "a": -1, "b": True, "c": 1.0}, ["no-result"], {}),
            (None, ["no-result"], {}),
            ([], ["no-result"], {}),
        ],
    )
    def test_what_was_charged_is_counted_as_far_as_it_is_told(
        self, told: object, priced: list[str] | None, charged: dict[str, int]
    ) -> None:
        pricing = (
            None if priced is None else {"pricingPerEvent": {"actorChargeEvents": dict.fromkeys(priced)}}
        )
        ids = dict.fromkeys(("id", "defaultDatasetId", "defaultKeyValueStoreId"), "a" * 17)
        found = run_from({**ids, "status": "SUCCEEDED", "chargedEventCounts": told, "pricingInfo": pricing})
        assert found.charged == charged

    @pytest.mark.parametrize("total", ["", "-1", "many", "1e9", "٣"])
    def test_a_total_that_is_no_number_is_no_total(self, total: str) -> None:
        encoded = total.encode().decode("latin-1")
        with server(fixed(b"[]", X_Apify_Pagination_Total=encoded)) as url:
            assert of(url).items("dataset", offset=0, limit=10).total is None

    def test_compressed_pages_are_read(self) -> None:
        body = gzip.compress(json.dumps([{"n": number} for number in range(1000)]).encode())
        with server(fixed(body, Content_Encoding="gzip", X_APIFY_PAGINATION_TOTAL="1000")) as url:
            page = of(url).items("dataset", offset=0, limit=1000)
        assert (len(page.items), page.total) == (1000, 1000)

    def test_broken_compression_is_told_in_our_words(self) -> None:
        with (
            server(fixed(b"this was never compressed", Content_Encoding="gzip")) as url,
            pytest.raises((Unavailable, BadAnswer)),
        ):
            of(url).items("dataset", offset=0, limit=10)

    @pytest.mark.parametrize(
        "data",
        [
            {},
            {"id": "AbC", "status": None},
            {"id": "../x", "status": "READY", "defaultDatasetId": "d", "defaultKeyValueStoreId": "k"},
            {"id": "AbC", "status": "READY", "defaultDatasetId": "d/e", "defaultKeyValueStoreId": "k"},
            {"id": "AbC", "status": "READY", "defaultDatasetId": "d"},
        ],
    )
    def test_a_run_without_its_parts_is_a_bad_answer(self, data: dict[str, Any]) -> None:
        with server(fixed(json.dumps({"data": data}).encode())) as url, pytest.raises(BadAnswer):
            of(url).run("AbC")

    def test_a_run_of_which_nothing_else_makes_sense_is_read(self) -> None:
        odd = {
            "id": "AbC",
            "status": "SOMETHING-NEW",
            "defaultDatasetId": "d",
            "defaultKeyValueStoreId": "k",
            "startedAt": "yesterday",
            "finishedAt": 5,
            "usageTotalUsd": "lots",
            "stats": [],
            "statusMessage": "a\x00b\ud800",
        }
        with server(fixed(json.dumps({"data": odd}).encode())) as url:
            run = of(url).run("AbC")
        assert not run.ended
        assert (run.started_at, run.finished_at, run.cost_micros, run.resurrections) == (None, None, None, 0)
        assert run.status_message == "a�b�"

    def test_an_input_that_is_not_ours_has_no_marker(self) -> None:
        run = {"id": "AbC", "status": "READY", "defaultDatasetId": "d", "defaultKeyValueStoreId": "k"}
        readable = {b"[1]", b'{"postHarvesterMarker": 7}'}
        for content in (*readable, b"", b"plain text", b"\xff"):

            def answers(path: str, content: bytes = content) -> tuple[int, dict[str, str], bytes]:
                return 200, {}, content if "key-value" in path else json.dumps({"data": run}).encode()

            with server(answers) as url:
                if content not in readable:  # it may have been cut off, and is believed only if it stays so
                    with pytest.raises(BadAnswer):
                        of(url).marker_of(of(url).run("AbC"))
                patient = Apify(token="t", api_url=url, timeout_seconds=5, input_seconds=0)
                assert patient.marker_of(patient.run("AbC")) is None

    @pytest.mark.parametrize(
        "body", [b'{"data": {"id": 1}}', b"<html>", b"", b'{"data": {"status": "READY"}}']
    )
    def test_a_start_that_was_answered_by_nonsense_is_searched_for(self, body: bytes) -> None:
        calls: list[str] = []

        def answers(path: str) -> tuple[int, dict[str, str], bytes]:
            calls.append(path)
            return 201, {}, body

        with server(answers) as url, pytest.raises(StartUnknown):
            start(of(url))
        assert len(calls) == 1


def test_no_token_is_in_any_error() -> None:
    """Neither Apify's token nor the webhook's, which travels encoded in the start's address."""
    errors: list[ApifyError] = []

    def caught(call: Callable[[], object]) -> None:
        with pytest.raises(ApifyError) as info:
            call()
        errors.append(info.value)

    with SandboxApify(token=TOKEN, time_scale=1200.0, run_seconds=0.1) as sandbox:
        good = Apify(token=TOKEN, api_url=sandbox.url, timeout_seconds=5)
        hasty = Apify(token=TOKEN, api_url=sandbox.url, timeout_seconds=0.05)
        nowhere = of(unused_url())
        for fault in (
            "answer-lost",
            "reset",
            "truncated",
            "server-error",
            "refused",
            "rate-limit",
            "memory-limit",
        ):
            sandbox.faults = []
            sandbox.inject(fault, **({} if fault == "memory-limit" else TO_START))
            caught(lambda: start(good))
        sandbox.inject("slow", times=None, seconds=0.3)
        caught(lambda: start(hasty))
        caught(lambda: hasty.user())
        caught(lambda: start(nowhere))
        caught(lambda: nowhere.run("AbC"))
        caught(lambda: good.run("../x"))
        with server(fixed(TOKEN.encode())) as url:
            caught(lambda: of(url).user())

    secrets = {TOKEN, HOOK_TOKEN, HOOK_TOKEN[-20:], *encoded_pieces(HOOK_TOKEN)}
    for error in errors:
        told = [str(error), repr(error), "".join(traceback.format_exception(error)), repr(good)]
        assert not [secret for secret in secrets if any(secret in text for text in told)], told


def encoded_pieces(secret: str) -> Iterator[str]:
    """Give what a secret looks like within base64, at each of the three places it may begin."""
    for shift in range(3):
        yield base64.b64encode(b"x" * shift + secret.encode()).decode()[4:-4]
