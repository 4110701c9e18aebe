"""What the demo says of its Airtable: only that which is there, and everything that is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from factories import NOW, found, make_post, make_run
from rich.console import Console
from sqlalchemy import update

from harvester.cli import demo_agency, demo_airtable, demo_bases, demo_bases_display
from harvester.cli.demo_agency import CLIENTS
from harvester.ledger import Ledger, leads, posts, tables
from harvester.models import LeadStatus
from harvester.sandbox.airtable import SandboxAirtable
from harvester.sandbox.airtable.seeds import read_seed
from services.overview import Overview

AURORA, _, CEDAR = CLIENTS
MASTER = demo_airtable.MASTER_BASE


class Agency:
    """The demo's ledger and Airtable after one batch of two clients, each post of it under two leads."""

    def __init__(self, ledger: Ledger, airtable: SandboxAirtable) -> None:
        self.airtable = airtable
        self._ledger = ledger
        self.overview = Overview(ledger)
        demo_agency.found(ledger, NOW)
        self._harvested(AURORA, "261122-050000")
        self._harvested(CEDAR, "261122-050001")
        self.runs = self.overview.runs(limit=10).rows

    def _harvested(self, client: demo_agency.Invented, run_id: str) -> None:
        urls = [demo_agency.profile_url(handle) for handle in client.handles()[:2]]
        with self._ledger.read() as tx:
            seen = leads.by_urls(tx, client.client_id, urls)
        (batch,) = make_run(self._ledger, [seen], client_id=client.client_id, run_id=run_id)
        made = [make_post("1"), make_post("2")]
        status = LeadStatus.DONE
        with self._ledger.write() as tx:
            these = tables.leads.c.id.in_([lead.id for lead in seen])
            state = {"status": status, "client_run_id": batch.client_run_id}
            tx.execute(update(tables.leads).where(these).values(**state))
            posts.store(tx, batch, [found(post, lead) for post in made for lead in seen], now=NOW)
        full_id = batch.client_run_id
        self.airtable.add(MASTER, "Client Run Results", {"Run ID": full_id, "Status": "Running"})
        self.airtable.add(MASTER, "Job Tracking", {"Run ID": run_id, "Status": "Running"})
        records = [one["id"] for one in self.rows(client, "Leads") if one["fields"][_URL] in urls]
        shown = {"Posts Harvest Status": status.value, "Posts Harvest Run ID": full_id}
        entries = [{"postKey": post.post_key, "postContent": post.text} for post in made]
        for record in records:
            self.airtable.edit(client.base, "Leads", record, shown)
            if client is CEDAR:
                content = orjson.dumps(entries).decode()
                self.airtable.edit(client.base, "Leads", record, {"Posts Content": content})
        for post in made if client is AURORA else []:
            self.airtable.add(client.base, "Posts", {"Post Key": post.post_key, "Lead": records})

    def rows(self, client: demo_agency.Invented, table: str) -> list[dict[str, Any]]:
        return self.airtable.records(client.base, table)

    def first(self, base: str, table: str, **said: object) -> str:
        """Give the ID of the first record that says this."""
        rows = self.airtable.records(base, table)
        return next(str(one["id"]) for one in rows if said.items() <= one["fields"].items())

    def differences(self) -> list[str]:
        return demo_bases.differences(demo_bases.read(self.airtable.url), self.overview, self.runs)

    def content(self, entries: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
        """Change what the first lead with Posts Content has there."""
        row = next(one for one in self.rows(CEDAR, "Leads") if "Posts Content" in one["fields"])
        changed = entries(orjson.loads(row["fields"]["Posts Content"]))
        self.airtable.edit(CEDAR.base, "Leads", row["id"], {"Posts Content": orjson.dumps(changed).decode()})


_URL = "LinkedIn Profile URL"


@pytest.fixture
def agency(ledger: Ledger) -> Iterator[Agency]:
    bases = read_seed({"bases": demo_airtable.bases(NOW)})
    with SandboxAirtable(bases=bases) as airtable:
        yield Agency(ledger, airtable)


def test_nothing_is_wrong_where_everything_is_once(agency: Agency) -> None:
    assert agency.differences() == []


def _first_post(agency: Agency) -> str:
    return agency.first(AURORA.base, "Posts")


def _run(agency: Agency) -> str:
    return agency.first(MASTER, "Client Run Results")


def _not_due(agency: Agency) -> str:
    return agency.first(AURORA.base, "Leads", **{"Posts Harvest Status": "Done"})


#: What a mirror could get wrong, and the place that is named then.
WRONGS: dict[str, tuple[Callable[[Agency], object], str]] = {
    "a post is missing": (
        lambda it: it.airtable.delete(AURORA.base, "Posts", _first_post(it)),
        "Posts of Aurora-Advisory: 1 under",
    ),
    "a post is there twice": (
        lambda it: it.airtable.add(
            AURORA.base, "Posts", it.rows(AURORA, "Posts")[0]["fields"] | {"Post Text": "again"}
        ),
        "Posts of Aurora-Advisory: 1 under",
    ),
    "a post is under one lead alone": (
        lambda it: it.airtable.edit(
            AURORA.base,
            "Posts",
            _first_post(it),
            {"Lead": it.rows(AURORA, "Posts")[0]["fields"]["Lead"][:1]},
        ),
        "Posts of Aurora-Advisory: 1 under",
    ),
    "a post of nobody is there": (
        lambda it: it.airtable.add(AURORA.base, "Posts", {"Post Key": "99"}),
        "Posts of Aurora-Advisory: 99 under",
    ),
    "an entry is missing": (
        lambda it: it.content(lambda entries: entries[1:]),
        "Posts of Cedar-Works: 1 under",
    ),
    "an entry is there twice": (
        lambda it: it.content(lambda entries: [*entries, entries[0]]),
        "Posts of Cedar-Works: 1 under",
    ),
    "a client run is missing": (
        lambda it: it.airtable.delete(MASTER, "Client Run Results", _run(it)),
        "Client Run Results: 261122-05000",
    ),
    "a client run has another status": (
        lambda it: it.airtable.edit(MASTER, "Client Run Results", _run(it), {"Status": "Completed"}),
        "Client Run Results: 261122-05000",
    ),
    "a job run is there twice": (
        lambda it: it.airtable.add(MASTER, "Job Tracking", {"Run ID": "261122-050001", "Status": "Running"}),
        "Job Tracking: 261122-050001",
    ),
    "a lead has another state": (
        lambda it: it.airtable.edit(
            CEDAR.base,
            "Leads",
            it.first(CEDAR.base, "Leads", **{"Posts Harvest Status": "Done"}),
            {"Posts Harvest Status": "Processing"},
        ),
        "Leads of Cedar-Works: https://www.linkedin.com/in/",
    ),
    "a lead that was not due was harvested": (
        lambda it: it.airtable.edit(
            AURORA.base, "Leads", _not_due(it), {"Posts Harvest Run ID": "261122-050000-Aurora-Advisory"}
        ),
        "Leads of Aurora-Advisory: https://www.linkedin.com/in/rosa-lindqvist",
    ),
}


@pytest.mark.parametrize("wrong", WRONGS)
def test_what_is_wrong_is_named(wrong: str, agency: Agency) -> None:
    break_it, named = WRONGS[wrong]
    break_it(agency)
    told = agency.differences()
    assert told
    assert all(one.startswith(named) for one in told)


@pytest.mark.parametrize("width", [80, 140])
def test_no_table_is_folded_or_wider_than_the_terminal(width: int, agency: Agency) -> None:
    console = Console(width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(demo_bases_display.tables(demo_bases.read(agency.airtable.url)))
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= width
    for client_run in agency.runs:
        assert sum(f" {client_run['clientRunId']} " in line for line in lines) >= 2
    for client in CLIENTS:
        assert any(f" {client.base} " in line for line in lines)
