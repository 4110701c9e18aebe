"""What a person does about what went wrong: replay, discard, end an alert, compare with Apify now."""

from __future__ import annotations

from flask import Response, request

from harvester.models import ActorRun
from routes.pages import filters, shell
from routes.pages.actions import asking
from routes.pages.actions.asking import Question
from routes.state import services
from services import RECONCILE, shapes
from services.dead_letters import NothingToReplay, NotParked
from services.replay import NotReplayable

blueprint = shell.blueprint("do_repairs")

_ID = "int(max=9223372036854775807)"
_DEAD_LETTERS = "/dead-letters"


@blueprint.get(f"/deliveries/<{_ID}:delivery_id>/replay")
def replay(delivery_id: int) -> str:
    """Say what replaying a delivery does."""
    found = services().replay.one(delivery_id)
    told = (
        "It is processed again, as if it had come now: a worker asks Apify how its actor run stands, and "
        "reads what is there. Posts that are known are not stored twice, and nothing is paid for again."
    )
    facts = [
        ("Event", found.event_type),
        ("Actor run", found.apify_run_id or "–"),
        ("Received (UTC)", filters.moment(found.received_at)),
        ("Outcome", found.outcome),
    ]
    back = f"/deliveries/{delivery_id}"
    return asking.ask(Question(f"Replay delivery {delivery_id}", [told], back, "Replay", facts=facts))


@blueprint.post(f"/deliveries/<{_ID}:delivery_id>/replay")
def replayed(delivery_id: int) -> Response:
    """Have it processed again."""
    try:
        services().replay(delivery_id, by=shell.who())
    except NotReplayable as error:
        return asking.refused(error, f"/deliveries/{delivery_id}")
    return asking.done(f"delivery {delivery_id} is processed again", f"/deliveries/{delivery_id}")


@blueprint.get(f"/dead-letters/<{_ID}:row_id>/replay")
def try_again(row_id: int) -> str:
    """Say what trying a dead letter again does."""
    run = services().dead_letters.one(row_id)
    possible = shapes.dead_letter(run)["replayable"]
    told = (
        "A worker tries it again, from where it was given up; its dataset is read from the start."
        if possible
        else "Nothing was started for it, and its leads are due again: discard it, and kick the client off."
    )
    return asking.ask(
        Question(
            f"Replay dead letter {row_id}",
            [told],
            _DEAD_LETTERS,
            "Replay" if possible else None,
            facts=_facts(run),
        )
    )


@blueprint.post(f"/dead-letters/<{_ID}:row_id>/replay")
def tried_again(row_id: int) -> Response:
    """Try it again."""
    try:
        run = services().dead_letters.replay(row_id, by=shell.who())
    except (NotParked, NothingToReplay) as error:
        return asking.refused(error, _DEAD_LETTERS)
    there = f"/runs/{run.client_run_id}"
    return asking.done(f"batch {run.batch} of {run.client_run_id} is tried again", there)


@blueprint.get(f"/dead-letters/<{_ID}:row_id>/discard")
def discard(row_id: int) -> str:
    """Say what discarding a dead letter does."""
    told = (
        "It is given up, and leads that it still holds are due again. Nobody looks at it any more, unless a "
        "webhook for it comes or is replayed: its items were paid for."
    )
    facts = _facts(services().dead_letters.one(row_id))
    question = Question(f"Discard dead letter {row_id}", [told], _DEAD_LETTERS, "Discard", "danger", facts)
    return asking.ask(question)


@blueprint.post(f"/dead-letters/<{_ID}:row_id>/discard")
def discarded(row_id: int) -> Response:
    """Give it up."""
    try:
        run = services().dead_letters.discard(row_id, by=shell.who())
    except NotParked as error:
        return asking.refused(error, _DEAD_LETTERS)
    return asking.done(f"batch {run.batch} of {run.client_run_id} is given up", _DEAD_LETTERS)


@blueprint.get("/alerts/over")
def over() -> str:
    """Say what ending an alert does."""
    key = request.args.get("key", "")
    found = None if "\0" in key else services().alerts.one(key)
    if found is None:
        return asking.ask(Question("End an alert", ["No alert of this key stands; it may be over"], "/"))
    told = "It is over until it comes up again; then it is told anew. Ending it puts nothing right by itself"
    facts = [
        ("Since (UTC)", filters.moment(found.first_at)),
        ("Last (UTC)", filters.moment(found.last_at)),
        ("Times", found.times),
        ("What", found.text),
    ]
    return asking.ask(Question("End an alert", [told], "/", "It is over", facts=facts, hidden=[("key", key)]))


@blueprint.post("/alerts/over")
def ended() -> Response:
    """End it."""
    key = request.form.get("key", "")
    if "\0" in key or not services().alerts.over(key, by=shell.who()):
        return asking.refused("no alert of this key stands; it may be over", "/")
    return asking.done("the alert is over, until it comes up again", "/")


@blueprint.get("/reconcile")
def reconcile() -> str:
    """Say what reconciling does."""
    told = (
        "A worker asks Apify about everything that is not over, and repairs what was missed: lost webhooks, "
        "lost starts, leads left behind, costs that came late. Nothing new is started, but for a start of "
        "which a search proves that Apify never took it."
    )
    return asking.ask(Question("Reconcile with Apify", [told], "/", "Reconcile now"))


@blueprint.post("/reconcile")
def reconciled() -> Response:
    """Have a worker do it."""
    due = services().reconcile.wake(lambda tx: services().chores.ask(tx, RECONCILE), by=shell.who())
    were = "1 open actor run is" if due == 1 else f"{due} open actor runs are"
    return asking.done(f"{were} checked against Apify, and its list is looked through", "/")


def _facts(run: ActorRun) -> list[tuple[str, object]]:
    shown = shapes.dead_letter(run)
    return [
        ("Client run", run.client_run_id),
        ("Batch", run.batch),
        ("Given up (UTC)", filters.moment(shown["parkedAt"])),
        ("State", shown["state"]),
        ("Error", shown["error"] or "–"),
    ]
