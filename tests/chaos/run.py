"""One chaos run: real processes, killed and stopped again and again, while every tenth call fails."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from factories import opened

from harvester.ledger import Ledger, job_runs
from services.overview import Overview
from services.pauses import Pauses

from . import checks, story, traces
from .apify import TOKEN, UnreliableApify
from .callers import Caller
from .evidence import Evidence
from .fleet import Fleet, Size, fleet, minded
from .office import Office
from .watch import Watch

#: Longer than the lease, and shorter than `UNKNOWN_START_SECONDS`: who sleeps in mid-start for longer than
#: that may wake to a second start of the same batch.
LONGEST_STOP = 4.5
TIMERS: dict[str, object] = {
    "TICK_SECONDS": 0.2,
    "RECONCILE_SECONDS": 2,
    "UNKNOWN_START_SECONDS": 8,
    "RETRY_BASE_SECONDS": 0.2,
    "LEASE_SECONDS": 3,
    "APIFY_TIMEOUT_SECONDS": 1.5,
    "COST_SETTLE_SECONDS": 0.3,
    "ITEMS_LAG_SECONDS": 3,
    "NOT_NOW_SECONDS": 0.4,
    "LOOK_AGAIN_SECONDS": 0.3,
    "GONE_SECONDS": 3,
    "QUEUED_SECONDS": 1,
    "SHUTDOWN_SECONDS": 5,
    "WORKER_THREADS": 4,
    "MAX_ACTOR_RUNS": 20,
    "DAILY_BUDGET_USD": 1_000,
    "KICKOFFS_PER_HOUR": 10_000,
}
#: Of so many harvests, some are those of a job run for all clients.
JOB_RUN_EVERY = 50
#: What the job runs of a day may plan for a client, all together.
MOST_BATCHES = 12
#: How long the last faults may take to heal.
HEAL_SECONDS = 60.0


@dataclass
class Outcome:
    """What a run came to: its counts, and every violation in a sentence."""

    seed: int
    database: str
    counts: dict[str, object] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0
    #: What was looked at; none if the run did not come to its end.
    evidence: Evidence | None = None
    again: Callable[[Evidence], list[str]] = lambda _: []

    def __str__(self) -> str:
        """Give it for people."""
        counts = "\n".join(f"  {name}: {value}" for name, value in self.counts.items())
        head = f"chaos run, seed {self.seed} on {self.database}: {self.seconds:.0f} s\n{counts}\n"
        if not self.violations:
            return f"{head}  no violation"
        many = len(self.violations)
        shown = "\n".join(f"  - {one}" for one in self.violations[:60])
        again = f"make chaos SEED={self.seed} DATABASE={self.database}"
        return f"{head}{many} violations; to repeat: {again}\n{shown}"


def chaos(
    seed: int,
    database: str,
    url: str,
    folder: Path,
    *,
    harvests: int,
    limit_seconds: float,
    pause: tuple[float, float] = (1.0, 3.0),
    run_seconds: float = 0.5,
    tell: Callable[[str], None] = lambda _: None,
    **settings: object,
) -> Outcome:
    """Run it on the fresh ledger behind `url`, for `limit_seconds` at the most, and check what is left."""
    outcome = Outcome(seed, database)
    began = time.monotonic()
    apify = UnreliableApify(seed, time_scale=200, run_seconds=run_seconds, webhook_timeout_seconds=3.0)
    with opened(url) as ledger, apify:
        story.found(ledger, max_batches=min(MOST_BATCHES, harvests // len(story.CLIENTS)))
        environ = {
            "DATABASE_URL": url,
            "APIFY_API_URL": apify.url,
            "APIFY_TOKEN": TOKEN,
            **TIMERS,
            **settings,
        }
        with fleet(folder, environ) as at_work:
            fresh = at_work.sizes()
            stage = _Stage(seed, ledger, apify, at_work, began + limit_seconds, pause, outcome, tell)
            stage.play(harvests)
            worn = at_work.sizes()
            evidence = Evidence(ledger, apify, at_work.lives)
            evidence.paused, evidence.cancelled = stage.paused, stage.cancelled
            outcome.evidence = evidence
            outcome.again = lambda other: violations(other, stage.accepted, at_work)
            outcome.violations += violations(evidence, stage.accepted, at_work)
            outcome.violations += traces.growth(fresh, worn)
        wal, wrongs = traces.log_size(url)
        outcome.violations += wrongs
        outcome.counts |= _counts(evidence, at_work, fresh, worn, wal)
    outcome.seconds = time.monotonic() - began
    return outcome


def violations(evidence: Evidence, accepted: Sequence[str], at_work: Fleet) -> list[str]:
    """Check everything that can be read from what is left."""
    unknown_start = timedelta(seconds=float(at_work.environ["UNKNOWN_START_SECONDS"]))
    found = [
        checks.records(evidence, accepted),
        checks.webhooks(evidence),
        checks.contents(evidence),
        checks.tenants(evidence),
        checks.metrics(evidence),
        checks.money(evidence, unknown_start),
        checks.rest(evidence),
        checks.jobs(evidence),
        checks.held_back(evidence),
        traces.lines(evidence, at_work.killed_at),
        traces.errors(evidence),
        traces.secrets(evidence),
    ]
    return [wrong for wrongs in found for wrong in wrongs]


@dataclass
class _Stage:
    """A run while it is on."""

    seed: int
    ledger: Ledger
    apify: UnreliableApify
    fleet: Fleet
    deadline: float
    pause: tuple[float, float]
    outcome: Outcome
    tell: Callable[[str], None]
    accepted: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    paused: list[tuple[datetime, datetime]] = field(default_factory=list)
    office: Office = field(init=False)

    def play(self, harvests: int) -> None:
        """Order the harvests while everything breaks, then let it heal."""
        over = threading.Event()
        self.office = Office(self.fleet.url, 1 + harvests // JOB_RUN_EVERY, over)
        harvests = max(len(story.CLIENTS), harvests - len(story.CLIENTS) * self.office.times)
        each = [harvests // len(story.CLIENTS) + (n < harvests % len(story.CLIENTS)) for n in range(5)]
        callers = [
            Caller(
                self.fleet.url,
                story.orders(self.seed, client_id, count, cancels=True),
                over,
                begin=self.office.opened,
            )
            for client_id, count in zip(story.CLIENTS, each, strict=True)
        ]
        watch = Watch(self.ledger, self.fleet.url, callers, over)
        self.apify.trouble()
        with minded(self.fleet), _running([*callers, self.office, watch], over):
            self._break(callers, harvests)
            self.outcome.counts["faults"] = self.apify.heal()
            healing = time.monotonic()
            while not self._quiet(callers, harvests) and time.monotonic() < healing + HEAL_SECONDS:
                self._let_actors_go_on()
                time.sleep(0.2)
            self.outcome.counts["seconds to heal"] = round(time.monotonic() - healing, 1)
        self._ended(callers, watch, harvests)

    def _let_actors_go_on(self) -> None:
        """Be the person who looks at an actor that was paused: half of these people's leads are odd."""
        switch = Pauses(self.ledger, lambda: datetime.now(UTC), max_in_flight=1)
        for pause in switch.standing():
            if pause.actor_id is not None:
                switch.lift(pause.scope, by="a person")
                self.tell(f"{pause.scope} is let go on")

    def _break(self, callers: list[Caller], harvests: int) -> None:
        """Kill and stop, until all is ordered and over, or there is time for the healing alone."""
        done: Counter[str] = Counter()
        timers: list[threading.Timer] = []
        began = time.monotonic()
        for act in story.acts(self.seed, self.fleet.names, self.pause, LONGEST_STOP):
            until = time.monotonic() + act.wait
            while time.monotonic() < until and not self._finished(callers, harvests):
                time.sleep(0.05)
            if self._finished(callers, harvests) or time.monotonic() > self.deadline - HEAL_SECONDS - 30:
                break
            done[act.kind] += 1
            self.tell(f"{time.monotonic() - began:6.1f} s: {act.kind} {act.who}")
            if act.kind == "stop":
                timers.append(self.fleet.stop(act.who, act.seconds))
            else:
                (self.fleet.kill if act.kind == "kill" else self.fleet.kill_a_child)(act.who)
        for timer in timers:
            timer.join()
        self.outcome.counts |= {"seconds of trouble": round(time.monotonic() - began, 1), "acts": dict(done)}

    def _finished(self, callers: list[Caller], harvests: int) -> bool:
        ended = sum(len(caller.finished) + len(caller.wrongs) for caller in callers)
        return ended >= harvests and (self.office.finished or bool(self.office.wrongs))

    def _quiet(self, callers: list[Caller], harvests: int) -> bool:
        """Say whether all is over: the harvests, the webhooks' calls, and what is due after both."""
        if not self._finished(callers, harvests) or self.apify.ledger().dispatches_by_status.get("ACTIVE"):
            return False
        counters = Overview(self.ledger).counters()["actor_runs"]
        still_open = sum(n for state, n in counters.items() if state not in ("ingested", "failed"))
        with self.ledger.read() as tx:
            untold = job_runs.unreported(tx)
        return not (still_open or untold or _unread(self.ledger)) and self.fleet.ready()

    def _ended(self, callers: list[Caller], watch: Watch, harvests: int) -> None:
        self.accepted = [full_id for caller in callers for full_id in caller.accepted]
        self.cancelled = [full_id for caller in callers for full_id in caller.cancelled]
        self.paused = self.office.paused
        self.outcome.counts |= {
            "harvests": f"{len(self.accepted)} of {harvests}, samples {watch.samples}",
            "orders for all": f"{len(self.office.answers)}, paused {len(self.paused)} times",
            "cancels accepted": len(self.cancelled),
            "ended by themselves": dict(Counter(map(str, self.fleet.ended))),
        }
        self.outcome.violations += sorted(watch.wrongs) + [one for c in callers for one in c.wrongs]
        self.outcome.violations += self.office.wrongs
        if not self._finished(callers, harvests):
            ordered = sum(len(caller.answers) for caller in callers)
            self.outcome.violations.append(f"I9: only {ordered} of {harvests} were ordered in time")
        again = [wrong for caller in callers for wrong in caller.asked_again()]
        self.outcome.violations += again + self.office.asked_again()


def _unread(ledger: Ledger) -> bool:
    rows = Overview(ledger).deliveries(limit=1_000).rows
    return any(row["processedAt"] is None for row in rows)


@contextmanager
def _running(works: Sequence[Callable[[], None]], over: threading.Event) -> Iterator[None]:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _counts(
    evidence: Evidence, at_work: Fleet, fresh: dict[str, Size], worn: dict[str, Size], wal: int
) -> dict[str, Any]:
    calls = evidence.hook_calls
    return {
        "actor runs": f"{len(evidence.paid)} started for {len(evidence.batches)} batches",
        "actor runs by end": dict(Counter(run.status for run in evidence.paid)),
        "batches by end": dict(Counter(_end_of(row) for row in evidence.batches)),
        "client runs by end": dict(Counter(row.status for row in evidence.records)),
        "webhook calls": f"{len(calls)}, answered {dict(Counter(str(call.status) for call in calls))}",
        "decisions": dict(Counter(f"{row.decision} {row.code or ''}".strip() for row in evidence.decided)),
        "deliveries": len(evidence.deliveries),
        "posts": len(evidence.posts),
        "rejects": len(evidence.rejects),
        "processes started": len(at_work.lives),
        "write-ahead log MiB": round(wal / 1024**2, 1),
        "fresh": {name: str(size) for name, size in fresh.items()},
        "worn": {name: str(size) for name, size in worn.items()},
    }


def _end_of(row: Any) -> str:
    return f"{row.state} {row.error_code}" if row.error_code else str(row.state)
