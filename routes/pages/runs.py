"""Client runs: the list, and of one its facts, actor runs, errors, rejects, profiles and story."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

from flask import request

from harvester import run_ids
from harvester.errors import InvalidInput
from harvester.models import ClientRunStatus
from routes import bodies
from routes.pages import shell
from routes.state import services
from services import pauses, remedies
from services.run_ends import UnknownRun

blueprint = shell.blueprint("run_pages")

_RUNS: Final = 50
_PROFILES: Final = 100
_LINES: Final = 40
_STORY_LINES: Final = 250
_REJECTS: Final = 5
_REJECTS_PAGE: Final = 50
_BATCHES: Final = 50
#: Errors of one kind that are shown with their words.
_ERRORS: Final = 5


@blueprint.get("/runs")
def runs() -> str:
    """List client runs, newest first."""
    status, client_id = _narrowed("status"), _narrowed("clientId")
    if status is not None and status not in list(ClientRunStatus):
        raise InvalidInput(f"there is no status {status}", code="invalid_status")
    found = services().overview.runs(limit=_RUNS, before=bodies.cursor(), client_id=client_id, status=status)
    return shell.page("runs.html", listing=found, statuses=list(ClientRunStatus))


@blueprint.get("/runs/<full_id>")
def run(full_id: str) -> str:
    """Show one client run; of one whose record is missing, what is known without it."""
    story = services().story
    found = services().overview.run(_checked(full_id))
    if found is None:
        return _without_record(full_id)
    after = _batch_after()
    batches = [one for one in found["actorRuns"] if one["batch"] > after]
    return shell.page(
        "run.html",
        run=found,
        batches=batches[:_BATCHES],
        more_batches=batches[_BATCHES - 1]["batch"] if len(batches) > _BATCHES else None,
        errors=_by_remedy(found["errors"]),
        lines=story.latest(full_id, limit=_LINES),
        rejects=story.rejects(full_id, limit=_REJECTS) if found["metrics"]["itemsRejected"] else None,
        paused=_held(found),
    )


@blueprint.get("/runs/<full_id>/story")
def story(full_id: str) -> str:
    """Tell the whole story of a client run, from its beginning."""
    listing = services().story(_checked(full_id), limit=_STORY_LINES, after=_narrowed("cursor"))
    if listing is None:
        raise UnknownRun(full_id)
    return shell.page("run_story.html", full_id=full_id, listing=listing)


@blueprint.get("/runs/<full_id>/coverage")
def coverage(full_id: str) -> str:
    """List the profiles of a client run, each with what it was answered."""
    after = bodies.cursor() or 0
    listing = services().coverage(_checked(full_id), limit=_PROFILES, after=after)
    if listing is None:
        raise UnknownRun(full_id)
    return shell.page("run_coverage.html", full_id=full_id, listing=listing)


@blueprint.get("/runs/<full_id>/rejects")
def rejects(full_id: str) -> str:
    """List the items that became no posts."""
    cursor = _narrowed("cursor")
    listing = services().story.rejects(_checked(full_id), limit=_REJECTS_PAGE, after=cursor)
    return shell.page("run_rejects.html", full_id=full_id, listing=listing)


def _without_record(full_id: str) -> str:
    listing = services().story(full_id, limit=_STORY_LINES, after=_narrowed("cursor"))
    if listing is None:
        raise UnknownRun(full_id)
    base, client_id = run_ids.base_of(full_id), run_ids.client_of(full_id)
    return shell.page(
        "run_without_record.html", full_id=full_id, base=base, client_id=client_id, listing=listing
    )


def _held(found: dict[str, Any]) -> list[str]:
    """Say what holds up the starts of a client run that is at work."""
    running = found["status"] == ClientRunStatus.RUNNING
    return [pauses.in_words(one) for one in services().pauses.of([found["clientId"]] if running else [])]


def _checked(full_id: str) -> str:
    """Give a client run ID back, if it has the form of one: nothing else can be known."""
    if not run_ids.is_run_id(full_id):
        raise UnknownRun(full_id)
    return full_id


def _narrowed(name: str) -> str | None:
    """Give what the page is narrowed by; an empty field of a form narrows nothing."""
    return bodies.narrowing(name) or None


def _batch_after() -> int:
    given = request.args.get("batch", "0")
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise InvalidInput("batch must be the number of a batch", code="invalid_cursor")
    return int(given)


def _by_remedy(errors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put errors of one kind together: what to do about them is the same."""
    in_order = sorted(errors, key=lambda error: str(error["code"]))
    found = []
    for code, same in groupby(in_order, key=lambda error: str(error["code"])):
        these = list(same)
        told, more = these[:_ERRORS], max(0, len(these) - _ERRORS)
        found.append({"code": code, "remedy": remedies.of(code), "errors": told, "more": more})
    return found
