"""What a job run does about one client: it starts a client run, takes a live one on, or says why not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from harvester import log
from harvester.errors import HarvesterError, LedgerUnavailable
from harvester.jobs import JobClient, JobDecision, JobPlan, JobRun
from harvester.ledger import Blocked, TookTooLong, Tx, actor_runs, client_runs, clients, pauses
from harvester.models import ClientRun, ClientRunStatus
from harvester.run_ids import client_run_id
from services import run_records
from services.kickoff import Answer, Kickoff, Order
from services.pauses import in_words
from services.plan import Limits, need_of

#: Codes of those that are skipped, beside those of a kickoff.
RUN_IN_PROGRESS: Final = "run_in_progress"
COMPLETED_RECENTLY: Final = "completed_recently"
RUN_EXISTS: Final = "run_exists"
STARTS_PAUSED: Final = "starts_paused"
KICKOFF_FAILED: Final = "kickoff_failed"

_REASON_CHARS: Final = 500
_log = log.get_logger(__name__)


class HeldUp(LedgerUnavailable):
    """The ledger, which answers otherwise, had no time for one client: a lock, or a statement too slow."""

    def __init__(self, client_id: str, cause: LedgerUnavailable) -> None:
        super().__init__(str(cause))
        self.client_id = client_id


class Decisions:
    """Decides about one client at a time, each by itself: what goes wrong with one touches no other."""

    def __init__(self, kickoff: Kickoff, limits: Limits, *, recent: timedelta) -> None:
        """Build it. `recent`: how long ago a smart resume calls a client run completed recently."""
        self._kickoff = kickoff
        self._limits = limits
        self._recent = recent

    def __call__(self, tx: Tx, job: JobRun, client_id: str, now: datetime) -> JobClient:
        """Decide about a client within a job run's transaction.

        Raises `LedgerUnavailable` alone, and of that `HeldUp` for what is this client's trouble.
        """
        try:
            with tx.part() as part:
                decided = self._decided(part, job, client_id, now)
        except (Blocked, TookTooLong) as error:
            raise HeldUp(client_id, error) from error
        except LedgerUnavailable:
            raise
        except run_records.AlreadyExists as error:
            return self._there(job, error.found, now)
        except run_records.ClientBusy as error:
            return self._busy(job, client_id, now, error.live.client_run_id)
        except Exception as error:
            return self.failed(tx, job, client_id, error, now)
        tx.after_commit(part.committed)
        return decided

    def _decided(self, tx: Tx, job: JobRun, client_id: str, now: datetime) -> JobClient:
        tx.exclusively(f"client:{client_id}")
        full_id = client_run_id(job.run_id, client_id)
        there = client_runs.get(tx, full_id)
        if there is not None:
            return self._there(job, there, now)
        resumed = self._resumed(tx, job, client_id, now) if job.plan is JobPlan.RESUME else None
        if resumed is not None:
            return resumed
        answer = self._kickoff.within(tx, Order(client_id, source=job.source, run_id=job.run_id))
        return self._answered(job, answer, now)

    def _resumed(self, tx: Tx, job: JobRun, client_id: str, now: datetime) -> JobClient | None:
        """Decide about a client that has nothing to be resumed, or nothing that ends by itself.

        One that is paused, or a record that a person made, would keep all others from the next smart resume.
        """
        pause = pauses.get(tx, client_id)
        if pause is not None:
            return self._skipped(job, client_id, now, STARTS_PAUSED, in_words(pause))
        live = client_runs.live_of(tx, client_id)
        if live is None:
            reason = self._completed_recently(tx, client_id, now)
            return self._skipped(job, client_id, now, COMPLETED_RECENTLY, reason) if reason else None
        if live.source == run_records.MANUAL and not actor_runs.last_batch(tx, live.client_run_id):
            return self._busy(job, client_id, now, live.client_run_id)
        return self._of(job, client_id, now, JobDecision.TAKEN_ON, run=live.client_run_id)

    def _there(self, job: JobRun, found: ClientRun, now: datetime) -> JobClient:
        """Decide about a client that has a client run of this very run ID, of a kickoff of its own."""
        if found.status is ClientRunStatus.RUNNING:
            return self._of(job, found.client_id, now, JobDecision.STARTED, run=found.client_run_id)
        reason = f"client run {found.client_run_id} of this run ID has ended {found.status}"
        if found.status is not ClientRunStatus.COMPLETED:
            reason += f": harvester retry {found.client_run_id} goes on with it"
        return self._skipped(job, found.client_id, now, RUN_EXISTS, reason)

    def _completed_recently(self, tx: Tx, client_id: str, now: datetime) -> str | None:
        """Say that, and that there is nothing to resume, if both are so."""
        (found, _), client = client_runs.page(tx, limit=1, client_id=client_id), clients.get(tx, client_id)
        if not found or client is None or not self._is_recent(found[0], now):
            return None
        if client.daily_target <= 0 or need_of(tx, client, self._limits, now).posts > 0:
            return None
        ended = f"{found[0].finished_at:%Y-%m-%d %H:%M} UTC"
        return (
            f"client run {found[0].client_run_id} completed at {ended}, and the client's target of the day, "
            f"{client.daily_target} posts, is met"
        )

    def _is_recent(self, run: ClientRun, now: datetime) -> bool:
        if run.status is not ClientRunStatus.COMPLETED or run.finished_at is None:
            return False
        return now - run.finished_at < self._recent

    def _answered(self, job: JobRun, answer: Answer, now: datetime) -> JobClient:
        if answer.outcome == "accepted":
            return self._of(job, answer.client_id, now, JobDecision.STARTED, run=answer.client_run_id)
        if answer.outcome == "run_in_progress":
            return self._busy(job, answer.client_id, now, answer.client_run_id)
        return self._skipped(job, answer.client_id, now, answer.code, answer.reason)

    def _busy(self, job: JobRun, client_id: str, now: datetime, live: str | None) -> JobClient:
        return self._skipped(job, client_id, now, RUN_IN_PROGRESS, f"client run {live} is still running")

    def _skipped(
        self, job: JobRun, client_id: str, now: datetime, code: str | None, reason: str | None
    ) -> JobClient:
        return self._of(job, client_id, now, JobDecision.SKIPPED, code=code, reason=reason)

    def failed(self, tx: Tx, job: JobRun, client_id: str, error: Exception, now: datetime) -> JobClient:
        """Decide that a client could not be kicked off, and say so: what was begun for it is undone."""
        reason = in_short(error)
        if not isinstance(error, HarvesterError):
            told = "Kickoff of %s in job run %s failed"
            ids = {"runId": job.run_id, "clientId": client_id}
            _log.error(told, client_id, job.run_id, exc_info=error, **ids)
        run_records.creation_failed(
            tx, run_id=job.run_id, client_id=client_id, source=job.source, reason=reason, now=now
        )
        return self._of(job, client_id, now, JobDecision.FAILED, code=KICKOFF_FAILED, reason=reason)

    def _of(
        self,
        job: JobRun,
        client_id: str,
        now: datetime,
        decision: JobDecision,
        *,
        run: str | None = None,
        code: str | None = None,
        reason: str | None = None,
    ) -> JobClient:
        return JobClient(job.run_id, client_id, decision, run, code, reason, now)


def in_short(error: Exception) -> str:
    """Say what went wrong, on one line, without a driver's statement or its values."""
    first = (str(error).strip().splitlines() or [""])[0]
    told = first if isinstance(error, HarvesterError) else f"{type(error).__name__}: {first}"
    return log.redact(log.one_line(told))[:_REASON_CHARS]
