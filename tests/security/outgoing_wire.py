"""What Apify's answers can do to us: rows of the table, and how to disarm them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import pytest

from security.rows import Proof, Threat

if TYPE_CHECKING:
    from harvester.models import ActorRun
    from services.dataset_pages import DatasetPages, ReadPage

_CALLS = "tests/security/test_outgoing_calls.py::"
_HEAVY = "tests/security/test_outgoing_heavy.py::"
_MANY = "tests/security/test_outgoing_many.py::"

THREATS: Final[tuple[Threat, ...]] = (
    Threat(
        "T5",
        "an answer or an ID leads our calls elsewhere",
        "only the configured address is called, redirects are answers like any other, and what has not the "
        "form of an ID is put into no path",
        (
            Proof(f"{_CALLS}test_a_redirect_is_followed_nowhere", "apify-redirects"),
            Proof(f"{_CALLS}test_a_call_to_another_address_is_not_sent", "apify-address"),
            Proof(f"{_CALLS}test_an_id_that_is_none_is_put_into_no_path", "apify-ids"),
        ),
    ),
    Threat(
        "T16",
        "an answer that unpacks to gigabytes, drips, or is heavy as objects",
        "answers are unpacked piece by piece up to APIFY_ANSWER_MB, have one total time, and are weighed "
        "before they are parsed; pages get smaller, a lone item that fits nowhere is a reject; "
        "WORKER_MEMORY_MB bounds the rest",
        (
            Proof(f"{_CALLS}test_a_bomb_is_cut_off_while_it_unpacks", "apify-answer-size"),
            Proof(f"{_CALLS}test_an_answer_that_drips_ends_in_time", "apify-total-time"),
            Proof(f"{_CALLS}test_headers_are_bounded", "apify-headers"),
            Proof(f"{_CALLS}test_what_is_heavy_as_objects_is_not_parsed", "apify-weight"),
            Proof(f"{_MANY}test_pages_that_are_too_large_are_read_in_smaller_ones", "smaller-pages"),
            Proof(f"{_HEAVY}test_a_worker_has_no_more_memory_than_it_may", "worker-memory"),
        ),
    ),
    Threat(
        "T18",
        "a runaway actor fills a dataset without end",
        "250,000 items are taken, or as many as were asked for; the rest stays at Apify, the actor run says "
        "so, and an alert tells a person",
        (Proof(f"{_MANY}test_of_a_dataset_without_end_only_so_much_is_taken", "item-cap"),),
    ),
)


def _redirects_are_followed(patch: pytest.MonkeyPatch) -> None:
    import impit

    made = impit.Client
    patch.setattr("harvester.apify_transport.impit.Client", lambda **_: made(follow_redirects=True))


def _any_address(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.apify_transport._require_ours", lambda *_: None)


def _any_id(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.apify_answers.required_id", str)
    patch.setattr("harvester.apify.required_id", str)


def _any_size(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.apify_transport._whole", lambda pieces, _: b"".join(pieces))


def _any_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.apify_transport._total", lambda _: 3_600.0)


def _any_headers(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.apify_transport._HEADER_BYTES", 10**9)


def _any_weight(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.apify_json.weight", lambda _: 0)


def _pages_of_one_size(patch: pytest.MonkeyPatch) -> None:
    from services.dataset_pages import PAGE_ITEMS, DatasetPages

    def next_page(self: DatasetPages, run: ActorRun) -> tuple[ActorRun, ReadPage]:
        return run, self._had(run, PAGE_ITEMS)

    patch.setattr(DatasetPages, "next", next_page)


def _as_much_memory_as_there_is(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.memory.limit", lambda _megabytes: None)


def _as_many_items_as_there_are(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("services.ingest.Ingest._most", lambda _self, _run: 10**9)


#: Ways to take a control away, by their names in the rows.
DISARMED: Final[Mapping[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "apify-redirects": _redirects_are_followed,
    "apify-address": _any_address,
    "apify-ids": _any_id,
    "apify-answer-size": _any_size,
    "apify-total-time": _any_time,
    "apify-headers": _any_headers,
    "apify-weight": _any_weight,
    "smaller-pages": _pages_of_one_size,
    "worker-memory": _as_much_memory_as_there_is,
    "item-cap": _as_many_items_as_there_are,
}
