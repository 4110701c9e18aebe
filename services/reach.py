"""Leads that were given up for unreachable, due again because a person says so."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from harvester import log
from harvester.ledger import Ledger, activity, leads
from harvester.profile_urls import canonical

_log = log.get_logger(__name__)


def unreachable(ledger: Ledger, client_id: str) -> int:
    """Count a client's leads that are unreachable."""
    with ledger.read() as tx:
        return leads.count_unreachable(tx, client_id)


def reach_again(
    ledger: Ledger, client_id: str, urls: Collection[str] | None, *, now: datetime, by: str = "operator"
) -> list[str]:
    """Have these unreachable leads of a client due again, or all of them with None. Gives their URLs.

    `by`: on whose behalf. One that is not unreachable stays as it is. Raises `InvalidInput` for what is no
    profile of LinkedIn's.
    """
    wanted = None if urls is None else {canonical(url) for url in urls}
    with ledger.write() as tx:
        again = leads.reach_again(tx, client_id, wanted)
        detail = f"{len(again)} unreachable leads are due again"
        ids = {"client_run_id": None, "client_id": client_id}
        activity.record(tx, "reach_again", source=by, **ids, ok=True, detail=detail, now=now)
    _log.info("Client %s: %s", client_id, detail)
    return again
