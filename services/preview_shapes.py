"""How previews and alerts look from outside."""

from __future__ import annotations

from typing import Any

from harvester.ledger.alerts import Alert
from services.preview import Preview
from services.preview_leads import DueLead
from services.shapes import time, usd


def preview(found: Preview) -> dict[str, Any]:
    """Show what a kickoff would do: nothing, with code and reason, or these batches."""
    skipped = {"code": found.skip.code, "reason": found.skip.reason} if found.skip is not None else {}
    return {
        "clientId": found.client_id,
        "clientName": found.client_name,
        "skipped": found.skip is not None,
        **skipped,
        "actorId": found.actor_id,
        "paused": found.paused,
        "remark": found.remark,
        "postsWanted": found.posts_wanted,
        "profiles": None if found.unread else len(found.leads),
        "batches": [
            {"batch": number, "leads": [_lead(lead) for lead in batch]}
            for number, batch in enumerate(found.batches, start=1)
        ],
        "actorRuns": found.actor_runs,
        "mostBatches": found.most_batches,
        "mostActorRuns": found.most_actor_runs,
        "costAtMostUsd": usd(found.at_most_micros),
        "costAboutUsd": usd(found.about_micros),
    }


def _lead(lead: DueLead) -> dict[str, Any]:
    return {
        "linkedinProfileUrl": lead.profile_url,
        "name": lead.name,
        "why": lead.why,
        "unanswered": lead.unanswered,
    }


def alert(found: Alert) -> dict[str, Any]:
    """Show a matter that stands."""
    return {
        "key": found.key,
        "text": found.text,
        "since": time(found.first_at),
        "lastAt": time(found.last_at),
        "times": found.times,
        "toldAt": time(found.told_at),
    }
