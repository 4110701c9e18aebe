"""Ten thousand requests that mean harm, to the real server: no 5xx, no hang, no effect, no call of ours."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from cli.processes import (
    API_TOKEN,
    HARVESTER,
    SECRETS,
    Process,
    environment,
    free_port,
    processes_in,
    until_ready,
)
from factories import make_client, make_leads, opened
from flow.on_airtable import TOKEN as AIRTABLE_TOKEN
from flow.on_airtable import base_id
from pages.operator import page_settings
from sqlalchemy import func, select
from web.asking import opened_web

from harvester.ledger import Ledger, tables
from harvester.sandbox.airtable import SandboxAirtable
from harvester.sandbox.airtable.agency import MASTER_ID, client_base, client_row, master_base
from harvester.sandbox.apify import SandboxApify

from .hostile_requests import Spoiler, answer_of

COUNT: Final = 10_000
_CLIENT: Final = "Hostile-0"
#: Of strangers: none, wrong ones, and those that are ours elsewhere.
_STRANGERS: Final = (None, "wrong", SECRETS["APIFY_TOKEN"], SECRETS["WEBHOOK_SECRETS"], "ph1.x.y", "é\x07")
#: What a stranger may leave behind: that sign-ins failed, and what a process notes of itself.
_OF_NO_CONCERN: Final = {"sign_ins", "locks", "pulses", "self_checks"}


@dataclass
class Fortress:
    """The web process, and everybody it could be made to call."""

    port: int
    web: Process
    ledger: Ledger
    apify: SandboxApify
    airtable: SandboxAirtable

    def holds(self) -> dict[str, int]:
        """Count what the ledger holds."""
        with self.ledger.read() as tx:
            every = tables.metadata.tables.items()
            return {
                name: int(tx.execute(select(func.count()).select_from(table)).scalar_one())
                for name, table in every
                if name not in _OF_NO_CONCERN
            }

    def calls(self) -> tuple[int, int]:
        """Count the calls that Apify and Airtable had."""
        return sum(self.apify.ledger().calls.values()), self.airtable.ledger().calls()


@contextmanager
def fortress(folder: Path, ledger_file: Path) -> Iterator[Fortress]:
    """Start it on a ledger with a client whose leads are due."""
    url = f"sqlite:///{ledger_file}"
    base = base_id(_CLIENT)
    bases = [master_base(clients=[client_row(_CLIENT, base)]), client_base(base)]
    with (
        SandboxApify(token=SECRETS["APIFY_TOKEN"]) as apify,
        SandboxAirtable(bases=bases, token=AIRTABLE_TOKEN) as airtable,
        processes_in(folder) as processes,
        opened(url) as ledger,
    ):
        make_client(ledger, _CLIENT, airtable_base=base)
        make_leads(ledger, _CLIENT, 3)
        port = free_port()
        asked = {name.upper(): value for name, value in page_settings().items()}
        asked |= {"DATABASE_URL": url, "PORT": port, "PUBLIC_URL": f"http://127.0.0.1:{port}"}
        asked |= {
            "APIFY_API_URL": apify.url,
            "AIRTABLE_API_URL": airtable.url,
            "AIRTABLE_API_KEY": AIRTABLE_TOKEN,
        }
        asked |= {"MASTER_CLIENTS_BASE_ID": MASTER_ID, "LOG_FORMAT": "json"}
        web = processes.start(*HARVESTER, "serve", environ=environment(**asked))
        until_ready(f"http://127.0.0.1:{port}", lambda: web.output)
        yield Fortress(port, web, ledger, apify, airtable)


def sent(house: Fortress, requests: Iterator[bytes]) -> Counter[int | None]:
    """Send all of them, eight at a time. Gives how often each status was answered."""
    with ThreadPoolExecutor(8) as pool:
        found: Counter[int | None] = Counter()
        for status, told in pool.map(partial(answer_of, house.port), requests):
            assert status is None or status < 500, told[:2_000]
            assert b"Traceback" not in told
            found[status] += 1
    return found


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_ten_thousand_hostile_requests_break_and_change_nothing(tmp_path: Path, migrated_file: Path) -> None:
    """Four of five are a stranger's; the others have the API's token, and may break nothing all the same."""
    file = Path(shutil.copyfile(migrated_file, tmp_path / "ledger.db"))
    with opened_web(f"sqlite:///{file}", **page_settings()) as web:
        spoiler = Spoiler(web.app, seed=7)
    with fortress(tmp_path, file) as house:
        began, before, calls = time.monotonic(), house.holds(), house.calls()
        statuses = sent(house, spoiler.requests(COUNT * 4 // 5, _STRANGERS))
        assert house.holds() == before
        assert house.calls() == calls
        assert statuses[401] > COUNT // 10
        assert statuses[None] < COUNT // 50
        statuses += sent(house, spoiler.requests(COUNT // 5, (API_TOKEN,)))
        assert not house.apify.ledger().starts
        assert statuses.total() == COUNT
        assert time.monotonic() - began < 240
        assert house.web.popen.poll() is None
        assert "Traceback" not in house.web.output
