"""Side work: each name once at a time, on a bounded number of threads, and an end in good time."""

from __future__ import annotations

import threading
import time
from collections import Counter

from harvester.side_work import SideWork


class Work:
    """Pieces of work that last until they are let go."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.begun: Counter[str] = Counter()
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def __call__(self, name: str) -> None:
        with self._lock:
            self.begun[name] += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.free.wait(10)
        with self._lock:
            self.at_once -= 1
        if name == "bad":
            raise ValueError(name)

    def wait_for(self, number: int) -> None:
        deadline = time.monotonic() + 10
        while self.begun.total() < number:
            assert time.monotonic() < deadline, self.begun
            time.sleep(0.005)


def test_each_name_is_done_once_at_a_time_by_no_more_threads_than_allowed() -> None:
    work, stopping = Work(), threading.Event()
    side = SideWork(lambda: ["a", "b", "c", "a"], work, threads=2, stopping=stopping)
    side.look()
    side.offer("a")
    work.wait_for(2)
    assert work.begun.total() == 2
    work.free.set()
    work.wait_for(3)
    side.stop(5)
    assert work.begun == Counter("abc")
    assert work.most_at_once == 2
    assert stopping.is_set()


def test_a_piece_that_fails_harms_no_other_and_is_done_again_when_it_is_due_again() -> None:
    work = Work()
    work.free.set()
    side = SideWork(list, work, threads=1, stopping=threading.Event())
    side.offer("bad")
    work.wait_for(1)
    deadline = time.monotonic() + 10
    while work.begun["bad"] < 2:
        side.offer("bad")
        assert time.monotonic() < deadline
        time.sleep(0.005)
    side.stop(5)


def test_it_waits_for_what_is_at_hand_only_so_long_and_takes_nothing_more() -> None:
    work = Work()
    side = SideWork(list, work, threads=1, stopping=threading.Event())
    side.offer("a")
    work.wait_for(1)
    side.offer("b")
    begun = time.monotonic()
    side.stop(0.05)
    assert time.monotonic() - begun < 5
    side.offer("c")
    work.free.set()
    time.sleep(0.3)
    assert work.begun == Counter("a")
