"""Tokens of one client: what they ask must name that client or none, and no word about all is for them.

Refused is all the same, whether there is what was asked for or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeVar

from harvester import run_ids
from routes.auth import Forbidden, caller
from routes.contract.asked import Asked
from services import pauses
from services.pauses import Pause

#: How a view is bound to a client: by the query's `clientId`, by the client or client run that its path
#: names, or by the order in header, query and body.
Binding = Literal["query", "path", "order"]

A = TypeVar("A", bound=Asked)

_NAMES: Final = ("client_id", "client")


def bind(
    how: Binding | None, client_id: str, path: Mapping[str, object], given: dict[str, Asked]
) -> dict[str, Asked]:
    """Give what was asked, with the client filled in where it was left out. Raises `Forbidden`."""
    if how == "path" and _of_path(path) == client_id:
        return given
    if how == "query":
        return given | {"query": _filled_in(given["query"], client_id)}
    if how == "order":
        return given | {"headers": _ordered(given, client_id)}
    raise Forbidden("this token is for one client alone, and that is not the one that is asked about")


def pauses_for_caller(found: Sequence[Pause]) -> dict[str, Any]:
    """Show what holds up an order that was taken; to a token of one client no word of what is said of all."""
    told = pauses.told(found)
    if caller().client_id is None:
        return told
    return {name: [one if one["clientId"] else _silent(one) for one in shown] for name, shown in told.items()}


def words_for_caller(paused: str | None) -> str | None:
    """Say in words what is paused; to a token of one client no more than that it is."""
    return "starts are paused" if paused is not None and caller().client_id is not None else paused


def _silent(shown: Mapping[str, Any]) -> dict[str, Any]:
    return {**shown, "reason": "", "pausedBy": ""}


def _of_path(path: Mapping[str, object]) -> str | None:
    named = path.get("client_run_id")
    if isinstance(named, str):
        return run_ids.client_of(named) if run_ids.is_client_run_id(named) else None
    found = path.get("client_id")
    return found if isinstance(found, str) else None


def _filled_in(query: A, client_id: str) -> A:
    _only(query, client_id)
    return query.model_copy(update={"client_id": client_id})


def _ordered(given: Mapping[str, Asked], client_id: str) -> Asked:
    """Give the headers of an order with its client, and with its key apart from those of other clients.

    A key holds no blank, so that none of another caller's can be met, or be found out. A run ID of their own
    choice would make the order part of a job run of others.
    """
    for part in given.values():
        _only(part, client_id)
        if getattr(part, "run_id", None) is not None:
            raise Forbidden("this token is for one client alone: leave runId out, and a new one is made")
    headers = given["headers"]
    key = getattr(headers, "idempotency_key", None)
    apart = {} if key is None else {"idempotency_key": f"{client_id} {key}"}
    return headers.model_copy(update={"client_id": client_id, **apart})


def _only(part: Asked, client_id: str) -> None:
    named = {getattr(part, name, None) for name in _NAMES} - {None}
    if named - {client_id}:
        raise Forbidden(f"this token is for client {client_id} alone")
