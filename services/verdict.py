"""How a client run ended, from how its actor runs ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from harvester.models import ActorRun, ClientRun, ClientRunStatus
from services.outcome import BUDGET_SPENT, UNANSWERED

#: Longest note, in characters.
NOTE_CHARS: Final = 2_000
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def counted(run: ClientRun, batches: Sequence[ActorRun]) -> list[ActorRun]:
    """Give the actor runs that count for a client run: all, or those since it was last taken up again."""
    since = run.retried_at
    if since is None:
        return list(batches)
    return [one for one in batches if max(one.created_at, one.apify_finished_at or _NEVER) >= since]


def verdict(run: ClientRun, batches: Sequence[ActorRun]) -> tuple[ClientRunStatus, str]:
    """Say how a client run ended, and why; it has failed if it never found anything.

    A profile that got no answer is no error of the client run: its coverage shows it, and it is due again.
    An actor run that brought nothing at all is one.
    """
    latest = counted(run, batches)
    if not latest:
        return ClientRunStatus.COMPLETED, "no leads were due"
    bad = [batch for batch in latest if _is_bad(batch)]
    if not bad:
        quiet = "; ".join(f"batch {one.batch}: {one.error}" for one in latest if one.error_code is not None)
        note = f"all {len(latest)} actor runs are ingested" + (f"; {quiet}" if quiet else "")
        return ClientRunStatus.COMPLETED, note[:NOTE_CHARS]
    reasons = "; ".join(dict.fromkeys(f"{batch.error_code}: {batch.error}" for batch in bad))
    note = f"{len(bad)} of {len(latest)} actor runs had errors: {reasons}"[:NOTE_CHARS]
    lost = all(batch.error_code is not None and not batch.cursor for batch in batches)
    return (ClientRunStatus.FAILED if lost else ClientRunStatus.COMPLETED_WITH_ERRORS), note


def has_only_met_its_budget(run: ClientRun, batches: Sequence[ActorRun]) -> bool:
    """Say whether nothing was wrong with a client run but that its budget let it not go on."""
    bad = [batch for batch in counted(run, batches) if _is_bad(batch)]
    return bool(bad) and all(batch.error_code == BUDGET_SPENT for batch in bad)


def _is_bad(batch: ActorRun) -> bool:
    return batch.error_code is not None and not (batch.error_code == UNANSWERED and batch.cursor)
