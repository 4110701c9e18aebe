"""The bell: whoever waits is woken at once, and no ring is missed by who was about to wait."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from harvester.bell import Bell

LONG = 30.0


def test_all_that_wait_are_woken() -> None:
    bell = Bell()
    ready = threading.Barrier(5)

    def waiting() -> None:
        heard = bell.count
        ready.wait()
        bell.wait(LONG, heard=heard)

    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        waits = [pool.submit(waiting) for _ in range(4)]
        ready.wait()
        bell.ring()
        for one in waits:
            one.result()
    assert time.monotonic() - began < LONG / 2


def test_a_ring_between_looking_and_waiting_is_heard() -> None:
    bell = Bell()
    heard = bell.count
    bell.ring()
    began = time.monotonic()
    bell.wait(LONG, heard=heard)
    assert time.monotonic() - began < LONG / 2


def test_who_has_heard_all_waits_until_time_is_up() -> None:
    bell = Bell()
    bell.ring()
    began = time.monotonic()
    bell.wait(0.05, heard=bell.count)
    assert time.monotonic() - began >= 0.05


def test_nothing_queued_is_left_lying_however_threads_and_rings_interleave() -> None:
    bell = Bell()
    queue: list[int] = []
    done: list[int] = []
    stop = threading.Event()

    def works() -> None:
        while not stop.is_set():
            heard = bell.count
            try:
                done.append(queue.pop())
            except IndexError:
                bell.wait(LONG, heard=heard)

    workers = [threading.Thread(target=works) for _ in range(4)]
    for worker in workers:
        worker.start()
    began = time.monotonic()
    for number in range(2_000):
        queue.append(number)
        bell.ring()
    while len(done) < 2_000 and time.monotonic() - began < LONG / 2:
        time.sleep(0.001)
    stop.set()
    bell.ring()
    for worker in workers:
        worker.join()
    assert sorted(done) == list(range(2_000))
