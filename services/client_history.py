"""Clients over time: what each of their own days has brought and cost, and how the last run ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from harvester.ledger import Ledger, Tx, client_days, client_search, clients, pauses, schedules
from harvester.ledger.client_days import Harvested
from harvester.models import Client, ClientRun, Lead
from services import shapes
from services.days import day_start
from services.kickoff import UnknownClient
from services.listing import Listing
from services.plan import ACTIVE

#: Days that a list of clients shows of each, and a client's own page.
DAYS_IN_LIST: Final = 14
DAYS: Final = 30
_OUTCOMES_SHOWN: Final = 3


class ClientHistory:
    """Reads what clients' harvests have come to."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock

    def clients(self, *, limit: int, after: str | None = None, begins: str = "") -> Listing:
        """List clients by ID as `Overview` does, with their last days, their last client run, and what starts
        them next; only those of which the ID or a word of the name begins so.
        """
        now = self._clock()
        with self._ledger.read() as tx:
            found = client_search.page(tx, begins=begins.strip(), limit=limit + 1, after=after)
            rows = _beside(tx, found[:limit], now)
        return Listing(rows, found[limit - 1].client_id if len(found) > limit else None)

    def client(self, client_id: str) -> tuple[Client, dict[str, Any]]:
        """Give one client, and show it as the list does, with more days. Raises `UnknownClient`."""
        now = self._clock()
        with self._ledger.read() as tx:
            found = clients.get(tx, client_id)
            if found is None:
                raise UnknownClient(f"there is no client {client_id}")
            shown = _beside(tx, [found], now, days=DAYS)[0]
            return found, {**shown, "unreachable": client_search.count_unreachable(tx, client_id)}

    def leads(self, client_id: str, *, limit: int, after: int = 0, state: str | None = None) -> Listing:
        """List a client's leads in the order they came, or those in one state, with their last outcomes.

        Raises `UnknownClient`.
        """
        with self._ledger.read() as tx:
            if clients.get(tx, client_id) is None:
                raise UnknownClient(f"there is no client {client_id}")
            found = client_search.leads_page(tx, client_id, state=state, limit=limit + 1, after=after)
            rows = _leads(tx, found[:limit])
        return Listing(rows, str(found[limit - 1].id) if len(found) > limit else None)


def _leads(tx: Tx, found: Sequence[Lead]) -> list[dict[str, Any]]:
    told = client_search.outcomes(tx, [one.id for one in found], limit=_OUTCOMES_SHOWN)
    return [shapes.lead(one, told[one.id]) for one in found]


def _beside(
    tx: Tx, found: Sequence[Client], now: datetime, *, days: int = DAYS_IN_LIST
) -> list[dict[str, Any]]:
    ids = [one.client_id for one in found]
    counted, latest = client_search.count_leads(tx, ids), client_days.latest(tx, ids)
    begun = {one.client_id: day_start(one.timezone, now - timedelta(days=days - 1)) for one in found}
    harvested = client_days.since(tx, ids, at=min(begun.values(), default=now))
    names = {schedules.name_of(one.client_id) for one in found if one.schedule} | {schedules.ALL}
    coming, paused = schedules.some(tx, names), pauses.scopes(tx)
    rows = []
    for one in found:
        run = latest.get(one.client_id)
        its_own = [each for each in harvested if each.client_id == one.client_id]
        name = schedules.name_of(one.client_id) if one.schedule else schedules.ALL
        next_at = coming[name].next_at if name in coming and one.status == ACTIVE else None
        rows.append(
            {
                **shapes.client(one, counted[one.client_id]),
                "paused": one.client_id in paused,
                "lastRun": None if run is None else _run(run),
                "days": _by_day(its_own, one.timezone, now, days),
                "nextAt": shapes.time(next_at),
            }
        )
    return rows


def _run(run: ClientRun) -> dict[str, Any]:
    return {
        "clientRunId": run.client_run_id,
        "status": run.status,
        "startedAt": shapes.time(run.started_at),
        "finishedAt": shapes.time(run.finished_at),
    }


def _by_day(harvested: Sequence[Harvested], timezone: str, now: datetime, days: int) -> list[dict[str, Any]]:
    """Sum up by the day, in the client's zone, on which each client run began; a day without any is zero."""
    zone = ZoneInfo(timezone)
    last = now.astimezone(zone).date()
    sums: dict[date, list[int]] = {last - timedelta(days=back): [0, 0, 0] for back in reversed(range(days))}
    for one in harvested:
        day = sums.get(one.started_at.astimezone(zone).date())
        if day is not None:
            for place, value in enumerate((one.posts, one.posts_new, one.cost_micros)):
                day[place] += value
    return [
        {"day": f"{day}", "posts": posts, "postsNew": new, "costUsd": shapes.usd(micros)}
        for day, (posts, new, micros) in sums.items()
    ]
