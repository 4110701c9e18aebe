"""A real web process is killed in mid-kickoff, again and again, and it comes out the same."""

from __future__ import annotations

import http.client
import random
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from cli.processes import (
    API_TOKEN,
    HARVESTER,
    Process,
    Processes,
    environment,
    free_port,
    processes_in,
    until,
    until_ready,
)
from factories import opened

from harvester.ledger import Ledger
from harvester.sandbox.apify import SandboxApify

from .agency import AGENCY, MARKER_KEY, SANDBOX_TOKEN, found, harvested, over, sandbox, wrongs

TIMERS = {
    "TICK_SECONDS": 0.1,
    "RECONCILE_SECONDS": 1,
    "UNKNOWN_START_SECONDS": 4,
    "RETRY_BASE_SECONDS": 0.2,
    "LEASE_SECONDS": 2,
    "APIFY_TIMEOUT_SECONDS": 1.5,
    "COST_SETTLE_SECONDS": 0.3,
    "ITEMS_LAG_SECONDS": 2,
    "NOT_NOW_SECONDS": 0.3,
    "QUEUED_SECONDS": 1,
    "WORKER_THREADS": 4,
    "WEB_WORKERS": 1,
}
COMMANDS = {"web": (*HARVESTER, "serve"), "worker": (*HARVESTER, "worker")}


@dataclass
class Agency:
    """The agency at work: its ledger, its sandbox, and its two processes."""

    ledger: Ledger
    apify: SandboxApify
    processes: Processes
    environ: dict[str, str]
    running: dict[str, Process] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start the web process or the worker."""
        self.running[name] = self.processes.start(*COMMANDS[name], environ=self.environ)

    def kill(self, name: str) -> None:
        """Kill one of them with all its children, and start it again at once."""
        self.running[name].kill()
        self.start(name)

    def kick_off(self) -> None:
        """Ask for a harvest of every client, as a cron job would: until there is an answer."""
        for client_id in AGENCY:
            until(lambda client_id=client_id: self._accepted(client_id), 30, self.told)  # type: ignore[misc]

    def _accepted(self, client_id: str) -> bool:
        request = urllib.request.Request(
            f"{self.environ['PUBLIC_URL']}/api/apify/process-client",
            data=orjson.dumps({"clientId": client_id}),
            headers={
                "Authorization": f"Bearer {API_TOKEN}",
                "Content-Type": "application/json",
                "Idempotency-Key": f"daily-{client_id}",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return bool(answer.status == 202)
        except urllib.error.HTTPError as error:
            with error:
                if error.code < 500:
                    raise
                return False
        except (OSError, http.client.HTTPException):
            return False

    def told(self) -> str:
        """Tell what the processes said."""
        logs = [
            f"--- {log}\n{log.read_text()[-4_000:]}" for log in sorted(self.processes.folder.glob("*.log"))
        ]
        return "\n".join(logs)


@contextmanager
def at_work(url: str, folder: Path) -> Iterator[Agency]:
    """Set the agency up, with its processes running."""
    port = free_port()
    with (
        opened(url) as ledger,
        sandbox(time_scale=60, run_seconds=1) as apify,
        processes_in(folder) as processes,
    ):
        found(ledger, batch_size=3)
        environ = environment(
            DATABASE_URL=url,
            APIFY_API_URL=apify.url,
            APIFY_TOKEN=SANDBOX_TOKEN,
            PORT=port,
            PUBLIC_URL=f"http://127.0.0.1:{port}",
            **TIMERS,
        )
        agency = Agency(ledger, apify, processes, environ)
        for name in COMMANDS:
            agency.start(name)
        until_ready(environ["PUBLIC_URL"], agency.told)
        yield agency


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> dict[str, Any]:
    """What the harvest brings when nobody dies."""
    folder = tmp_path_factory.mktemp("undisturbed")
    file = folder / "ledger.db"
    file.write_bytes(migrated_file.read_bytes())
    with at_work(f"sqlite:///{file}", folder) as agency:
        agency.kick_off()
        until(lambda: over(agency.ledger), 30, agency.told)
        assert not wrongs(agency.ledger, Counter(agency.apify.ledger().starts_by(MARKER_KEY)))
        return harvested(agency.ledger)


@pytest.mark.slow
def test_a_web_process_killed_in_mid_kickoff_makes_one_record_of_each(
    sqlite_url: str, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    chance = random.Random(4)
    with at_work(sqlite_url, tmp_path) as agency:
        asking = threading.Thread(target=agency.kick_off)
        asking.start()
        for _ in range(2):
            wait = chance.uniform(0.0, 0.05)
            time.sleep(wait)
            print(f"killed the web process {wait:.3f} s later")
            agency.kill("web")
            until_ready(agency.environ["PUBLIC_URL"], agency.told)
        asking.join(30)
        until(lambda: over(agency.ledger), 40, agency.told)
        assert not wrongs(agency.ledger, Counter(agency.apify.ledger().starts_by(MARKER_KEY))), agency.told()
        assert harvested(agency.ledger) == undisturbed, agency.told()
