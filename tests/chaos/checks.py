"""What must be true after a run, whatever happened in it. Each check gives the violations that it found."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise

from harvester.models import ClientRunStatus
from services.jobs import worst_of

from .evidence import Evidence, post_keys, refused

Check = Callable[[Evidence], list[str]]
_OVER = ("ingested", "failed")


def records(evidence: Evidence, accepted: Sequence[str]) -> list[str]:
    """I1, I2: one record for each accepted kickoff, and no other; each promised once.

    What a job run has started was promised with it.
    """
    accepted = [*accepted, *(one.client_run_id for one in evidence.decided if one.decision == "started")]
    there = Counter(row.client_run_id for row in evidence.records)
    created = Counter(row.client_run_id for row in evidence.activity if row.operation == "create" and row.ok)
    wrongs = [f"I1: {one} has {there[one]} records" for one in accepted if there[one] != 1]
    wrongs += [f"I2: {one} was accepted {n} times" for one, n in Counter(accepted).items() if n != 1]
    wrongs += [f"I2: {one} is a record of no accepted kickoff" for one in there.keys() - set(accepted)]
    return wrongs + [
        f"I2: the creation of {one} was noted {created[one]} times" for one in there if created[one] != 1
    ]


def webhooks(evidence: Evidence) -> list[str]:
    """I3: every webhook that was answered 2xx is on disk and has come to an end; nothing else is there."""
    kept = {row.dispatch_id: row for row in evidence.deliveries}
    answered = {call.dispatch_id for call in evidence.hook_calls if call.status and call.status < 300}
    wrongs = [f"I3: dispatch {one} was answered 2xx and is not on disk" for one in answered - kept.keys()]
    known = {call.dispatch_id for call in evidence.hook_calls}
    wrongs += [f"I11: delivery {one} came from nowhere" for one in kept.keys() - known]
    turned_away = [call for call in evidence.hook_calls if 400 <= (call.status or 0) < 500]
    wrongs += [
        f"I3: dispatch {call.dispatch_id} was genuine and answered {call.status}" for call in turned_away
    ]
    return wrongs + [
        f"I3: dispatch {one} is {row.outcome}, {row.result or 'unprocessed'}"
        for one, row in kept.items()
        if row.outcome != "accepted" or row.processed_at is None
    ]


def contents(evidence: Evidence) -> list[str]:
    """I4: what was paid for is stored: of each dataset every post once, and the rest counted as refused."""
    wrongs = []
    rejects = Counter(row.actor_run_id for row in evidence.rejects)
    for run in evidence.paid:
        row = evidence.batch_of.get(run.run_id)
        if row is None:
            wrongs.append(f"I4: actor run {run.run_id} ({run.marker}) was paid for and is in no row")
            continue
        lost = post_keys(run.items) ^ evidence.stored_keys[row.id]
        if lost:
            wrongs.append(f"I4: of {run.run_id} ({run.status}, row {row.state}) {len(lost)} posts differ")
        if rejects[row.id] != refused(run.items):
            wrongs.append(f"I4: of {run.run_id} {rejects[row.id]} of {refused(run.items)} are refused")
    return wrongs


def metrics(evidence: Evidence) -> list[str]:
    """I6: what a record says equals a recount of what Apify holds and charged."""
    wrongs = []
    first_of: Counter[str] = Counter(post.first_client_run_id for post in evidence.posts)
    for record in evidence.records:
        started = [row for row in evidence.batches_of[record.client_run_id] if row.apify_run_id]
        true = {
            "profiles_submitted": sum(row.profiles for row in started),
            "posts_harvested": len(evidence.keys_of(record.client_run_id)),
            "posts_new": first_of[record.client_run_id],
            "items_rejected": evidence.refused_of(record.client_run_id),
            "cost_micros": round(evidence.usd_of(record.client_run_id) * 1e6),
            "actor_runs": len(started),
        }
        said = {name: getattr(record, name) for name in true}
        if said != true:
            wrongs.append(f"I6: {record.client_run_id} says {said}, and it is {true}")
    return wrongs


def money(evidence: Evidence, unknown_start: timedelta) -> list[str]:
    """I7: no more starts than batches, and none for a batch whose first one is still searched for."""
    wrongs = []
    starts = defaultdict(list)
    for run in evidence.paid:
        starts[run.marker.partition(".")[0]].append(run.started_at)
    planned = {row.marker for row in evidence.batches}
    wrongs += [f"I7: a start for {marker}, which is no batch" for marker in starts.keys() - planned]
    for marker, times in starts.items():
        if len(times) > 1:
            gaps = [b - a for a, b in pairwise(sorted(times))]
            soon = " within UNKNOWN_START_SECONDS" if min(gaps) < unknown_start else ""
            wrongs.append(f"I7: batch {marker} was started {len(times)} times{soon}: {gaps}")
    charged = sum(round(run.usd * 1e6) for run in evidence.paid)
    noted = sum(row.cost_micros or 0 for row in evidence.batches)
    return wrongs + ([f"I7: Apify charged {charged} micros, we know of {noted}"] if charged != noted else [])


def tenants(evidence: Evidence) -> list[str]:
    """I5: nothing of one client is with another: a lead's name tells whose it is."""
    wrongs = []
    client_of = {lead.id: lead.client_id for lead in evidence.leads}
    post_client = {post.id: post.client_id for post in evidence.posts}
    batch_client = {row.id: row.client_id for row in evidence.batches}
    for sighting in evidence.sightings:
        whose = {
            client_of[sighting.lead_id],
            post_client[sighting.post_id],
            batch_client[sighting.actor_run_id],
        }
        if len(whose) > 1:
            wrongs.append(f"I5: post {sighting.post_id} is with {' and '.join(sorted(whose))}")
    wrongs += [
        f"I5: {lead.profile_url} is a lead of {lead.client_id}"
        for lead in evidence.leads
        if f"/in/{lead.client_id.lower()}-" not in lead.profile_url
    ]
    true: defaultdict[str, set[str]] = defaultdict(set)
    for run_id, row in evidence.batch_of.items():
        if run_id in evidence.paid_by_id:
            true[row.client_id] |= post_keys(evidence.paid_by_id[run_id].items)
    for client in evidence.clients:
        has = {post.post_key for post in evidence.posts if post.client_id == client.client_id}
        if has != true[client.client_id]:
            wrongs.append(f"I5: {client.client_id} has {len(has - true[client.client_id])} posts of others")
    return wrongs


def rest(evidence: Evidence) -> list[str]:
    """I9, I14: nothing is open any more, and no lead waits for anything."""
    wrongs = [
        f"I9: {row.client_run_id} is still Running" for row in evidence.records if row.status == "Running"
    ]
    wrongs += [f"I9: row {row.id} is still {row.state}" for row in evidence.batches if row.state not in _OVER]
    wrongs += [f"I9: row {row.id} is still leased" for row in evidence.batches if row.lease_owner]
    wrongs += [
        f"I14: {row.profile_url} is Processing" for row in evidence.leads if row.status == "Processing"
    ]
    started = {row.id for row in evidence.batches if row.apify_run_id}
    return wrongs + [
        f"I14: lead {row.lead_id} of row {row.actor_run_id} has no outcome"
        for row in evidence.outcomes
        if row.actor_run_id in started and row.outcome is None
    ]


def jobs(evidence: Evidence) -> list[str]:
    """I15: one job for each base run ID, closed, with the status that its client runs make."""
    status_of = {row.client_run_id: ClientRunStatus(row.status) for row in evidence.records}
    of_job: defaultdict[str, set[str]] = defaultdict(set)
    for record in evidence.records:
        of_job[record.run_id].add(record.client_run_id)
    for one in evidence.decided:
        if one.decision == "taken_on":
            of_job[one.run_id].add(one.client_run_id)
    wrongs = [
        f"I15: job {one} has no record" for one in of_job.keys() - {job.run_id for job in evidence.jobs}
    ]
    for job in evidence.jobs:
        ends = [status_of[full_id] for full_id in of_job[job.run_id] if full_id in status_of]
        if job.finished_at is None or not (ends or job.plan):
            wrongs.append(f"I15: job {job.run_id} is {job.status}, with {len(ends)} client runs")
        elif job.status != worst_of(ends):
            wrongs.append(f"I15: job {job.run_id} is {job.status}, its client runs {ends}")
    return wrongs + _decisions(evidence)


def _decisions(evidence: Evidence) -> list[str]:
    """I15: a job run for all has decided about everybody once, holds nothing, and was told of."""
    about = defaultdict(list)
    for one in evidence.decided:
        about[one.run_id].append(one.client_id)
    everybody = sorted(client.client_id for client in evidence.clients)
    wrongs = [f"I15: a kickoff failed: {one}" for one in evidence.decided if one.decision == "failed"]
    for job in [job for job in evidence.jobs if job.plan]:
        if sorted(about[job.run_id]) != everybody:
            wrongs.append(f"I15: job {job.run_id} has decided about {about[job.run_id]} of {everybody}")
        if job.kickoffs_due_at or job.holds or not job.reported_at:
            wrongs.append(f"I15: job {job.run_id} was left off: {job}")
    return wrongs


def held_back(evidence: Evidence) -> list[str]:
    """I7, I8: no start was begun while starts were paused, and what was cancelled is."""
    wrongs = [
        f"I7: row {row.id} was started at {row.start_requested_at}, paused from {since} to {until}"
        for since, until in evidence.paused
        for row in evidence.batches
        if row.start_requested_at and since < row.start_requested_at < until
    ]
    status_of = {row.client_run_id: row.status for row in evidence.records}
    return wrongs + [
        f"I8: {one} was cancelled and is {status_of.get(one)}"
        for one in evidence.cancelled
        if status_of.get(one) != ClientRunStatus.CANCELLED
    ]
