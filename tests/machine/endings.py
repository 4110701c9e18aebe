"""What must be true of every story, after each step and in the end, when everything has healed."""

from __future__ import annotations

from datetime import timedelta

from hypothesis.stateful import invariant

from . import orders, truths
from .world import CLIENTS, UNKNOWN_START_SECONDS, World


class Endings(World):
    """The invariants, and the end of each story."""

    # What must be true throughout

    @invariant()
    def all_is_well(self) -> None:
        """I1, I2, I5, I7, I8, I14, I15, and whatever was seen at a commit or a start."""
        assert not self.watch.wrong, self.watch.wrong
        assert not self.lines.internal, self.lines.internal
        truths.starts_apart(self.apify, timedelta(seconds=UNKNOWN_START_SECONDS))
        with self.ledger.read() as tx:
            self.orders.notice(tx, self.records)
            self.records.check(tx)
            self.orders.check(tx, self.records)
            truths.tenants_apart(tx, self.posted)
            truths.leads_in_one_batch(tx)

    # What must be true in the end

    def teardown(self) -> None:
        """Everything heals; then nothing is open, nothing is lost, and every number adds up."""
        try:
            if hasattr(self, "services"):
                self._heal()
                self._check()
        finally:
            if self.sleeper is not None:
                self.sleeper.kill()
            self.log.removeHandler(self.lines)

    def _heal(self) -> None:
        self.apify.outage = False
        self._lift_all()
        self._scheduled(dict.fromkeys(CLIENTS))
        self._end_all()
        self._work()
        if self.sleeper is not None:
            self._wake_up()
        self._cure()
        self._end_all()
        self._tell_of_what_came_late()
        for step in range(40):
            self._end_all()
            self._let_actors_go_on()
            self._reconcile(asked=True)
            for row_id in self._parked():
                self._replay(row_id)
            # What is waited for the longest is the time-out of a client run that nothing came of.
            self.clock.advance(seconds=301 if step < 6 else 1_801)
            self._work()
            self.all_is_well()
            with self.ledger.read() as tx:
                left = truths.still_open(tx) or orders.still_open(tx)
            if not left:
                return
        raise AssertionError(f"still open: {left}")

    def _lift_all(self) -> None:
        for scope in list(self.starts.paused):
            self.services.pauses.lift(scope, by="a person")
            del self.starts.paused[scope]

    def _let_actors_go_on(self) -> None:
        """Be the person who looks at an actor whose output was of no use for a while."""
        for pause in self.services.pauses.standing():
            if pause.actor_id is not None:
                self.services.pauses.lift(pause.scope, by="a person")

    def _end_all(self) -> None:
        for run_id in self.apify.running():
            self.apify.end(run_id, "SUCCEEDED", [])

    def _tell_of_what_came_late(self) -> None:
        """Let webhooks arrive of resurrections and late starts: reconcile does not look back for ever."""
        for sent in list(self.apify.sent):
            run = self.apify.runs[sent.run_id]
            if run.late or (sent.event == "ACTOR.RUN.RESURRECTED" and not run.foreign):
                self._deliver(sent)

    def _check(self) -> None:
        with self.ledger.read() as tx:
            if tx.on_sqlite:
                assert truths.rows(tx, "pragma integrity_check") == [("ok",)]
            truths.datasets_are_stored(tx, self.apify, self.watch.discarded)
            truths.figures_are_true(tx, self.apify, self.watch.discarded)
            self.orders.check_ends(tx, self.records)
            orders.cancelled_are(tx, self.records)
            orders.coverage_adds_up(tx, self.apify, self.watch.discarded)
        truths.log_is_true(self.lines, self.records, self.told_missing)
