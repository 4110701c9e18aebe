"""Endpoints of webhooks and their dispatches."""

from typing import Any

from harvester.sandbox.apify.hooks import Hook, read_hook
from harvester.sandbox.apify.platform import Platform
from harvester.sandbox.apify.router import Route
from harvester.sandbox.apify.wire import Answer, ApiError, Call, Query, data, listing
from harvester.sandbox.wire import loads


def create(platform: Platform, call: Call) -> Answer:
    """A webhook of an actor, or an ad hoc one of a run that exists."""
    try:
        given = loads(call.body)
    except ValueError as error:
        raise ApiError(400, "invalid-request", "The body of the request is not valid JSON.") from error
    hook = read_hook(given)
    _listen(platform, hook, given.get("condition"))
    with platform.lock:
        return data(platform.hooks.add(hook).as_json(platform.user_id), 201)


def _listen(platform: Platform, hook: Hook, condition: Any) -> None:
    if not isinstance(condition, dict) or sum(value is not None for value in condition.values()) != 1:
        raise ApiError(400, "schema-validation", "Webhook condition isn't valid.")
    run_id, actor_id = condition.get("actorRunId"), condition.get("actorId")
    if hook.ad_hoc and not run_id:
        raise ApiError(400, "schema-validation", "Ad hoc webhook can only be set for Actor runs.")
    if run_id:
        hook.run_id = platform.run(str(run_id)).id
    else:
        hook.actor_id = platform.actor(str(actor_id)).id


def list_all(platform: Platform, call: Call) -> Answer:
    """All webhooks that were made for good, oldest first."""
    with platform.lock:
        hooks = [hook.as_row(platform.user_id) for hook in platform.hooks.all() if not hook.ad_hoc]
    return data(listing(call.query, hooks))


def get(platform: Platform, call: Call, hook: str) -> Answer:
    """One webhook."""
    return data(_hook(platform, hook).as_json(platform.user_id))


def delete(platform: Platform, call: Call, hook: str) -> Answer:
    """Remove a webhook; what it has still to send is given up."""
    found = _hook(platform, hook)
    with platform.lock:
        platform.hooks.remove(found.id)
    return Answer(204)


def test(platform: Platform, call: Call, hook: str) -> Answer:
    """Fire a webhook with a dummy payload."""
    found = _hook(platform, hook)
    dispatch = platform.dispatch(found, "TEST", None, {"note": "This webhook was fired to test it."})
    return data(dispatch.as_json(platform.user_id), 201)


def _hook(platform: Platform, hook_id: str) -> Hook:
    with platform.lock:
        found = platform.hooks.get(hook_id)
    if found is None:
        raise ApiError(404, "record-not-found", "Webhook was not found")
    return found


def of_hook(platform: Platform, call: Call, hook: str) -> Answer:
    """Dispatches of one webhook."""
    return _dispatches(platform, call.query, _hook(platform, hook).id)


def dispatches(platform: Platform, call: Call) -> Answer:
    """All dispatches, oldest first."""
    return _dispatches(platform, call.query, None)


def _dispatches(platform: Platform, query: Query, hook_id: str | None) -> Answer:
    page = listing(query, platform.deliverer.all(hook_id))
    return data(page | {"items": [one.as_json(platform.user_id) for one in page["items"]]})


def get_dispatch(platform: Platform, call: Call, dispatch: str) -> Answer:
    """One dispatch with its calls so far."""
    found = platform.deliverer.get(dispatch)
    if found is None:
        raise ApiError(404, "record-not-found", "Webhook dispatch was not found")
    return data(found.as_json(platform.user_id))


ROUTES: list[Route] = [
    ("POST", "/v2/webhooks", create),
    ("GET", "/v2/webhooks", list_all),
    ("GET", "/v2/webhooks/<hook>", get),
    ("DELETE", "/v2/webhooks/<hook>", delete),
    ("POST", "/v2/webhooks/<hook>/test", test),
    ("GET", "/v2/webhooks/<hook>/dispatches", of_hook),
    ("GET", "/v2/webhook-dispatches", dispatches),
    ("GET", "/v2/webhook-dispatches/<dispatch>", get_dispatch),
]
