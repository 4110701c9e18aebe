"""`/readyz` names each dependency, and takes a web process out of service for what that needs alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.processes import STARTS_WITHIN, until
from factories import FakeClock, opened
from flow.processes import process
from flow.stage import call
from web.asking import opened_web

from harvester.ledger import Ledger
from services import pulse, readiness
from services.pulse import EVERY, SILENT, Pulse
from services.readiness import Readiness


def test_workers_are_known_by_what_they_last_said(ledger: Ledger, clock: FakeClock) -> None:
    ready = Readiness(ledger, clock)
    assert ready()["worker"] == "no worker has ever run on this ledger"
    Pulse(ledger, clock)(True)
    assert (ready()["worker"], ready()["queue"]) == ("ok", "ok")
    clock.advance(seconds=SILENT.total_seconds() - 1)
    assert ready()["worker"] == "ok"
    clock.advance(seconds=1)
    assert ready()["worker"] == "no worker has said anything for 60 s"
    assert ready()["queue"] == "not known: no worker is at work"
    Pulse(ledger, clock)(False)
    assert ready()["worker"] == "ok"
    assert "takes no wake-ups" in ready()["queue"]


def test_one_worker_says_so_once_in_a_while(ledger: Ledger, clock: FakeClock) -> None:
    one, other = Pulse(ledger, clock), Pulse(ledger, clock)
    one(True)
    with ledger.read() as tx:
        first = pulse.last(tx)
    clock.advance(seconds=EVERY.total_seconds() / 2)
    one(True)
    with ledger.read() as tx:
        assert pulse.last(tx) == first
    other(True)
    with ledger.read() as tx:
        latest = pulse.last(tx)
    assert latest is not None
    assert latest.at == clock()


def test_without_a_worker_webhooks_are_taken_all_the_same(sqlite_url: str) -> None:
    with opened_web(sqlite_url) as web:
        answer = web.get("/readyz", token=None)
        assert (answer.status_code, answer.json["ok"]) == (200, True)
        assert set(answer.json["checks"]) == {"ledger", "schema", "disk", "worker", "queue"}
        assert answer.json["degraded"] == ["queue", "worker"]
        web.services.pulse(True)
        assert web.get("/readyz", token=None).json["degraded"] == []


def test_another_schema_takes_it_out_of_service(sqlite_url: str) -> None:
    with opened_web(sqlite_url) as web:
        with web.ledger.write() as tx:
            tx.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        answer = web.get("/readyz", token=None)
        assert (answer.status_code, answer.json["ok"]) == (503, False)
        assert "9999" in answer.json["checks"]["schema"]


def test_a_full_disk_is_named(sqlite_url: str, clock: FakeClock) -> None:
    with opened(sqlite_url) as ledger:
        assert Readiness(ledger, clock)()["disk"] == "ok"
        free = readiness.free_bytes(ledger)
        assert free is not None
        assert "MB are free" in Readiness(ledger, clock, least_free=free + 10**12)()["disk"]


@pytest.mark.slow
def test_a_worker_that_runs_is_seen(tmp_path: Path, sqlite_url: str) -> None:
    with process("serve", tmp_path, sqlite_url, web_workers=1) as web:
        web.wait_until_ready()
        url = f"{web.settings.public_url}/readyz"
        assert "worker" in call("GET", url).json["degraded"]
        with process("worker", tmp_path, sqlite_url, apify_api_url="http://127.0.0.1:9"):
            until(lambda: not call("GET", url).json["degraded"], STARTS_WITHIN)
        told = call("GET", url).json["checks"]
        assert (told["worker"], told["queue"]) == ("ok", "ok")
