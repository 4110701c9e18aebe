"""An agency with a finished harvest in the ledger and in a sandbox Airtable, for tests to damage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from factories import NOW, RUN_ID, end_run, found, make_client, make_leads, make_post, make_run, make_settings

from harvester.ledger import Ledger, job_runs, outbox, posts
from harvester.models import ClientRunStatus, LeadStatus
from harvester.sandbox.airtable import SandboxAirtable
from harvester.sandbox.airtable.agency import MASTER_ID, client_base, client_row, master_base
from harvester.sandbox.airtable.model import Record
from harvester.settings import Settings
from services import Services, build, run_records
from services.consistency import Consistency, consistency

TOKEN = "patNobodyMayEver.ReadThisOne"
CLIENTS = ("Ada", "Bo-Li")
RUNS = (RUN_ID, "261122-060000")
#: What Airtable's tables of an agency are keyed by.
KEYS = {
    "Client Run Results": "Run ID",
    "Job Tracking": "Run ID",
    "Apify": "Apify Run ID",
    "Posts": "Post Key",
}


def base_of(client_id: str) -> str:
    """Give the ID of a client's base."""
    return f"appClientBase{CLIENTS.index(client_id):04}"


def settings_for(sandbox: SandboxAirtable, **more: object) -> Settings:
    """Give settings with Airtable on, at the sandbox, as fast as it goes."""
    return make_settings(
        airtable_api_key=TOKEN,
        master_clients_base_id=MASTER_ID,
        airtable_api_url=sandbox.url,
        airtable_base_interval_seconds=0.001,
        airtable_token_interval_seconds=0.001,
        airtable_delay_seconds=0.001,
        airtable_timeout_seconds=5,
        airtable_fence_seconds=6,
        airtable_lockout_seconds=0.05,
        check_seconds=86_400,
        **more,
    )


def sandbox_of_agency(**posts_as: str) -> SandboxAirtable:
    """Build a sandbox with the master base and the clients' bases, without its limits."""
    rows = [client_row(client_id, base_of(client_id)) for client_id in CLIENTS]
    bases = [client_base(base_of(one), posts_as.get(one.replace("-", "_"), "table")) for one in CLIENTS]  # type: ignore[arg-type]
    return SandboxAirtable(
        token=TOKEN,
        bases=[master_base(clients=rows), *bases],
        base_requests=0,
        token_requests=0,
        time_scale=1_000,
    )


@dataclass
class Agency:
    """One process with Airtable on."""

    sandbox: SandboxAirtable
    services: Services

    @property
    def ledger(self) -> Ledger:
        return self.services.ledger

    def check(
        self, pause: Callable[[float], bool] = lambda _seconds: False, *, now: datetime | None = None
    ) -> Consistency:
        """Build the check, as it is now or at another time."""
        built = self.services
        return consistency(
            built.settings,
            built.ledger,
            built.settle,
            built.reconcile,
            built.airtable,
            built.clock if now is None else lambda: now,
            pause=pause,
        )

    def send(self) -> None:
        """Send what Airtable is owed, as workers do."""
        side = self.services.airtable
        assert side is not None
        for _ in range(200):
            with self.ledger.read() as tx:
                waiting = tx.connection.exec_driver_sql(
                    "select count(*) from outbox where due_at is not null"
                )
                if not waiting.scalar_one():
                    return
            for base, kind in side.mirror.due():
                side.mirror(base, kind)
        raise AssertionError("it sends for ever")


@contextmanager
def opened_agency(sandbox: SandboxAirtable, ledger: Ledger) -> Iterator[Agency]:
    """Build the services on a ledger and a running sandbox."""
    services = build(settings_for(sandbox), ledger=ledger)
    try:
        yield Agency(sandbox, services)
    finally:
        if services.airtable is not None:
            services.airtable.close()


def harvest(agency: Agency, *, posts_each: int = 3) -> None:
    """Have two finished client runs of each client, with leads that Airtable shows and posts."""
    for client_id in CLIENTS:
        make_client(agency.ledger, client_id, airtable_base=base_of(client_id))
        leads = make_leads(agency.ledger, client_id, 2, status=LeadStatus.DONE)
        rows = {
            agency.sandbox.add(
                base_of(client_id),
                "Leads",
                {"LinkedIn Profile URL": lead.profile_url, "Posts Harvest Status": "Done"},
            ): lead.id
            for lead in leads
        }
        with agency.ledger.write() as tx:
            outbox.map_leads(tx, base_of(client_id), client_id, rows, now=NOW)
        for number, run_id in enumerate(RUNS):
            at = NOW + timedelta(hours=number)
            (run,) = make_run(agency.ledger, [leads], client_id=client_id, run_id=run_id, now=at)
            ended = end_run(
                agency.ledger, run, now=at, apify_run_id=f"Apify{run.id:012}", apify_status="SUCCEEDED"
            )
            with agency.ledger.write() as tx:
                some = [found(make_post(f"7329{number}{i:05}"), leads[0]) for i in range(posts_each)]
                posts.store(tx, ended, some, now=at)
            _complete(agency, run.client_run_id, at)
    with agency.ledger.write() as tx:
        for run_id in RUNS:
            job_runs.close(tx, run_id, status=ClientRunStatus.COMPLETED, now=NOW)


def _complete(agency: Agency, full_id: str, now: datetime) -> None:
    with agency.ledger.write() as tx:
        record = run_records.get(tx, full_id)
        assert record is not None
        run_records.complete(tx, record, ClientRunStatus.COMPLETED, source="settle", note="all done", now=now)


def taken_away(sandbox: SandboxAirtable, base: str, table: str) -> Record:
    """Delete the first record of a table, as a person does; gives it as it was."""
    record_id = sandbox.records(base, table)[0]["id"]
    found = sandbox.base(base).table(table)
    assert found is not None
    record = found.records[record_id]
    sandbox.delete(base, table, record_id)
    return record


def brought_back(sandbox: SandboxAirtable, base: str, table: str, record: Record) -> None:
    """Undo the deletion of a record: it has its ID again."""
    found = sandbox.base(base).table(table)
    assert found is not None
    with sandbox.base(base).lock:
        found.records[record.id] = record
        found._indexes.clear()
