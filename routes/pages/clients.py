"""Clients: a list with what each has brought and cost, one client, and its leads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from flask import request

from harvester import run_ids
from harvester.errors import InvalidInput
from harvester.ledger.client_search import LEAD_STATES
from routes import bodies
from routes.pages import charts, filters, shell
from routes.state import services
from services.kickoff import UnknownClient

blueprint = shell.blueprint("clients")

_CLIENTS: Final = 25
_LEADS: Final = 50
_FIRST_LEADS: Final = 10
_RUNS: Final = 10
_SPARK: Final = {"width": 90, "height": 22}


@blueprint.get("/clients")
def listing() -> str:
    """List clients."""
    found = services().client_history.clients(
        limit=_CLIENTS,
        after=bodies.narrowing("cursor", code="invalid_cursor"),
        begins=bodies.narrowing("q") or "",
    )
    rows = [{**row, **_charts(row["days"], _SPARK)} for row in services().costs.beside(found.rows)]
    return shell.page("clients.html", clients=rows, cursor=found.next_cursor)


@blueprint.get("/clients/<client_id>")
def one(client_id: str) -> str:
    """Show one client."""
    known, shown = services().client_history.client(_checked(client_id))
    shown = services().costs.beside([shown])[0]
    return shell.page(
        "client.html",
        client=shown,
        charts=_charts(shown["days"], {"width": 560, "height": 110}),
        sums=_sums(shown["days"]),
        schedule=services().schedule.of_client(known),
        pauses=services().pauses.of([client_id]),
        runs=services().overview.runs(limit=_RUNS, client_id=client_id).rows,
        leads=services().client_history.leads(client_id, limit=_FIRST_LEADS),
    )


@blueprint.get("/clients/<client_id>/leads")
def leads(client_id: str) -> str:
    """List a client's leads."""
    state = request.args.get("status") or None
    if state is not None and state not in LEAD_STATES:
        raise InvalidInput(f"status must be one of: {', '.join(LEAD_STATES)}", code="invalid_status")
    found = services().client_history.leads(
        _checked(client_id), limit=_LEADS, after=bodies.cursor() or 0, state=state
    )
    return shell.page("client_leads.html", client_id=client_id, leads=found, state=state, states=LEAD_STATES)


def _checked(client_id: str) -> str:
    """Let nothing but an ID through: PostgreSQL can compare no NUL."""
    try:
        return run_ids.require_client_id(client_id)
    except InvalidInput as error:
        raise UnknownClient("there is no client of this ID") from error


def _charts(days: Sequence[dict[str, Any]], size: dict[str, int]) -> dict[str, charts.Bars]:
    def of(name: str, show: Callable[[float], str]) -> charts.Bars:
        return charts.bars([(day["day"], day[name]) for day in days], show, **size)

    return {"posts": of("posts", _whole), "cost": of("costUsd", filters.usd)}


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _sums(days: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Sum up a client's days; cost per new post is None without any."""
    posts, new, cost = (sum(day[name] for day in days) for name in ("posts", "postsNew", "costUsd"))
    each = {"costPerNewPostUsd": cost / new if new else None}
    return {"days": len(days), "posts": posts, "postsNew": new, "costUsd": cost, **each}
