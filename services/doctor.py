"""Doctor: is everything there that a harvest needs? Each finding comes with what to do."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harvester.apify_errors import ApifyError
from harvester.errors import HarvesterError, LedgerUnavailable
from harvester.settings import dormant
from services import Services

_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `remedy` is empty when it is well."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def examine(services: Services) -> Iterator[Finding]:
    """Look at each dependency in turn."""
    settings = services.settings
    yield Finding("settings", True, "; ".join(["all are valid", *dormant(settings)]))
    yield _looked("ledger", lambda: _ledger(services), "check DATABASE_URL and that the database runs")
    yield _looked(
        "apify token",
        lambda: f"account {services.apify.user().get('username', 'unknown')}",
        "copy a valid token from Apify Console (Settings, API & Integrations) to APIFY_TOKEN",
    )
    yield _looked(
        "apify actor",
        lambda: f"{settings.apify_actor_id} is {services.apify.actor(settings.apify_actor_id).get('id')}",
        "check APIFY_ACTOR_ID, and that the account may run this actor",
    )
    yield _public_url(settings.public_url)


def _ledger(services: Services) -> str:
    checks = services.overview.ready()
    wrong = [f"{name}: {state}" for name, state in checks.items() if state != "ok"]
    if wrong:
        raise LedgerUnavailable("; ".join(wrong))
    return "reachable, at the newest schema"


def _looked(name: str, look: Callable[[], str], remedy: str) -> Finding:
    try:
        return Finding(name, True, look())
    except (ApifyError, HarvesterError) as error:
        return Finding(name, False, str(error), remedy)


def _public_url(url: str) -> Finding:
    """Ask ourselves from outside. Only an answer of ours counts, for Apify will post to this address."""
    remedy = "start the web process, and see that PUBLIC_URL leads to it from the internet"
    try:
        with urllib.request.urlopen(f"{url}/api/apify-webhook", timeout=_SECONDS) as answer:  # noqa: S310
            ready = answer.read(1_000)
    except (urllib.error.URLError, OSError) as error:
        return Finding("public url", False, f"{url} does not answer: {error}", remedy)
    ours = b'"ready"' in ready
    return Finding(
        "public url", ours, f"{url} {'answers' if ours else 'answers, but is not us'}", "" if ours else remedy
    )
