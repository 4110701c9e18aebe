"""What the doctor looks at in our own house: disk, workers, what waits for a person, alerts, the page."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Final

from harvester.errors import LedgerUnavailable
from harvester.ledger import Ledger, Tx, alerts, outbox_counts, parked, schema
from harvester.settings import Settings
from services import pulse
from services.doctor_findings import Look, Looks, NotWell
from services.overview import other_schema
from services.readiness import free_bytes
from services.restore import IsBackup, refuse_backup

#: Bytes that should be free beside a ledger on SQLite: a backup, or a long day, takes about as much.
_LEAST_FREE: Final = 500_000_000
_UNKNOWN: Final = "not looked at, since the ledger cannot be read"
_MANY: Final = 1_000


def looks(settings: Settings) -> Looks:
    """Name what is looked at, each with what to do."""
    url = settings.database_url.get_secret_value()
    found: Looks = {
        "disk": (
            lambda: _disk(url),
            "free some, let old deliveries go by harvester prune, or move the ledger",
        ),
        "worker": (
            _seen(url, _worker),
            "start harvester worker; if it runs, its log says what it could not do",
        ),
        "waiting": (_seen(url, _waiting), "see that the ledger can be read"),
    }
    if settings.airtable_api_key is not None:
        remedy = "harvester airtable usage says why; put it right, then harvester check --repair sends it"
        found["airtable rows"] = (_seen(url, _rows), remedy)
    found["alert urls"] = (
        lambda: _alert_urls(settings),
        "correct ALERT_URLS: one URL for each service, as in Apprise's documentation",
    )
    found["page"] = (
        lambda: _page(settings),
        "set OPERATOR_PASSWORD_HASH (harvester hash-password) and SECRET_KEY (openssl rand -hex 32)",
    )
    return found


def _seen(url: str, look: Callable[[Tx], str]) -> Look:
    """Look at something in the ledger; that this cannot be read is a finding of its own."""

    def seen() -> str:
        try:
            refuse_backup(url)
            with closing(Ledger(url)) as ledger, ledger.read() as tx:
                return _UNKNOWN if other_schema(schema.current(tx)) is not None else look(tx)
        except (LedgerUnavailable, IsBackup):
            return _UNKNOWN

    return seen


def _disk(url: str) -> str:
    try:
        with closing(Ledger(url)) as ledger:
            free = free_bytes(ledger)
    except (LedgerUnavailable, OSError):
        return _UNKNOWN
    if free is None:
        return "PostgreSQL's own: it is not seen from here"
    told = f"{free / 1e9:.1f} GB are free beside the ledger"
    if free < _LEAST_FREE:
        raise NotWell(told)
    return told


def _worker(tx: Tx) -> str:
    beat = pulse.last(tx)
    trouble = pulse.trouble(beat, datetime.now(UTC))
    if trouble is not None or beat is None:
        raise NotWell(trouble or "no worker has ever run on this ledger")
    if not beat.queue_works:
        raise NotWell("at work, but the queue takes no wake-ups from it", "see that it reaches QUEUE_URL")
    return f"at work, last heard of at {beat.at:%H:%M:%S} UTC"


def _waiting(tx: Tx) -> str:
    """Count what waits for a person. It is nothing that is not well with the house."""
    now = datetime.now(UTC)
    matters, _ = alerts.standing(tx, now=now, limit=_MANY, after=None)
    letters = len(parked.ids(tx))
    told = [f"{len(matters)} matters stand"] * bool(matters) + [f"{letters} dead letters"] * bool(letters)
    if not told:
        return "nothing waits for a person"
    return f"{' and '.join(told)}: see harvester alerts, harvester dead-letters list"


def _rows(tx: Tx) -> str:
    counts = outbox_counts.standing(tx)
    words = {"waiting": "wait to be sent", "parked": "were refused", "missing": "were deleted there"}
    told = ", ".join(f"{counts[name]} {word}" for name, word in words.items())
    if counts["parked"]:
        raise NotWell(told)
    return told


def _alert_urls(settings: Settings) -> str:
    if not settings.alert_urls:
        return "ALERT_URLS is unset: nobody is told when a harvest fails; harvester alerts lists what stands"
    from apprise import Apprise  # takes long to import, and is seldom needed

    known = [Apprise().add(url.get_secret_value()) for url in settings.alert_urls]
    if not all(known):
        wrong = ", ".join(str(place) for place, one in enumerate(known, 1) if not one)
        raise NotWell(f"of {len(known)} URLs Apprise does not understand number {wrong}")
    return f"{len(known)} services are told of failures"


def _page(settings: Settings) -> str:
    is_set = settings.operator_password_hash is not None, settings.secret_key is not None
    if all(is_set):
        return "set up: sign in with the operator's password"
    if any(is_set):
        missing = "SECRET_KEY" if is_set[0] else "OPERATOR_PASSWORD_HASH"
        raise NotWell(f"{missing} is unset: the operations page answers 503")
    return "not set up: the operations page answers 503, all else works"
