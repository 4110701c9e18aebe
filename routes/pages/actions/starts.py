"""The switch: nothing more is started at Apify, for all clients or one; and letting go of it again."""

from __future__ import annotations

from flask import Response, request
from werkzeug.exceptions import NotFound

from harvester.errors import InvalidInput
from harvester.normalise import actor_of
from routes.pages import shell
from routes.pages.actions import asking
from routes.pages.actions.asking import Question
from routes.state import services
from services import pauses
from services.pauses import ALL

blueprint = shell.blueprint("do_starts")

_ACTORS = "/actors"
_WHAT = (
    "No actor run is started at Apify from then on. Kickoffs are taken, and wait; what is at work goes on to "
    "its end, and is read."
)


@blueprint.get("/starts/pause")
def pause() -> str:
    """Say what pausing all starts does."""
    return _pause(ALL, "all clients", "/")


@blueprint.post("/starts/pause")
def paused() -> Response:
    """Pause them."""
    return _paused(ALL, "/")


@blueprint.get("/starts/resume")
def resume() -> str:
    """Say what lifting the pause of all clients does."""
    return _resume(ALL, "all clients", "/")


@blueprint.post("/starts/resume")
def resumed() -> Response:
    """Lift it."""
    return _resumed(ALL, "all clients", "/")


@blueprint.get("/clients/<client_id>/pause")
def pause_client(client_id: str) -> str:
    """Say what pausing a client's starts does."""
    asking.client(client_id)
    return _pause(client_id, client_id, f"/clients/{client_id}")


@blueprint.post("/clients/<client_id>/pause")
def paused_client(client_id: str) -> Response:
    """Pause them."""
    asking.client(client_id)
    return _paused(client_id, f"/clients/{client_id}")


@blueprint.get("/clients/<client_id>/unpause")
def unpause_client(client_id: str) -> str:
    """Say what lifting a client's own pause does."""
    asking.client(client_id)
    return _resume(client_id, client_id, f"/clients/{client_id}")


@blueprint.post("/clients/<client_id>/unpause")
def unpaused_client(client_id: str) -> Response:
    """Lift it."""
    asking.client(client_id)
    return _resumed(client_id, client_id, f"/clients/{client_id}")


@blueprint.get("/actors/<path:actor_id>/pause")
def pause_actor(actor_id: str) -> str:
    """Say what pausing an actor's starts does."""
    actor_id = _actor(actor_id)
    return _pause(pauses.of_actor(actor_id), f"actor {actor_id}", _ACTORS)


@blueprint.post("/actors/<path:actor_id>/pause")
def paused_actor(actor_id: str) -> Response:
    """Pause them."""
    return _paused(pauses.of_actor(_actor(actor_id)), _ACTORS)


@blueprint.get("/actors/<path:actor_id>/resume")
def resume_actor(actor_id: str) -> str:
    """Say what lifting an actor's pause does."""
    actor_id = _actor(actor_id)
    return _resume(pauses.of_actor(actor_id), f"actor {actor_id}", _ACTORS)


@blueprint.post("/actors/<path:actor_id>/resume")
def resumed_actor(actor_id: str) -> Response:
    """Lift it."""
    actor_id = _actor(actor_id)
    return _resumed(pauses.of_actor(actor_id), f"actor {actor_id}", _ACTORS)


def _actor(actor_id: str) -> str:
    """Give the ID of an actor that is known; of another there is no page."""
    try:
        return actor_of(actor_id).actor_id
    except InvalidInput as error:
        raise NotFound(str(error)) from error


def _of(scope: str) -> pauses.Pause | None:
    return next((one for one in services().pauses.standing() if one.scope == scope), None)


def _pause(scope: str, whose: str, back: str) -> str:
    there = _of(scope)
    title = f"Pause the starts of {whose}"
    if there is not None:
        return asking.ask(Question(title, [f"{pauses.in_words(there)}. There is nothing to do"], back))
    fields = [("reason", "Why, for whoever wonders", "")]
    return asking.ask(Question(title, [_WHAT], back, "Pause", "danger", fields=fields))


def _paused(scope: str, there: str) -> Response:
    found = services().pauses.pause(scope, reason=request.form.get("reason", ""), by=shell.who())
    return asking.done(pauses.in_words(found), there, "warn")


def _resume(scope: str, whose: str, back: str) -> str:
    there, title = _of(scope), f"Let starts of {whose} go on"
    if there is None:
        return asking.ask(Question(title, [f"Starts of {whose} are not paused as such"], back))
    told = [pauses.in_words(there), "What waits starts, as places are free"]
    return asking.ask(Question(title, told, back, "Let starts go on"))


def _resumed(scope: str, whose: str, there: str) -> Response:
    if not services().pauses.lift(scope, by=shell.who()):
        return asking.refused(f"starts of {whose} were not paused as such", there)
    left = _of(ALL) if scope != ALL else None
    if left is not None:
        return asking.done(
            f"starts of {whose} are paused no more; still, {pauses.in_words(left)}", there, "warn"
        )
    return asking.done(f"starts of {whose} are paused no more", there)
