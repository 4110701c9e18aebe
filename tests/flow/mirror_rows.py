"""Rows of the ledger that Airtable is owed, made without a harvest; and what Airtable must show of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from factories import found, make_post, make_run

from harvester.airtable_schema import NOT_WRITABLE, adapt
from harvester.ledger import actor_runs, lead_records, leads, outbox, posts
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox_sending import Owed, due_targets, of_keys
from harvester.models import ActorRun, Lead
from harvester.posts import Post
from harvester.sandbox.airtable.agency import MASTER_ID
from services.airtable_side import AirtableSide
from services.mirror_records import TABLES, render

from .on_airtable import Agency, base_id, on_airtable, profile

CLIENT = "Guy-Wilson"
KEYS = {
    Kind.JOB_RUN: "Run ID",
    Kind.CLIENT_RUN: "Run ID",
    Kind.ACTOR_RUN: "Apify Run ID",
    Kind.LEAD: "LinkedIn Profile URL",
    Kind.POST: "Post Key",
}


class Owing:
    """An agency whose ledger is written to by hand, and whose mirror is turned by hand."""

    def __init__(self, agency: Agency) -> None:
        self.agency = agency
        self.stage = agency.stage
        self.ledger = agency.stage.ledger
        self.airtable = agency.airtable

    @property
    def side(self) -> AirtableSide:
        """The worker's side of Airtable."""
        assert self.stage.worker.airtable is not None
        return self.stage.worker.airtable

    def took_in(self, client_id: str = CLIENT) -> list[Lead]:
        """Let the ledger know a client and its leads, and which records show them. Nothing is owed by it."""
        assert self.side.read_clients() is None
        records = {profile(handle): one for handle, one in self.agency.lead_ids(client_id).items()}
        now = self.stage.clock()
        rows: list[dict[str, Any]] = [
            {"profile_url": url, "given_url": url, "name": None, "extra": {}, "created_at": now}
            for url in records
        ]
        with self.ledger.write() as tx:
            leads.add(tx, client_id, rows)
            known = lead_records.by_url(tx, client_id, records)
            shown = {records[url]: lead.id for url, lead in known.items()}
            outbox.map_leads(tx, base_id(client_id), client_id, shown, now=now)
        return sorted(known.values(), key=lambda lead: lead.id)

    def run(self, batch: Sequence[Lead], client_id: str = CLIENT) -> ActorRun:
        """Make a client run record, its job's, and an actor run that Apify has named."""
        run_id = f"261122-05{self._runs // 60 % 60:02}{self._runs % 60:02}"
        self._runs += 1
        (run,) = make_run(self.ledger, [batch], client_id=client_id, run_id=run_id, now=self.stage.clock())
        with self.ledger.write() as tx:
            until = self.stage.clock().replace(year=2090)
            held = actor_runs.claim(tx, run.id, owner="test", now=self.stage.clock(), until=until)
            assert held is not None
            tx.owe(Kind.ACTOR_RUN, run.id)
            return actor_runs.keep(tx, held, apify_run_id=f"apify{run.id:012}", apify_status="RUNNING")

    _runs = 0

    def store(self, run: ActorRun, of_lead: Mapping[Post, Lead] | Sequence[tuple[Post, Lead]]) -> None:
        """Store posts as an actor run brings them."""
        pairs = of_lead.items() if isinstance(of_lead, Mapping) else of_lead
        with self.ledger.write() as tx:
            posts.store(tx, run, [found(post, lead) for post, lead in pairs], now=self.stage.clock())

    def posts(self, count: int, run: ActorRun, under: Sequence[Lead], first: int = 0) -> None:
        """Store so many posts, under these leads in turn."""
        numbers = range(first, first + count)
        self.store(run, [(post(number), under[number % len(under)]) for number in numbers])

    def turn(self, *kinds: Kind, side: AirtableSide | None = None) -> None:
        """Let the mirror, or another process's, send what is due; only these kinds if any are named."""
        side = side or self.side
        for base, kind in side.mirror.due():
            if not kinds or kind in kinds:
                side.do(f"mirror {base} {kind}")

    def in_step(self, seconds: float = 20.0) -> None:
        """Turn until nothing that Airtable takes is owed."""
        self.until(lambda: not self.agency.owed(), seconds)

    def until(self, done: Callable[[], object], seconds: float = 20.0) -> None:
        """Turn until something holds."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, f"still owed: {self.waiting()}"
            self.turn()
            time.sleep(0.01)

    def waiting(self) -> list[Any]:
        """Name what is due, for a test that fails."""
        with self.ledger.read() as tx:
            return due_targets(tx, MASTER_ID, now=self.stage.clock().replace(year=2090))

    def owed(self, kind: Kind, *keys: str) -> dict[str, Owed]:
        """Give outbox rows by key."""
        with self.ledger.read() as tx:
            return of_keys(tx, kind, keys)

    def differences(self, kind: Kind, client_id: str | None = None) -> dict[str, Any]:
        """Give what a table shows that is not what the ledger says: cells by key, as (there, wanted).

        A key with several records, or none, is a difference too.
        """
        base = MASTER_ID if client_id is None else base_id(client_id)
        name = TABLES[kind].name
        there: dict[str, list[dict[str, Any]]] = {}
        for record in self.airtable.records(base, name):
            key = record["id"] if kind is Kind.LEAD else record["fields"].get(KEYS[kind])
            there.setdefault(key, []).append(record["fields"])
        wrong: dict[str, Any] = {}
        for key, cells in self._wanted(base, kind).items():
            records = there.get(key, [])
            if len(records) != 1:
                wrong[key] = f"{len(records)} records"
            elif bad := {
                column: (records[0].get(column), cell)
                for column, cell in cells.items()
                if records[0].get(column) != cell
            }:
                wrong[key] = bad
        return wrong

    def _wanted(self, base: str, kind: Kind) -> dict[str, dict[str, Any]]:
        table = self.side.schemas.of(base).table(TABLES[kind].name)
        assert table is not None
        with self.ledger.read() as tx:
            rows = [row for row in every(tx, base, kind) if row.version]
            values = {row.key: render(tx, kind, [row])[row.id] for row in rows}
        cells: dict[str, dict[str, Any]] = {}
        for key, of_row in values.items():
            for column in TABLES[kind].columns:
                field = table.field(column.name)
                if column.written and column.name in of_row and field is not None:
                    cell = adapt(of_row[column.name], field, column)
                    if cell is not NOT_WRITABLE:
                        cells.setdefault(key, {})[column.name] = None if cell in ("", []) else cell
        return cells

    def calls(self, method: str = "", base: str | None = None, since: int = 0) -> list[Any]:
        """Give the requests from the one of this number on."""
        requests = self.airtable.ledger().requests[since:]
        return [
            one for one in requests if method in ("", one.method) and base in (None, one.base) and one.base
        ]


def every(tx: Any, base: str, kind: Kind) -> Iterator[Owed]:
    """Give all outbox rows of a base and kind."""
    from harvester.ledger import outbox_checks

    keys = [one.key for one in outbox_checks.known(tx, base, kind)]
    yield from outbox_checks.of_records(tx, base, kind, record_ids=[], keys=keys)


def post(number: int, **changes: Any) -> Post:
    """Give the post of a number."""
    return make_post(str(7_000_000_000_000_000_000 + number), **changes)


@contextmanager
def owing(
    database_url: str, handles: Mapping[str, Collection[str]] | None = None, **options: Any
) -> Iterator[Owing]:
    """Stage an agency whose ledger is written to by hand. The mirror's timers are short."""
    people = {client: list(names) for client, names in (handles or {CLIENT: ["ada", "bea", "cyd"]}).items()}
    short = {"airtable_delay_seconds": 0.001, "airtable_timeout_seconds": 2, "airtable_fence_seconds": 2.2}
    with on_airtable(database_url, people, **{**short, **options}) as agency:
        yield Owing(agency)
