"""Job runs: the list, and of one its sums, what was decided about each client, and its report."""

from __future__ import annotations

from typing import Final

from flask import abort

from harvester import run_ids
from harvester.errors import InvalidRunId
from routes import bodies
from routes.pages import shell
from routes.state import services

blueprint = shell.blueprint("job_pages")

_JOBS: Final = 50
_CLIENTS: Final = 100


@blueprint.get("/jobs")
def jobs() -> str:
    """List job runs, newest first."""
    cursor = bodies.narrowing("cursor", code="invalid_cursor")
    return shell.page("jobs.html", listing=services().job_reports.jobs(limit=_JOBS, before=cursor))


@blueprint.get("/jobs/<run_id>")
def job(run_id: str) -> str:
    """Show one job run with what was decided about each client, and what came of it."""
    found = services().job_reports.so_far(run_id) if _is_run_id(run_id) else None
    if found is None:
        abort(404, "there is no job run of this ID")
    after = bodies.narrowing("client") or ""
    rows = [one for one in found["report"]["clients"] if one["clientId"] > after]
    more = rows[_CLIENTS - 1]["clientId"] if len(rows) > _CLIENTS else None
    return shell.page("job.html", job=found, rows=rows[:_CLIENTS], more=more)


def _is_run_id(text: str) -> bool:
    try:
        return run_ids.require(text) == text
    except InvalidRunId:
        return False
