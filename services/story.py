"""The story of one client run: what happened to it, from kickoff to its end, one line each, in order.

It is told from its own lines, the activity log and the webhook calls. Of client runs from before there were
such lines, the times of their actor runs are told instead.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from harvester.errors import InvalidInput
from harvester.ledger import Ledger, Tx, actor_runs, client_runs, story
from harvester.models import ActorRun, DeliveryOutcome
from harvester.normalise.text import one_line
from services import shapes
from services.listing import Listing

_CURSOR: Final = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18}){3}")
_REJECT_CURSOR: Final = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}")
#: The parts that a story is told from; a cursor has the place in each, in this order.
_EVENT, _ACTIVITY, _CALL, _ROW = range(4)
_LETTERS: Final = "eadr"
#: The operation that comes before all else of the same moment.
_FIRST: Final = "create"
_TEXT_CHARS: Final = 500


@dataclass(frozen=True, slots=True)
class _Line:
    at: datetime
    part: int
    place: int
    kind: str
    batch: int | None
    text: str

    def shown(self) -> dict[str, Any]:
        return {
            "id": f"{_LETTERS[self.part]}{self.place}",
            "at": shapes.time(self.at),
            "kind": self.kind,
            "batch": self.batch,
            "text": one_line(self.text, _TEXT_CHARS),
        }


class Story:
    """Tells what happened to a client run."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __call__(self, full_id: str, *, limit: int, after: str | None = None) -> Listing | None:
        """Tell it from the beginning, or from a cursor on; None if there is no such client run.

        A line never comes before one that another process has written just now, and that is not committed
        yet, but to whoever reads on from the last cursor: lines are known by their `id`.
        Raises `InvalidInput` for a cursor that no answer has given.
        """
        places = _places(after)
        with self._ledger.read() as tx:
            if client_runs.get(tx, full_id) is None and not story.is_told(tx, full_id):
                return None
            lines = list(_merged(_parts(tx, full_id, places, limit + 1)))
        for line in lines[:limit]:
            places[line.part] = max(places[line.part], line.place)
        cursor = ".".join(str(place) for place in places) if len(lines) > limit else None
        return Listing([line.shown() for line in lines[:limit]], cursor)

    def latest(self, full_id: str, *, limit: int) -> list[dict[str, Any]]:
        """Tell its last lines, the newest first."""
        with self._ledger.read() as tx:
            lines = list(_merged(_parts(tx, full_id, [0, 0, 0, 0], limit, latest=True)))
        return [line.shown() for line in lines[-limit:][::-1]]

    def rejects(self, full_id: str, *, limit: int, after: str | None = None) -> Listing:
        """List the items of its datasets that became no posts, each with the reason and a sample.

        Raises `InvalidInput` for a cursor that no answer has given.
        """
        if after is not None and not _REJECT_CURSOR.fullmatch(after):
            raise _no_cursor()
        batch, position = (int(part) for part in (after or "0.0").split("."))
        # Places in a dataset begin with 0.
        behind = (batch, position if after is not None else -1)
        with self._ledger.read() as tx:
            found = story.rejects_of(tx, full_id, after=behind, limit=limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        cursor = f"{last['batch']}.{last['position']}" if last is not None else None
        return Listing([_reject(one) for one in found[:limit]], cursor)


def _parts(
    tx: Tx, full_id: str, places: Sequence[int], limit: int, *, latest: bool = False
) -> Iterator[Iterable[_Line]]:
    told = story.is_told(tx, full_id)
    how: dict[str, Any] = {"limit": limit, "latest": latest}
    yield map(_event, story.events(tx, full_id, after=places[_EVENT], **how))
    log = story.activities(tx, full_id, after=places[_ACTIVITY], updates=not told, **how)
    yield map(_activity, log)
    yield map(_call, story.calls(tx, full_id, after=places[_CALL], **how))
    if not told:
        rows = _from_rows(actor_runs.of_client_run(tx, full_id))
        yield rows[-limit:] if latest else rows[places[_ROW] :][:limit]


def _merged(parts: Iterable[Iterable[_Line]]) -> Iterator[_Line]:
    """Put the parts together by time; each keeps its own order, in which it was written."""
    return heapq.merge(*parts, key=lambda line: (line.at, line.kind != _FIRST, line.part))


def _event(row: dict[str, Any]) -> _Line:
    return _Line(row["at"], _EVENT, row["id"], row["kind"], row["batch"], row["detail"])


def _activity(row: dict[str, Any]) -> _Line:
    operation, detail, source = row["operation"], row["detail"], row["source"]
    told = _TOLD.get((operation, row["ok"]), "{operation}: {detail}")
    text = told.format(operation=_capital(operation), detail=detail, source=source)
    kind = operation if row["ok"] else "error"
    return _Line(row["at"], _ACTIVITY, row["id"], kind, None, _capital(text))


#: How lines of the activity log are told, by operation and whether it worked.
_TOLD: Final = {
    ("create", True): "Client run record created by {source}",
    ("create", False): "Client run record could not be created for {source}: {detail}",
    ("update", True): "Record brought up to date by {source}: {detail}",
    ("update", False): "Record could not be brought up to date by {source}: {detail}",
    ("complete", True): "Client run ended {detail}",
    ("cancel", True): "{detail}",
    ("retry", True): "{detail}",
    ("replay", True): "Replayed by {source}: {detail}",
    ("discard", True): "Discarded by {source}: {detail}",
}


def _call(row: dict[str, Any]) -> _Line:
    event = row["event_type"] or "without an event"
    text = f"Webhook call {event} for actor run {row['apify_run_id'] or 'unknown'}: {row['outcome']}"
    kind = "webhook" if row["outcome"] == DeliveryOutcome.ACCEPTED else f"webhook {row['outcome']}"
    return _Line(row["received_at"], _CALL, row["id"], kind, row["batch"], text)


def _from_rows(batches: Sequence[ActorRun]) -> list[_Line]:
    """Tell of actor runs what their rows have: when each was planned, sent, started and over."""
    told: list[tuple[datetime, int, str, str]] = []
    for run in batches:
        told.append((run.created_at, run.batch, "planned", f"Planned: {run.profiles} profiles"))
        if run.start_requested_at is not None:
            told.append((run.start_requested_at, run.batch, "starting", "Start sent to Apify"))
        if run.apify_started_at is not None:
            told.append((run.apify_started_at, run.batch, "running", f"Apify runs it as {run.apify_run_id}"))
        if run.apify_finished_at is not None:
            told.append((run.apify_finished_at, run.batch, "ended", f"Apify ended it {run.apify_status}"))
    told.sort(key=lambda one: (one[0], one[1]))
    return [
        _Line(at, _ROW, place, kind, batch, text)
        for place, (at, batch, kind, text) in enumerate(told, start=1)
    ]


def _reject(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "batch": row["batch"],
        "position": row["position"],
        "actorRunId": row["apify_run_id"],
        "linkedinProfileUrl": row["profile_url"],
        "reason": row["reason"],
        "detail": row["detail"],
        "sample": row["sample"],
    }


def _places(cursor: str | None) -> list[int]:
    if cursor is None:
        return [0, 0, 0, 0]
    if not _CURSOR.fullmatch(cursor):
        raise _no_cursor()
    return [int(part) for part in cursor.split(".")]


def _no_cursor() -> InvalidInput:
    return InvalidInput("cursor must be the nextCursor of an earlier answer", code="invalid_cursor")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
