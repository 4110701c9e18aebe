"""What needs a person: what stands among the alerts, and what is wrong though no alert tells of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from harvester.ledger import Tx, airtable_slots, alerts, at_work, outbox_counts, parked, pauses
from harvester.ledger.alerts import Alert
from harvester.models import ActorRun, ClientRun
from services import dead_letters, outages, pulse, shapes
from services.drift import paused_alert
from services.unreachable import in_words

#: So many of a kind are shown.
MOST: Final = 10
#: What kinds there are, the worst first. The last three are told, and wait for nobody at night.
_KINDS: Final = ("outage", "failed", "deadLetter", "alert", "budget", "airtable", "pause")
_MILD: Final = frozenset({"budget", "airtable", "pause"})
_LATELY: Final = timedelta(hours=24)
_RUN_ID: Final = re.compile(r"\b[0-9]{6}-[0-9]{6}-([A-Za-z0-9][A-Za-z0-9_-]{0,63})")
#: Keys of alerts that name a client.
_OF_CLIENT: Final = re.compile(
    r"(?:client|budget of|items of|record of|schedule client) ([A-Za-z0-9_-]+)( .*)?"
)
_START: Final = "Start one: harvester worker, and see that it is kept running (deploy/README.md)"
#: What a line of System Notes begins with.
_STAMP: Final = re.compile(r"^\[[^]]*\] ")
_MONTH: Final = re.compile(r"budget of [0-9]{4}-[0-9]{2}")


def standing(tx: Tx, *, now: datetime, mirrored: bool) -> tuple[list[dict[str, Any]], bool]:
    """Give what needs a person, the worst first, and whether there is more than is shown."""
    found, cursor = alerts.standing(tx, now=now, limit=MOST)
    keys, told = {alert.key for alert in found}, [_alert(alert) for alert in found]
    matters = [*_outages(tx, now, keys, mirrored=mirrored), *told]
    letters, more_letters = parked.page(tx, limit=MOST)
    matters += [_letter(run) for run in letters if dead_letters.alert_key(run.id) not in keys]
    # What ended badly for want of money alone is told by the alert about that.
    known = {one["clientId"] for one in told if one["kind"] in ("failed", "budget")}
    failed = at_work.ended_badly(tx, since=now - _LATELY, limit=MOST + 1)
    matters += [_failed(run) for run in failed[:MOST] if run.client_id not in known]
    more = cursor is not None or more_letters is not None or len(failed) > MOST
    if mirrored:
        matters += _refused(outbox_counts.standing(tx))
    held = [pause for pause in pauses.standing(tx) if pause.scope != pauses.ALL]
    matters += [_paused(pause) for pause in held if paused_alert(pause.actor_id or "") not in keys]
    return sorted(matters, key=lambda one: _KINDS.index(one["kind"])), more


def _matter(kind: str, title: str, text: str, since: str | None, **about: Any) -> dict[str, Any]:
    known = {"clientId": None, "clientRunId": None, "deadLetterId": None, "alertKey": None}
    told = {"kind": kind, "urgent": kind not in _MILD, "title": title, "text": text, "since": since}
    return {**told, **known, **about}


def _alert(alert: Alert) -> dict[str, Any]:
    named, run = _OF_CLIENT.fullmatch(alert.key), _RUN_ID.search(alert.text)
    client_id = named[1] if named and not _MONTH.fullmatch(alert.key) else run[1] if run else None
    letter = alert.key.removeprefix(dead_letters.ALERT)
    return _matter(
        _kind(alert.key),
        alert.key[:1].upper() + alert.key[1:],
        alert.text,
        shapes.time(alert.first_at),
        clientId=client_id,
        clientRunId=run[0] if run else None,
        deadLetterId=int(letter) if letter != alert.key and letter.isascii() and letter.isdigit() else None,
        alertKey=alert.key,
    )


def _kind(key: str) -> str:
    if key == outages.ALERT:
        return "outage"
    if key.startswith(dead_letters.ALERT):
        return "deadLetter"
    if key.startswith("budget of "):
        return "budget"
    return "failed" if key.startswith("client ") and key.endswith(" failed") else "alert"


def _outages(tx: Tx, now: datetime, keys: set[str], *, mirrored: bool) -> Iterator[dict[str, Any]]:
    silent = pulse.needed(tx, now)
    if silent is not None:
        text = f"{silent[0].upper()}{silent[1:]}: nothing is started, read or ended before one is. {_START}"
        yield _matter("outage", "No worker is at work", text, None)
    outage = outages.now(tx)
    if outage is not None and outages.ALERT not in keys:
        text = (
            f"{in_words(outage.reason)}. All work waits, and goes on by itself; harvester doctor looks closer"
        )
        yield _matter("outage", "Apify cannot be asked", text, None)
    for slot in airtable_slots.blocked(tx, now=now) if mirrored else []:
        if slot.out:
            text = f"Base {slot.base}: {slot.reason}. Harvests go on; what Airtable is owed is sent later"
            yield _matter("outage", "Airtable cannot be asked", text, None)


def _letter(run: ActorRun) -> dict[str, Any]:
    return _matter(
        "deadLetter",
        f"Dead letter {run.id}",
        f"Batch {run.batch} was given up: {run.parked_error}. Replay it, or discard it",
        shapes.time(run.parked_at),
        clientId=run.client_id,
        clientRunId=run.client_run_id,
        deadLetterId=run.id,
    )


def _failed(run: ClientRun) -> dict[str, Any]:
    last = (run.system_notes.rstrip().splitlines() or [""])[-1]
    told = _STAMP.sub("", last).rstrip(".")
    return _matter(
        "failed",
        f"Client {run.client_id}: {run.status}",
        f"{told}. Nothing of this client has completed since: put right what it says, then retry it",
        shapes.time(run.finished_at),
        clientId=run.client_id,
        clientRunId=run.client_run_id,
    )


def _refused(counts: dict[str, int]) -> Iterator[dict[str, Any]]:
    told = {"parked": "refused by Airtable", "missing": "deleted there by somebody"}
    for state, words in told.items():
        if counts[state]:
            text = f"{counts[state]:,} records were {words}: harvester check says which, and repairs them"
            yield _matter("airtable", f"Airtable: {counts[state]:,} records {state}", text, None)


def _paused(pause: pauses.Pause) -> dict[str, Any]:
    whose = "of this actor" if pause.actor_id else "for this client"
    text = f"Nothing is started {whose}, by {pause.paused_by}: {pause.reason}"
    title = f"Starts of {pause.actor_id or pause.scope} are paused"
    return _matter("pause", title, text, shapes.time(pause.since), clientId=pause.client_id)
