"""Deliveries are kept once each, and idempotency keys give one answer to one client."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from factories import CLIENT_ID, NOW, RUN_ID
from simultaneous import at_once

from harvester.ledger import Ledger, activity, deliveries, idempotency
from harvester.ledger.idempotency import KeptAnswer
from harvester.models import DeliveryOutcome


def store(ledger: Ledger, key: str, **changes: Any) -> bool:
    values: dict[str, Any] = {
        "dispatch_key": key,
        "dispatch_id": None,
        "event_type": "ACTOR.RUN.SUCCEEDED",
        "apify_run_id": "apify-1",
        "actor_run_id": 1,
        "client_id": CLIENT_ID,
        "outcome": DeliveryOutcome.ACCEPTED,
        "headers": {"User-Agent": "Apify"},
        "body": '{"eventType":"…"}',
        "now": NOW,
        **changes,
    }
    with ledger.write() as tx:
        return deliveries.store(tx, **values)


def test_a_dispatch_is_kept_once_whoever_brings_it_how_often_ever(ledger: Ledger) -> None:
    kept = at_once([partial(store, ledger, "dispatch:1")] * 8)
    assert sorted(kept) == [False] * 7 + [True]
    assert store(ledger, "dispatch:2")
    with ledger.read() as tx:
        assert deliveries.count_by_outcome(tx) == {"accepted": 2}


def test_only_accepted_deliveries_wait_to_be_processed(ledger: Ledger) -> None:
    for number, outcome in enumerate(DeliveryOutcome):
        store(ledger, f"dispatch:{number}", outcome=outcome)
    with ledger.read() as tx:
        kept, cursor = deliveries.page(tx, limit=9)
        only, _ = deliveries.page(tx, limit=9, outcome="ignored")
    assert cursor is None
    assert [delivery.outcome for delivery in kept if delivery.processed_at is None] == ["accepted"]
    assert [delivery.outcome for delivery in only] == ["ignored"]


def test_what_came_after_apify_was_asked_stays_unread(ledger: Ledger) -> None:
    store(ledger, "before", apify_run_id="apify-1", now=NOW + timedelta(days=1))
    store(ledger, "nameless", apify_run_id=None)
    with ledger.read() as tx:
        seen = deliveries.unread(tx, 1)
    store(ledger, "after", apify_run_id="apify-2", now=NOW - timedelta(days=1))
    store(ledger, "another's", actor_run_id=2, apify_run_id="apify-3")
    with ledger.write() as tx:
        assert sorted(deliveries.unread_run_ids(tx, 1)) == ["apify-1", "apify-2"]
        deliveries.processed(tx, 1, seen=seen, result="ended SUCCEEDED", now=NOW)
        deliveries.processed(tx, 1, seen=seen, result="again", now=NOW)
        assert deliveries.unread_run_ids(tx, 1) == ["apify-2"]
        assert deliveries.unread_run_ids(tx, 2) == ["apify-3"]
        newest, cursor = deliveries.page(tx, limit=3)
        oldest, end = deliveries.page(tx, limit=3, before=cursor)
    assert end is None
    assert [delivery.result for delivery in [*newest, *oldest]] == [
        None,
        None,
        "ended SUCCEEDED",
        "ended SUCCEEDED",
    ]


def test_a_key_keeps_its_first_answer(ledger: Ledger) -> None:
    answer = KeptAnswer(CLIENT_ID, {"outcome": "accepted", "run_id": RUN_ID, "code": None})
    with ledger.write() as tx:
        assert idempotency.get(tx, "key") is None
        idempotency.keep(tx, "key", answer, now=NOW)
    with ledger.write() as tx:
        idempotency.keep(tx, "key", KeptAnswer("Other", {}), now=NOW)
        assert idempotency.get(tx, "key") == answer
        assert idempotency.get(tx, "Key") is None


def test_of_many_with_one_key_at_once_one_finds_it_free(ledger: Ledger) -> None:
    def use() -> bool:
        with ledger.write() as tx:
            kept = idempotency.get(tx, "key")
            if kept is None:
                idempotency.keep(tx, "key", KeptAnswer(CLIENT_ID, {}), now=NOW)
            return kept is None

    assert sorted(at_once([use] * 8)) == [False] * 7 + [True]


@pytest.mark.parametrize("limit", [2, 100])
def test_the_activity_log_gives_the_latest_lines_oldest_first(ledger: Ledger, limit: int) -> None:
    with ledger.write() as tx:
        for number in range(4):
            activity.record(
                tx,
                "update",
                source="ingest",
                client_run_id="run" if number else "another",
                client_id=CLIENT_ID,
                ok=number != 2,
                detail=str(number),
                now=NOW,
            )
        lines = activity.of_client_run(tx, "run", limit=limit)
        assert activity.count(tx, "update") == (3, 1)
        assert activity.count(tx, "create") == (0, 0)
    assert [line["detail"] for line in lines] == ["1", "2", "3"][-limit:]
