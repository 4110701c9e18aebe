"""What a person reads of drift on a terminal, and how an actor is paused there."""

from __future__ import annotations

import json

from drift.bringing import ACTOR, OTHER_ITEM, Bringing

from harvester.ledger import Ledger

from .conftest import Harvester


def test_drift_tells_what_changed_and_the_pause_is_lifted_by_actor(
    ledger: Ledger, harvester: Harvester
) -> None:
    bring = Bringing(ledger)
    for _ in range(4):
        bring(15)
    bring(10, 20, item=OTHER_ITEM)
    told = " ".join(harvester("drift", "--actor", ACTOR).stdout.split())
    for words in (
        f"Starts of {ACTOR} are paused since",
        f"harvester resume --actor {ACTOR}",
        "67% (20 of 30)",
        "jumped",
        "postedAt.timestamp",
        "20 items refused as unknown_type, such as:",
        '{"a": 1}',
    ):
        assert words in told
    (found,) = json.loads(harvester("drift", "--actor", ACTOR, "--json").stdout)["actors"]
    assert found["paused"]["actorId"] == ACTOR
    assert f"Starts of actor {ACTOR} are paused no more." in harvester("resume", "--actor", ACTOR).stdout
    paused = harvester("pause", "--actor", ACTOR, "--reason", "costs").stdout
    assert f"starts of actor {ACTOR} are paused" in paused.replace("Starts", "starts")
    assert f"harvester resume --actor {ACTOR}" in " ".join(paused.split())


def test_an_actor_that_nobody_knows_is_refused(harvester: Harvester) -> None:
    for words in (["drift"], ["pause"], ["resume"]):
        done = harvester(*words, "--actor", "nobody/nothing", code=2)
        assert "No normaliser is known" in " ".join(done.stderr.split())
    both = harvester("pause", "--actor", ACTOR, "--client", "Ada", code=2)
    assert "one of --client and --actor" in both.stderr


def test_a_client_that_there_is_not_is_refused(harvester: Harvester) -> None:
    """Else a mistyped ID would read as a client for whom nothing was brought."""
    assert "there is no client Nobody" in harvester("drift", "--client", "Nobody", code=2).stderr
