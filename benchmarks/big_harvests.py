"""Rows of a big ledger: clients, leads, and what their client runs leave but posts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from big_history import CLIENTS, DAYS, LEADS, Run, name_of, runs, url_of

from harvester.packed import pack

Row = dict[str, Any]
ACTOR: Final = "harvestapi/linkedin-profile-posts"
#: Actor runs that were given up, and alerts that stand; as many are over.
PARKED, ALERTS = 200, 300
_COST_MICROS: Final = 37_500
_MINUTE: Final = timedelta(minutes=1)
_ZONES: Final = ("UTC", "Europe/London", "America/New_York", "Asia/Kolkata")
_KINDS: Final = ("kickoff", "start", "started", "ended", "ingested", "completed")
_PATHS: Final = (
    "", "id", "content", "linkedinUrl", "type", "author", "author.name", "author.linkedinUrl", "postedAt",
    "postedAt.timestamp", "engagement", "engagement.likes", "engagement.comments", "engagement.shares",
    "postImages", "query", "query.targetUrl", "query.page", "repost", "header", "entityId", "socialContent",
)  # fmt: skip


def clients(now: datetime) -> Iterator[Row]:
    """Make clients: most are active, some have a schedule of their own."""
    for number in range(CLIENTS):
        yield {
            "client_id": name_of(number),
            "name": f"Agency {number} Ltd",
            "status": "Active" if number % 20 else "Paused",
            "service_level": 2,
            "daily_target": 2 * LEADS,
            "batch_size": LEADS,
            "max_batches": 10,
            "stream": 1 + number % 3,
            "timezone": _ZONES[number % 4],
            "origin": "ledger",
            "schedule": "0 6 * * *" if number % 20 == 1 else None,
            "created_at": now - timedelta(days=DAYS),
        }


def leads(now: datetime) -> Iterator[Row]:
    """Make the leads of each client."""
    for number in range(1, CLIENTS * LEADS + 1):
        yield {
            "id": number,
            "client_id": name_of((number - 1) // LEADS),
            "profile_url": url_of(number),
            "given_url": url_of(number),
            "name": f"Lead {number}",
            "extra": {},
            "status": "No Posts" if number % 9 == 0 else "Done",
            "last_check_at": now,
            "posts_found_last_run": 2,
            "unreachable_at": now if number % 60 == 0 else None,
            "created_at": now - timedelta(days=DAYS),
        }


def alerts(now: datetime) -> Iterator[Row]:
    """Make alerts, of which the first half stands."""
    for number in range(2 * ALERTS):
        at = now - number * _MINUTE
        yield {
            "key": f"client {name_of(number)} failed",
            "text": f"Client run of {name_of(number)} failed: Apify said no",
            "first_at": at,
            "last_at": at,
            "times": 1,
            "told_at": at,
            "over_at": None if number < ALERTS else at,
        }


def job_runs(now: datetime) -> Iterator[Row]:
    """Make one job run a day, of all clients."""
    for run in runs(now):
        if run.client == 0:
            over = None if run.day == DAYS - 1 else run.at + 20 * _MINUTE
            yield {
                "run_id": run.run_id,
                "source": "schedule",
                "status": "Completed" if over else "Running",
                "started_at": run.at,
                "finished_at": over,
                "plan": "process",
                "reported_at": over,
                "schedule": "all",
            }


def job_clients(now: datetime) -> Iterator[Row]:
    """Make what they decided."""
    for run in runs(now):
        yield {
            "run_id": run.run_id,
            "client_id": run.client_id,
            "client_run_id": run.full_id,
            "decision": "started",
            "decided_at": run.at,
        }


def client_runs(now: datetime, posts_each: int) -> Iterator[Row]:
    """Make client run records."""
    for run in runs(now):
        yield {
            "id": run.id,
            "client_run_id": run.full_id,
            "run_id": run.run_id,
            "client_id": run.client_id,
            "client_name": f"Agency {run.client} Ltd",
            "source": "schedule",
            "status": run.status,
            "created_at": run.at,
            "started_at": run.at,
            "finished_at": None if run.live else run.at + 9 * _MINUTE,
            "target_posts": 2 * LEADS,
            "max_batches": 10,
            "system_notes": f"[{run.at:%Y-%m-%d %H:%M:%S}] Harvest of {LEADS} leads.\n" * 3,
            "profiles_submitted": LEADS,
            "posts_harvested": posts_each,
            "posts_new": posts_each,
            "items_rejected": int(run.id % 4 == 0),
            "cost_micros": _COST_MICROS,
            "actor_runs": 1,
        }


def actor_runs(now: datetime, posts_each: int) -> Iterator[Row]:
    """Make one actor run for each client run."""
    for run in runs(now):
        failed, parked = run.status == "Failed", run.id % (CLIENTS * DAYS // PARKED) == 0
        yield {
            "id": run.id,
            "marker": f"marker-{run.id}",
            "client_run_id": run.full_id,
            "client_id": run.client_id,
            "batch": 1,
            "state": "running" if run.live else "failed" if failed else "ingested",
            "actor_id": ACTOR,
            "max_posts": 2,
            "profiles": LEADS,
            "attempt": 1,
            "start_requested_at": run.at,
            "apify_run_id": run.apify_id,
            "dataset_id": f"Set{run.id:014d}",
            "apify_status": "RUNNING" if run.live else "FAILED" if failed else "SUCCEEDED",
            "apify_started_at": run.at,
            "apify_finished_at": None if run.live else run.at + 8 * _MINUTE,
            "cost_micros": None if run.live else _COST_MICROS,
            "cap_micros": 1_000_000,
            "items_expected": None if run.live else posts_each,
            "cursor": 0 if run.live else posts_each,
            "error_code": "actor_failed" if failed else None,
            "error": "it failed" if failed else None,
            "next_check_at": now + timedelta(days=1) if run.live else None,
            "parked_at": run.at if parked else None,
            "parked_error": "it failed ten times" if parked else None,
            "created_at": run.at,
        }


def lead_outcomes(now: datetime) -> Iterator[Row]:
    """Make what became of each lead of each actor run."""
    for run in runs(now):
        for lead in run.leads:
            yield {
                "actor_run_id": run.id,
                "lead_id": lead,
                "target_url": url_of(lead),
                "outcome": None if run.live else "Done",
                "posts_found": 0 if run.live else 2,
                "answer": None if run.live else "posts",
                "decided_at": None if run.live else run.at,
            }


def deliveries(now: datetime) -> Iterator[Row]:
    """Make one webhook call for each actor run."""
    for run in runs(now):
        body = {"eventType": "ACTOR.RUN.SUCCEEDED", "resource": {"id": run.apify_id}}
        yield {
            "id": run.id,
            "dispatch_key": f"id:{run.id}",
            "dispatch_id": f"D{run.id}",
            "event_type": "ACTOR.RUN.SUCCEEDED",
            "apify_run_id": run.apify_id,
            "actor_run_id": run.id,
            "client_id": run.client_id,
            "outcome": "unknown_run" if run.id % 100 == 0 else "accepted",
            "received_at": run.at,
            "processed_at": run.at,
            "result": "moved to ended",
            "headers": {"Content-Type": "application/json"},
            "body": orjson.dumps(body).decode(),
        }


def activity(now: datetime) -> Iterator[Row]:
    """Make three lines for each client run."""
    for run in runs(now):
        last = "complete" if run.id % 200 else "cancel"
        for place, operation in enumerate(("create", "update", last)):
            yield {
                "id": 3 * run.id + place,
                "at": run.at,
                "operation": operation,
                "source": "schedule",
                "client_run_id": run.full_id,
                "client_id": run.client_id,
                "ok": run.id % 50 != 0,
                "detail": "done",
            }


def run_events(now: datetime) -> Iterator[Row]:
    """Make the story of each client run."""
    for run in runs(now):
        for place, kind in enumerate(_KINDS):
            yield {
                "id": len(_KINDS) * run.id + place,
                "at": run.at + place * _MINUTE,
                "client_run_id": run.full_id,
                "batch": 1 if place else None,
                "kind": kind,
                "detail": f"{LEADS} profiles",
            }


def actor_outputs(now: datetime, posts_each: int) -> Iterator[Row]:
    """Make how the items of each actor run looked."""
    seen = {"items": max(posts_each, 1), "types": {"text": max(posts_each, 1)}}
    for run in _over(now):
        yield {
            "actor_run_id": run.id,
            "actor_id": ACTOR,
            "items": posts_each,
            "posts": posts_each,
            "targets": LEADS,
            "empty_targets": 2,
            "fields": dict.fromkeys(_PATHS, seen),
            "judged_at": run.at + 9 * _MINUTE,
        }


def rejects(now: datetime) -> Iterator[Row]:
    """Make an item that was no post for one actor run in four."""
    item = b'{"type": "post"}'
    for run in _over(now):
        if run.id % 4 == 0:
            yield {
                "actor_run_id": run.id,
                "position": 0,
                "reason": "no_id",
                "detail": "the item has no ID",
                "sample": item.decode(),
                "raw": pack(item),
            }


def _over(now: datetime) -> Iterator[Run]:
    return (run for run in runs(now) if not run.live)
