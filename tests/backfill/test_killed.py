"""A backfill that is killed goes on from its cursor, and one at a time reads one source."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from cli.processes import HARVESTER, environment, processes_in
from factories import make_client, make_leads
from gateway import TOKEN, ended, start
from sqlalchemy import func, select, update

from harvester.apify import Apify
from harvester.ledger import Ledger
from harvester.ledger.post_tables import backfills
from harvester.ledger.tables import locks, posts
from harvester.sandbox.apify import SandboxApify

pytestmark = pytest.mark.slow
ITEMS = 6_000
URL = "https://www.linkedin.com/in/lead-0"


def post(number: int) -> dict[str, object]:
    key = 7_300_000_000_000_000_000 + number
    return {"type": "post", "id": str(key), "content": f"Post {number}", "query": {"targetUrl": URL}}


def count(ledger: Ledger) -> int:
    with ledger.read() as tx:
        return int(tx.execute(select(func.count()).select_from(posts)).scalar_one())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_backfill_that_is_ended_goes_on_from_its_cursor(
    ledger: Ledger, tmp_path: Path, how: signal.Signals
) -> None:
    make_client(ledger, "Guy-Wilson")
    (lead,) = make_leads(ledger, "Guy-Wilson", 1)
    with SandboxApify(token=TOKEN, time_scale=1000) as sandbox, processes_in(tmp_path) as processes:
        apify = Apify(token=TOKEN, api_url=sandbox.url, timeout_seconds=5)
        run = ended(apify, start(apify, "ann"))
        items = [{**post(number), "query": {"targetUrl": lead.profile_url}} for number in range(ITEMS)]
        sandbox.put_items(run.id, items)
        environ = environment(
            DATABASE_URL=ledger.url.render_as_string(hide_password=False),
            APIFY_API_URL=sandbox.url,
            APIFY_TOKEN=TOKEN,
        )
        asked = (*HARVESTER, "backfill", "--actor-run", run.id, "--client", "Guy-Wilson", "--apply", "--json")
        sandbox.inject("slow", method="GET", path="/v2/datasets/*/items", seconds=2.5, times=None)
        first = processes.start(*asked, environ=environ)
        while not 0 < count(ledger) < ITEMS:
            assert first.popen.poll() is None, first.output
            time.sleep(0.05)
        second = processes.start(*asked, environ=environ)
        assert second.popen.wait(60) == 3, second.output
        assert "is at work" in second.output
        first.popen.send_signal(how)
        first.popen.wait(30)
        stored = count(ledger)
        assert 0 < stored < ITEMS
        sandbox.faults = []
        if how is signal.SIGKILL:
            with ledger.write() as tx:  # as if the time had passed for which a dead one is believed to live
                which = locks.c.name.like("backfill %")
                tx.execute(update(locks).where(which).values(until=func.now()))
        third = processes.start(*asked, environ=environ)
        assert third.popen.wait(90) == 0, third.output
        assert f'"beganAt": {stored}' in third.output
        assert count(ledger) == ITEMS
        assert len(sandbox.ledger().starts) == 1
    with ledger.read() as tx:
        (row,) = tx.execute(select(backfills)).all()
    assert (row.state, row.cursor, row.posts_new) == ("finished", ITEMS, ITEMS)
