"""What Airtable is owed is written down with what changes, once for each record, and holds nobody up."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest
from factories import CLIENT_ID, NOW, RUN_ID, FakeClock, found, make_client, make_leads, make_post, make_run
from sqlalchemy import select

from harvester.ledger import (
    Ledger,
    Tx,
    actor_runs,
    airtable_tables,
    client_runs,
    clients,
    job_runs,
    lead_verdicts,
    leads,
    outbox,
    outbox_sending,
    posts,
    tables,
)
from harvester.ledger.lead_verdicts import Verdict
from harvester.ledger.mirroring import Kind, Mirroring
from harvester.ledger.outbox_sending import Owed, Sent
from harvester.models import ActorRun, ActorRunState, ClientRunStatus, Lead, LeadStatus
from harvester.run_ids import client_run_id

MASTER, BASE = "appMaster000000001", "appClient000000001"
FULL_ID = client_run_id(RUN_ID, CLIENT_ID)
DELAY = timedelta(seconds=1)


@pytest.fixture
def clock(ledger: Ledger) -> FakeClock:
    """The time by which Airtable is told."""
    clock = FakeClock()
    outbox.mirror(ledger, Mirroring(MASTER, DELAY, clock))
    return clock


def owed(ledger: Ledger) -> dict[tuple[str, Kind, str], int]:
    """Give the version of every outbox row."""
    with ledger.read() as tx:
        rows = tx.execute(select(airtable_tables.outbox)).all()
    return {(row.base, Kind(row.kind), row.key): row.version for row in rows}


def pages(ledger: Ledger, kind: Kind, at: FakeClock) -> list[Owed]:
    with ledger.read() as tx:
        return outbox_sending.page(
            tx, BASE if kind in (Kind.LEAD, Kind.POST) else MASTER, kind, now=at(), limit=100
        )


def test_without_airtable_nothing_is_written_down(ledger: Ledger) -> None:
    make_client(ledger, airtable_base=BASE)
    make_run(ledger, [make_leads(ledger)])
    assert owed(ledger) == {}


def test_each_record_that_changes_is_owed_once_and_its_version_raised(
    ledger: Ledger, clock: FakeClock
) -> None:
    make_client(ledger, airtable_base=BASE)
    (lead,) = make_leads(ledger)
    with ledger.write() as tx:
        outbox.map_leads(tx, BASE, CLIENT_ID, {"recLead00000000001": lead.id}, now=NOW)
    (run,) = make_run(ledger, [[lead]])
    versions = owed(ledger)
    assert set(versions) == {
        (MASTER, Kind.JOB_RUN, RUN_ID),
        (MASTER, Kind.CLIENT_RUN, FULL_ID),
        (BASE, Kind.LEAD, "recLead00000000001"),
    }
    with ledger.write() as tx:
        claimed = actor_runs.claim(tx, run.id, owner="a", now=NOW, until=NOW + DELAY)
        assert claimed is not None
        actor_runs.move(tx, claimed, ActorRunState.RUNNING, now=NOW, next_check_at=None, apify_run_id="run1")
        posts.store(tx, run, [found(make_post("1"), lead), found(make_post("2"), lead)], now=NOW)
    now = owed(ledger)
    new = {(MASTER, Kind.ACTOR_RUN, "run1"), (BASE, Kind.POST, "1"), (BASE, Kind.POST, "2")}
    assert set(now) - set(versions) == new
    assert now[MASTER, Kind.CLIENT_RUN, FULL_ID] == versions[MASTER, Kind.CLIENT_RUN, FULL_ID] + 1
    assert pages(ledger, Kind.POST, clock) == [], "changes gather first"
    clock.advance(seconds=1)
    assert [row.key for row in pages(ledger, Kind.POST, clock)] == ["1", "2"]


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (Kind.JOB_RUN, lambda tx, lead: job_runs.close(tx, RUN_ID, status=ClientRunStatus.FAILED, now=NOW)),
        (Kind.JOB_RUN, lambda tx, lead: job_runs.reopen(tx, RUN_ID)),
        (Kind.CLIENT_RUN, lambda tx, lead: client_runs.change(tx, FULL_ID, system_notes="x")),
        (
            Kind.CLIENT_RUN,
            lambda tx, lead: client_runs.finish(tx, FULL_ID, status=ClientRunStatus.FAILED, now=NOW),
        ),
        (Kind.LEAD, lambda tx, lead: leads.claim(tx, [lead], client_run_id=FULL_ID, now=NOW)),
        (
            Kind.LEAD,
            lambda tx, lead: lead_verdicts.decide(
                tx, [Verdict(lead, LeadStatus.DONE, 1)], client_run_id=FULL_ID, now=NOW
            ),
        ),
        (
            Kind.LEAD,
            lambda tx, lead: leads.heal(tx, now=NOW + timedelta(days=1), stale_after=timedelta(seconds=1)),
        ),
    ],
)
def test_whatever_changes_a_record_owes_it(
    ledger: Ledger, clock: FakeClock, kind: Kind, change: Callable[..., object]
) -> None:
    make_client(ledger, airtable_base=BASE)
    (lead,) = make_leads(ledger)
    with ledger.write() as tx:
        outbox.map_leads(tx, BASE, CLIENT_ID, {"recLead00000000001": lead.id}, now=NOW)
    make_run(ledger, [[lead]])
    with ledger.write() as tx:
        leads.claim(tx, [lead.id], client_run_id=FULL_ID, now=NOW)
        tx.execute(tables.actor_runs.update().values(state=ActorRunState.INGESTED))
    before = {key: version for key, version in owed(ledger).items() if key[1] is kind}
    with ledger.write() as tx:
        change(tx, lead.id)
    after = {key: version for key, version in owed(ledger).items() if key[1] is kind}
    assert list(after.values()) == [version + 1 for version in before.values()]


def test_what_is_undone_is_not_owed(ledger: Ledger, clock: FakeClock) -> None:
    make_client(ledger, airtable_base=BASE)
    (lead,) = make_leads(ledger)
    (run,) = make_run(ledger, [[lead]])
    before = owed(ledger)

    def stores_in_vain(tx: Tx) -> None:
        posts.store(tx, run, [found(make_post("1"), lead)], now=NOW)
        raise ZeroDivisionError

    with suppress(ZeroDivisionError), ledger.write() as tx:
        stores_in_vain(tx)
    with ledger.write() as tx, suppress(ZeroDivisionError), tx.part() as part:
        stores_in_vain(part)
    assert owed(ledger) == before


def test_a_row_that_was_retired_goes_on_when_its_base_is_its_clients_again(
    ledger: Ledger, clock: FakeClock
) -> None:
    make_client(ledger, airtable_base=BASE)
    (lead,) = make_leads(ledger)
    (run,) = make_run(ledger, [[lead]])

    def seen_again(base: str) -> set[tuple[str, str]]:
        with ledger.write() as tx:
            clients.change(tx, CLIENT_ID, airtable_base=base)
            posts.store(tx, run, [found(make_post("1"), lead)], now=NOW)
        clock.advance(seconds=1)
        with ledger.write() as tx:
            outbox_sending.retire_strangers(tx, MASTER)
            due = outbox_sending.due_targets(tx, MASTER, now=clock())
            assert all(outbox_sending.page(tx, *one, now=clock(), limit=1) for one in due)
        return {(base, kind) for base, kind in due if kind is Kind.POST}

    assert seen_again(BASE) == {(BASE, Kind.POST)}
    assert seen_again("appElsewhere000001") == {("appElsewhere000001", Kind.POST)}
    assert seen_again(BASE) == {(BASE, Kind.POST)}


def test_what_changes_while_it_is_sent_stays_due(ledger: Ledger, clock: FakeClock) -> None:
    make_client(ledger, airtable_base=BASE)
    make_run(ledger, [make_leads(ledger)])
    clock.advance(seconds=1)
    (row,) = pages(ledger, Kind.CLIENT_RUN, clock)
    with ledger.write() as tx:
        client_runs.change(tx, FULL_ID, system_notes="changed on the way")
    with ledger.write() as tx:
        sent = Sent(row, {"Run ID": "digest"}, "recRun000000000001")
        outbox_sending.acknowledge(tx, [sent], now=clock())
    (again,) = pages(ledger, Kind.CLIENT_RUN, clock)
    assert (again.record_id, again.sent, again.version) == (
        "recRun000000000001",
        {"Run ID": "digest"},
        row.version + 1,
    )
    with ledger.write() as tx:
        outbox_sending.acknowledge(tx, [Sent(again, {}, again.record_id)], now=clock())
    assert pages(ledger, Kind.CLIENT_RUN, clock) == []


@dataclass(frozen=True)
class Storm:
    """Transactions of all kinds at once, as harvests, settling and the writers of the mirror make them."""

    ledger: Ledger
    clock: FakeClock
    people: list[Lead]
    run: ActorRun

    def harvests(self) -> None:
        chance = random.Random(7)
        for _ in range(60):
            with self.ledger.write() as tx:
                some = [make_post(str(number)) for number in chance.sample(range(30), 10)]
                posts.store(tx, self.run, [found(one, chance.choice(self.people)) for one in some], now=NOW)
                for lead in self.people[:: chance.randint(1, 3)]:
                    status = chance.choice([LeadStatus.DONE, LeadStatus.PENDING])
                    lead_verdicts.decide(tx, [Verdict(lead.id, status, 1)], client_run_id=FULL_ID, now=NOW)
                client_runs.get(tx, FULL_ID, lock=True)
                client_runs.change(tx, FULL_ID, system_notes=str(chance.random()))

    def settles(self) -> None:
        for _ in range(60):
            with self.ledger.write() as tx:
                client_runs.get(tx, FULL_ID, lock=True)
                client_runs.change(tx, FULL_ID, posts_new=1)
                job_runs.reopen(tx, RUN_ID)

    def writes(self) -> None:
        for _ in range(120):
            for kind in Kind:
                page = pages(self.ledger, kind, self.clock)
                with self.ledger.write() as tx:
                    sent = [Sent(row, {}, f"rec{row.id:014d}") for row in page]
                    outbox_sending.acknowledge(tx, sent, now=self.clock())


@pytest.mark.slow
def test_harvests_and_writers_never_wait_for_each_other_in_a_circle(ledger: Ledger, clock: FakeClock) -> None:
    """Every deadlock would raise: PostgreSQL ends one of two that wait for each other."""
    make_client(ledger, airtable_base=BASE)
    people = make_leads(ledger, count=12)
    with ledger.write() as tx:
        records = {f"recLead{lead.id:010d}": lead.id for lead in people}
        outbox.map_leads(tx, BASE, CLIENT_ID, records, now=NOW)
    (run,) = make_run(ledger, [people])
    clock.advance(seconds=5)
    storm = Storm(ledger, clock, people, run)
    with ThreadPoolExecutor() as pool:
        work = [pool.submit(one) for one in (storm.harvests, storm.settles, storm.writes, storm.writes)]
    assert [one.exception() for one in work] == [None] * 4
