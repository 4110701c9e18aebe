"""The gate to Airtable: paces that hold for all processes together, and bases that are left alone."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from factories import NOW, FakeClock, opened
from simultaneous import at_once

from harvester.airtable_errors import Blocked
from harvester.errors import LedgerUnavailable
from harvester.ledger import Ledger, airtable_meter, airtable_slots, alerts
from services.airtable_blocks import Waits
from services.pacing import Gaps, Pacing

A, B = "appAAAAAAAAAAAAAA", "appBBBBBBBBBBBBBB"
GAPS = Gaps(timedelta(milliseconds=20), timedelta(milliseconds=2))
NONE = Gaps(timedelta(0), timedelta(0))
#: Without chance in it: the first outage lasts at most 1.25 s, any at most 5 s.
WAITS = Waits(
    lockout=timedelta(seconds=30),
    cap=timedelta(hours=1),
    first=timedelta(seconds=1),
    longest=timedelta(seconds=5),
    trial=timedelta(seconds=40),
)


def real_clock() -> datetime:
    return datetime.now(UTC)


def pacing_of(
    ledger: Ledger, clock: Callable[[], datetime], gaps: Gaps = NONE, stop: threading.Event | None = None
) -> Pacing:
    return Pacing(ledger, clock, gaps, WAITS, stop=stop or threading.Event())


@pytest.fixture
def pacing(ledger: Ledger, clock: FakeClock) -> Pacing:
    return pacing_of(ledger, clock)


def calls(ledger: Ledger, month: str | None = None) -> dict[str, tuple[int, int]]:
    with ledger.read() as tx:
        found = airtable_meter.calls(tx, month or airtable_meter.month_of(NOW))
    return {base: (count.calls, count.refused) for base, count in found.items()}


def until(pacing: Pacing, base: str, *, meta: bool = False) -> datetime:
    with pytest.raises(Blocked) as caught:
        pacing.turn(base, meta=meta)
    return caught.value.until


Grant = tuple[str, float, float]


def grants(url: str, seconds: float, bases: str, *, threads: int = 1) -> list[Grant]:
    """Take turns for some time; give base, moment and real time of each, in seconds."""
    with opened(url) as ledger:
        pacing = pacing_of(ledger, real_clock, GAPS)
        end = time.monotonic() + seconds

        def take(base: str) -> list[Grant]:
            found = []
            while time.monotonic() < end:
                moment = pacing.turn(base)
                found.append((base, moment.timestamp(), real_clock().timestamp()))
            return found

        return list(itertools.chain(*at_once([partial(take, base) for base in bases] * threads)))


def check(found: list[Grant], gaps: Gaps = GAPS) -> None:
    """See that no two moments are too near, and that nobody went before its own."""
    for base in {base for base, _, _ in found}:
        assert_apart([moment for name, moment, _ in found if name == base], gaps.base)
    assert_apart([moment for _, moment, _ in found], gaps.token)
    assert all(went >= moment - 0.0005 for _, moment, went in found)


def assert_apart(moments: list[float], gap: timedelta) -> None:
    second = 4.501 * gap.total_seconds()  # of a pace of 4.5 requests a second, scaled
    ordered = sorted(moments)
    for earlier, later in itertools.pairwise(ordered):
        assert later - earlier > gap.total_seconds() - 0.00001
    for place, moment in enumerate(ordered):
        assert sum(moment <= other < moment + second for other in ordered[place : place + 10]) <= 5


class TestThePace:
    def test_holds_for_all_processes_and_threads_together(self, ledger_url: str) -> None:
        # Each of these has a ledger and a gate of its own, as a process has.
        found = at_once([partial(grants, ledger_url, 0.5, "AAB")] * 3)
        check([grant for each in found for grant in each])
        assert len({base for each in found for base, _, _ in each}) == 2

    @pytest.mark.slow
    def test_holds_for_real_processes(self, ledger_url: str) -> None:
        script = (
            "import json, sys; from test_pacing import grants; "
            "print(json.dumps(grants(sys.argv[1], 3.0, 'AABC')))"
        )
        command = [sys.executable, "-c", script, ledger_url]
        running = [
            subprocess.Popen(command, cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        try:
            found = [json.loads(process.communicate(timeout=60)[0]) for process in running]
        finally:
            for process in running:
                process.kill()
                process.communicate()
        assert [process.returncode for process in running] == [0] * 4
        check([tuple(grant) for each in found for grant in each])

    def test_those_who_wait_for_their_base_keep_nobody_else_waiting(
        self, ledger: Ledger, clock: FakeClock
    ) -> None:
        stop = threading.Event()
        gaps = Gaps(timedelta(seconds=60), timedelta(milliseconds=5))
        pacing = pacing_of(ledger, clock, gaps, stop)
        pacing.turn(A)

        def wait() -> None:
            with suppress(Blocked):
                pacing_of(ledger, clock, gaps, stop).turn(A)

        waiting = [threading.Thread(target=wait) for _ in range(4)]
        for thread in waiting:
            thread.start()
        try:
            time.sleep(0.3)
            assert [pacing.turn(base) for base in "BCD"] == [
                NOW + number * gaps.token for number in (1, 2, 3)
            ]
            assert all(thread.is_alive() for thread in waiting)
        finally:
            stop.set()
            for thread in waiting:
                thread.join()

    def test_those_who_wait_for_one_moment_take_one_at_a_time(self, ledger: Ledger, clock: FakeClock) -> None:
        stop, first = threading.Event(), threading.Event()
        gaps = Gaps(timedelta(seconds=0.5), timedelta(milliseconds=5))
        pacing_of(ledger, clock, gaps).turn(A)

        def wait() -> None:
            with suppress(Blocked):
                pacing_of(ledger, clock, gaps, stop).turn(A)
                first.set()

        waiting = [threading.Thread(target=wait) for _ in range(5)]
        for thread in waiting:
            thread.start()
        try:
            assert first.wait(20)
            # Had the others taken the moments after it, the token would have been theirs until then.
            assert pacing_of(ledger, clock, gaps).turn(B) < NOW + 4 * gaps.base
        finally:
            stop.set()
            for thread in waiting:
                thread.join()

    def test_of_one_that_does_not_wait_is_the_present(self, ledger: Ledger) -> None:
        before = real_clock()
        assert before <= pacing_of(ledger, real_clock, GAPS).turn(A) <= real_clock()

    def test_moves_on_although_the_clock_stands_still(self, ledger: Ledger, clock: FakeClock) -> None:
        pacing = pacing_of(ledger, clock, GAPS)
        assert [pacing.turn(A) for _ in range(4)] == [NOW + number * GAPS.base for number in range(4)]

    def test_a_turn_ends_when_the_process_is_told_to(self, ledger: Ledger) -> None:
        stop = threading.Event()
        pacing = pacing_of(ledger, real_clock, Gaps(timedelta(seconds=60), timedelta(0)), stop)
        pacing.turn(A)
        threading.Timer(0.1, stop.set).start()
        began = time.monotonic()
        with pytest.raises(Blocked, match="told to end"):
            pacing.turn(A)
        assert time.monotonic() - began < 20
        with pytest.raises(Blocked):
            pacing.turn(B)

    def test_takes_one_write_at_the_most_and_waits_in_none(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writes: list[float] = []
        write = ledger.write

        def counted(**options: bool) -> object:
            writes.append(time.monotonic())
            return write(**options)  # type: ignore[arg-type]

        monkeypatch.setattr(ledger, "write", counted)
        pacing = pacing_of(ledger, real_clock, Gaps(timedelta(milliseconds=200), timedelta(0)))
        for number in range(3):
            pacing.turn(A)
            pacing.worked(A)
            assert len(writes) == number + 1

    def test_a_ledger_that_is_away_passes_through(self) -> None:
        with opened("postgresql+psycopg://nobody@127.0.0.1:9/none", lock_seconds=0.2) as ledger:
            pacing = pacing_of(ledger, real_clock)
            with pytest.raises(LedgerUnavailable):
                pacing.turn(A)
            pacing.failed(A, "no answer")  # what came of a call is not lost over a note


class TestTooFast:
    def test_one_base_is_left_alone_and_no_other(
        self, ledger: Ledger, pacing: Pacing, clock: FakeClock
    ) -> None:
        pacing.turn(A)
        pacing.too_fast(A)
        assert until(pacing, A) == NOW + timedelta(seconds=30)
        assert until(pacing_of(ledger, clock), A, meta=True) == NOW + timedelta(seconds=30)
        pacing.turn(B)
        clock.advance(seconds=30)
        pacing.turn(A)
        pacing.turn(A)
        assert calls(ledger) == {A: (3, 1), B: (1, 0)}

    def test_a_late_success_does_not_open_it(self, pacing: Pacing) -> None:
        pacing.turn(A)
        pacing.failed(A, "no answer")
        pacing.turn(A)
        at_once([partial(pacing.too_fast, A)])
        pacing.worked(A)
        assert until(pacing, A)


class TestCapped:
    def test_one_call_an_hour_finds_out(
        self, ledger: Ledger, pacing: Pacing, clock: FakeClock, lines: pytest.LogCaptureFixture
    ) -> None:
        for hours in range(1, 4):
            pacing.turn(A)
            # Whoever asks meanwhile hears soon, and not after the trial's own bound.
            if hours > 1:
                assert until(pacing, A) == clock() + timedelta(seconds=1)
            pacing.capped(A, "API billing plan limit exceeded.")
            assert until(pacing, A) == NOW + timedelta(hours=hours)
            clock.advance(hours=1)
        assert calls(ledger) == {A: (3, 3)}
        with ledger.read() as tx:
            (alert,) = alerts.untold(tx, limit=10)
        assert A in alert.text
        pacing.turn(A)
        pacing.worked(A)
        for _ in range(3):
            pacing.turn(A)
        assert "can be asked again" in lines.text

    def test_what_is_about_the_schema_goes_on_and_proves_nothing(
        self, pacing: Pacing, clock: FakeClock
    ) -> None:
        pacing.turn(A)
        pacing.capped(A, "API billing plan limit exceeded.")
        for hours in (0, 1):
            clock.advance(hours=hours)
            for _ in range(3):
                pacing.turn(A, meta=True)
                pacing.worked(A, meta=True)
        pacing.turn(A)
        assert until(pacing, A)


class TestAnOutage:
    def test_begins_with_the_second_failure_and_ends_with_the_first_answer(
        self, ledger: Ledger, pacing: Pacing, clock: FakeClock, lines: pytest.LogCaptureFixture
    ) -> None:
        other = pacing_of(ledger, clock)
        pacing.turn(A)
        pacing.failed(A, "no answer")
        other.turn(A)
        other.failed(A, "no answer either")
        first = until(pacing, A)
        assert timedelta(seconds=0.7) < first - NOW < timedelta(seconds=1.3)
        assert "cannot be asked: no answer either" in lines.text
        clock.now = first
        pacing.turn(A)
        assert until(other, A) == first + timedelta(seconds=1)
        pacing.worked(A)
        other.turn(A)
        pacing.turn(A)

    def test_lasts_longer_each_time_up_to_a_bound(self, pacing: Pacing, clock: FakeClock) -> None:
        waits = []
        pacing.turn(A)
        pacing.failed(A, "no answer")
        for _ in range(12):
            pacing.turn(A)
            pacing.failed(A, "no answer")
            waits.append((until(pacing, A) - clock()).total_seconds())
            clock.now = until(pacing, A)
        assert waits[0] < 1.3
        assert waits[1] > waits[0]
        assert waits[4:] == [5.0] * 8

    def test_one_failure_among_successes_is_none(self, pacing: Pacing) -> None:
        for _ in range(4):
            pacing.turn(A)
            pacing.failed(A, "no answer")
            pacing.turn(A)
            pacing.worked(A)

    def test_those_on_the_wire_when_it_began_do_not_make_it_longer(
        self, ledger: Ledger, pacing: Pacing, clock: FakeClock
    ) -> None:
        others = [pacing_of(ledger, clock) for _ in range(8)]
        for each in others:
            each.turn(A)
        for each in others:
            each.failed(A, "no answer")
        assert until(pacing, A) - NOW < timedelta(seconds=1.3)

    def test_of_many_that_come_when_it_may_be_over_one_tries(self, ledger_url: str, clock: FakeClock) -> None:
        with opened(ledger_url) as ledger:
            pacing = pacing_of(ledger, clock)
            for _ in range(2):
                pacing.turn(A)
                pacing.failed(A, "no answer")
        clock.advance(seconds=2)

        def ask() -> bool:
            with opened(ledger_url) as ledger, suppress(Blocked):
                pacing_of(ledger, clock).turn(A)
                return True
            return False

        assert at_once([ask] * 6).count(True) == 1

    def test_a_trial_that_never_ended_is_followed_by_another(
        self, ledger: Ledger, pacing: Pacing, clock: FakeClock
    ) -> None:
        for _ in range(2):
            pacing.turn(A)
            pacing.failed(A, "no answer")
        clock.advance(seconds=2)
        pacing.turn(A)
        clock.advance(seconds=39)
        with pytest.raises(Blocked):
            pacing.turn(A)
        clock.advance(seconds=1)
        pacing.turn(A)
        with ledger.read() as tx:
            (slot,) = airtable_slots.blocked(tx, now=clock())
        assert slot.reason == "being tried again after: no answer"
