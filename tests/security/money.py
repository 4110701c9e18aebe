"""What costs money, and calls that are played again. Rows of the table, and how to disarm them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import pytest

from security.rows import Proof, Threat

_HERE: Final = "tests/security"

THREATS: Final[tuple[Threat, ...]] = (
    Threat(
        "T2",
        "a delivery is recorded and played again",
        "each dispatch is stored once for its own token; any other only has Apify asked, whose word counts",
        (
            Proof(
                f"{_HERE}/test_replay.py::test_a_delivery_that_is_played_again_changes_no_byte",
                "dispatch_once",
            ),
            Proof("tests/flow/test_webhooks.py::test_a_doubled_webhook_is_kept_once", "dispatch_once"),
            Proof(
                f"{_HERE}/test_replay.py::test_a_delivery_under_another_name_brings_nothing_and_starts_nothing",
                "ended_anew_alone",
            ),
            Proof("tests/flow/test_webhooks.py::test_a_late_webhook_changes_nothing", "ended_anew_alone"),
            Proof(
                f"{_HERE}/test_replay.py::test_a_delivery_of_one_actor_run_is_nothing_to_another",
                "token_for_its_own_run",
            ),
        ),
    ),
    Threat(
        "T19",
        "kickoffs, numbers or words of a request spend money",
        "bounds of a client's hour, day and budget, counted where the start is written; a key starts once; "
        "actor, base, caps and addresses from settings and ledger alone; a switch that stops starts",
        (
            Proof(
                f"{_HERE}/test_money_bounds.py::test_no_client_is_kicked_off_more_often_in_an_hour_than_it_may_be",
                "kickoffs_counted",
            ),
            Proof(
                f"{_HERE}/test_money_bounds.py::test_a_refused_kickoff_says_when_to_come_again",
                "kickoffs_counted",
            ),
            Proof(
                f"{_HERE}/test_money_flood.py::test_a_flood_of_kickoffs_starts_no_more_than_is_allowed",
                "kickoffs_counted",
            ),
            Proof(
                "tests/test_kickoff.py::test_a_client_with_a_live_client_run_is_told_which", "one_live_run"
            ),
            Proof(
                f"{_HERE}/test_money_requests.py::test_a_key_starts_once_whatever_else_comes_with_it",
                "keys_kept",
            ),
            Proof("tests/test_kickoff_keys.py::test_one_key_has_one_answer_and_one_effect", "keys_kept"),
            Proof(
                "tests/money/test_budgets.py::test_what_is_under_way_is_reserved_up_to_its_cap",
                "budgets_kept",
            ),
            Proof(
                f"{_HERE}/test_money_flood.py::test_processes_that_spend_at_once_promise_no_more_than_the_budget",
                "budgets_kept",
            ),
            Proof(
                "tests/money/test_at_apify.py::test_while_there_is_room_a_start_may_cost_what_the_setting_says",
                "caps_sent",
            ),
            Proof(
                "tests/money/test_pauses.py::test_a_start_that_was_intended_before_is_not_sent_after",
                "pauses_heeded",
            ),
            Proof(
                "tests/money/test_pauses.py::test_no_start_is_reserved_once_pause_has_returned",
                "pauses_heeded",
            ),
            Proof(
                f"{_HERE}/test_money_numbers.py::"
                "test_no_number_of_a_request_is_anything_but_a_whole_one_in_its_bounds",
                "numbers_checked",
            ),
            Proof(
                f"{_HERE}/test_money_numbers.py::"
                "test_a_number_in_airtable_that_makes_no_sense_closes_its_client",
                "cells_checked",
            ),
            Proof(
                f"{_HERE}/test_money_requests.py::"
                "test_nothing_in_a_request_chooses_actor_base_money_or_address",
                "actor_from_settings",
            ),
            Proof(f"{_HERE}/test_money_requests.py::test_only_profiles_are_paid_for", "profiles_alone"),
        ),
    ),
)


def _dispatch_once(patch: pytest.MonkeyPatch) -> None:
    numbers = itertools.count()
    patch.setattr("services.deliveries._dispatch_key", lambda *_: f"call {next(numbers)}")


def _token_for_its_own_run(patch: pytest.MonkeyPatch) -> None:
    def told(known: Any, _: object, payload: Any) -> Any:
        return known._by_run.get(payload.apify_run_id)

    patch.setattr("services.deliveries._Known.run_of", told)


def _keys_kept(patch: pytest.MonkeyPatch) -> None:
    from services import kickoff, process

    for user in (kickoff, process):
        patch.setattr(user.idempotency, "get", lambda *_: None)


def _budgets_kept(patch: pytest.MonkeyPatch) -> None:
    from services import budgets

    patch.setattr(budgets, "verdict", lambda _tx, _client, of, _now: budgets.Start(of.run_micros))


def _caps_sent(patch: pytest.MonkeyPatch) -> None:
    from harvester.apify import Apify

    start = Apify.start

    def uncapped(self: Apify, *arguments: Any, **how: Any) -> Any:
        return start(self, *arguments, **{**how, "max_charge_usd": Decimal(100)})

    patch.setattr(Apify, "start", uncapped)


def _pauses_heeded(patch: pytest.MonkeyPatch) -> None:
    from harvester.ledger import pauses

    patch.setattr(pauses, "of_client", lambda *_: None)
    patch.setattr(pauses, "of_start", lambda *_: None)
    patch.setattr(pauses, "scopes", lambda *_: set())


def _numbers_checked(patch: pytest.MonkeyPatch) -> None:
    from routes.contract import asked

    def believed(model: Any, given: Mapping[str, Any], _where: str) -> Any:
        named = {field.alias: name for name, field in model.model_fields.items()}
        return model.model_construct(**{named.get(name, name): value for name, value in given.items()})

    patch.setattr(asked, "read", believed)


def _cells_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("services.client_rows._count", lambda _row, column, _wrong: column.most)


def _actor_from_settings(patch: pytest.MonkeyPatch) -> None:
    from flask import request

    from routes import apify_process
    from routes.state import services

    answered = apify_process._answered

    def heeding(order: Any) -> Any:
        kickoff = services().kickoff
        actor = request.args.get("actorId", kickoff._limits.actor_id)
        kickoff._limits = replace(kickoff._limits, actor_id=actor)
        return answered(order)

    patch.setattr(apify_process, "_answered", heeding)


def _profiles_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("services.kickoff.canonical", lambda url: url)


#: Ways to take a control away, by their names in the rows.
DISARMED: Final[Mapping[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "dispatch_once": _dispatch_once,
    "ended_anew_alone": lambda patch: patch.setattr("services.follow.ended_anew", lambda *_: True),
    "token_for_its_own_run": _token_for_its_own_run,
    "kickoffs_counted": lambda patch: patch.setattr("services.kickoff.hour_full", lambda *_: None),
    "one_live_run": lambda patch: patch.setattr("harvester.ledger.client_runs.live_of", lambda *_: None),
    "keys_kept": _keys_kept,
    "budgets_kept": _budgets_kept,
    "caps_sent": _caps_sent,
    "pauses_heeded": _pauses_heeded,
    "numbers_checked": _numbers_checked,
    "cells_checked": _cells_checked,
    "actor_from_settings": _actor_from_settings,
    "profiles_alone": _profiles_alone,
}
