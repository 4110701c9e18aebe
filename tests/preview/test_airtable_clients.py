"""For clients that are kept in Airtable: what a preview shows is what intake plans. It writes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airtable_stage import BASE, AirtableStage, person
from factories import CLIENT_ID, NOW, FakeClock, make_limits
from intake.agency_day import OLD, kicked_off, latest, over, people, stages, url
from records import sent

from harvester.ledger import Ledger
from harvester.models import ClientRunStatus, LeadStatus
from harvester.sandbox.airtable.agency import MASTER_ID
from preview.whole import contents, untouched
from services.kickoff import Order, Unread
from services.lead_reading import LeadReading
from services.preview import Preview, Previews
from services.preview_leads import Why
from services.schemas import Schemas


def previews(stage: AirtableStage) -> Previews:
    """Build them as they are where Airtable is on."""
    limits = make_limits()
    schemas = Schemas(stage.ledger, stage.gateway, stage.clock)

    def read_clients() -> Unread | None:
        problem = stage.roster.refresh().problem
        return None if problem is None else Unread(problem)

    return Previews(
        stage.ledger,
        limits,
        stage.clock,
        read_clients=read_clients,
        read_leads=LeadReading(stage.gateway, schemas, stage.clock, stale_lead=limits.stale_lead),
    )


def looked_at(stage: AirtableStage, **more: Any) -> Preview:
    """Look ahead, with what is read of clients and bases in the ledger already: nothing else may change."""
    look = previews(stage)
    look(Order(CLIENT_ID, **more))
    before = stage.sandbox.ledger().requests
    writes = sum(one.method != "GET" for one in before)
    with untouched(stage.ledger):
        found = look(Order(CLIENT_ID, **more))
    assert sum(one.method != "GET" for one in stage.sandbox.ledger().requests) == writes
    return found


ROWS: dict[str, tuple[dict[str, Any], Why | None]] = {
    "new": ({}, Why.NEW),
    "pending": ({"Posts Harvest Status": "Pending"}, Why.PENDING),
    "stuck": (
        {
            "Posts Harvest Status": "Processing",
            "Last Post Check At": (NOW - timedelta(hours=1)).isoformat(),
        },
        Why.STUCK,
    ),
    "done": ({"Posts Harvest Status": "Done"}, None),
    "no profile": ({"LinkedIn Profile URL": "https://example.com/somebody"}, None),
    "scored": ({"Date Posts Scored": "2026-11-01"}, None),
}


@pytest.mark.parametrize(
    ("names", "batch_size"),
    [(["new"] * 7, 2), (sorted(ROWS), 20), (["done", "no profile"], 1), (["pending", "stuck"] * 3, 1)],
)
def test_intake_plans_what_the_preview_has_shown(
    ledger: Ledger, clock: FakeClock, names: list[str], batch_size: int
) -> None:
    rows = [
        person(number, OLD + timedelta(minutes=number), **ROWS[name][0])
        for number, name in enumerate(names, start=1)
    ]
    with stages(ledger, clock) as opened:
        cells = {"Posts Daily Target": 8, "Leads Batch Size for Post Collection": batch_size}
        stage = opened(rows, **{name.replace(" ", "_"): value for name, value in cells.items()})
        found = looked_at(stage)
        kicked_off(stage)
        planned = sent(ledger, latest(stage).client_run_id)
    assert [sorted(lead.profile_url for lead in batch) for batch in found.batches] == planned
    whys = {url(number): ROWS[name][1] for number, name in enumerate(names, start=1)}
    assert all(lead.why is whys[lead.profile_url] for lead in found.leads)
    assert found.most_batches >= len(planned)


def test_doubles_and_what_the_ledger_knows_better_are_seen_as_intake_sees_them(
    ledger: Ledger, clock: FakeClock
) -> None:
    doubled = person(9, NOW, **{"LinkedIn Profile URL": f"{url(3)}/?again=1"})
    with stages(ledger, clock) as opened:
        stage = opened([*people(8), doubled], Posts_Daily_Target=4, Leads_Batch_Size_for_Post_Collection=2)
        for _ in range(3):
            found = looked_at(stage)
            kicked_off(stage)
            planned = sent(ledger, latest(stage).client_run_id)
            assert [sorted(lead.profile_url for lead in batch) for batch in found.batches] == planned
            while latest(stage).status is ClientRunStatus.RUNNING:
                over(stage, lambda lead_id: LeadStatus.DONE if lead_id % 2 else LeadStatus.NO_POSTS)
            clock.advance(days=1)


def test_of_many_clients_no_base_is_read(ledger: Ledger, clock: FakeClock) -> None:
    with stages(ledger, clock) as opened:
        stage = opened(people(5))
        look = previews(stage)
        list(look.every())
        before = contents(ledger)
        (found,) = look.every()
        assert contents(ledger) == before
        assert stage.lists(BASE) == 0
    assert (found.leads, found.unread, found.client_id) == ([], True, CLIENT_ID)
    assert found.remark is not None
    assert (found.most_batches, found.at_most_micros) == (10, 5_000_000)
    assert "Airtable" in found.remark


def test_a_base_that_is_not_as_it_must_be_is_said(ledger: Ledger, clock: FakeClock) -> None:
    with stages(ledger, clock) as opened:
        stage = opened(people(2), Airtable_Base_ID=MASTER_ID)
        closed = looked_at(stage)
    assert closed.skip is not None
    assert closed.skip.code == "client_closed"


def test_chosen_profiles_are_not_looked_for_in_the_base(ledger: Ledger, clock: FakeClock) -> None:
    with stages(ledger, clock) as opened:
        stage = opened(people(2))
        found = looked_at(stage, target_urls=[url(77)])
        assert stage.lists(BASE) == 0
    assert [(lead.profile_url, lead.why) for lead in found.leads] == [(url(77), Why.CHOSEN)]
