"""Endpoints of actors and actor runs."""

import time
from collections.abc import Callable
from typing import Any

from harvester.sandbox.apify import lifecycle
from harvester.sandbox.apify.hooks import decode_parameter
from harvester.sandbox.apify.inputs import BUILD_NUMBER, DEFAULTS, read_input, read_options
from harvester.sandbox.apify.platform import Platform
from harvester.sandbox.apify.router import Route
from harvester.sandbox.apify.run_json import run_row
from harvester.sandbox.apify.runs import STATUSES, Actor, ActorRun
from harvester.sandbox.apify.wire import Answer, ApiError, Call, Query, data, listing, plain
from harvester.sandbox.clock import iso

#: Longest `waitForFinish` that Apify grants, in seconds.
_LONGEST_WAIT = 60.0


def start_run(platform: Platform, call: Call, actor: str) -> Answer:
    """Start an actor run."""
    chosen = platform.actor(actor)
    options = read_options(call.query, platform.options)
    asked = lifecycle.StartRequest(
        actor=chosen,
        input=read_input(call, chosen.kind.check),
        body=call.body or b"{}",
        content_type=call.headers.get("content-type", "application/json"),
        options=options,
        hooks=decode_parameter(call.query.text("webhooks")),
        user_agent=call.headers.get("user-agent", ""),
        client_ip=call.client_ip,
    )
    _refuse_on_purpose(platform)
    wait = call.query.number("waitForFinish")
    run = lifecycle.start(platform, asked)
    _wait(platform, run, wait)
    answer = data(platform.view(run), 201, Location=f"{call.base_url}/v2/actor-runs/{run.id}")
    answer.started_run = run.id
    return answer


def _refuse_on_purpose(platform: Platform) -> None:
    if platform.faults.take("memory-limit"):
        message = "By launching this job you will exceed the memory limit for all your Actor runs and builds."
        raise ApiError(402, "actor-memory-limit-exceeded", message)
    if platform.faults.take("concurrency-limit"):
        message = "You have exceeded the number of concurrent Actor runs of your plan."
        raise ApiError(402, "concurrent-runs-limit-exceeded", message)


def _wait(platform: Platform, run: ActorRun, seconds: float | None) -> None:
    if seconds:
        platform.wait(run, min(max(seconds, 0.0), _LONGEST_WAIT))


def validate_input(platform: Platform, call: Call, actor: str) -> Answer:
    """Check an INPUT without running."""
    read_input(call, platform.actor(actor).kind.check)
    return plain({"valid": True})


def get_actor(platform: Platform, call: Call, actor: str) -> Answer:
    """The actor itself."""
    return data(_actor_object(platform, platform.actor(actor)))


def _actor_object(platform: Platform, actor: Actor) -> dict[str, Any]:
    user, _, name = actor.name.partition("/")
    created = iso(platform.created_at)
    return {
        "id": actor.id,
        "userId": actor.user_id,
        "name": name,
        "username": user,
        "description": "A fixture actor: finds invented posts of invented people.",
        "isPublic": True,
        "createdAt": created,
        "modifiedAt": created,
        "stats": {"totalBuilds": 36, "totalRuns": len(platform.runs), "totalUsers": 1},
        "versions": [],
        "defaultRunOptions": {
            "build": DEFAULTS.build,
            "timeoutSecs": DEFAULTS.timeout_secs,
            "memoryMbytes": DEFAULTS.memory_mbytes,
            "restartOnError": False,
        },
        "isDeprecated": False,
        "title": actor.kind.title,
        "taggedBuilds": {
            "latest": {"buildId": actor.build_id, "buildNumber": BUILD_NUMBER, "finishedAt": created}
        },
    }


def actor_runs(platform: Platform, call: Call, actor: str) -> Answer:
    """Runs of one actor."""
    chosen = platform.actor(actor)
    return _list_runs(platform, call.query, lambda run: run.actor == chosen)


def all_runs(platform: Platform, call: Call) -> Answer:
    """Runs of all actors."""
    return _list_runs(platform, call.query, lambda _: True)


def _list_runs(platform: Platform, query: Query, wanted: Callable[[ActorRun], bool]) -> Answer:
    statuses = query.names("status")
    if set(statuses) - STATUSES:
        raise ApiError(400, "invalid-input", "Query parameter status holds an unknown status.")
    after, before = query.moment("startedAfter"), query.moment("startedBefore")
    with platform.lock:
        runs = [
            run
            for run in platform.runs.values()
            if wanted(run)
            and (not statuses or run.status in statuses)
            and (after is None or run.started_at >= after)
            and (before is None or run.started_at <= before)
        ]
        page = listing(query, sorted(runs, key=lambda run: run.started_at))
        now = time.monotonic()
        page["items"] = [run_row(run, platform.user_id, platform.options, now) for run in page["items"]]
    return data(page)


def get_run(platform: Platform, call: Call, run: str) -> Answer:
    """One run, waiting for its end if asked to."""
    found = platform.run(run)
    _wait(platform, found, call.query.number("waitForFinish"))
    return data(platform.view(found))


def abort_run(platform: Platform, call: Call, run: str) -> Answer:
    """Abort a run; one that has ended stays as it is."""
    found = platform.run(run)
    lifecycle.abort(platform, found, gracefully=call.query.flag("gracefully"))
    return data(platform.view(found))


def resurrect_run(platform: Platform, call: Call, run: str) -> Answer:
    """Let an ended run go on."""
    found = platform.run(run)
    lifecycle.resurrect(platform, found, read_options(call.query, platform.options, found.options))
    return data(platform.view(found))


def get_log(platform: Platform, call: Call, run: str) -> Answer:
    """The log of a run, as text."""
    lines = "\n".join(platform.run(run).log) + "\n"
    return Answer(200, lines.encode(), {"Content-Type": "text/plain; charset=utf-8"})


ROUTES: list[Route] = [
    ("GET", "/v2/actors/<actor>", get_actor),
    ("POST", "/v2/actors/<actor>/runs", start_run),
    ("GET", "/v2/actors/<actor>/runs", actor_runs),
    ("POST", "/v2/actors/<actor>/validate-input", validate_input),
    ("GET", "/v2/actor-runs", all_runs),
    ("GET", "/v2/actor-runs/<run>", get_run),
    ("POST", "/v2/actor-runs/<run>/abort", abort_run),
    ("POST", "/v2/actor-runs/<run>/resurrect", resurrect_run),
    ("GET", "/v2/actor-runs/<run>/log", get_log),
    ("GET", "/v2/logs/<run>", get_log),
]
