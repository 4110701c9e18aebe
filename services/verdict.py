"""How a client run ended, from how its actor runs ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from harvester.models import ActorRun, ClientRun, ClientRunStatus

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
    """Say how a client run ended, and why; it has failed if it never found anything."""
    latest = counted(run, batches)
    if not latest:
        return ClientRunStatus.COMPLETED, "no leads were due"
    bad = [batch for batch in latest if batch.error_code is not None]
    if not bad:
        return ClientRunStatus.COMPLETED, f"all {len(latest)} actor runs are ingested"
    reasons = "; ".join(dict.fromkeys(f"{batch.error_code}: {batch.error}" for batch in bad))
    note = f"{len(bad)} of {len(latest)} actor runs had errors: {reasons}"[:NOTE_CHARS]
    lost = all(batch.error_code is not None and not batch.cursor for batch in batches)
    return (ClientRunStatus.FAILED if lost else ClientRunStatus.COMPLETED_WITH_ERRORS), note
