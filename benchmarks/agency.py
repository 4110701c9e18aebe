"""What the benchmarks of whole agencies share: invented clients, our processes, and what these use."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from harvester.cli.children import Children, direct, free_port
from harvester.ledger import Ledger, clients, leads, schema
from harvester.models import Client
from harvester.sandbox.apify.sandbox import SandboxApify

_TOKEN = "benchmark-token"  # noqa: S105 - opens a benchmark alone
_TICKS = os.sysconf("SC_CLK_TCK")
#: How much faster than the real Apify's the sandbox's waits are.
_TIME_SCALE = 1000


@dataclass
class Agency:
    """An agency at work: its web process and worker, the ledger, and the sandbox that stands in for Apify."""

    children: Children
    ledger: Ledger
    sandbox: SandboxApify
    #: Most memory that was seen, in MB (PSS), by process.
    most_mb: dict[str, float]

    def call(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the web process."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            self.children.environ["PUBLIC_URL"] + path,
            data=None if body is None else orjson.dumps(body),
            headers={"Authorization": f"Bearer {_TOKEN}", "Content-Type": "application/json"},
        )
        with direct.open(request, timeout=120) as answer:
            found: dict[str, Any] = orjson.loads(answer.read())
            return found

    def look(self) -> None:
        """Remember how much memory web and worker use now, and see to it that they live."""
        self.children.check()
        for name, pids in self.pids().items():
            now = sum(_pss_mb(pid) for pid in pids)
            self.most_mb[name] = max(self.most_mb.get(name, 0.0), now)

    def cpu_seconds(self) -> float:
        """Give the processor time that web and worker have used so far."""
        return sum(_cpu(pid) for pids in self.pids().values() for pid in pids)

    def pids(self) -> dict[str, list[int]]:
        """Name the processes of web and worker."""
        return {
            name: _family(process.pid)
            for name, process in self.children.running()
            if name in ("web", "worker")
        }


@contextmanager
def at_work(size: int, leads_each: int, *, sandbox: Mapping[str, Any], **settings: str) -> Iterator[Agency]:
    """Start an agency of so many clients and leads each, on a ledger of its own if none is given."""
    with (
        tempfile.TemporaryDirectory() as folder,
        SandboxApify(token=_TOKEN, time_scale=_TIME_SCALE, **sandbox) as apify,
    ):
        ledger = Ledger(settings.get("DATABASE_URL") or f"sqlite:///{folder}/harvester.db")
        found(ledger, size, leads_each)
        port = free_port()
        environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "DATABASE_URL": f"sqlite:///{folder}/harvester.db",
            "PORT": str(port),
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "API_TOKENS": _TOKEN,
            "WEBHOOK_SECRETS": secrets.token_hex(32),
            "APIFY_TOKEN": _TOKEN,
            "APIFY_API_URL": apify.url,
            "COST_SETTLE_SECONDS": "0.05",
            "DAILY_BUDGET_USD": "1000",
            **settings,
        }
        with Children(Path(folder), environ) as children:
            children.start("web", ["-m", "harvester.cli", "serve"])
            children.start("worker", ["-m", "harvester.cli", "worker"])
            children.wait_for_url(f"{environ['PUBLIC_URL']}/readyz", 60)
            try:
                yield Agency(children, ledger, apify, {})
            finally:
                ledger.close()


def found(ledger: Ledger, size: int, leads_each: int) -> None:
    """Store invented clients and their leads."""
    schema.migrate(ledger)
    now = datetime.now(UTC)
    for number in range(size):
        client_id = f"Client-{number:04d}"
        urls = [f"https://www.linkedin.com/in/lead-{number:04d}-{lead:03d}" for lead in range(leads_each)]
        with ledger.write() as tx:
            clients.add(tx, _client(client_id, number, 2 * leads_each, now))
            leads.add(
                tx,
                client_id,
                [
                    {"profile_url": url, "given_url": url, "name": None, "extra": {}, "created_at": now}
                    for url in urls
                ],
            )


def _client(client_id: str, number: int, target: int, now: datetime) -> Client:
    return Client(
        client_id=client_id,
        name=client_id,
        status="Active",
        service_level=2,
        daily_target=target,
        batch_size=20,
        max_batches=10,
        stream=1 + number % 3,
        timezone="UTC",
        airtable_base=None,
        created_at=now,
    )


def until(agency: Agency, done: Any, *, seconds: float) -> float:
    """Wait until `done()`; returns how many seconds that took. Raises `TimeoutError`."""
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"not within {seconds} s")
        agency.look()
        time.sleep(0.25)
    return time.monotonic() - began


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(int(child) for child in children)]


def _pss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
