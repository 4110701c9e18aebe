"""Idempotency keys: the same key gives the same answer again, and starts nothing."""

from __future__ import annotations

import pytest
from factories import CLIENT_ID, FakeClock, make_client, make_leads
from records import NOTHING, count, ended

from harvester.ledger import Ledger, clients
from services.kickoff import KeyReused, Kickoff, Order, UnknownClient


def test_one_key_has_one_answer_and_one_effect(ledger: Ledger, kickoff: Kickoff, clock: FakeClock) -> None:
    make_client(ledger)
    make_leads(ledger, count=9)
    first = kickoff(Order(CLIENT_ID, idempotency_key="cron-2026-11-22"))
    after_first = count(ledger)
    clock.advance(hours=1)
    assert kickoff(Order(CLIENT_ID, idempotency_key="cron-2026-11-22")) == first
    ended(ledger)
    assert kickoff(Order(CLIENT_ID, idempotency_key="cron-2026-11-22")) == first
    assert count(ledger) == after_first
    assert kickoff(Order(CLIENT_ID, idempotency_key="cron-2026-11-23")).run_id == "261122-060000"


def test_a_key_keeps_a_refusal_too(ledger: Ledger, kickoff: Kickoff) -> None:
    make_client(ledger, daily_target=0)
    first = kickoff(Order(CLIENT_ID, idempotency_key="key"))
    with ledger.write() as tx:
        clients.change(tx, CLIENT_ID, daily_target=10)
    assert first.code == "no_target"
    assert kickoff(Order(CLIENT_ID, idempotency_key="key")) == first
    assert count(ledger) == NOTHING


def test_a_key_of_another_client_is_refused(ledger: Ledger, kickoff: Kickoff) -> None:
    make_client(ledger)
    make_client(ledger, "Other")
    kickoff(Order(CLIENT_ID, idempotency_key="key"))
    before = count(ledger)
    with pytest.raises(KeyReused):
        kickoff(Order("Other", idempotency_key="key"))
    assert count(ledger) == before
    assert kickoff(Order("Other", idempotency_key="another")).outcome == "accepted"


def test_an_order_that_failed_leaves_its_key_free(ledger: Ledger, kickoff: Kickoff) -> None:
    with pytest.raises(UnknownClient):
        kickoff(Order(CLIENT_ID, idempotency_key="key"))
    make_client(ledger)
    assert kickoff(Order(CLIENT_ID, idempotency_key="key")).outcome == "accepted"
