"""The gateway to Apify: the one door to its API. Typed answers, our errors, and no hidden retries.

Reads go through the client's raw transport, because its models refuse answers that the real API gives
(a pay-per-event run in a list has no `usageTotalUsd`; a build numbered `0.0.0`). Trying again is the
state machine's affair: one retry layer.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from apify_client import ApifyClient

from harvester import apify_json
from harvester.apify_answers import AccountLimits, ApifyRun, asked_for, limits_from, required_id, run_from
from harvester.apify_errors import BadAnswer, Gone, TooLarge, ambiguous_start, translated
from harvester.apify_transport import DEFAULT_BYTES, Transport

#: The events that end an actor run. `TIMED_OUT` is spelt with an underscore here, with a hyphen as a status.
TERMINAL_EVENTS: Final = (
    "ACTOR.RUN.SUCCEEDED",
    "ACTOR.RUN.FAILED",
    "ACTOR.RUN.ABORTED",
    "ACTOR.RUN.TIMED_OUT",
)
#: The key of our marker in an actor run's INPUT; the actors ignore keys that they do not know.
MARKER_KEY: Final = "postHarvesterMarker"

if TYPE_CHECKING:
    from apify_client._typeddicts import WebhookRepresentationDict

_RUNS_PAGE = 1_000
#: A marker has 40 characters; so many take about 2 MB.
_MARKERS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class TooLargeItem:
    """Stands on a page for an item that no answer can hold by itself. `why` is for people."""

    why: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some items of a dataset from `offset` on, in storage order, and how many the dataset had in all."""

    items: list[Any]
    offset: int
    total: int | None
    #: How long the answer was, unpacked.
    answer_bytes: int = 0


class Apify:
    """Apify's API with one token. Makes its client when first used, so build it before a fork if need be,
    but call it only after: the client's transport does not survive one. `input_seconds`: how long an INPUT
    may be unreadable before its actor run counts as somebody else's. `answer_bytes`: what one answer may
    have, unpacked.
    """

    def __init__(
        self,
        *,
        token: str,
        api_url: str,
        timeout_seconds: float,
        input_seconds: float = 300.0,
        answer_bytes: int = DEFAULT_BYTES,
    ) -> None:
        self._token = token
        self._api_url = api_url.rstrip("/")
        self._timeout = timedelta(seconds=timeout_seconds)
        self._client: ApifyClient | None = None
        self._making = threading.Lock()
        self._markers: dict[str, str | None] = {}
        self._answer_bytes = answer_bytes
        self._input_seconds = input_seconds
        self._unreadable: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"Apify({self._api_url!r})"

    def start(
        self,
        actor_id: str,
        run_input: Mapping[str, Any],
        *,
        marker: str,
        max_charge_usd: Decimal,
        run_timeout_seconds: float,
        webhook_url: str,
        webhook_token: str,
    ) -> ApifyRun:
        """Start one actor run, once. Its four terminal events will call `webhook_url`.

        Raises `NotNow` or `Refused` or `Unavailable` when nothing was started, and `StartUnknown` when
        that cannot be told: look for `marker` before starting again.
        """
        webhook: WebhookRepresentationDict = {
            "event_types": [*TERMINAL_EVENTS],
            "request_url": webhook_url,
            "headers_template": json.dumps({"Authorization": f"Bearer {webhook_token}"}),
            "idempotency_key": marker,
        }
        with ambiguous_start():
            run = (
                self._made()
                .actor(actor_id)
                .start(
                    run_input={**run_input, MARKER_KEY: marker},
                    max_total_charge_usd=max_charge_usd,
                    run_timeout=timedelta(seconds=run_timeout_seconds),
                    webhooks=[webhook],
                    timeout=self._timeout,
                )
            )
            return run_from(run.model_dump(by_alias=True, mode="json"))

    def run(self, apify_run_id: str) -> ApifyRun:
        """Read one actor run. Raises `Gone` if Apify has it no more."""
        return asked_for(run_from(self._data(f"actor-runs/{required_id(apify_run_id)}")), apify_run_id)

    def abort(self, apify_run_id: str, *, gracefully: bool = False) -> None:
        """End an actor run, with what it has found so far. Nothing happens to one that has ended.

        `gracefully`: Apify gives the actor up to 30 seconds to write down what it has at hand.
        """
        params = {"gracefully": True} if gracefully else None
        with translated():
            self._call(f"actor-runs/{required_id(apify_run_id)}/abort", params, method="POST")

    def runs_since(self, actor_id: str, started_after: datetime) -> Iterator[ApifyRun]:
        """Give an actor's runs started since then, newest first.

        Raises `BadAnswer`, after all others, if some of the list could not be understood.
        """
        path = f"actors/{actor_id.replace('/', '~')}/runs"
        offset = 0
        unread: BadAnswer | None = None
        seen: set[str] = set()
        while True:
            params = {
                "startedAfter": started_after.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "desc": True,
                "offset": offset,
                "limit": _RUNS_PAGE,
            }
            listed = self._data(path, params)
            items, total = listed.get("items"), listed.get("total")
            if not isinstance(items, list):
                raise BadAnswer("Apify's list of actor runs has no items")
            before = len(seen)
            for item in items:
                try:
                    run = run_from(item)
                except BadAnswer as error:
                    unread = error
                    continue
                if run.id not in seen:
                    seen.add(run.id)
                    yield run
            offset += len(items)
            if len(seen) == before or (isinstance(total, int) and offset >= total):
                break
        if unread is not None:
            raise unread

    def marker_of(self, run: ApifyRun) -> str | None:
        """Read the marker that an actor run was started with; None if it has none of ours.

        An INPUT that was read once never changes, and many rows may ask about the same actor runs. Raises
        `BadAnswer` for one that cannot be read: it is somebody else's only if it stays so for a while.
        """
        if run.id in self._markers:
            return self._markers[run.id]
        try:
            with translated():
                answer = self._call(f"key-value-stores/{run.key_value_store_id}/records/INPUT")
            found = apify_json.parse(answer.content)
        except (Gone, ValueError) as error:
            self._be_sure(run, error)
            return None
        except TooLarge:  # one of ours holds some profile URLs
            found = None
        marker = found.get(MARKER_KEY) if isinstance(found, dict) else None
        if len(self._markers) >= _MARKERS_KEPT:
            self._markers.clear()
        self._markers[run.id] = marker if isinstance(marker, str) else None
        return self._markers[run.id]

    def _be_sure(self, run: ApifyRun, error: Exception) -> None:
        since = self._unreadable.setdefault(run.id, time.monotonic())
        if len(self._unreadable) > _MARKERS_KEPT:
            self._unreadable.clear()
        if time.monotonic() - since < self._input_seconds:
            raise BadAnswer(f"the INPUT of actor run {run.id} cannot be read") from error

    def items(self, dataset_id: str, *, offset: int, limit: int) -> Page:
        """Read up to `limit` items of a dataset, as they are stored, from `offset` on.

        An empty page is the only sign of the end: totals lag behind for some seconds after a run. Raises
        `TooLarge` for a page that no answer or no memory can hold; in place of a lone item that no answer
        can hold there is a `TooLargeItem`, if there is one: of that item Apify is asked for nearly nothing.
        """
        try:
            return self._page(dataset_id, offset=offset, limit=limit)
        except TooLarge as error:
            if limit > 1:
                raise
            there = self._page(dataset_id, offset=offset, limit=1, fields="id")
            return replace(there, items=[TooLargeItem(str(error)) for _ in there.items])
        except MemoryError:
            if limit > 1:
                raise TooLarge("there was not enough memory for a page of items") from None
            raise

    def _page(self, dataset_id: str, *, offset: int, limit: int, **more: str) -> Page:
        params = {"offset": offset, "limit": limit, "format": "json", **more}
        with translated():
            answer = self._call(f"datasets/{required_id(dataset_id)}/items", params)
        items = self._parsed(answer.content)
        if not isinstance(items, list):
            raise BadAnswer(f"dataset {dataset_id} is not a list of items")
        headers = {name.lower(): value for name, value in answer.headers.items()}
        told = headers.get("x-apify-pagination-total", "")
        total = int(told) if told.isascii() and told.isdigit() else None
        return Page(items, offset, total, len(answer.content))

    def user(self) -> dict[str, Any]:
        """Read the account that the token belongs to: the cheapest proof that it works."""
        return self._data("users/me")

    def limits(self) -> AccountLimits:
        """Read what the account may use at once and in its month."""
        return limits_from(self._data("users/me/limits"))

    def actor(self, actor_id: str) -> dict[str, Any]:
        """Read an actor's description. Raises `Gone` if there is none of that name."""
        return self._data(f"actors/{actor_id.replace('/', '~')}")

    def dataset(self, dataset_id: str) -> dict[str, Any]:
        """Read a dataset's description: `actId`, `actRunId`, `itemCount`. Raises `Gone` if there is none."""
        return self._data(f"datasets/{required_id(dataset_id)}")

    def _data(self, path: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        with translated():
            answer = self._call(path, params)
        body = self._parsed(answer.content)
        data = body.get("data") if isinstance(body, dict) else None
        if not isinstance(data, dict):
            raise BadAnswer(f"Apify's answer to {path.split('?')[0]} has no data")
        return data

    def _call(self, path: str, params: dict[str, Any] | None = None, *, method: str = "GET") -> Any:
        return self._made().http_client.call(
            method=method, url=f"{self._api_url}/v2/{path}", params=params, timeout=self._timeout
        )

    def _made(self) -> ApifyClient:
        with self._making:
            if self._client is None:
                self._client = ApifyClient.with_custom_http_client(
                    self._token,
                    api_url=self._api_url,
                    api_public_url=self._api_url,
                    http_client=Transport(
                        self._token,
                        base_url=self._api_url,
                        timeout=self._timeout,
                        most_bytes=self._answer_bytes,
                    ),
                )
            return self._client

    def _parsed(self, content: bytes) -> Any:
        try:
            return apify_json.parse_bounded(content, self._answer_bytes)
        except apify_json.TooHeavy as error:
            raise TooLarge(str(error)) from None
        except ValueError as error:
            raise BadAnswer("Apify's answer is no JSON, or was cut off") from error
