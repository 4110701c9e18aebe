"""Coverage: the proof that each profile that was submitted has been answered, and which were not."""

from __future__ import annotations

from typing import Any

from harvester.ledger import Ledger, Tx, client_runs, coverage
from harvester.ledger.coverage import Covered
from harvester.models import LeadAnswer
from services import shapes
from services.listing import Listing


def summary(tx: Tx, full_id: str) -> dict[str, int]:
    """Count the distinct profiles that a client run has submitted to Apify, by what came of each.

    `submitted` is the sum of the others but `unreachable`: those of `errors` and `silent` that were given up.
    """
    found, unreachable = coverage.counts(tx, full_id)
    return {
        "submitted": sum(found.values()),
        "posts": found.get(LeadAnswer.POSTS, 0),
        "none": found.get(LeadAnswer.NONE, 0),
        "errors": found.get(LeadAnswer.ERROR, 0),
        "silent": found.get(LeadAnswer.SILENT, 0),
        "notAnswered": found.get(None, 0),
        "unreachable": unreachable,
    }


class Coverage:
    """Shows what each profile of a client run was answered."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __call__(self, full_id: str, *, limit: int, after: int = 0) -> Listing | None:
        """List a client run's profiles, each with its answer; None if there is no record of it."""
        with self._ledger.read() as tx:
            if client_runs.get(tx, full_id) is None:
                return None
            found = coverage.page(tx, full_id, limit=limit + 1, after=after)
        more = str(found[limit - 1].lead_id) if len(found) > limit else None
        return Listing([_profile(one) for one in found[:limit]], more)


def _profile(one: Covered) -> dict[str, Any]:
    return {
        "linkedinProfileUrl": one.profile_url,
        "answer": one.answer,
        "postsFound": one.posts_found,
        "reason": one.detail,
        "actorRunId": one.apify_run_id,
        "unreachableSince": shapes.time(one.unreachable_at),
    }
