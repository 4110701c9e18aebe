"""An Apify whose descriptions of actor runs are changed on their way, and what the tests of that ask."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from flow.proxy import Reply
from flow.stage import Json, Stage

START: Final[dict[str, Any]] = {"method": "POST", "path": "/v2/actors/*/runs"}
ITEMS: Final = "GET /v2/datasets/<dataset>/items"
INPUTS: Final = "GET /v2/key-value-stores/<store>/records/<key>"
#: What makes an actor run somebody else's, and how that is told.
FOREIGN: Final[dict[str, tuple[str, str]]] = {
    "userId": ("Somebody0Elses000", "another account (Somebody0Elses000)"),
    "actId": ("AnotherActor00000", "another actor (AnotherActor00000)"),
    "startedAt": ("2020-01-01T00:00:00.000Z", "began at 2020-01-01 00:00:00 UTC"),
}


@dataclass
class Lies:
    """Between us and Apify: what it describes otherwise, and which paths it was asked for."""

    #: Fields of actor runs, by their ID.
    of: dict[str, Json] = field(default_factory=dict)
    lists_are_empty: bool = False
    asked: list[str] = field(default_factory=list)

    def __call__(self, _method: str, path: str, reply: Reply) -> Reply:
        self.asked.append(path)
        if reply.status != 200 or not path.startswith(("/v2/actor-runs/", "/v2/actors/")):
            return reply
        answer = json.loads(reply.body)
        data = answer["data"]
        if "/runs?" in path:
            data["items"] = [] if self.lists_are_empty else [self._told(one) for one in data["items"]]
        else:
            answer["data"] = self._told(data)
        return replace(reply, body=json.dumps(answer).encode())

    def _told(self, run: Json) -> Json:
        return {**run, **self.of.get(run["id"], {})}


def lying(stage: Stage) -> Lies:
    lies = Lies()
    stage.proxy.spoil = lies
    return lies


def lost(stage: Stage, lies: Lies) -> tuple[str, str]:
    """Lose the answer to a start, and keep Apify's lists empty. Gives the client run and the actor run."""
    lies.lists_are_empty = True
    stage.sandbox.inject("webhook-drop", times=None)
    stage.sandbox.inject("answer-lost", **START)
    full_id = stage.kickoff(stage.agency("ann"))
    stage.turn()
    return full_id, stage.sandbox.ledger().starts[-1].run_id


def told(apify_run_id: str, **resource: Any) -> Json:
    return {
        "eventType": "ACTOR.RUN.SUCCEEDED",
        "eventData": {"actorRunId": apify_run_id},
        "resource": {"id": apify_run_id, "status": "SUCCEEDED", **resource},
    }


def turns(stage: Stage, count: int = 4) -> None:
    for _ in range(count):
        stage.turn()


def alert_of(stage: Stage, full_id: str) -> str:
    found = stage.worker.alerts.one(f"foreign actor run of {full_id}")
    assert found is not None, "nobody is told"
    return found.text


def reads(stage: Stage) -> tuple[int, int]:
    """Count the calls that read items, and those that read an INPUT."""
    calls = stage.sandbox.ledger().calls
    return calls.get(ITEMS, 0), calls.get(INPUTS, 0)


def begun_beside(stage: Stage, lies: Lies) -> tuple[str, Json]:
    """Begin a harvest beside that of another client. Gives the client run and the row."""
    stage.sandbox.inject("webhook-drop", times=None)
    full_id = stage.kickoff(stage.agency("ann"))
    stage.work(lambda: stage.rows()[-1]["state"] == "running")
    lies.asked.clear()
    return full_id, stage.rows()[-1]


def others_dataset(stage: Stage) -> str:
    """Harvest for another client. Gives the dataset of that."""
    other = stage.harvest("zoe", client_id="Other")
    return str(other["actorRuns"][0]["datasetId"])


def started_by_somebody(stage: Stage) -> str:
    """Start an actor run past the service. Gives its ID."""
    found = stage.worker.apify.start(
        stage.worker.settings.apify_actor_id,
        {"targetUrls": ["https://www.linkedin.com/in/somebody-else"], "maxPosts": 1},
        marker="somebody-elses.1",
        max_charge_usd=Decimal(1),
        run_timeout_seconds=60,
        webhook_url="https://somebody.example.org/hook",
        webhook_token="somebody-elses-token",
    )
    return found.id
