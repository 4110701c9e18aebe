"""The account behind the API: its actors, runs and webhooks, and what an event of theirs sets off."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from harvester.sandbox.apify.dispatches import Deliverer, Dispatch
from harvester.sandbox.apify.faults import FaultBook
from harvester.sandbox.apify.hooks import Hook, HookBook
from harvester.sandbox.apify.options import Options
from harvester.sandbox.apify.oracle import Ledger, Oracle
from harvester.sandbox.apify.run_json import run_object
from harvester.sandbox.apify.runs import Actor, ActorRun
from harvester.sandbox.apify.scheduler import Scheduler
from harvester.sandbox.apify.wire import ApiError
from harvester.sandbox.clock import epoch_millis, iso, new_id, utc_now


class Platform:
    """All state, in memory. Public methods may be called from any thread."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.user_id = new_id()
        self.base_url = ""
        self.created_at = utc_now()
        self.scheduler = Scheduler()
        self.faults = FaultBook(options.seed)
        self.oracle = Oracle()
        self.deliverer = Deliverer(options, self.scheduler, self.faults, self.oracle)
        self.lock = threading.Condition(threading.RLock())
        self.closing = threading.Event()
        self.actors = [Actor(name) for name in options.actors]
        self.anchor = options.anchor or utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
        self._forget()

    def _forget(self) -> None:
        self.runs: dict[str, ActorRun] = {}
        self.by_dataset: dict[str, ActorRun] = {}
        self.by_store: dict[str, ActorRun] = {}
        self.hooks = HookBook()

    def reset(self) -> None:
        """As on the first day: no runs, webhooks, faults or counts."""
        with self.lock:
            self.scheduler.clear()
            for run in self.runs.values():
                run.epoch += 1
            self._forget()
            self.faults.put([])
            self.oracle.reset()
            self.deliverer.reset()
            self.lock.notify_all()

    def release(self) -> None:
        """Let everybody go who waits for something, because the end is near."""
        self.closing.set()
        with self.lock:
            self.lock.notify_all()

    def close(self) -> None:
        """Stop all threads. Nobody may start anything any more."""
        self.scheduler.close()
        self.deliverer.close()

    def actor(self, reference: str) -> Actor:
        """By id, `user~name` or `user/name`. Raises `ApiError` 404."""
        name = reference.replace("~", "/")
        for actor in self.actors:
            if reference == actor.id or name == actor.name:
                return actor
        raise ApiError(404, "actor-not-found", "Actor was not found")

    def run(self, run_id: str) -> ActorRun:
        """By id. Raises `ApiError` 404."""
        with self.lock:
            found = self.runs.get(run_id)
        if found is None:
            raise ApiError(404, "record-not-found", "Actor run was not found")
        return found

    def adopt(self, run: ActorRun) -> None:
        """Take in a new run. The caller holds the lock."""
        self.runs[run.id] = self.by_dataset[run.dataset.id] = self.by_store[run.store_id] = run

    def check_room(self, memory_mbytes: int) -> None:
        """Refuse what the account cannot run beside what it runs. Raises `ApiError` 402."""
        active = self.active()
        if len(active) >= self.options.max_concurrent_runs:
            message = "You have exceeded the number of concurrent Actor runs of your plan."
            raise ApiError(402, "concurrent-runs-limit-exceeded", message)
        used = sum(run.options.memory_mbytes for run in active)
        if used + memory_mbytes > self.options.max_memory_gbytes * 1024:
            limit = (
                f"the memory limit of {self.options.max_memory_gbytes:g}GB for all your Actor runs and builds"
            )
            numbers = f"(currently used: {used}MB, requested: {memory_mbytes}MB)"
            message = f"By launching this job you will exceed {limit} {numbers}."
            raise ApiError(402, "actor-memory-limit-exceeded", message)

    def active(self) -> list[ActorRun]:
        """Runs that have not ended."""
        with self.lock:
            return [run for run in self.runs.values() if not run.terminal]

    def emit(self, event: str, run: ActorRun) -> None:
        """Fire the webhooks that listen to an event of a run, with the run as it is now."""
        event_type = f"ACTOR.RUN.{event}"
        with self.lock:
            again = self.options.ad_hoc_fires_again
            woken = self.hooks.woken(event_type, run.actor.id, run.id, again=again)
            for hook in woken:
                hook.fired += 1
            event_data = {"actorId": run.actor.id, "actorRunId": run.id}
            resource = self.view(run) if woken else {}
        for hook in woken:
            self.dispatch(hook, event_type, event_data, resource)

    def dispatch(
        self, hook: Hook, event_type: str, event_data: dict[str, str] | None, resource: Any
    ) -> Dispatch:
        """Fire one webhook."""
        now = utc_now()
        moment = {"dateISO": iso(now), "dateUnix": epoch_millis(now)}
        about = {"eventType": event_type, "eventData": event_data, "resource": resource}
        variables = {"userId": self.user_id, "createdAt": iso(now), "globals": moment, **about}
        dispatch = Dispatch(hook, event_type, event_data, variables, created_at=now)
        self.deliverer.fire(dispatch)
        return dispatch

    def view(self, run: ActorRun) -> dict[str, Any]:
        """The run as the API shows it now."""
        with self.lock:
            return run_object(run, self.user_id, self.options, time.monotonic())

    def wait(self, run: ActorRun, seconds: float) -> None:
        """Until the run ends, the seconds are over or the sandbox closes."""
        with self.lock:
            self.lock.wait_for(lambda: run.terminal or self.closing.is_set(), seconds)

    def put_items(self, run_id: str, items: Sequence[Any]) -> None:
        """Give a run exactly these items. Raises `ApiError` 404."""
        run = self.run(run_id)
        with self.lock:
            run.dataset.replace(items, time.monotonic())

    def monthly_usage_usd(self) -> float:
        """What all runs have cost so far, without lag."""
        with self.lock:
            now = time.monotonic()
            return round(sum(run.cost_usd(now) for run in self.runs.values()), 5)

    def ledger(self) -> Ledger:
        """Everything that happened."""
        with self.lock:
            states = Counter(run.status for run in self.runs.values())
        return self.oracle.snapshot(self.monthly_usage_usd(), self.deliverer.by_status(), Counter(states))
