"""How requests reach us: proxies, sockets, bodies, headers. Rows of the table, and how to disarm them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from security.rows import Proof, Threat

_APP: Final = "tests/security/test_reach.py::"
_WIRE: Final = "tests/security/test_reach_wire.py::"
_TIMES: Final = "tests/security/test_reach_connections.py::"

THREATS: Final[tuple[Threat, ...]] = (
    Threat(
        "T14",
        "a body too large for memory, with or without a length",
        "256 KiB for a webhook, 64 KiB elsewhere, and read no further; "
        "what is not read is thrown away to a bound",
        (
            Proof("tests/web/test_webhook_routes.py::test_size", "bounds of bodies"),
            Proof(f"{_WIRE}test_a_huge_body_is_refused_and_fills_no_memory", "bounds of bodies"),
            Proof(f"{_TIMES}test_who_sends_without_end_gets_no_more_than_his_share", "share of the unread"),
        ),
    ),
    Threat(
        "T17",
        "callers who stall, drip, or do not read their answer",
        "headers, body and answer have one time each, for all of it; "
        "of too many who wait, those go first that have waited longest",
        (
            Proof(f"{_TIMES}test_a_caller_has_a_time_for_all_he_sends", "times of callers"),
            Proof(f"{_TIMES}test_a_caller_has_a_time_to_read_what_he_is_answered", "times of callers"),
            Proof(f"{_TIMES}test_who_keeps_us_waiting_longest_goes_first", "making room"),
            Proof("tests/security/test_reach_slow.py::test_stalled_callers_shut_nobody_out", "making room"),
        ),
    ),
    Threat(
        "T21",
        "our pages in a frame of somebody else's, and answers taken for what they are not",
        "every answer of every route and status, gunicorn's own too: no frames, no scripts, no guessing, "
        "no keeping, no referrer to others, HTTPS alone where PUBLIC_URL is https",
        (
            Proof(
                f"{_APP}test_every_answer_has_headers_against_frames_scripts_and_guesses", "headers of all"
            ),
            Proof(f"{_APP}test_every_answer_has_headers_against_frames_scripts_and_guesses", "HTTPS alone"),
            Proof(f"{_WIRE}test_what_gunicorn_answers_itself_has_the_headers_of_all", "headers of all"),
        ),
    ),
    Threat(
        "T24",
        "a forged Host header, proxy header or origin",
        "the caller's address by TRUSTED_PROXIES alone, and nothing else of a proxy or of Host is believed; "
        "webhooks from APIFY_WEBHOOK_IPS where set; "
        "counts without a token only to this machine by its own name",
        (
            Proof(f"{_APP}test_a_forged_address_does_not_get_around_the_limit_of_tries", "proxies untold"),
            Proof(f"{_APP}test_behind_a_proxy_each_address_has_its_own_tries", "proxies told"),
            Proof(
                f"{_APP}test_a_webhook_from_an_address_that_is_not_listed_is_refused_unread",
                "listed addresses",
            ),
            Proof(
                f"{_APP}test_counts_are_not_shown_to_a_page_that_found_its_way_to_this_machine", "own names"
            ),
            Proof(f"{_APP}test_counts_are_not_shown_through_a_proxy_on_this_machine", "signs of proxies"),
            Proof(f"{_APP}test_nothing_is_made_of_the_host_header", "paths of their own"),
            Proof(f"{_WIRE}test_a_forwarded_scheme_is_not_believed", "peers of no trust"),
        ),
    ),
    Threat(
        "T25",
        "a request smuggled in another, past a proxy",
        "what can be read in two ways gets one answer, and is the last of its connection; "
        "no header with an underscore",
        (
            Proof(
                f"{_WIRE}test_a_request_that_can_be_read_in_two_ways_is_the_last_of_its_connection",
                "strict reading",
            ),
            Proof(
                f"{_WIRE}test_a_request_that_can_be_read_in_two_ways_is_the_last_of_its_connection",
                "ends of bodies",
            ),
            Proof(f"{_WIRE}test_a_header_with_an_underscore_is_refused", "underscores"),
        ),
    ),
    Threat(
        "T28",
        "other users of the machine read the ledger, the queue or a backup",
        "every process makes its files for its own user alone, and needs to write nowhere but in var",
        (
            Proof(
                "tests/security/test_reach_files.py::"
                "test_files_are_for_their_own_user_alone_and_nowhere_but_in_var",
                "mask of files",
            ),
        ),
    ),
)


def _bodies_unbounded(patch: pytest.MonkeyPatch) -> None:
    def read(most: int, *, keep: bool = False) -> bytes:
        from flask import request

        request.max_content_length = None
        return request.get_data(cache=keep)

    patch.setattr("routes.bodies.bytes_up_to", read)


def _unread_unbounded(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.web_connections.Connection._count", lambda connection, data: None)


def _no_times(patch: pytest.MonkeyPatch) -> None:
    def plain(name: str) -> Callable[..., Any]:
        def call(connection: Any, *how: Any) -> Any:
            connection._socket.settimeout(None)
            return getattr(connection._socket, name)(*how)

        return call

    for name in ("recv", "sendall"):
        patch.setattr(f"harvester.web_connections.Connection.{name}", plain(name))


def _no_room(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.web_connections.Waiting.make_room", lambda waiting: None)


def _no_headers(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.web_headers._SECURE", {})


def _not_only_https(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.web_headers._ONLY_HTTPS", {})


def _proxies(count: int) -> Callable[[pytest.MonkeyPatch], None]:
    def disarm(patch: pytest.MonkeyPatch) -> None:
        from routes import callers

        believe = callers.believe_proxies
        patch.setattr(callers, "believe_proxies", lambda app, proxies: believe(app, count))

    return disarm


def _any_address(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("routes.apify_webhook._may_come_from_there", lambda: True)


def _any_name(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("routes.callers._is_local", lambda host: True)


def _no_sign_of_proxies(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("routes.callers._PROXIES", ())


def _no_root(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("routes.callers.begin_at_the_root", lambda app: None)


def _gunicorn(**configured: object) -> Callable[[pytest.MonkeyPatch], None]:
    def disarm(patch: pytest.MonkeyPatch) -> None:
        for name, value in configured.items():
            patch.setattr(f"harvester.web_server.{name}", value)

    return disarm


def _ends_unseen(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.web_worker._ended", lambda body: True)


def _no_mask(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("os.umask", lambda mask: 0o022)


_SCHEMES: Final = {"X-FORWARDED-PROTO": "https", "X-FORWARDED-SSL": "on"}

#: Ways to take a control away, by their names in the rows.
DISARMED: Final[Mapping[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "bounds of bodies": _bodies_unbounded,
    "share of the unread": _unread_unbounded,
    "times of callers": _no_times,
    "making room": _no_room,
    "headers of all": _no_headers,
    "HTTPS alone": _not_only_https,
    "proxies untold": _proxies(1),
    "proxies told": _proxies(0),
    "listed addresses": _any_address,
    "own names": _any_name,
    "signs of proxies": _no_sign_of_proxies,
    "paths of their own": _no_root,
    "peers of no trust": _gunicorn(forwarded_allow_ips="*", secure_scheme_headers=_SCHEMES),
    "strict reading": _gunicorn(
        permit_obsolete_folding=True, strip_header_spaces=True, permit_unconventional_http_version=True
    ),
    "ends of bodies": _ends_unseen,
    "underscores": _gunicorn(header_map="dangerous"),
    "mask of files": _no_mask,
}
