"""A house in which every secret is a canary: real processes, and all that comes out of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alert_receiver import Receiver
from argon2 import PasswordHasher
from cli.processes import HARVESTER, Process, Processes, group_members, processes_in, until_ready
from cli.processes import environment as environ_of
from factories import opened
from flow.on_airtable import base_id, profile
from flow.stage import Answer, call
from observability.collector import Collector, collecting
from sqlalchemy import inspect, text

from harvester.cli.children import free_port
from harvester.ledger import Ledger
from harvester.sandbox.airtable import SandboxAirtable
from harvester.sandbox.airtable.agency import MASTER_ID, client_base, client_row, master_base
from harvester.sandbox.apify import SandboxApify
from harvester.webhook_tokens import TokenSigner

from .canaries import canary, word

_TESTS = Path(__file__).parent.parent
CLIENT = "Guy-Wilson"
HANDLES = ("ada-one", "bea-two", "frida-fails")
_TIMERS = {
    "TICK_SECONDS": 0.1,
    "RECONCILE_SECONDS": 1,
    "UNKNOWN_START_SECONDS": 2,
    "INPUT_LAG_SECONDS": 1,
    "LOOK_AGAIN_SECONDS": 0.2,
    "RETRY_BASE_SECONDS": 0.05,
    "COST_SETTLE_SECONDS": 0.1,
    "ITEMS_LAG_SECONDS": 1,
    "NOT_NOW_SECONDS": 0.5,
    "CLIENTS_FRESH_SECONDS": 0.2,
    "AIRTABLE_DELAY_SECONDS": 0.05,
}


@dataclass
class LeakHouse:
    """What runs, and what came out of it; `secrets` are the canaries by their purpose."""

    url: str
    secrets: dict[str, str]
    environ: dict[str, str]
    apify: SandboxApify
    airtable: SandboxAirtable
    ledger: Ledger
    collector: Collector
    alerts: Receiver
    processes: Processes
    folder: Path
    places: list[tuple[str, bytes]] = field(default_factory=list)

    def ask(self, method: str, path: str, body: object = None, *, keep: bool = True, **how: Any) -> Answer:
        """Ask the service, with its token unless another is given, and keep what it answers."""
        answer = call(method, self.url + path, body, **{"token": self.secrets["API_TOKENS"], **how})
        if keep:
            said = "\n".join(f"{name}: {value}" for name, value in answer.headers.items()).encode()
            self.places.append((f"{method} {path} -> {answer.status}", said + b"\n" + answer.body))
        return answer

    def start(self, *commands: str, environ: dict[str, str] | None = None) -> Process:
        """Start a process that runs these commands one after the other."""
        arguments = ("-m", "security.several_commands", *commands)
        paths = os.pathsep.join((str(_TESTS), str(_TESTS.parent), os.environ.get("PYTHONPATH", "")))
        return self.processes.start(*arguments, environ=(environ or self.environ) | {"PYTHONPATH": paths})

    def commands(self, *commands: str) -> str:
        """Run commands to their ends; give what they print."""
        process = self.start(*commands)
        process.wait(120)
        return process.output

    def printed_on_purpose(self) -> None:
        """Leave out what the last process printed: it is there to be handed to somebody."""
        self.processes._started.pop()

    def until(self, true: Callable[[], Any], seconds: float = 60) -> Any:
        """Wait until something holds, and give it."""
        deadline = time.monotonic() + seconds
        while not (held := true()):
            assert time.monotonic() < deadline, self.logs()[-3_000:]
            time.sleep(0.05)
        return held

    def logs(self) -> str:
        """Give what all processes have printed."""
        return "".join(one.output for one in self.processes._started)

    def run(self, full_id: str) -> dict[str, Any]:
        """Give a client run as the API has it."""
        shown: dict[str, Any] = self.ask("GET", f"/api/runs/{full_id}", keep=False).json["run"]
        return shown

    def webhook_tokens(self) -> dict[str, str]:
        """Give the token of every actor run, as the worker signed it."""
        with self.ledger.read() as tx:
            rows = tx.execute(text("select id, marker, client_id from actor_runs")).all()
        keys = [self.secrets["WEBHOOK_SECRETS"], self.secrets["WEBHOOK_SECRETS of before"]]
        signer = TokenSigner(_secret(keys))
        return {f"webhook token {row.id}": signer.sign(row.marker, 1, row.client_id) for row in rows}

    def everything(self) -> list[tuple[str, bytes]]:
        """Give all that was printed, answered, stored, sent elsewhere, and is seen by `ps`."""
        found = list(self.places)
        found += [(f"output {n}", one.output.encode()) for n, one in enumerate(self.processes._started)]
        found += [("command lines", "\n".join(self.command_lines()).encode())]
        found += [(f"ledger: {table}", content) for table, content in dumped(self.ledger)]
        found += [
            (f"Airtable: {base} {table}", repr(self.airtable.records(base, table)).encode())
            for base, tables in self.airtable.ledger().rows.items()
            for table in tables
        ]
        found += [("traces", body) for body in self.collector.bodies]
        found += [("alerts", told.encode()) for told in self.alerts.told]
        found += [
            (f"file {path.relative_to(self.folder)}", path.read_bytes())
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and path.suffix != ".log"
        ]
        return found

    def command_lines(self) -> list[str]:
        """Give the command line of every process of ours."""
        return [line for one in self.processes._started for line in group_members(one.popen.pid)]


def _secret(keys: list[str]) -> Any:
    from pydantic import SecretStr

    return tuple(SecretStr(key) for key in keys)


def dumped(ledger: Ledger) -> Iterator[tuple[str, bytes]]:
    """Give every table of the ledger's database, the queue's among them where it lives there too."""
    with ledger.read() as tx:
        for table in inspect(tx.connection).get_table_names():
            rows = tx.execute(text(f'select * from "{table}"')).all()
            yield table, b"\n".join(_bytes(value) for row in rows for value in row)


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def _alert_url(receiver: str, planted: dict[str, str]) -> str:
    return f"json://user:{planted['password of ALERT_URLS']}@{receiver}/{planted['path of ALERT_URLS']}"


def _planted() -> dict[str, str]:
    """Make all secrets that there are."""
    return {
        "APIFY_TOKEN": f"apify_api_{word()}",
        "API_TOKENS": canary("api"),
        "API_TOKENS of before": canary("older"),
        "WEBHOOK_SECRETS": canary("signing"),
        "WEBHOOK_SECRETS of before": canary("signed"),
        "APIFY_WEBHOOK_TOKEN": canary("static"),
        "AIRTABLE_API_KEY": f"pat{word()[:14]}.{word()}",
        "SECRET_KEY": canary("sessions"),
        "SCORING_API_KEY": canary("sk"),
        "password of DATABASE_URL": word(),
        "path of HEARTBEAT_URL": word(),
        "path of ALERT_URLS": word(),
        "password of ALERT_URLS": word(),
        "password of the operator": canary("password"),
    }


@contextmanager
def leak_house(folder: Path, database_url: str, **settings: object) -> Iterator[LeakHouse]:
    """Start everything, with every log at DEBUG; end it afterwards. The ledger must be migrated."""
    planted = _planted()
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(
        planted["password of the operator"]
    )
    planted["OPERATOR_PASSWORD_HASH"] = hashed.rpartition("$")[2]
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    people = [
        {"LinkedIn Profile URL": profile(one), "Date Created": "2026-11-20T00:00:00.000Z"} for one in HANDLES
    ]
    bases = [
        master_base(clients=[client_row(CLIENT, base_id(CLIENT), **{"Posts Daily Target": 1_000})]),
        client_base(base_id(CLIENT), leads=people),
    ]
    with ExitStack() as stack:
        apify = stack.enter_context(
            SandboxApify(token=planted["APIFY_TOKEN"], seed=7, time_scale=600.0, run_seconds=0.3)
        )
        airtable = stack.enter_context(
            SandboxAirtable(bases=bases, token=planted["AIRTABLE_API_KEY"], base_requests=0, token_requests=0)
        )
        collector = stack.enter_context(collecting())
        alerts = stack.enter_context(closing(Receiver()))
        processes = stack.enter_context(processes_in(folder))
        receiver = alerts.url.get_secret_value().removeprefix("json://").partition("/")[0]
        environ = environ_of(
            **_TIMERS,
            DATABASE_URL=database_url.replace(
                "postgres@", f"postgres:{planted['password of DATABASE_URL']}@"
            ),
            PORT=port,
            PUBLIC_URL=url,
            APIFY_API_URL=apify.url,
            APIFY_TOKEN=planted["APIFY_TOKEN"],
            API_TOKENS=f"{planted['API_TOKENS']},{planted['API_TOKENS of before']}",
            WEBHOOK_SECRETS=f"{planted['WEBHOOK_SECRETS']},{planted['WEBHOOK_SECRETS of before']}",
            APIFY_WEBHOOK_TOKEN=planted["APIFY_WEBHOOK_TOKEN"],
            AIRTABLE_API_KEY=planted["AIRTABLE_API_KEY"],
            AIRTABLE_API_URL=airtable.url,
            MASTER_CLIENTS_BASE_ID=MASTER_ID,
            SECRET_KEY=planted["SECRET_KEY"],
            OPERATOR_PASSWORD_HASH=hashed,
            SCORING_API_KEY=planted["SCORING_API_KEY"],
            SCORING_BASE_URL="http://127.0.0.1:9/v1",
            SCORING_MODEL="some-model",
            HEARTBEAT_URL=f"http://{receiver}/{planted['path of HEARTBEAT_URL']}?state=well",
            ALERT_URLS=_alert_url(receiver, planted),
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            LOG_LEVEL="DEBUG",
            **settings,
        )
        web = processes.start(*HARVESTER, "serve", environ=environ)
        worker = processes.start(*HARVESTER, "worker", environ=environ | {"LOG_FORMAT": "json"})
        until_ready(url, lambda: web.output)
        worker.wait_for("Worker started")
        ledger = stack.enter_context(opened(database_url))
        yield LeakHouse(url, planted, environ, apify, airtable, ledger, collector, alerts, processes, folder)
