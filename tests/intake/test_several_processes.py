"""What happens while leads are read is heeded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from airtable_stage import BASE, AirtableStage, base_id
from factories import CLIENT_ID, NOW, make_client, make_leads, make_limits
from records import FULL_ID, batches, harvested, record, sent

from harvester.airtable_answers import Record
from harvester.airtable_schema import Table
from harvester.ledger import Ledger, client_runs, clients
from harvester.models import ClientRunStatus
from harvester.sandbox.airtable.agency import MASTER_ID
from services.intake import Intake
from services.kickoff import Kickoff, Order
from services.schemas import Schemas
from services.settle import Settle

from .agency_day import Opened, people


class Meanwhile:
    """A gateway during whose one page something else happens."""

    def __init__(self, stage: AirtableStage, happens: Callable[[], object]) -> None:
        self._stage = stage
        self._happens = happens

    def pages(self, base: str, table: Table, **how: Any) -> Iterator[list[Record]]:
        page = next(self._stage.gateway.pages(base, table, **how))
        self._happens()
        yield page


def reading_while(stage: AirtableStage, happens: Callable[[], object]) -> Intake:
    """Give the intake of another process, during whose read something happens."""
    schemas = Schemas(stage.ledger, stage.gateway, stage.clock)
    gateway = Meanwhile(stage, happens)
    base, retry = MASTER_ID, timedelta(seconds=1)
    return Intake(
        stage.ledger,
        gateway,
        schemas,
        stage.settle,
        make_limits(),
        stage.clock,
        master_base=base,
        retry_base=retry,
    )


def test_of_two_that_read_at_once_one_plans(on_both: Opened) -> None:
    """The first takes so long that the second takes over; what the first has read is thrown away."""
    stage = on_both(people(5))
    stage.kickoff(Order(CLIENT_ID))

    def taken_over() -> None:
        assert stage.intake.due() == []
        stage.intake(FULL_ID)
        assert batches(stage.ledger) == []
        stage.clock.advance(minutes=5)
        stage.read_all()

    reading_while(stage, taken_over)(FULL_ID)
    assert [len(batch) for batch in sent(stage.ledger)] == [5]


def cancelled(stage: AirtableStage) -> None:
    with stage.ledger.write() as tx:
        client_runs.finish(tx, FULL_ID, status=ClientRunStatus.CANCELLED, now=stage.clock())


def base_changed(stage: AirtableStage) -> None:
    with stage.ledger.write() as tx:
        clients.change(tx, CLIENT_ID, airtable_base=base_id(3))


def switched_off(stage: AirtableStage) -> None:
    with stage.ledger.write() as tx:
        clients.change(tx, CLIENT_ID, status="Inactive")


@pytest.mark.parametrize("happens", [cancelled, base_changed, switched_off])
def test_what_changes_during_the_read_is_heeded(
    opened: Opened, happens: Callable[[AirtableStage], None]
) -> None:
    stage = opened(people(5))
    stage.kickoff(Order(CLIENT_ID))
    reading_while(stage, lambda: happens(stage))(FULL_ID)
    assert batches(stage.ledger) == []


def test_where_airtable_is_off_leads_come_from_the_ledger(
    ledger: Ledger, kickoff: Kickoff, settle: Settle
) -> None:
    """A client that was Airtable's, and a client run that still waits for leads, do not hang."""
    make_client(ledger, origin="airtable", airtable_base=BASE)
    (one,) = make_leads(ledger)
    kickoff(Order(CLIENT_ID))
    assert sent(ledger) == [[one.profile_url]]
    harvested(ledger, batches(ledger)[0])
    with ledger.write() as tx:
        client_runs.ask_for_leads(tx, FULL_ID, at=NOW)
        assert settle.due(tx, 9) == [FULL_ID]
    settle(FULL_ID)
    assert record(ledger).status is ClientRunStatus.COMPLETED
