"""The dead-man ping: sent once what is due, tried for an hour, and never shown."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest
from factories import FakeClock
from pydantic import SecretStr

from harvester.heartbeat import NotTaken, ping
from harvester.jobs import JobPlan
from harvester.ledger import Ledger, alerts, job_runs, pings
from services.heartbeats import Heartbeats

from .receiver import Receiver


def end_job(ledger: Ledger, clock: FakeClock, run_id: str = "261122-050000") -> None:
    with ledger.write() as tx:
        job_runs.reserve(tx, run_id, source="master_process", now=clock())
        job_runs.look(tx, run_id, plan=JobPlan.PROCESS, schedule="all")
        assert job_runs.reported(tx, run_id, now=clock(), ping_due_at=clock())


def is_due(ledger: Ledger, heartbeats: Heartbeats) -> bool:
    with ledger.read() as tx:
        return heartbeats.due(tx)


def test_one_ping_is_sent_for_all_that_are_due(ledger: Ledger, clock: FakeClock, receiver: Receiver) -> None:
    heartbeats = Heartbeats(ledger, SecretStr(receiver.url), clock)
    assert not is_due(ledger, heartbeats)
    for second in range(3):
        end_job(ledger, clock, f"261122-05000{second}")
    assert is_due(ledger, heartbeats)
    heartbeats()
    heartbeats()
    assert receiver.asked == ["/canary?state=complete"]
    assert not is_due(ledger, heartbeats)


def test_without_a_url_pings_are_dropped(ledger: Ledger, clock: FakeClock) -> None:
    heartbeats = Heartbeats(ledger, None, clock)
    end_job(ledger, clock)
    heartbeats()
    assert not is_due(ledger, heartbeats)


def test_a_ping_is_tried_for_an_hour_ever_more_seldom_and_then_somebody_is_told(
    ledger: Ledger, clock: FakeClock, receiver: Receiver, lines: pytest.LogCaptureFixture
) -> None:
    receiver.status = 503
    heartbeats = Heartbeats(ledger, SecretStr(receiver.url), clock)
    end_job(ledger, clock)
    began, tried = clock(), []
    while clock() <= began + timedelta(minutes=61):
        if is_due(ledger, heartbeats):
            tried.append((clock() - began).total_seconds())
            heartbeats()
        clock.advance(seconds=5 if len(tried) < 4 else 20)
    assert tried == [0, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]
    with ledger.read() as tx:
        (alert,) = alerts.untold(tx, limit=5)
    assert "HTTP 503" in alert.text
    assert "canary" not in alert.text + lines.text
    receiver.status = 200
    end_job(ledger, clock, "261123-050000")
    heartbeats()
    with ledger.write() as tx:
        assert not alerts.over(tx, alert.key, now=clock())


def test_a_ping_that_a_crash_has_swallowed_is_sent_again(ledger: Ledger, clock: FakeClock) -> None:
    def die(_: str) -> None:
        raise KeyboardInterrupt

    end_job(ledger, clock)
    with pytest.raises(KeyboardInterrupt):
        Heartbeats(ledger, SecretStr("https://ping.example.org"), clock, send=die)()
    sent: list[str] = []
    Heartbeats(ledger, SecretStr("https://ping.example.org"), clock, send=sent.append)()
    assert len(sent) == 1


def test_a_redirect_is_followed_on_its_own_host_alone(receiver: Receiver) -> None:
    receiver.location = "/moved"
    ping(receiver.url)
    assert receiver.asked.pop() == "/moved"
    other = Receiver()
    try:
        receiver.location = f"{other.origin}/moved"
        with pytest.raises(NotTaken, match="HTTP 302"):
            ping(receiver.url)
        assert other.asked == []
    finally:
        other.close()


@pytest.mark.parametrize("path", ["canary", "canary/\x7f", "canary/é", "canary?x=a b"])
def test_no_failure_shows_more_of_the_url_than_its_host(path: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        for place in (f"127.0.0.1:{port}", "127.0.0.1:9", "[::1"):
            with pytest.raises(NotTaken) as caught:
                ping(f"http://{place}/{path}", seconds=0.1)
            assert "canary" not in str(caught.value)


def test_only_what_is_due_is_found(ledger: Ledger, clock: FakeClock) -> None:
    end_job(ledger, clock)
    with ledger.write() as tx:
        pings.put_off(tx, ["261122-050000"], until=clock() + timedelta(seconds=1))
    with ledger.read() as tx:
        assert pings.due(tx, now=clock(), limit=5) == []
        assert len(pings.due(tx, now=clock() + timedelta(seconds=1), limit=5)) == 1
