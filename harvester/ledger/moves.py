"""What a change of an actor run's row says in the story of its client run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from harvester.models import ActorRun, ActorRunState
from harvester.wording import counted

_OVER: Final = (ActorRunState.INGESTED, ActorRunState.FAILED)
#: Kinds of lines beside the states themselves.
PARKED: Final = "parked"
TROUBLE: Final = "trouble"


def told(run: ActorRun, values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Give kind and words for a change of a row; None if it is nothing that people look for.

    Of what is stored page by page, ingest tells itself.
    """
    to = ActorRunState(values.get("state", run.state))
    parked = values.get("parked_at") is not None and run.parked_at is None
    if parked:
        return PARKED, f"Waits for a person: {values.get('parked_error') or 'no reason given'}"
    if to is not run.state:
        return None if to is ActorRunState.INGESTING else (to.value, _WORDS[to](run, values))
    error = values.get("error")
    if error and error != run.error and run.state not in _OVER:
        return TROUBLE, f"Tried again later: {error}"
    return None


def _planned(run: ActorRun, values: Mapping[str, Any]) -> str:
    if run.state is ActorRunState.START_UNKNOWN:
        return "No actor run of the lost start was found: it is started again"
    error = values.get("error")
    return f"Apify took no start: {error}" if error else "Not sent after all: starts are paused, or cancelled"


def _starting(run: ActorRun, values: Mapping[str, Any]) -> str:
    attempt = values.get("attempt", run.attempt)
    cap = values.get("cap_micros", run.cap_micros)
    at_most = "" if cap is None else f", for {_usd(cap)} at most"
    return f"Start of {counted(run.profiles, 'profile')} sent to Apify, attempt {attempt}{at_most}"


def _start_unknown(run: ActorRun, values: Mapping[str, Any]) -> str:
    error = values.get("error")
    return "The answer to the start was lost, so it is searched for" + (f": {error}" if error else "")


def _running(run: ActorRun, values: Mapping[str, Any]) -> str:
    name = values.get("apify_run_id", run.apify_run_id)
    if run.state in (ActorRunState.STARTING, ActorRunState.START_UNKNOWN, ActorRunState.PLANNED):
        return f"Apify runs it as {name}"
    return f"Actor run {name} is followed again: it goes on at Apify, or is looked at once more"


def _ended(run: ActorRun, values: Mapping[str, Any]) -> str:
    status = values.get("apify_status", run.apify_status)
    message = values.get("status_message")
    return f"Actor run ended {status}" + (f": {message}" if message else "")


def _ingested(run: ActorRun, values: Mapping[str, Any]) -> str:
    cost = values.get("cost_micros", run.cost_micros)
    items = values.get("cursor", run.cursor)
    read = "The one item is read" if items == 1 else f"All {items} items are read"
    error = values.get("error")
    return read + ("" if cost is None else f"; it cost {_usd(cost)}") + (f"; {error}" if error else "")


def _failed(run: ActorRun, values: Mapping[str, Any]) -> str:
    return f"Given up: {values.get('error') or 'no reason given'}"


_WORDS: Final = {
    ActorRunState.PLANNED: _planned,
    ActorRunState.STARTING: _starting,
    ActorRunState.START_UNKNOWN: _start_unknown,
    ActorRunState.RUNNING: _running,
    ActorRunState.ENDED: _ended,
    ActorRunState.INGESTED: _ingested,
    ActorRunState.FAILED: _failed,
}


def _usd(micros: int) -> str:
    return f"{micros / 1_000_000:.4f} USD"
