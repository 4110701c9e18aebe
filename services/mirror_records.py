"""What Airtable is to show of the ledger: the values of each row's columns, by the columns' names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from harvester.airtable_schema import ALL_TABLES, TableSpec
from harvester.jobs import JobDecision, JobRun
from harvester.ledger import Tx, actor_runs, job_clients, shown
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox_sending import Owed
from harvester.models import ActorRun, ClientRun, Lead, Metrics
from harvester.wording import counted
from services import job_shapes

#: The table that shows each kind.
TABLES: Final[Mapping[Kind, TableSpec]] = {
    Kind.CLIENT_RUN: ALL_TABLES["Client Run Results"],
    Kind.JOB_RUN: ALL_TABLES["Job Tracking"],
    Kind.ACTOR_RUN: ALL_TABLES["Apify"],
    Kind.LEAD: ALL_TABLES["Leads"],
    Kind.POST: ALL_TABLES["Posts"],
}
#: Counted by others later; a new record has none of them yet.
_ZEROS: Final = {
    "Profiles Examined for Scoring": 0,
    "Profiles Successfully Scored": 0,
    "Profile Scoring Tokens": 0,
    "Posts Examined for Scoring": 0,
    "Posts Successfully Scored": 0,
    "Post Scoring Tokens": 0,
}

Values = dict[str, Any]


def render(tx: Tx, kind: Kind, owed: Sequence[Owed]) -> dict[int, Values]:
    """Give the values of each outbox row by its ID. A row without them shows what is no longer there."""
    return _RENDERERS[kind](tx, owed)


def _client_runs(tx: Tx, owed: Sequence[Owed]) -> dict[int, Values]:
    found = shown.client_runs_by_id(tx, [row.key for row in owed])
    return {
        row.id: (_ZEROS if row.record_id is None else {})
        | client_run(found[row.key], actor_runs.of_client_run(tx, row.key))
        for row in owed
        if row.key in found
    }


def client_run(run: ClientRun, batches: Sequence[ActorRun]) -> Values:
    """Give what `Client Run Results` shows."""
    told = [batch for batch in batches if batch.apify_run_id]
    latest = told[-1] if told else None
    return {
        "Run ID": run.client_run_id,
        "Client ID": run.client_id,
        "Client Name": run.client_name,
        "Status": run.status.value,
        "Start Time": run.started_at,
        "End Time": run.finished_at,
        "Profiles Submitted for Post Harvesting": run.metrics.profiles_submitted,
        "Total Posts Harvested": run.metrics.posts_harvested,
        "Apify API Costs": run.metrics.cost_micros / 1_000_000,
        "Apify Run ID": ", ".join(str(batch.apify_run_id) for batch in told) or None,
        "Apify Status": latest.apify_status if latest else None,
        "Last Webhook": run.last_webhook_at,
        "System Notes": run.system_notes,
        "Error Details": "\n".join(_error(batch) for batch in batches if batch.error_code) or None,
        "Progress Log": _progress(run, batches),
    }


def _error(batch: ActorRun) -> str:
    return f"Batch {batch.batch}: {batch.error_code}: {batch.error}"


def _progress(run: ClientRun, batches: Sequence[ActorRun]) -> str:
    lines = [(run.created_at, f"Started by {run.source}")]
    for batch in batches:
        named = f"Batch {batch.batch}"
        if batch.start_requested_at is not None:
            told = f"{named}: {counted(batch.profiles, 'profile')} sent to Apify"
            lines.append((batch.start_requested_at, told))
        if batch.apify_finished_at is not None:
            told = f"{named}: {batch.apify_status}, {batch.cursor} items read"
            lines.append((batch.apify_finished_at, told))
    if run.finished_at is not None:
        new = f"{run.metrics.posts_harvested} posts, {run.metrics.posts_new} of them new"
        lines.append((run.finished_at, f"{run.status.value}: {new}"))
    in_order = sorted(lines, key=lambda line: line[0])
    return "\n".join(f"[{at:%Y-%m-%d %H:%M:%S} UTC] {told}" for at, told in in_order)


def _job_runs(tx: Tx, owed: Sequence[Owed]) -> dict[int, Values]:
    keys = [row.key for row in owed]
    found = shown.job_runs_by_id(tx, keys)
    counts, sums = job_clients.counts(tx, keys), job_clients.sums(tx, keys)
    return {
        row.id: job_run(found[row.key], counts[row.key], sums[row.key][1]) for row in owed if row.key in found
    }


def job_run(job: JobRun, counts: Counter[JobDecision], counted: Metrics) -> Values:
    """Give what `Job Tracking` shows: what it was for and, at the end, what came of it."""
    notes = [job_shapes.purpose(job)]
    if job.note is not None:
        notes.append(job.note)
    if job.plan is not None and job.finished_at is not None:
        notes.append(f"{job.status.value}: {job_shapes.in_words(counts, counted)}")
    return {
        "Run ID": job.run_id,
        "Status": job.status.value,
        **({} if job.stream is None else {"Stream": job.stream}),
        "Start Time": job.started_at,
        "End Time": job.finished_at,
        "System Notes": "\n".join(notes),
    }


def _actor_runs(tx: Tx, owed: Sequence[Owed]) -> dict[int, Values]:
    ids = [row.subject_id for row in owed if row.subject_id is not None]
    urls = shown.target_urls(tx, ids)
    found = {row_id: actor_runs.get(tx, row_id) for row_id in ids}
    return {
        row.id: actor_run(run, urls.get(run.id, []))
        for row in owed
        if (run := found.get(row.subject_id or 0)) is not None
    }


def actor_run(run: ActorRun, urls: Sequence[str]) -> Values:
    """Give what `Apify` shows."""
    return {
        "Apify Run ID": run.apify_run_id,
        "Run ID": run.client_run_id,
        "Actor ID": run.actor_id,
        "Client ID": run.client_id,
        "Created At": run.apify_started_at or run.start_requested_at or run.created_at,
        "Completed At": run.apify_finished_at,
        "Last Updated": run.apify_finished_at or run.apify_started_at or run.created_at,
        "Dataset ID": run.dataset_id,
        "Error": f"{run.error_code}: {run.error}" if run.error_code else None,
        "Mode": "webhook",
        "Status": run.apify_status or "RUNNING",
        "Target URLs": "\n".join(urls),
    }


def _leads(tx: Tx, owed: Sequence[Owed]) -> dict[int, Values]:
    found = shown.leads_by_id(tx, [row.subject_id for row in owed if row.subject_id is not None])
    return {row.id: lead(found[row.subject_id]) for row in owed if row.subject_id in found}


def lead(found: Lead) -> Values:
    """Give what `Leads` shows of a harvest."""
    return {
        "Posts Harvest Status": found.status.value if found.status else None,
        "Posts Harvest Run ID": found.client_run_id,
        "Last Post Check At": found.last_check_at,
        "Posts Found (Last Run)": found.posts_found_last_run,
    }


def _posts(tx: Tx, owed: Sequence[Owed]) -> dict[int, Values]:
    found = shown.posts_by_id(tx, [row.subject_id for row in owed if row.subject_id is not None])
    records = {base: shown.records_of_posts(tx, base, found) for base in {row.base for row in owed}}
    return {
        row.id: post(found[row.subject_id], records[row.base][row.subject_id])
        for row in owed
        if row.subject_id in found
    }


def post(found: Mapping[str, Any], lead_records: Sequence[str]) -> Values:
    """Give what `Posts` shows; `found` as `ledger.shown.posts_by_id` gives it."""
    under = [url for _, url in found.get("leads", [])]
    return {
        "Post Key": found["post_key"],
        "Lead": list(lead_records),
        "Post URL": found["url"],
        "Post Text": found["text"],
        "Post Date": found["posted_at"],
        "Author Name": found["author_name"],
        "Author URL": found["author_url"],
        "Profile URL": under[0] if under else None,
        "Like Count": found["likes"],
        "Comment Count": found["comments"],
        "Share Count": found["reposts"],
        "Image URLs": "\n".join(found["images"]) or None,
        "Kind": found["kind"],
        "Run ID": found["first_client_run_id"],
        "Client ID": found["client_id"],
        "First Seen At": found["first_seen_at"],
    }


_RENDERERS: Final = {
    Kind.CLIENT_RUN: _client_runs,
    Kind.JOB_RUN: _job_runs,
    Kind.ACTOR_RUN: _actor_runs,
    Kind.LEAD: _leads,
    Kind.POST: _posts,
}
