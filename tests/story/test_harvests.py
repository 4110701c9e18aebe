"""What is told of whole harvests, from kickoff to the end."""

from __future__ import annotations

from typing import Any

import pytest
from flow.conftest import MakeStage
from flow.on_airtable import on_airtable
from flow.stage import Stage
from sqlalchemy import delete

from harvester.ledger.page_tables import run_events

#: What is told of a batch that goes well, webhook calls aside, which come when they come.
SMOOTH = ["starting", "running", "ended", "page", "ingested", "outcome"]
Line = dict[str, Any]


def told(stage: Stage, full_id: str) -> list[Line]:
    listing = stage.worker.story(full_id, limit=10_000)
    assert listing is not None
    return listing.rows


def of_batch(lines: list[Line], batch: int) -> list[str]:
    return [
        line["kind"]
        for line in lines
        if line["batch"] == batch and line["kind"] not in ("webhook", "processed")
    ]


def test_a_smooth_harvest_is_told_from_kickoff_to_its_end(any_stage: Stage) -> None:
    handles = [f"person-{number}" for number in range(5)]
    run = any_stage.harvest(*handles, batch_size=2)
    lines = told(any_stage, run["clientRunId"])
    kinds = [line["kind"] for line in lines]
    assert kinds[:2] == ["create", "planned"]
    assert kinds[-1] == "complete"
    texts = [line["text"] for line in lines]
    assert "Client run record created by orchestrator" in texts
    assert "3 batches of 5 profiles planned" in texts
    for actor_run in run["actorRuns"]:
        assert of_batch(lines, actor_run["batch"]) == SMOOTH
        named = [one["text"] for one in lines if one["batch"] == actor_run["batch"]]
        assert any(actor_run["actorRunId"] in text for text in named)
        assert any(f"All {actor_run['items']} items are read" in text for text in named)
    calls = [one for one in lines if one["kind"] == "webhook"]
    assert len(calls) == len([one for one in any_stage.deliveries() if one["outcome"] == "accepted"]) >= 3


def test_trouble_is_told(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.sandbox.inject("answer-lost", method="POST", path="/v2/actors/*/runs", times=1)
    run = stage.harvest("ada")
    kinds = of_batch(told(stage, run["clientRunId"]), 1)
    assert kinds[:3] == ["starting", "start_unknown", "running"]


def test_what_airtable_takes_is_told_once_a_request(ledger_url: str) -> None:
    handles = [f"person-{number}" for number in range(12)]
    with on_airtable(ledger_url, {"Guy-Wilson": handles}) as agency:
        run = agency.harvest()
        lines = told(agency.stage, run["clientRunId"])
    texts = [line["text"] for line in lines if line["kind"] == "mirror"]
    for table, record in (("Client Run Results", "1 record"), ("Apify", "1 record"), ("Leads", "10 records")):
        assert f"Airtable: {record} of {table} written" in texts
    assert any("of Posts written" in text for text in texts)


def test_of_runs_before_there_were_lines_the_rows_tell(stage: Stage) -> None:
    run = stage.harvest("ada", "bea", batch_size=1)
    with stage.ledger.write() as tx:
        tx.execute(delete(run_events))
    lines = told(stage, run["clientRunId"])
    assert of_batch(lines, 1) == of_batch(lines, 2) == ["planned", "starting", "running", "ended"]
    assert {"create", "update", "complete"} <= {line["kind"] for line in lines}
    assert lines[-1]["kind"] in ("complete", "update")
    latest = stage.worker.story.latest(run["clientRunId"], limit=7)
    assert latest[::-1] == lines[-7:]


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_page_by_page_it_is_the_same_story(stage: Stage, limit: int) -> None:
    run = stage.harvest("ada", "bea", "cyd", batch_size=1)
    whole = told(stage, run["clientRunId"])
    parts: list[Line] = []
    after: str | None = None
    for _ in range(len(whole) + 1):
        listing = stage.worker.story(run["clientRunId"], limit=limit, after=after)
        assert listing is not None
        parts += listing.rows
        after = listing.next_cursor
        if after is None:
            break
    assert parts == whole
    assert len({line["id"] for line in whole}) == len(whole) > 20
    assert [line["at"] for line in whole] == sorted(line["at"] for line in whole)
