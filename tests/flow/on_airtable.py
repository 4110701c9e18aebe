"""A stage whose clients and leads are in a local Airtable, where the results are to be seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from harvester.sandbox.airtable import SandboxAirtable
from harvester.sandbox.airtable.agency import MASTER_ID, client_base, client_row, master_base

from .stage import Stage, staged

TOKEN = "patAirtableTestToken.0123456789abcdef"
TIME_SCALE = 40.0
RUNS, JOBS, ACTOR_RUNS = "Client Run Results", "Job Tracking", "Apify"
Row = dict[str, Any]


def base_id(client_id: str) -> str:
    """Give the base of a client."""
    return "app" + (client_id.replace("-", "") + "Base0000000000")[:14]


def profile(handle: str) -> str:
    return f"https://www.linkedin.com/in/{handle}"


class Agency:
    """The stage, and what its people see in Airtable."""

    def __init__(self, stage: Stage, airtable: SandboxAirtable) -> None:
        self.stage = stage
        self.airtable = airtable

    def rows(self, table: str, client_id: str | None = None) -> list[Row]:
        """Give the cells of a table's records: of a client's base, or of the master base."""
        base = MASTER_ID if client_id is None else base_id(client_id)
        return [record["fields"] for record in self.airtable.records(base, table)]

    def leads(self, client_id: str = "Guy-Wilson") -> dict[str, Row]:
        """Give the cells of a client's leads by handle."""
        rows = self.rows("Leads", client_id)
        return {row["LinkedIn Profile URL"].rpartition("/")[2]: row for row in rows}

    def lead_ids(self, client_id: str = "Guy-Wilson") -> dict[str, str]:
        """Give the record IDs of a client's leads by handle."""
        records = self.airtable.records(base_id(client_id), "Leads")
        return {one["fields"]["LinkedIn Profile URL"].rpartition("/")[2]: one["id"] for one in records}

    def in_step(self, seconds: float = 20.0) -> None:
        """Work until Airtable is owed nothing any more that it takes."""
        self.stage.work(lambda: not self.owed(), seconds)

    def owed(self) -> int:
        """Count the outbox rows that wait."""
        from harvester.ledger import outbox_counts

        with self.stage.ledger.read() as tx:
            return sum(count for _, _, stand, count in outbox_counts.counts(tx) if stand == "waiting")

    def harvest(self, client_id: str = "Guy-Wilson") -> Row:
        """Kick a client off and work until its run is over and Airtable shows it."""
        run = self.stage.finish(self.stage.kickoff(client_id), 30)
        self.in_step()
        return run


@contextmanager
def on_airtable(
    database_url: str,
    leads: Mapping[str, Sequence[str]],
    *,
    posts: Literal["table", "content"] = "table",
    clients: Mapping[str, Any] | None = None,
    airtable: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Iterator[Agency]:
    """Stage an agency: `leads` are handles by client, `clients` what its rows of Clients say besides."""
    rows = [
        client_row(one, base_id(one), **{"Posts Daily Target": 1_000, **(clients or {})}) for one in leads
    ]
    bases = [
        client_base(
            base_id(client_id),
            posts,
            leads=[
                {
                    "LinkedIn Profile URL": profile(handle),
                    "Date Created": f"2026-11-{20 - n % 19:02d}T00:00:00.000Z",
                }
                for n, handle in enumerate(handles)
            ],
        )
        for client_id, handles in leads.items()
    ]
    options = {"token": TOKEN, "time_scale": TIME_SCALE, **(airtable or {})}
    with SandboxAirtable(bases=[master_base(clients=rows), *bases], **options) as sandbox:
        timers = {
            "airtable_base_interval_seconds": 0.2222 / TIME_SCALE,
            "airtable_token_interval_seconds": 0.0222 / TIME_SCALE,
            "airtable_lockout_seconds": 30 / TIME_SCALE,
            "airtable_delay_seconds": 0.02,
            "clients_fresh_seconds": 0.1,
            "retry_base_seconds": 0.05,
        }
        keys = {
            "airtable_api_key": TOKEN,
            "airtable_api_url": sandbox.url,
            "master_clients_base_id": MASTER_ID,
        }
        with staged(database_url, **{**keys, **timers, **settings}) as stage:
            yield Agency(stage, sandbox)
