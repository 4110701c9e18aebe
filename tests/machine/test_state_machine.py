"""Everything that can happen to harvests, in any order, and what must be true throughout and in the end.

The services and the ledger are the real ones; time and Apify obey the test. A crash is an exception that
nothing catches, thrown out of a call to Apify or of a commit: what was not committed is gone, as it is
when a process is killed.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from factories import FakeClock, make_client, make_leads, make_settings
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import delete, func, select, text

from harvester import webhook_payload
from harvester.ledger import Ledger, Tx, actor_runs, metrics, schema, tables
from harvester.models import ActorRunState, ClientRunStatus, DeliveryOutcome
from machine.fake_apify import Crash, FakeApify
from services import Services, build
from services.deliveries import Unauthorised
from services.kickoff import Order

CLIENTS = ("Ada", "Ada-Lovelace", "ada")
UNKNOWN_START = 900.0
TERMINAL = ("SUCCEEDED", "FAILED", "ABORTED", "TIMED-OUT")


class Dying(Ledger):
    """A ledger whose process can be made to die right before or right after a commit."""

    die_before: int | None = None
    die_after: int | None = None

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """Write, unless the process dies first."""
        with super().write() as tx:
            yield tx
            if self._due("die_before"):
                raise Crash
        if self._due("die_after"):
            raise Crash

    def _due(self, name: str) -> bool:
        left = getattr(self, name)
        if left is None:
            return False
        setattr(self, name, left - 1 if left else None)
        return bool(left == 0)


class Harvests(RuleBasedStateMachine):
    """One ledger, three clients, an Apify that may fail."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=_fast()))
        self.clock = FakeClock()
        self.apify = FakeApify(self.clock)
        self.accepted: set[str] = set()
        self.deleted: set[str] = set()
        self.answers: dict[str, Any] = {}
        self.sent: list[tuple[str, str, str, str]] = []
        self.posted: dict[str, set[str]] = {client: set() for client in CLIENTS}
        self.next_id = 7_000_000_000

    @initialize()
    def agency(self) -> None:
        """Three clients whose IDs are easily confused, each with a few leads."""
        url = f"sqlite:///{shutil.copyfile(_template(), self.folder / 'ledger.db')}"
        self.services = self._built(url)
        for client_id in CLIENTS:
            make_client(self.services.ledger, client_id, daily_target=6, batch_size=2, max_batches=4)
            make_leads(self.services.ledger, client_id, 5)

    def _built(self, url: str) -> Services:
        terms = {"unknown_start_seconds": UNKNOWN_START, "reconcile_seconds": 300, "lease_seconds": 25}
        slow = {
            "cost_settle_seconds": 10,
            "items_lag_seconds": 300,
            "not_now_seconds": 10,
            "apify_timeout_seconds": 20,
        }
        wanted = make_settings(database_url=url, queued_seconds=30, **terms, **slow)
        return build(wanted, clock=self.clock, apify=self.apify, ledger=Dying(url))

    @property
    def ledger(self) -> Dying:
        """The ledger."""
        assert isinstance(self.services.ledger, Dying)
        return self.services.ledger

    # What happens

    @rule(
        client=st.sampled_from(CLIENTS),
        key=st.none() | st.sampled_from(["k1", "k2"]),
        named=st.booleans(),
    )
    def kickoff(self, client: str, key: str | None, named: bool) -> None:
        """Somebody asks for a harvest of who is due, or of certain profiles."""
        name = key and f"{client}-{key}"
        urls = self._profiles(client)[:3] if named else None
        answer = self.services.kickoff(Order(client_id=client, idempotency_key=name, target_urls=urls))
        if name is not None:
            assert self.answers.setdefault(name, answer) == answer
        if answer.outcome == "accepted" and answer.client_run_id is not None:
            self.accepted.add(answer.client_run_id)

    @rule()
    def work(self) -> None:
        """A worker does what is due."""
        self.services.tick(self.services.advance)

    @rule(calls=st.integers(0, 6))
    def die_in_a_call(self, calls: int) -> None:
        """The worker is killed while it asks Apify."""
        self.apify.crash_in = calls
        self._work_and_die()

    @rule(commits=st.integers(0, 8), before=st.booleans())
    def die_in_a_commit(self, commits: int, before: bool) -> None:
        """The worker is killed right before or after a commit."""
        setattr(self.ledger, "die_before" if before else "die_after", commits)
        self._work_and_die()

    def _work_and_die(self) -> None:
        try:
            self.work()
        except Crash:
            pass
        finally:
            self.apify.crash_in = self.apify.next_start = None
            self.ledger.die_before = self.ledger.die_after = None

    @rule(fault=st.sampled_from(["lost", "refused", "not_now", "crash_before", "crash_after"]))
    def fail_a_start(self, fault: str) -> None:
        """The next start goes wrong."""
        self.apify.next_start = fault
        self._work_and_die()

    @rule(seconds=st.sampled_from([0.5, 5, 12, 30, 301, 901, 4000]))
    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.clock.advance(seconds=seconds)

    @rule()
    def outage(self) -> None:
        """Apify goes down, or comes back."""
        self.apify.outage = not self.apify.outage

    @precondition(lambda self: self._running())
    @rule(data=st.data())
    def end_a_run(self, data: st.DataObject) -> None:
        """An actor run ends, with posts and whatever else; its webhook is sent, perhaps only later."""
        run_id = data.draw(st.sampled_from(self._running()))
        status = data.draw(st.sampled_from(TERMINAL))
        run = self.apify.runs[run_id]
        self.apify.end(
            run_id, status, [self._item(data, run.targets) for _ in range(data.draw(st.integers(0, 5)))]
        )
        self.sent.append(
            (run_id, f"ACTOR.RUN.{status.replace('-', '_')}", run.token, f"dispatch{len(self.sent)}")
        )

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """A webhook arrives: for the first time, again, late, or in another order."""
        run_id, event, token, dispatch = data.draw(st.sampled_from(self.sent))
        outcome = self._deliver(run_id, event, f"Bearer {token}", dispatch)
        assert outcome in (DeliveryOutcome.ACCEPTED, DeliveryOutcome.DUPLICATE)

    @precondition(lambda self: len(self.apify.runs) > 1)
    @rule(data=st.data())
    def forge(self, data: st.DataObject) -> None:
        """A webhook arrives with the token of another actor run, or of nobody."""
        runs = list(self.apify.runs.items())
        (run_id, run), (_, other) = data.draw(st.permutations(runs))[:2]
        if run.marker.partition(".")[0] == other.marker.partition(".")[0]:
            return
        token = data.draw(st.sampled_from([f"{run.token[:-2]}AA", "nobody"]))
        before = self._count(tables.deliveries)
        with pytest.raises(Unauthorised):
            self._deliver(run_id, "ACTOR.RUN.SUCCEEDED", f"Bearer {token}", "forged")
        assert self._count(tables.deliveries) == before

    @precondition(lambda self: self._ended())
    @rule(data=st.data())
    def resurrect(self, data: st.DataObject) -> None:
        """A person resurrects an actor run in Apify Console."""
        run_id = data.draw(st.sampled_from(self._ended()))
        self.apify.resurrect(run_id)
        token = self.apify.runs[run_id].token
        self.sent.append((run_id, "ACTOR.RUN.RESURRECTED", token, f"dispatch{len(self.sent)}"))

    @precondition(lambda self: self.accepted - self.deleted)
    @rule(data=st.data())
    def delete_a_record(self, data: st.DataObject) -> None:
        """A person deletes a client run record."""
        full_id = data.draw(st.sampled_from(sorted(self.accepted - self.deleted)))
        self.deleted.add(full_id)
        with self.services.ledger.write() as tx:
            tx.execute(delete(tables.client_runs).where(tables.client_runs.c.client_run_id == full_id))

    # What must be true throughout

    @invariant()
    def one_record_each(self) -> None:
        """There is one record per accepted kickoff that nobody deleted, and no other."""
        with self.services.ledger.read() as tx:
            found = list(tx.execute(select(tables.client_runs.c.client_run_id)).scalars())
        assert sorted(found) == sorted(self.accepted - self.deleted)

    @invariant()
    def no_second_paid_start(self) -> None:
        """Two starts for one batch are `UNKNOWN_START_SECONDS` apart at the least."""
        starts: dict[str, list[datetime]] = {}
        for run in self.apify.runs.values():
            assert run.facts.started_at is not None
            starts.setdefault(run.marker.partition(".")[0], []).append(run.facts.started_at)
        for times in starts.values():
            for earlier, later in itertools.pairwise(times):
                assert later - earlier >= timedelta(seconds=UNKNOWN_START)

    @invariant()
    def tenants_apart(self) -> None:
        """No client has a post that was found for another."""
        with self.services.ledger.read() as tx:
            rows = tx.execute(select(tables.posts.c.client_id, tables.posts.c.post_key)).all()
        for client_id, key in rows:
            assert key in self.posted[client_id]

    @invariant()
    def leads_in_one_batch(self) -> None:
        """A lead is in one live batch at most."""
        live = tables.actor_runs.c.state.not_in([ActorRunState.INGESTED, ActorRunState.FAILED])
        statement = (
            select(tables.lead_outcomes.c.lead_id)
            .join(tables.actor_runs)
            .where(live, tables.lead_outcomes.c.outcome.is_(None))
        )
        with self.services.ledger.read() as tx:
            busy = list(tx.execute(statement).scalars())
        assert len(busy) == len(set(busy))

    # What must be true in the end

    def teardown(self) -> None:
        """Everything heals; then nothing is open, nothing is lost, and every number adds up."""
        if not hasattr(self, "services"):
            return
        try:
            self._heal()
            self._check()
        finally:
            self.services.close()
            shutil.rmtree(self.folder)

    def _heal(self) -> None:
        self.apify.outage = False
        for run_id in self._running():
            self.apify.end(run_id, "SUCCEEDED", [])
        self._tell_of_resurrections()
        for _ in range(60):
            for run_id in self._running():
                self.apify.end(run_id, "SUCCEEDED", [])
            self.clock.advance(seconds=301)
            self.services.tick(self.services.advance)
            if not self._open():
                return
        raise AssertionError(f"still open: {self._open()}")

    def _tell_of_resurrections(self) -> None:
        """Let each resurrection's webhook arrive in the end: nothing else tells of one that came late."""
        for run_id, event, token, dispatch in self.sent:
            if event == "ACTOR.RUN.RESURRECTED":
                self._deliver(run_id, event, f"Bearer {token}", dispatch)

    def _open(self) -> list[Any]:
        over = (ActorRunState.INGESTED, ActorRunState.FAILED)
        with self.services.ledger.read() as tx:
            runs = tx.execute(select(tables.actor_runs).where(tables.actor_runs.c.state.not_in(over))).all()
            live = tables.client_runs.c.status == ClientRunStatus.RUNNING
            unread = select(tables.deliveries).where(tables.deliveries.c.processed_at.is_(None))
            return [*runs, *tx.execute(select(tables.client_runs).where(live)), *tx.execute(unread)]

    def _check(self) -> None:
        with self.services.ledger.read() as tx:
            assert tx.execute(text("pragma integrity_check")).scalar_one() == "ok"
            self._check_posts(tx)
            for run in tx.execute(select(tables.client_runs)).all():
                counted = metrics.of_client_run(tx, run.client_run_id)
                stored = {name: run._mapping[name] for name in type(counted).__dataclass_fields__}
                assert stored == {name: getattr(counted, name) for name in stored}
            stuck = select(func.count()).where(tables.leads.c.status == "Processing")
            assert tx.execute(stuck).scalar_one() == 0

    def _check_posts(self, tx: Tx) -> None:
        """Every paid post of an actor run that is ours is stored, under its client."""
        for apify_run_id, run in self.apify.runs.items():
            ours = actor_runs.by_apify_run_id(tx, apify_run_id)
            if ours is None:
                continue
            wanted = {
                item["id"] for item in run.items if isinstance(item, dict) and item.get("type") == "post"
            }
            keys = select(tables.posts.c.post_key).where(tables.posts.c.client_id == ours.client_id)
            missing = wanted - set(tx.execute(keys).scalars())
            assert not missing, f"{apify_run_id} ({ours.state}) lacks {missing}"
            assert ours.cost_micros == run.facts.cost_micros

    # How it is done

    def _running(self) -> list[str]:
        return [run_id for run_id, run in self.apify.runs.items() if not run.facts.ended]

    def _ended(self) -> list[str]:
        return [run_id for run_id, run in self.apify.runs.items() if run.facts.ended]

    def _item(self, data: st.DataObject, targets: list[str]) -> Any:
        kind = data.draw(st.sampled_from(["post", "post", "again", "comment", "error", "nonsense"]))
        target = data.draw(st.sampled_from(targets))
        query = {"targetUrl": target}
        if kind == "comment":
            return {
                "type": "comment",
                "id": "1",
                "commentary": "so true",
                "postId": "2",
                "query": {"post": "2"},
            }
        if kind == "error":
            return {"error": "could not be scraped", "query": query}
        if kind == "nonsense":
            return ["not", "an", "item"]
        self.next_id += kind == "post"
        client = self._client_of(target)
        self.posted[client].add(str(self.next_id))
        return {"type": "post", "id": str(self.next_id), "content": f"Post {self.next_id}", "query": query}

    def _profiles(self, client: str) -> list[str]:
        with self.services.ledger.read() as tx:
            statement = select(tables.leads.c.profile_url).where(tables.leads.c.client_id == client)
            return list(tx.execute(statement.order_by(tables.leads.c.id)).scalars())

    def _client_of(self, target: str) -> str:
        with self.services.ledger.read() as tx:
            statement = select(tables.leads.c.client_id).where(tables.leads.c.profile_url == target)
            return str(tx.execute(statement).scalar_one())

    def _deliver(self, run_id: str, event: str, authorization: str, dispatch: str) -> DeliveryOutcome:
        proof = self.services.deliveries.prove(authorization)
        body = f'{{"eventType":"{event}","eventData":{{"actorRunId":"{run_id}"}}}}'
        payload = webhook_payload.parse(body.encode())
        return self.services.deliveries.keep(proof, payload, dispatch_id=dispatch, headers={}, body=body)

    def _count(self, table: Any) -> int:
        with self.services.ledger.read() as tx:
            return int(tx.execute(select(func.count()).select_from(table)).scalar_one())


_made: dict[str, Path] = {}


def _fast() -> str | None:
    """Name a folder in memory, where the machine has one: hundreds of ledgers need no disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _template() -> Path:
    if "ledger" not in _made:
        _made["ledger"] = Path(tempfile.mkdtemp()) / "ledger.db"
        ledger = Ledger(f"sqlite:///{_made['ledger']}")
        schema.migrate(ledger)
        ledger.close()
    return _made["ledger"]


#: Shrinking takes minutes: MACHINE_SHRINK=1 asks for it once a failure is to be understood.
_PHASES = tuple(Phase) if os.environ.get("MACHINE_SHRINK") else (Phase.explicit, Phase.reuse, Phase.generate)
Harvests.TestCase.settings = settings(
    max_examples=int(os.environ.get("MACHINE_EXAMPLES", "50")),
    stateful_step_count=40,
    deadline=None,
    phases=_PHASES,
    suppress_health_check=list(HealthCheck),
)
TestHarvests = pytest.mark.slow(pytest.mark.timeout(600)(Harvests.TestCase))
