"""What a view takes and answers, named at the view: its models, and the codes that it refuses with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final, Literal, TypeVar

from flask import Response, request
from pydantic import BaseModel

from routes import auth, bodies
from routes.contract import asked
from routes.contract.answers.failures import Failure
from routes.contract.asked import Asked
from routes.contract.binding import Binding, bind
from services.api_tokens import Scope

#: Where a view's contract is found.
ATTRIBUTE: Final = "api_contract"

View = Callable[..., Response]
V = TypeVar("V", bound=View)


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that is streamed: its media type, and the model of its lines where those are JSON."""

    media_type: str
    line: type[BaseModel] | None = None


@dataclass(frozen=True, slots=True)
class Refuses:
    """Codes of one status; where the answer tells more than a failure does, its model."""

    codes: tuple[str, ...]
    model: type[Failure] = Failure


@dataclass(frozen=True, slots=True)
class Contract:
    """What is documented of one view. Several models of one status: the answer is one of them.

    `refuses` holds what the view itself refuses; what every view refuses, and what comes of the models, is
    added where it is written down. `also` names codes of a 400 that no model tells. `caller` is who is let
    in. `ledger`: it answers 503 without one.

    `scope` is what a token must be good for, and `bound` how a token of one client is kept to it: a view
    that names none is closed to such tokens.
    """

    topic: Literal["Harvest", "Look", "Repair", "Set up", "Webhook", "Service"]
    answers: Mapping[int, tuple[type[BaseModel], ...] | Stream]
    query: type[Asked] | None = None
    headers: type[Asked] | None = None
    body: type[Asked] | None = None
    refuses: Mapping[int, Refuses] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    caller: Literal["api", "webhook", "anyone"] = "api"
    scope: Scope | None = None
    bound: Binding | None = None
    ledger: bool = True


def documented(contract: Contract) -> Callable[[V], V]:
    """Name the contract of a view that reads its request by itself; it is called as it is."""

    def with_contract(view: V) -> V:
        setattr(view, ATTRIBUTE, contract)
        return view

    return with_contract


def endpoint(contract: Contract) -> Callable[[View], View]:
    """Let in who may call, and give the view what it has models for: `query`, `headers`, `body`.

    Whatever is refused here, the view has not begun.
    """

    def around(view: View) -> View:
        @wraps(view)
        def checked(**path: Any) -> Response:
            if contract.caller != "api":
                return view(**path, **_asked(contract))
            caller = auth.let_in(contract.scope, one_client=contract.bound is not None)
            given = _asked(contract)
            if caller.client_id is not None:
                given = bind(contract.bound, caller.client_id, path, given)
            auth.note(caller)
            return view(**path, **given)

        return documented(contract)(checked)

    return around


def contract_of(view: object) -> Contract | None:
    """Give what is documented of a view; None where nothing is."""
    return getattr(view, ATTRIBUTE, None)


def _asked(contract: Contract) -> dict[str, Asked]:
    found: dict[str, Asked] = {}
    if contract.body is not None:
        found["body"] = asked.read(contract.body, bodies.json_object(), "body")
    if contract.query is not None:
        found["query"] = asked.read(contract.query, request.args.to_dict(), "query")
    if contract.headers is not None:
        found["headers"] = asked.read(contract.headers, _headers(contract.headers), "headers")
    return found


def _headers(model: type[Asked]) -> dict[str, str]:
    given = ((name, request.headers.get(name)) for name in asked.names(model))
    return {name: value for name, value in given if value is not None}
