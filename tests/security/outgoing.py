"""What we call. Rows of the table, and how to disarm them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import pytest

from security import outgoing_wire
from security.rows import Proof, Threat

if TYPE_CHECKING:
    from harvester.apify_answers import ApifyRun
    from harvester.models import ActorRun
    from services.follow import Follow

_FOREIGN = "tests/security/test_foreign_runs.py::"
_NOT_BELIEVED = f"{_FOREIGN}test_of_a_webhooks_payload_nothing_is_believed_but_the_actor_runs_id"
_NOT_ADOPTED = f"{_FOREIGN}test_an_actor_run_of_another_actor_account_or_time_is_not_adopted"
_NOT_TAKEN_IN = f"{_FOREIGN}test_a_second_actor_run_of_a_batch_that_is_not_ours_is_not_taken_in"
_BECOMES = f"{_FOREIGN}test_a_run_of_ours_that_becomes_somebody_elses_waits_for_a_person"
_DONE_WITH = f"{_FOREIGN}test_a_run_that_is_done_with_and_is_told_of_as_somebody_elses_stays_as_it_is"
_OTHER_ANSWER = f"{_FOREIGN}test_an_answer_about_another_actor_run_than_was_asked_for_is_not_believed"
_UNREADABLE = f"{_FOREIGN}test_one_that_apify_lets_us_not_read_holds_nothing_up"

THREATS: Final[tuple[Threat, ...]] = (
    *outgoing_wire.THREATS,
    Threat(
        "T3",
        "a payload lies, or names an actor run of another actor, account or time",
        "of a payload the actor run's ID alone is believed; Apify must answer about that very run, and "
        "what it describes as another's is set aside unread, with an alert",
        (
            Proof(_NOT_BELIEVED, "payload-is-not-believed"),
            Proof(_OTHER_ANSWER, "answer-is-about-what-was-asked"),
            Proof(_NOT_ADOPTED, "actor-and-account"),
            Proof(_NOT_TAKEN_IN, "actor-and-account"),
            Proof(_BECOMES, "actor-and-account"),
            Proof(_DONE_WITH, "actor-and-account"),
            Proof(_NOT_ADOPTED, "time-of-an-actor-run"),
            Proof(_NOT_TAKEN_IN, "time-of-an-actor-run"),
            Proof(_UNREADABLE, "unreadable-is-set-aside"),
        ),
    ),
)


def _believe_the_payload(patch: pytest.MonkeyPatch) -> None:
    """Take status and dataset from the newest webhook call for a row, where it has them."""
    import json
    from dataclasses import replace

    from sqlalchemy import select

    from harvester.ledger import tables
    from services.follow import Follow

    asked = Follow._found

    def believed(self: Follow, run: ActorRun) -> ApifyRun | None:
        found, calls = asked(self, run), tables.deliveries.c
        with self._ledger.read() as tx:
            newest = select(calls.body).where(calls.actor_run_id == run.id).order_by(calls.id.desc())
            body = tx.execute(newest.limit(1)).scalar()
        told = json.loads(body or "{}").get("resource", {})
        known = {"status": told.get("status"), "dataset_id": told.get("defaultDatasetId")}
        return found and replace(found, **{name: value for name, value in known.items() if value})

    patch.setattr(Follow, "_found", believed)


def _any_answer_will_do(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.apify.asked_for", lambda run, _apify_run_id: run)


def _anybody_is_us(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("services.provenance.Provenance.stranger", lambda *_: None)


def _any_time_will_do(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("services.provenance.Provenance._is_too_old", lambda *_: False)


def _wait_for_what_is_refused(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("services.quarantine._NOT_FOR_US", "no word of Apify's")


#: Ways to take a control away, by their names in the rows.
DISARMED: Final[Mapping[str, Callable[[pytest.MonkeyPatch], None]]] = {
    **outgoing_wire.DISARMED,
    "payload-is-not-believed": _believe_the_payload,
    "answer-is-about-what-was-asked": _any_answer_will_do,
    "actor-and-account": _anybody_is_us,
    "time-of-an-actor-run": _any_time_will_do,
    "unreadable-is-set-aside": _wait_for_what_is_refused,
}
