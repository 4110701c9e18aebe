"""What is looked at whenever something is committed or started: each way of a state, and robbed workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harvester.ledger import Tx
from harvester.models import ActorRunState

from .fake_apify import FakeApify, FakeRun
from .truths import rows
from .workers import Points

OVER = (ActorRunState.INGESTED, ActorRunState.FAILED)
#: The table in `harvester/models.py`, a way at a time.
WAYS = {
    ActorRunState.PLANNED: {"starting", "failed"},
    ActorRunState.STARTING: {"running", "start_unknown", "planned", "failed"},
    ActorRunState.START_UNKNOWN: {"running", "planned", "failed"},
    ActorRunState.RUNNING: {"ended", "failed"},
    ActorRunState.ENDED: {"ingesting", "ingested", "failed"},
    ActorRunState.INGESTING: {"ingested", "failed"},
    ActorRunState.INGESTED: set(),
    ActorRunState.FAILED: set(),
}
#: Whence a resurrection at Apify leads back, and whither.
ENDED_ONCE = (ActorRunState.ENDED, ActorRunState.INGESTING, *OVER)
BACK = {"running", "ended"}


@dataclass
class Row:
    """What is watched of an actor run's row."""

    state: str
    fence: int
    resurrections: int
    attempt: int
    end_known: bool
    #: Given up before its dataset was read: a dead letter, one that was discarded, or one that was gone.
    unread: bool


class Watch:
    """Looks at each commit: no state goes a way that is not in the table, no robbed worker writes."""

    def __init__(self, apify: FakeApify) -> None:
        self.wrong: list[str] = []
        self.known: dict[int, Row] = {}
        #: Dead letters that a person has discarded: what they hold is lost.
        self.discarded: set[int] = set()
        self._apify = apify
        self._pending: dict[int, Row] = {}
        #: Rows whose fence a worker has raised, and what it was then; by the worker's points.
        self.claims: dict[Points, dict[int, int]] = {}
        #: The row that a worker was robbed of, and all that belongs to it as it was when that one woke.
        self._robbed_of: tuple[int, list[Any]] | None = None

    def committing(self, tx: Tx, points: Points) -> None:
        """Look at what is about to be committed."""
        found = rows(
            tx,
            "select id, state, fence, attempt, apify_run_id, apify_finished_at is not null, "
            "parked_at is not null or error_code in ('discarded', 'data_gone') from actor_runs",
        )
        self._pending = {}
        for row_id, state, fence, attempt, apify_run_id, end_known, unread in found:
            run = self._apify.runs.get(apify_run_id)
            resurrections = run.facts.resurrections if run else 0
            now = Row(state, fence, resurrections, attempt, bool(end_known), bool(unread))
            before = self.known.get(row_id)
            if before is not None:
                now.resurrections = self._moved(row_id, before, now)
                if fence > before.fence:
                    self.claims.setdefault(points, {})[row_id] = fence
                    points.robbed = False
            self._pending[row_id] = now
        if points.robbed and self._robbed_of is not None:
            row_id, content = self._robbed_of
            if self._content(tx, row_id) != content:
                self.wrong.append(f"a worker that was robbed of row {row_id} wrote to it")

    def committed(self) -> None:
        """It is on disk."""
        self.known = self._pending

    def _moved(self, row_id: int, before: Row, now: Row) -> int:
        """Judge a change of state. Gives the resurrections that are accounted for."""
        if before.state == now.state or now.state in WAYS[ActorRunState(before.state)]:
            return before.resurrections
        told_late = before.attempt > 0 and before.state == "planned" and now.state == "running"
        # Given up before its run, or its run's end, was known; or for a dataset that is read once more.
        anew = before.state == "failed" and now.state in BACK and (not before.end_known or before.unread)
        if before.state in ENDED_ONCE and now.state in BACK and now.resurrections > before.resurrections:
            return now.resurrections
        if not told_late and not anew:
            self.wrong.append(f"row {row_id} went from {before.state} to {now.state}")
        return before.resurrections

    def held_by(self, tx: Tx, points: Points) -> dict[int, int]:
        """Give the rows that a worker has the lease of, with the fence under which it does."""
        fences = self.claims.get(points, {})
        leased = rows(tx, "select id, fence from actor_runs where lease_until is not null")
        return {row_id: fence for row_id, fence in leased if fences.get(row_id) == fence}

    def woken(self, tx: Tx, points: Points, held: dict[int, int]) -> bool:
        """A worker that held rows is about to wake. Says whether it has been robbed of one meanwhile."""
        now = {row_id: row.fence for row_id, row in self.known.items()}
        lost = [row_id for row_id, fence in held.items() if now[row_id] != fence]
        points.robbed = bool(lost)
        self._robbed_of = (lost[0], self._content(tx, lost[0])) if lost else None
        return points.robbed

    def _content(self, tx: Tx, row_id: int) -> list[Any]:
        of_row = ("lead_outcomes", "sightings", "rejects", "deliveries")
        return [
            rows(tx, f"select * from actor_runs where id = {row_id}"),
            *(
                sorted(map(repr, rows(tx, f"select * from {t} where actor_run_id = {row_id}")))
                for t in of_row
            ),
        ]

    def started(self, tx: Tx, run: FakeRun, *, robbed: bool) -> None:
        """Judge a start that is about to take effect."""
        if robbed and not run.late:
            self.wrong.append(f"a worker that was robbed of its row started {run.marker}")
        found = rows(
            tx,
            "select a.state, a.attempt, l.profile_url, l.client_id = a.client_id from actor_runs a "
            "join lead_outcomes o on o.actor_run_id = a.id join leads l on l.id = o.lead_id "
            f"where a.marker = '{run.batch}'",
        )
        if sorted(url for _, _, url, _ in found) != sorted(run.targets):
            self.wrong.append(f"{run.marker} was started for {run.targets}, and planned for {found}")
        if not all(same for *_, same in found):
            self.wrong.append(f"{run.marker} was started for leads of another client")
        if not run.late and {(state, attempt) for state, attempt, *_ in found} != {
            ("starting", int(run.marker.partition(".")[2]))
        }:
            self.wrong.append(f"{run.marker} was started while its row was {found}")
