"""Doctor: is everything there that a harvest needs? Each finding comes with what to do.

It builds its own parts and looks at each by itself, so that what is broken keeps nothing else from being
looked at. It changes nothing; above all it does not migrate the ledger.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from harvester.apify import Apify
from harvester.apify_errors import Unavailable
from harvester.engine import queue
from harvester.ledger import Ledger, schema
from harvester.settings import Settings, dormant
from services import doctor_actors, doctor_house
from services.budgets import usd
from services.doctor_findings import Finding, Look, Looks, NotWell, looked
from services.doctor_schedule import held_up, starts_by_itself
from services.overview import other_schema
from services.restore import refuse_backup
from services.unreachable import in_words

__all__ = ["Finding", "NotWell", "examine"]

_SECONDS: Final = 5
#: The part of the account's own month from which on somebody should know.
_NEARLY: Final = 0.9
#: Seconds that this machine's clock and Apify's may be apart; HTTP dates are whole seconds.
_CLOCK_SECONDS: Final = 60
_REACH_APIFY: Final = (
    "see that APIFY_API_URL is right and that this machine reaches it (network, name service, firewall, "
    "clock); if Apify itself is down (https://status.apify.com), wait: harvests go on by themselves"
)


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at each dependency in turn."""
    yield Finding("settings", True, "; ".join(["all are valid", *dormant(settings)]))
    all_looks = {**_ours(settings), **doctor_house.looks(settings), **_apifys(settings)}
    if settings.airtable_api_key is not None:
        all_looks |= _airtables(settings)
    for name, (look, remedy) in {**all_looks, **_from_outside(settings)}.items():
        yield looked(name, look, remedy)


def _ours(settings: Settings) -> Looks:
    return {
        "ledger": (
            lambda: _ledger(settings.database_url.get_secret_value()),
            "check DATABASE_URL, that the database runs, and that we may write there",
        ),
        "queue": (
            lambda: _queue(settings.queue_url.get_secret_value()),
            "check QUEUE_URL, that what it names runs, and that its driver is installed",
        ),
        "starts": (
            lambda: held_up(settings.database_url.get_secret_value()),
            "see that the ledger can be read",
        ),
        "schedule": (
            lambda: _schedule(settings),
            "start harvester worker; if it runs, its log says what it could not do",
        ),
    }


def _apifys(settings: Settings) -> Looks:
    apify = Apify(
        token=settings.apify_token.get_secret_value(),
        api_url=settings.apify_api_url,
        timeout_seconds=min(settings.apify_timeout_seconds, _SECONDS),
    )
    return {
        "apify token": (
            lambda: _reached(lambda: f"account {apify.user().get('username', 'unknown')}"),
            "copy a valid token from Apify Console (Settings, API & Integrations) to APIFY_TOKEN",
        ),
        "apify actor": (
            lambda: _reached(lambda: doctor_actors.all_in_use(settings, apify)),
            "check APIFY_ACTOR_ID, and that the account may run this actor",
        ),
        "apify limits": (
            lambda: _reached(lambda: _limits(apify, settings.max_actor_runs)),
            "raise the account's limits in Apify Console (Billing, Limits), or Apify refuses starts",
        ),
        "clock": (
            lambda: _reached(lambda: _clock(settings.apify_api_url)),
            "set this machine's clock by NTP: times decide what is due, stale and lost",
        ),
    }


def _airtables(settings: Settings) -> Looks:
    from services import doctor_airtable  # with its client, which takes half a second to import

    return {
        "airtable": (
            lambda: doctor_airtable.master_base(settings),
            "check AIRTABLE_API_KEY and MASTER_CLIENTS_BASE_ID, that the token may read that base and its "
            "schema, and what harvester airtable check says",
        ),
        "airtable clients": (
            lambda: doctor_airtable.clients(settings),
            "put right in the table Clients what is named here; closed clients are not harvested",
        ),
    }


def _from_outside(settings: Settings) -> Looks:
    url = settings.public_url
    return {
        "public url": (
            lambda: _answering(url, lambda: _public_url(url)),
            "start the web process, and see that PUBLIC_URL leads to it from the internet",
        ),
        "metrics": (
            lambda: _answering(url, lambda: _metrics(url)),
            "see what the log of the web process says, and what stands between it and PUBLIC_URL",
        ),
    }


def _reached(look: Look) -> str:
    """Look at something of Apify's; to be told of a better token helps nobody who cannot reach it."""
    try:
        return look()
    except Unavailable as error:
        raise NotWell(f"Apify could not be asked: {in_words(str(error))}", _REACH_APIFY) from error
    except OSError as error:  # urllib's, whose own text is but a wrapping
        reason = getattr(error, "reason", error)
        raise NotWell(f"Apify could not be asked: {reason}", _REACH_APIFY) from error


def _answering(url: str, look: Look) -> str:
    """Look at something behind a URL; why it does not answer is told without the wrappings of urllib."""
    try:
        return look()
    except urllib.error.HTTPError as error:
        with error:
            raise NotWell(f"{url} answers with HTTP status {error.code}") from error
    except OSError as error:
        raise NotWell(f"{url} does not answer: {getattr(error, 'reason', error)}") from error


def _ledger(url: str) -> str:
    refuse_backup(url)
    with closing(Ledger(url)) as ledger:
        with ledger.read() as tx:
            wrong = other_schema(schema.current(tx))
        if wrong is not None:
            problem, remedy = wrong
            raise NotWell(f"its schema is {problem}", remedy)
        with ledger.write():
            return "can be read and written, at the newest schema"


def _queue(url: str) -> str:
    found = queue(url)
    try:
        return f"reachable, {found.pending_count()} wake-ups wait"
    finally:
        found.storage.close()


def _schedule(settings: Settings) -> str:
    overdue, detail = starts_by_itself(settings, datetime.now(UTC))
    if overdue:
        raise NotWell(detail)
    return detail


def _clock(api_url: str) -> str:
    """Compare with the date of an answer of Apify's; one that refuses us has it too."""
    try:
        with urllib.request.urlopen(f"{api_url}/v2/users/me", timeout=_SECONDS) as answer:  # noqa: S310  # nosec B310 # the settings allow http and https
            date = answer.headers["Date"]
    except urllib.error.HTTPError as error:
        date = error.headers["Date"]
        error.close()
    if date is None:
        return "Apify's answer has no date to compare with"
    apart = abs((datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds())
    if apart > _CLOCK_SECONDS:
        raise NotWell(f"this machine's clock is {apart:.0f} s away from Apify's")
    return f"within {_CLOCK_SECONDS} s of Apify's"


def _public_url(url: str) -> str:
    """Ask ourselves from outside. Only an answer of ours counts, for Apify will post to this address."""
    with urllib.request.urlopen(f"{url}/api/apify-webhook", timeout=_SECONDS) as answer:  # noqa: S310  # nosec B310 # the settings allow http and https
        if b'"ready"' not in answer.read(1_000):
            raise NotWell(f"{url} answers, but is not us")
    return f"{url} answers"


def _metrics(url: str) -> str:
    """Ask for them without a token: from afar to be refused one is an answer of ours, too."""
    try:
        with urllib.request.urlopen(f"{url}/metrics", timeout=_SECONDS) as answer:  # noqa: S310  # nosec B310 # the settings allow http and https
            if not answer.read(1_000).startswith(b"#"):
                raise NotWell(f"{url}/metrics answers, but with no metrics")
    except urllib.error.HTTPError as error:
        with error:
            if error.code != HTTPStatus.UNAUTHORIZED:
                raise
        return f"{url}/metrics answers those who have a token of API_TOKENS"
    return f"{url}/metrics answers"


def _limits(apify: Apify, wanted: int) -> str:
    """Compare what the account allows with what we would use of it."""
    found = apify.limits()
    used, limit = found.month_used_micros, found.month_limit_micros
    runs = f"{wanted} actor runs at once (MAX_ACTOR_RUNS)"
    if found.max_runs is not None and found.max_runs < wanted:
        runs = f"{found.max_runs} actor runs at once, fewer than the {wanted} of MAX_ACTOR_RUNS"
    if used is None or limit is None:
        return runs
    told = f"{usd(used)} of the {usd(limit)} USD of its month are used; {runs}"
    if used >= _NEARLY * limit:
        raise NotWell(told)
    return told
