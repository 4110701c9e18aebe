"""Whether the numbers of the demo's day add up: the API's with themselves, and with the sandbox's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from harvester.cli.demo_agency import profile_url
from harvester.cli.demo_day_agency import FAILING, OVER_BUDGET, PAUSED
from harvester.cli.demo_web import call, call_sandbox

_ENDS: dict[str, list[tuple[str, ...]]] = {
    FAILING.client_id: [("Failed", "Completed with Errors"), ("Completed",)],
    OVER_BUDGET.client_id: [("Completed with Errors",)],
}
_SUMMED = ("profilesSubmitted", "postsHarvested", "postsNew", "itemsRejected", "actorRuns")
#: Parts of a client run's coverage, which together are the leads that were submitted.
_PARTS = ("posts", "none", "errors", "silent", "notAnswered")


def differences(environ: Mapping[str, str], jobs: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Say what does not add up, and what was found to."""
    runs = [run for job in jobs for run in job["clients"]]
    sandbox = call_sandbox(environ, "/sandbox/ledger")["data"]
    checks = (
        _job_totals(jobs),
        _client_runs(runs),
        _money(environ, runs, sandbox),
        _starts(runs, sandbox),
        _ends(runs),
    )
    wrong = [found for check in checks for found in check]
    cost = _micros(sandbox["charged_usd"])
    posts = sum(run["metrics"]["postsNew"] for run in runs)
    checked = [
        f"{len(jobs)} job runs are the sums of their {len(runs)} client runs",
        f"{posts} posts, each once",
        f"{len(sandbox['starts'])} actor runs were started, and cost {cost / 1e6:.4f} USD, as Apify says",
        f"{PAUSED.client_id} waited for the end of its pause, and no attempt was used up",
        f"{OVER_BUDGET.client_id} spent {_cost(runs, OVER_BUDGET.client_id) / 1e6:.4f} USD of its 0.0300",
        f"{FAILING.client_id} was resumed without paying again for a lead that had its answer",
    ]
    return wrong, checked


def _job_totals(jobs: list[dict[str, Any]]) -> Iterator[str]:
    for job in jobs:
        for name in _SUMMED:
            total = sum(run["metrics"][name] for run in job["clients"])
            if job["metrics"][name] != total:
                told = job["metrics"][name]
                yield f"{name} of job run {job['runId']} is {told}, its client runs have {total}"
        if _micros(job["metrics"]["apifyCostUsd"]) != sum(_cost_of(run) for run in job["clients"]):
            yield f"the cost of job run {job['runId']} is not what its client runs cost"


def _client_runs(runs: list[dict[str, Any]]) -> Iterator[str]:
    for run in runs:
        started = [one for one in run["actorRuns"] if one["actorRunId"]]
        cost = sum(_micros(one["costUsd"] or 0) for one in started)
        profiles = sum(one["profiles"] for one in started)
        counted, full_id = run["metrics"], run["clientRunId"]
        if (_cost_of(run), counted["profilesSubmitted"]) != (cost, profiles):
            yield f"cost or profiles of {full_id} are not what its actor runs have"
        coverage = run["coverage"]
        if sum(coverage[part] for part in _PARTS) != coverage["submitted"]:
            yield f"the coverage of {full_id} does not add up: {coverage}"


def _money(environ: Mapping[str, str], runs: list[dict[str, Any]], sandbox: dict[str, Any]) -> Iterator[str]:
    told = sum(_cost_of(run) for run in runs)
    if told != _micros(sandbox["charged_usd"]):
        yield f"the client runs cost {told / 1e6:.6f} USD, Apify charged {sandbox['charged_usd']:.6f}"
    if _cost(runs, OVER_BUDGET.client_id) > (OVER_BUDGET.budget_micros or 0):
        yield f"{OVER_BUDGET.client_id} spent more than its budget"
    stored = sum(1 for _ in _posts(environ))
    new = sum(run["metrics"]["postsNew"] for run in runs)
    if stored != new:
        yield f"{stored} posts are stored, the client runs brought {new} new ones"


def _posts(environ: Mapping[str, str]) -> Iterator[Any]:
    cursor = ""
    while True:
        page = call(environ, f"/api/posts?limit=1000{cursor}")
        yield from page["posts"]
        if page["nextCursor"] is None:
            return
        cursor = f"&cursor={page['nextCursor']}"


def _starts(runs: list[dict[str, Any]], sandbox: dict[str, Any]) -> Iterator[str]:
    known = {one["actorRunId"] for run in runs for one in run["actorRuns"] if one["actorRunId"]}
    started = {start["run_id"] for start in sandbox["starts"]}
    if known != started:
        yield f"Apify ran {len(started)} actor runs, {len(known)} are known"
    sent = Counter(url for start in sandbox["starts"] for url in start["input"]["targetUrls"])
    again = {url for url, times in sent.items() if times > 1}
    if not again <= {profile_url(handle) for handle in FAILING.handles()}:
        yield f"leads of others than {FAILING.client_id} were paid for twice: {sorted(again)}"
    for run in runs:
        for one in run["actorRuns"]:
            if one["attempt"] > 1:
                yield f"batch {one['batch']} of {run['clientRunId']} took {one['attempt']} attempts"


def _ends(runs: list[dict[str, Any]]) -> Iterator[str]:
    by_client: dict[str, list[str]] = {}
    for run in runs:
        by_client.setdefault(run["clientId"], []).append(run["status"])
    for client_id, statuses in by_client.items():
        meant = _ENDS.get(client_id, [("Completed",)])
        as_meant = [status in allowed for status, allowed in zip(statuses, meant, strict=False)]
        if len(statuses) != len(meant) or not all(as_meant):
            yield f"client runs of {client_id} ended {', '.join(statuses)}"


def _cost(runs: list[dict[str, Any]], client_id: str) -> int:
    return sum(_cost_of(run) for run in runs if run["clientId"] == client_id)


def _cost_of(run: dict[str, Any]) -> int:
    return _micros(run["metrics"]["apifyCostUsd"])


def _micros(usd: float) -> int:
    return round(usd * 1_000_000)
