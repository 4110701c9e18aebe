"""Whose an actor run is, judged by what Apify tells: when it is asked, and what counts when it is not."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
from factories import FakeClock
from hypothesis import given
from machine.fake_apify import FakeApify

from harvester.models import ActorRun
from services.provenance import Provenance


class Telling(FakeApify):
    """Tells the account's ID as it is now, unless it is out; notes when it was asked."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock, console_token="unused")
        self.account = "a"
        self.asked: list[datetime] = []
        self.told: set[str] = set()

    def user(self) -> dict[str, Any]:
        self.asked.append(self.clock())
        found = super().user()
        self.told.add(self.account)
        return {**found, "id": self.account}


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 30, 60, 61]),
            st.sampled_from(["", "a", "b", "out"]),
            st.sampled_from([None, "a", "b", "c"]),
        ),
        max_size=12,
    )
)
def test_a_run_is_called_a_strangers_by_a_fresh_answer_alone(
    story: list[tuple[int, str, str | None]],
) -> None:
    """The account may change, as when a token is exchanged, and Apify may be out. Seconds go by."""
    clock = FakeClock()
    apify = Telling(clock)
    provenance = Provenance(apify, clock)
    for seconds, change, user_id in story:
        clock.advance(seconds=seconds)
        apify.outage = change == "out"
        apify.account = change if change in ("a", "b") else apify.account
        found = replace(apify._facts(), user_id=user_id, actor_id=None)
        why = provenance.stranger("actor", found)
        knows = bool(apify.told)
        assert (why is not None) == (knows and user_id is not None and user_id not in apify.told)
        assert why is None or clock() - apify.asked[-1] < timedelta(minutes=1)
    apart = [later - earlier for earlier, later in pairwise(apify.asked)]
    assert all(gap >= timedelta(minutes=1) for gap in apart), "an outage is not made worse"


def test_a_stranger_does_not_pass_while_another_thread_asks() -> None:
    asking, answered = threading.Event(), threading.Event()

    class Slow(Telling):
        def user(self) -> dict[str, Any]:
            asking.set()
            answered.wait(5)
            return super().user()

    clock = FakeClock()
    apify = Slow(clock)
    provenance = Provenance(apify, clock)
    stranger = replace(apify._facts(), user_id="c")
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(provenance.stranger, "actor", stranger)
        assert asking.wait(5)
        second = threads.submit(provenance.stranger, "actor", stranger)
        early = [one for one in (first, second) if not wait([one], 0.1).not_done]
        answered.set()
        assert not early
        assert first.result() is not None
        assert second.result() == first.result()
    assert len(apify.asked) == 1


def begun(now: datetime) -> ActorRun:
    """A row of the actor, planned and started now; nothing else of it matters."""
    known: dict[str, Any] = {"actor_id": "actor", "created_at": now, "start_requested_at": now}
    return ActorRun(**{**dict.fromkeys(one.name for one in fields(ActorRun)), **known})


def test_what_our_own_starts_are_answered_needs_not_be_asked() -> None:
    """Nor is a run too old because this machine's clock is an hour ahead of Apify's."""
    clock = FakeClock()
    apify = Telling(clock)
    provenance = Provenance(apify, clock)
    behind = replace(apify._facts(), started_at=clock() - timedelta(hours=1))
    run = begun(clock())
    assert "began at" in str(provenance.not_of(run, behind))
    provenance.learn(run, behind)
    assert provenance.not_of(run, replace(behind, id="another")) is None
    assert not apify.asked
    earlier = replace(behind, started_at=clock() - timedelta(hours=1, minutes=5, seconds=1))
    assert "began at" in str(provenance.not_of(run, earlier))


def test_what_apify_lists_as_ours_is_ours_whatever_else_it_calls_us() -> None:
    """But not against the answers to our own starts, which name us themselves."""
    clock = FakeClock()
    apify = Telling(clock)
    provenance = Provenance(apify, clock)
    listed = apify.start(
        "actor",
        {"targetUrls": []},
        marker="marker.1",
        max_charge_usd=Decimal(1),
        run_timeout_seconds=60,
        webhook_url="",
        webhook_token="",
    )
    told = replace(listed, user_id="as runs have it", actor_id="as runs have it, too")
    unlisted = replace(told, id="NotInTheListOfOurs")
    assert "another account" in str(provenance.stranger("actor", unlisted))
    apify.runs[told.id].facts = told
    assert provenance.stranger("actor", told) is None
    assert provenance.stranger("actor", unlisted) is None, "it is of the account that our runs have"

    knowing = Provenance(apify, clock)
    knowing.learn(begun(clock()), listed)
    assert "another account" in str(knowing.stranger("actor", told))
