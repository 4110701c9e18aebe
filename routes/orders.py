"""Whom an order is for."""

from __future__ import annotations

from harvester.errors import InvalidInput
from routes.contract.orders import ClientHeader, JobOrder, JobQuery, PauseOrder, PauseQuery


def client(headers: ClientHeader, query: JobQuery | PauseQuery, body: JobOrder | PauseOrder) -> str | None:
    """Give the client that an order is for: by header, query or body. None if it is for all of them.

    A name that is empty is a mistake, that of a variable that is not set: nothing may be done for all because
    of it. Raises `InvalidInput`, also for two names that differ.
    """
    given = (headers.client_id, query.client_id, query.client, body.client_id, body.client)
    named = {name for name in given if name is not None}
    if "" in named:
        raise InvalidInput("the client is empty: leave it out, or name one", code="missing_client")
    if len(named) > 1:
        raise InvalidInput("header, query and body name different clients", code="invalid_body")
    return named.pop() if named else None
