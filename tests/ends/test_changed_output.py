"""An actor that has changed its output: somebody is told, and no profile is blamed for it."""

from __future__ import annotations

from flow.conftest import MakeStage

from harvester.ledger import alerts


def test_items_that_nobody_understands_are_no_profiles_fault(make_any_stage: MakeStage) -> None:
    handles = ("ann", "bob", "cho-no-posts")
    new_shape = [{"kind": "post-v2", "ref": number} for number in range(2)]
    stage = make_any_stage(apify={"datasets": dict.fromkeys(handles[:2], new_shape)})
    stage.agency(*handles)
    for _ in range(4):
        run = stage.finish(stage.kickoff())
        assert run["status"] == "Completed with Errors"
        assert [error["code"] for error in run["errors"]] == ["output_not_understood"]
        assert run["coverage"]["unreachable"] == run["coverage"]["none"] == 0
        stage.clock.skip(seconds=1)
    assert set(stage.leads().values()) == {"Pending"}
    with stage.ledger.read() as tx:
        (told,) = [one for one in alerts.latest(tx, limit=20) if one.key.startswith("output of ")]
    assert "4 of 4 items could not be understood" in told.text
    assert "harvester pause" in told.text


def test_an_alert_about_the_output_is_over_once_it_is_understood(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.harvest("ann-nonsense", "bob-nonsense")
    stage.harvest("cho", client_id="Ada")
    with stage.ledger.read() as tx:
        (told,) = [one for one in alerts.latest(tx, limit=20) if one.key.startswith("output of ")]
    assert told.over_at is not None


def test_one_profile_among_others_that_are_understood_is_no_change_of_the_output(
    make_stage: MakeStage,
) -> None:
    run = make_stage().harvest("ann", "bob", "cho", "dan-nonsense")
    assert run["status"] == "Completed"
    assert [error["code"] for error in run["errors"]] == ["unanswered"]
    assert (run["coverage"]["posts"], run["coverage"]["silent"]) == (3, 1)
