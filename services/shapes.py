"""How the records look from outside: the JSON of the HTTP API and of the commands' `--json`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from harvester.jobs import JobRun
from harvester.ledger.outbox import State
from harvester.ledger.outbox_sending import Owed
from harvester.models import ActorRun, ActorRunState, Client, ClientRun, Delivery, Lead, Metrics


def time(moment: datetime | None) -> str | None:
    """Show a moment as ISO 8601 in UTC, with milliseconds where it has any."""
    if moment is None:
        return None
    spec = "milliseconds" if moment.microsecond else "seconds"
    return moment.astimezone(UTC).isoformat(timespec=spec).replace("+00:00", "Z")


def usd(micros: int | None) -> float | None:
    """Show millionths of a USD as USD."""
    return None if micros is None else micros / 1_000_000


def metrics(counted: Metrics) -> dict[str, Any]:
    """Show what was counted."""
    return {
        "profilesSubmitted": counted.profiles_submitted,
        "postsHarvested": counted.posts_harvested,
        "postsNew": counted.posts_new,
        "itemsRejected": counted.items_rejected,
        "apifyCostUsd": usd(counted.cost_micros),
        "actorRuns": counted.actor_runs,
    }


def client_run(run: ClientRun, mirrored: dict[str, Any]) -> dict[str, Any]:
    """Show a client run record; `mirrored` says how it stands in Airtable, as `in_airtable` shows it."""
    return {
        "runId": run.run_id,
        "clientRunId": run.client_run_id,
        "clientId": run.client_id,
        "clientName": run.client_name,
        "source": run.source,
        "status": run.status,
        "startedAt": time(run.started_at),
        "finishedAt": time(run.finished_at),
        "metrics": metrics(run.metrics),
        "systemNotes": run.system_notes,
        "lastWebhookAt": time(run.last_webhook_at),
        "airtable": mirrored,
    }


def in_airtable(owed: Owed | None, *, on: bool) -> dict[str, Any]:
    """Show how a record stands in Airtable: off, pending, synced, failed (refused), missing (deleted)."""
    if owed is None:
        return {"recordId": None, "state": "pending" if on else "off"}
    state = {State.PARKED: "failed", State.MISSING: "missing", State.RETIRED: "off"}.get(owed.state)
    told = {"error": owed.error} if owed.error and state in ("failed", "missing") else {}
    settled = "pending" if owed.due_at is not None or owed.record_id is None else "synced"
    return {"recordId": owed.record_id, "state": state or settled, **told}


def actor_run(run: ActorRun, posts: int, rejects: int) -> dict[str, Any]:
    """Show an actor run. `status` is Apify's own word, `state` is ours."""
    return {
        "actorRunId": run.apify_run_id,
        "datasetId": run.dataset_id,
        "status": run.apify_status,
        "state": run.state,
        "batch": run.batch,
        "attempt": run.attempt,
        "profiles": run.profiles,
        "items": run.cursor,
        "posts": posts,
        "rejects": rejects,
        "costUsd": usd(run.cost_micros),
        "startedAt": time(run.apify_started_at),
        "finishedAt": time(run.apify_finished_at),
        "error": run.error,
        "parkedAt": time(run.parked_at),
    }


def dead_letter(run: ActorRun) -> dict[str, Any]:
    """Show an actor run that waits for a person. `replayable`: it can be tried again."""
    return {
        "id": run.id,
        "clientRunId": run.client_run_id,
        "clientId": run.client_id,
        "batch": run.batch,
        "actorRunId": run.apify_run_id,
        "state": run.state,
        "parkedAt": time(run.parked_at),
        "error": run.parked_error,
        "replayable": run.state is not ActorRunState.FAILED or run.apify_run_id is not None,
    }


def actor_run_error(run: ActorRun) -> dict[str, Any]:
    """Show what went wrong with an actor run."""
    return {"actorRunId": run.apify_run_id, "batch": run.batch, "code": run.error_code, "message": run.error}


def job(run: JobRun, counted: Metrics, client_runs: int) -> dict[str, Any]:
    """Show a job run with the sums over its client runs."""
    return {
        "runId": run.run_id,
        "source": run.source,
        "status": run.status,
        "startedAt": time(run.started_at),
        "finishedAt": time(run.finished_at),
        "clientRuns": client_runs,
        "metrics": metrics(counted),
    }


def client(found: Client, leads: dict[str, int]) -> dict[str, Any]:
    """Show a client, with its leads counted by status (those never looked at under `New`).

    `closed` says why it is not harvested, whatever its status, until a person puts that right in Airtable.
    """
    return {
        "clientId": found.client_id,
        "clientName": found.name,
        "status": found.status,
        "serviceLevel": found.service_level,
        "postsDailyTarget": found.daily_target,
        "leadsBatchSize": found.batch_size,
        "maxBatches": found.max_batches,
        "processingStream": found.stream,
        "timezone": found.timezone,
        "airtableBaseId": found.airtable_base,
        "actorId": found.actor_id,
        "keptIn": found.origin,
        "closed": found.airtable_error,
        "leads": {status or "New": count for status, count in sorted(leads.items())},
    }


def lead(found: Lead, outcomes: list[dict[str, Any]]) -> dict[str, Any]:
    """Show a lead and what the latest actor runs found for it, newest first."""
    return {
        "linkedinProfileUrl": found.profile_url,
        "givenUrl": found.given_url,
        "name": found.name,
        "extra": found.extra,
        "status": found.status,
        "clientRunId": found.client_run_id,
        "lastCheckAt": time(found.last_check_at),
        "postsFoundLastRun": found.posts_found_last_run,
        "unreachable": _unreachable(found, outcomes),
        "outcomes": [
            {
                "clientRunId": outcome["client_run_id"],
                "outcome": outcome["outcome"],
                "postsFound": outcome["posts_found"],
                "detail": outcome["detail"],
                "at": time(outcome["decided_at"]),
            }
            for outcome in outcomes
        ],
    }


def _unreachable(found: Lead, outcomes: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Show since when and why a lead is given up; None if it is not."""
    if found.unreachable_at is None:
        return None
    why = next((outcome["detail"] for outcome in outcomes if outcome["detail"]), None)
    return {"since": time(found.unreachable_at), "unanswered": found.unanswered, "why": why}


def post(found: dict[str, Any]) -> dict[str, Any]:
    """Show a post. `clientRunId` and `actorRunId` are those that brought it first; its key is a name, too."""
    return {
        "id": found["id"],
        "postKey": found["post_key"],
        "url": found["url"],
        "kind": found["kind"],
        "text": found["text"],
        "textTruncated": found["text_truncated"],
        "postedAt": time(found["posted_at"]),
        "author": {"name": found["author_name"], "url": found["author_url"]},
        "likes": found["likes"],
        "comments": found["comments"],
        "reposts": found["reposts"],
        "images": found["images"],
        "extras": found["extras"],
        "clientId": found["client_id"],
        "leads": found["leads"],
        "clientRunId": found["first_client_run_id"],
        "actorRunId": found["apify_run_id"],
        "firstSeenAt": time(found["first_seen_at"]),
        "lastSeenAt": time(found["last_seen_at"]),
        "form": found["form"],
        "postedPrecision": found["posted_precision"],
        "names": [{"kind": kind, "number": number} for kind, number in found["names"]],
    }


def earlier_counts(found: dict[str, Any]) -> dict[str, Any]:
    """Show what a post's counts were, and when they were last seen so."""
    return {
        "at": time(found["at"]),
        "likes": found["likes"],
        "comments": found["comments"],
        "reposts": found["reposts"],
    }


def delivery(found: Delivery) -> dict[str, Any]:
    """Show a delivery, without its body."""
    return {
        "id": found.id,
        "dispatchId": found.dispatch_id,
        "eventType": found.event_type,
        "actorRunId": found.apify_run_id,
        "clientId": found.client_id,
        "outcome": found.outcome,
        "receivedAt": time(found.received_at),
        "processedAt": time(found.processed_at),
        "result": found.result,
    }


def activity(line: dict[str, Any]) -> dict[str, Any]:
    """Show a line of the activity log: who (`source`) did what (`operation`) to what, and how it went."""
    return {
        "id": line["id"],
        "at": time(line["at"]),
        "operation": line["operation"],
        "source": line["source"],
        "clientId": line["client_id"],
        "clientRunId": line["client_run_id"],
        "ok": line["ok"],
        "detail": line["detail"],
    }
