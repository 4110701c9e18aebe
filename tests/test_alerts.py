"""Alerts: each matter once a day, however often it comes up, and none lost when nobody takes it."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from factories import FakeClock
from pydantic import SecretStr

from harvester.ledger import Ledger, alerts
from services.alerts import Alerts, NotTold, raise_alert


class Receiver:
    """A service that Apprise can tell things: JSON over HTTP."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.told.append(json.loads(body)["message"])
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = SecretStr(f"json://127.0.0.1:{self._server.server_port}/token-canary")
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def bring_up(ledger: Ledger, clock: FakeClock, text: str = "the cap is reached") -> None:
    with ledger.write() as tx:
        raise_alert(tx, "airtable cap", text, now=clock())


def test_a_matter_is_told_once_a_day_with_its_latest_words(
    ledger: Ledger, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    tell = Alerts(ledger, [receiver.url], clock)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            bring_up(ledger, clock)
        bring_up(ledger, clock, "the cap is still reached")
        tell()
        tell()
        clock.advance(hours=23)
        bring_up(ledger, clock)
        tell()
        assert receiver.told == ["the cap is still reached (since 2026-11-22 05:00 UTC)"]
        clock.advance(hours=2)
        bring_up(ledger, clock)
        tell()
    assert len(receiver.told) == 2
    assert len(caplog.records) == 2


def test_an_alert_that_nobody_took_is_told_later(ledger: Ledger, receiver: Receiver) -> None:
    clock = FakeClock()
    tell = Alerts(ledger, [receiver.url], clock)
    bring_up(ledger, clock)
    receiver.status = 500
    with pytest.raises(NotTold):
        tell()
    receiver.status = 200
    tell()
    tell()
    assert len(receiver.told) == 2


def test_what_is_undone_is_no_alert(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ZeroDivisionError):
        _undone(ledger)
    with ledger.read() as tx:
        assert alerts.untold(tx, limit=10) == []
    assert not caplog.records


def _undone(ledger: Ledger) -> None:
    with ledger.write() as tx:
        raise_alert(tx, "airtable cap", "the cap is reached", now=FakeClock()())
        raise ZeroDivisionError


def test_without_services_the_log_is_told_and_nothing_waits(ledger: Ledger) -> None:
    clock = FakeClock()
    bring_up(ledger, clock)
    Alerts(ledger, [], clock)()
    with ledger.read() as tx:
        assert alerts.untold(tx, limit=10) == []
        assert [alert.times for alert in alerts.latest(tx, limit=10)] == [1]
