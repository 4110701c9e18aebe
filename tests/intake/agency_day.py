"""A client with rows of Leads, kicked off, answered and over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

from airtable_stage import BASE, AirtableStage, base_id, opened_stage, person
from factories import CLIENT_ID, NOW, FakeClock, end_run
from records import all_records, batches

from harvester.ledger import Ledger, actor_runs, lead_verdicts, leads, outcomes
from harvester.ledger.lead_verdicts import Verdict
from harvester.ledger.outcomes import Outcome
from harvester.models import ClientRun, Lead, LeadStatus
from harvester.sandbox.airtable.agency import client_row
from services.kickoff import Order

OLD = NOW - timedelta(days=30)
Opened = Callable[..., AirtableStage]


@contextmanager
def stages(ledger: Ledger, clock: FakeClock) -> Iterator[Opened]:
    """Open stages with one client that has these rows of Leads; keywords are cells of its row of Clients."""
    with ExitStack() as stack:

        def open_(rows: Sequence[Mapping[str, Any]], **cells: Any) -> AirtableStage:
            named = {name.replace("_", " "): value for name, value in cells.items()}
            usual = {"Posts Daily Target": 10, "Leads Batch Size for Post Collection": 20}
            return stack.enter_context(
                opened_stage(
                    ledger,
                    clock,
                    clients=[client_row(CLIENT_ID, BASE, **{**usual, **named})],
                    leads={BASE: rows, base_id(2): [person(900, NOW)]},
                )
            )

        yield open_


def people(count: int, **more: Any) -> list[dict[str, Any]]:
    """Give rows of Leads that are due, oldest first: person 1 is the oldest."""
    return [person(number, OLD + timedelta(minutes=number), **more) for number in range(1, count + 1)]


def url(number: int) -> str:
    return f"https://www.linkedin.com/in/person-{number}"


def kicked_off(stage: AirtableStage, **more: Any) -> None:
    """Kick the client off, and read its leads."""
    answer = stage.kickoff(Order(CLIENT_ID, **more))
    assert answer.outcome == "accepted", answer
    stage.read_all()


def lead(stage: AirtableStage, number: int) -> Lead:
    with stage.ledger.read() as tx:
        (found,) = leads.by_urls(tx, CLIENT_ID, [url(number)])
    return found


def over(stage: AirtableStage, outcome: Callable[[int], LeadStatus] = lambda _: LeadStatus.DONE) -> None:
    """Have Apify answer for every open batch, and settle. `outcome` says what comes of a lead, by its ID."""
    for run in batches(stage.ledger, latest(stage).client_run_id):
        if run.state != "planned":
            continue
        now = stage.clock()
        end_run(stage.ledger, run, now=now, cursor=1, apify_run_id=f"{run.marker[:17]}")
        with stage.ledger.write() as tx:
            for target in actor_runs.targets(tx, run.id):
                status = outcome(target.lead_id)
                found = int(status is LeadStatus.DONE)
                outcomes.decide(tx, run.id, [Outcome(target.lead_id, status, found)], now=now)
                verdict = Verdict(target.lead_id, status, found)
                lead_verdicts.decide(tx, [verdict], client_run_id=run.client_run_id, now=now)
    stage.settle_all()
    stage.read_all()


def latest(stage: AirtableStage) -> ClientRun:
    """Give the client run that was made last."""
    return all_records(stage.ledger)[0]


def shown(stage: AirtableStage, number: int) -> dict[str, Any]:
    """Give the cells of a person's row."""
    (found,) = [
        row["fields"] for row in stage.leads() if row["fields"].get("LinkedIn Profile URL") == url(number)
    ]
    return dict(found)


def row_id(stage: AirtableStage, number: int) -> str:
    (found,) = [
        row["id"] for row in stage.leads() if row["fields"].get("LinkedIn Profile URL") == url(number)
    ]
    return str(found)
