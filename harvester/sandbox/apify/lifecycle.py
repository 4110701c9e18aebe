"""The life of an actor run: READY, RUNNING, then one of the ends; aborts and resurrections in between."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harvester.sandbox.apify.actor import make_plan
from harvester.sandbox.apify.datasets import Dataset
from harvester.sandbox.apify.faults import Kind
from harvester.sandbox.apify.hooks import Hook
from harvester.sandbox.apify.inputs import RunOptions
from harvester.sandbox.apify.oracle import Start
from harvester.sandbox.apify.people import Scene, Target
from harvester.sandbox.apify.platform import Platform
from harvester.sandbox.apify.runs import Actor, ActorRun, Status
from harvester.sandbox.apify.wire import ApiError
from harvester.sandbox.clock import iso, utc_now

#: What Apify grants an actor that is aborted gracefully, in its seconds.
_GRACE_SECONDS = 30.0
#: A run that ends on purpose of a fault does so after this part of its time.
_CUT_SHORT = 0.6
_TRANSIENT: dict[Status, Status] = {"ABORTED": "ABORTING", "TIMED-OUT": "TIMING-OUT"}
_ON_PURPOSE: tuple[tuple[Kind, Status], ...] = (
    ("run-fail", "FAILED"),
    ("run-abort", "ABORTED"),
    ("run-timeout", "TIMED-OUT"),
)
_MESSAGES: dict[Status, str] = {
    "SUCCEEDED": "Finished.",
    "FAILED": "The Actor process failed with exit code 1.",
    "ABORTED": "Actor was aborted.",
    "TIMED-OUT": "Actor timed out.",
}
_MOST_CHARGED = "Maximum total charge reached."
_EXIT_CODES: dict[Status, int] = {"SUCCEEDED": 0, "FAILED": 1}


@dataclass(frozen=True)
class StartRequest:
    """A checked start: INPUT parsed and as it came, run parameters, webhooks, and who asks."""

    actor: Actor
    input: dict[str, Any]
    body: bytes
    content_type: str
    options: RunOptions
    hooks: list[Hook]
    user_agent: str
    client_ip: str


@dataclass(frozen=True)
class _Ending:
    """How a run will end, how many seconds from now, and whether all planned items are there by then."""

    status: Status
    after: float
    complete: bool
    message: str = ""


def start(platform: Platform, asked: StartRequest) -> ActorRun:
    """Start a run. Raises `ApiError` 402 when the account has no room."""
    kind = asked.actor.kind
    plan = make_plan(
        kind, _scene(platform, asked), asked.input, platform.options.datasets, _failing(platform)
    )
    now = utc_now()
    run = ActorRun(
        actor=asked.actor,
        started_at=now,
        input=asked.input,
        input_body=asked.body,
        input_type=asked.content_type,
        options=asked.options,
        dataset=Dataset(plan.parts, now, kind.tariff),
        no_results=plan.no_results,
        user_agent=asked.user_agent,
        client_ip=asked.client_ip,
    )
    with platform.lock:
        platform.check_room(run.options.memory_mbytes)
        platform.adopt(run)
        for hook in asked.hooks:
            hook.run_id, hook.ad_hoc = run.id, True
            platform.hooks.add(hook)
        platform.oracle.started(Start(run.id, run.actor.name, iso(now), run.input, kind.urls(run.input)))
        run.note("Actor run created.")
        platform.emit("CREATED", run)
        _later(platform, run, _pause(platform), lambda: _work(platform, run))
    return run


def abort(platform: Platform, run: ActorRun, *, gracefully: bool) -> None:
    """Abort; nothing happens to a run that has ended or is being aborted."""
    with platform.lock:
        if run.terminal or run.status == "ABORTING":
            return
        run.epoch += 1
        run.status = "ABORTING"
        run.note("Actor is being aborted.")
        if not gracefully:
            run.dataset.freeze(time.monotonic())
        wait = platform.options.scaled(_GRACE_SECONDS) if gracefully else _pause(platform)
        _later(platform, run, wait, lambda: _end(platform, run, _Ending("ABORTED", 0.0, False)))


def resurrect(platform: Platform, run: ActorRun, options: RunOptions) -> None:
    """Let an ended run go on: same id, same storages. Raises `ApiError` 400 or 402."""
    with platform.lock:
        if not run.terminal:
            raise ApiError(400, "operation-not-allowed", "Only a finished Actor run can be resurrected.")
        if (options.max_total_charge_usd or 0) < (run.options.max_total_charge_usd or 0):
            raise ApiError(400, "invalid-input", "maxTotalChargeUsd can only be increased.")
        platform.check_room(options.memory_mbytes)
        run.epoch += 1
        run.resurrections += 1
        run.options = options
        run.finished_at = run.finished_mono = run.exit_code = None
        run.status = "RUNNING"
        platform.emit("RESURRECTED", run)
        _work(platform, run)


def _scene(platform: Platform, asked: StartRequest) -> Scene:
    comments, reactions = asked.actor.kind.companions(asked.input)
    return Scene(platform.options.seed, platform.anchor, comments, reactions)


def _failing(platform: Platform) -> Callable[[Target], bool]:
    return lambda target: bool(platform.faults.take("target-error", text=target.url))


def _pause(platform: Platform) -> float:
    """How long a run stays in a passing state, in real seconds."""
    return min(0.1, platform.options.run_seconds / 10)


def _later(platform: Platform, run: ActorRun, seconds: float, action: Callable[[], None]) -> None:
    epoch = run.epoch

    def act() -> None:
        with platform.lock:
            if run.epoch == epoch:
                action()

    platform.scheduler.after(seconds, act)


def _work(platform: Platform, run: ActorRun) -> None:
    now = time.monotonic()
    run.status = "RUNNING"
    run.begun_mono = run.begun_mono or now
    run.note("Actor is running.")
    seconds = _duration(platform, run)
    ending = _foresee(platform, run, seconds)
    run.dataset.begin(now, seconds, run.affordable_items())
    _later(platform, run, ending.after, lambda: _wind_down(platform, run, ending))


def _duration(platform: Platform, run: ActorRun) -> float:
    slow = platform.faults.take("run-slow", text=_text(run))
    return slow[0].seconds if slow else platform.options.run_seconds


def _foresee(platform: Platform, run: ActorRun, seconds: float) -> _Ending:
    for kind, status in _ON_PURPOSE:
        if platform.faults.take(kind, text=_text(run)):
            return _Ending(status, seconds * _CUT_SHORT, False)
    limit = run.options.timeout_secs
    if 0 < limit < seconds:
        return _Ending("TIMED-OUT", float(limit), False)
    affordable, length = run.affordable_items(), run.dataset.length
    if affordable < length:
        after, status = seconds * affordable / length, platform.options.at_cap
        return _Ending(status, after, True, _MOST_CHARGED if status == "ABORTED" else "")
    return _Ending("SUCCEEDED", seconds, True)


def _text(run: ActorRun) -> str:
    return run.input_body.decode("utf-8", "replace")


def _wind_down(platform: Platform, run: ActorRun, ending: _Ending) -> None:
    if ending.status not in _TRANSIENT:
        _end(platform, run, ending)
        return
    run.status = _TRANSIENT[ending.status]
    run.dataset.freeze(time.monotonic(), complete=ending.complete)
    _later(platform, run, _pause(platform), lambda: _end(platform, run, ending))


def _end(platform: Platform, run: ActorRun, ending: _Ending) -> None:
    now = time.monotonic()
    run.dataset.freeze(now, complete=ending.complete)
    run.status = ending.status
    run.finished_at, run.finished_mono = utc_now(), now
    run.exit_code = _EXIT_CODES.get(ending.status)
    run.note(ending.message or _MESSAGES[ending.status])
    platform.emit(ending.status.replace("-", "_"), run)
    platform.lock.notify_all()
