"""The log of a harvest as machines read it: every line parses, and says which client run it is about."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from sqlalchemy import delete

from harvester import log
from harvester.ledger import tables

from .conftest import MakeStage
from .stage import API_TOKEN, APIFY_TOKEN, Stage

Line = dict[str, Any]


def logged(stage: Stage, stream: io.StringIO) -> list[Line]:
    """Parse what was logged; secrets must not be in it."""
    text = stream.getvalue()
    secrets = [APIFY_TOKEN, API_TOKEN, *stage.web.settings.secret_values()]
    assert not [secret for secret in secrets if secret in text]
    return [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]


def test_each_line_of_a_harvest_parses_and_names_the_run_that_it_is_about(make_any_stage: MakeStage) -> None:
    stage, stream = make_any_stage(), io.StringIO()
    log.configure("json", "INFO", stream)
    run = stage.harvest("ada", "grace", batch_size=1, max_batches=2)
    full_id, ids = run["clientRunId"], {run["runId"], "Guy-Wilson"}
    names = {full_id, *(one["actorRunId"] for one in run["actorRuns"])}
    lines = [line for line in logged(stage, stream) if line["logger"].startswith(("services", "routes"))]
    about = [line for line in lines if any(name in json.dumps(line) for name in names)]
    assert [line for line in about if {line.get("runId"), line.get("clientId")} != ids] == []
    assert {line["clientRunId"] for line in about} == {full_id}
    messages = [line["message"] for line in about]
    assert messages[:2] == [
        f"Creating client run record for {full_id}",
        f"Successfully created client run record for {full_id}",
    ]
    assert len(set(messages)) > 5, "start, delivery and ingest are told as well"
    assert messages[-1] == f"Client run {full_id} ended: Completed"
    parts = ("Actor run started", "Ingested", "Delivery accepted: ACTOR.RUN.SUCCEEDED")
    assert [part for part in parts if not any(part in one for one in messages)] == []


def test_the_lines_of_a_missing_record_stand_word_for_word_with_its_ids(make_any_stage: MakeStage) -> None:
    stage, stream = make_any_stage(), io.StringIO()
    full_id = stage.begun(stage.agency("ada"))
    with stage.ledger.write() as tx:
        tx.execute(delete(tables.client_runs))
    log.configure("json", "INFO", stream)
    stage.ended()
    stage.work(lambda: stage.in_state("ingested"))
    told = [line for line in logged(stage, stream) if line["level"] == "ERROR"]
    assert [line["message"] for line in told[:2]] == [
        f"ERROR: Client run record not found for {full_id} (Guy-Wilson)",
        "This indicates a process kickoff issue - run record should exist",
    ]
    assert {(line["clientRunId"], line["clientId"]) for line in told[:2]} == {(full_id, "Guy-Wilson")}
