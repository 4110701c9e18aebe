"""Orders, as models: what they say in headers, query and body."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from routes.contract.asked import DIGITS, Asked, Must, Narrow
from routes.contract.queries import NO_NUL

MAX_PROFILES: Final = 1_000
MAX_POSTS: Final = 1_000
MAX_BATCHES: Final = 1_000
MAX_CLIENTS: Final = 1_000_000
MAX_STREAM: Final = 2_147_483_647

_CLIENT: Final = Field(description="The client's ID", examples=["Guy-Wilson"])
_BASE: Final = Field(
    description="The run ID to use instead of a new one: YYMMDD-HHMMSS", examples=["261122-050000"]
)

_STRING: Final = Must("be a string")
AnyText = Annotated[str | None, _STRING]
ClientId = Annotated[str | None, _CLIENT, _STRING]
ClientInQuery = Annotated[
    str | None, _CLIENT, Field(pattern=NO_NUL), Must("hold no NUL character", "invalid_query")
]
RunId = Annotated[
    str | None,
    _BASE,
    Field(pattern=r"\S"),
    Must("be a string such as 261122-050000: leave it out for a new one", "invalid_run_id"),
]
Source = Annotated[
    str | None,
    Field(
        description="Who orders it: one of the sources that may create client run records",
        examples=["orchestrator"],
    ),
    Must("be a string", "invalid_source"),
]
Stream = Annotated[
    int | None,
    Field(ge=0, le=MAX_STREAM, description="Only the clients of this processing stream"),
    Must(f"be a whole number from 0 to {MAX_STREAM}", "invalid_stream"),
]
Clients = Annotated[
    int | None,
    Field(ge=1, le=MAX_CLIENTS, description="Only so many clients, the first by ID"),
    Must(f"be a whole number from 1 to {MAX_CLIENTS}", "invalid_limit"),
]


class ClientHeader(Asked):
    """The client, as a header names it."""

    client_id: Annotated[str | None, _CLIENT, Field(alias="x-client-id")] = None


class OrderHeaders(ClientHeader):
    """Headers of an order."""

    idempotency_key: Annotated[
        str | None,
        Field(
            alias="Idempotency-Key",
            pattern="^[!-~]{1,255}$",
            description="The same key gives the same answer again, and starts nothing",
        ),
        Must("have 1 to 255 visible ASCII characters", "invalid_idempotency_key"),
    ] = None


class ClientQuery(Asked):
    """The client, as a query names it: `clientId`, or `client` in short."""

    client_id: Annotated[str | None, _CLIENT] = None
    client: Annotated[str | None, Field(description="The same in short")] = None


class ResumeOrder(Asked):
    """An order for one client's due leads. The client may be named in header or query instead."""

    client_id: ClientId = None
    run_id: RunId = None
    max_batches_override: Annotated[
        int | None,
        Field(ge=1, le=MAX_BATCHES, description="The most batches, instead of the client's guardrail"),
        Must(f"be a whole number from 1 to {MAX_BATCHES}"),
    ] = None


class KickoffOrder(ResumeOrder):
    """An order for one client's due leads, with its source."""

    source: Source = None


class ProfilesOrder(Asked):
    """An order for certain profiles."""

    client_id: ClientId = None
    run_id: RunId = None
    source: Source = None
    target_urls: Annotated[
        list[str],
        Field(
            min_length=1,
            max_length=MAX_PROFILES,
            description="LinkedIn profile URLs",
            examples=[["https://www.linkedin.com/in/ann"]],
        ),
        Must(f"be a list of 1 to {MAX_PROFILES} LinkedIn profile URLs, as strings"),
    ]
    max_posts: Annotated[
        int | None,
        Field(ge=1, le=MAX_POSTS, description="Posts asked for per profile, instead of `APIFY_MAX_POSTS`"),
        Must(f"be a whole number from 1 to {MAX_POSTS}"),
    ] = None


class JobQuery(Narrow):
    """What an order for all clients is narrowed to. The body may say the same."""

    stream: Annotated[Stream, DIGITS] = None
    limit: Annotated[Clients, DIGITS] = None
    client_id: ClientInQuery = None
    client: ClientInQuery = None
    run_id: Annotated[str | None, _BASE, Must("be a run ID: YYMMDD-HHMMSS", "invalid_run_id")] = None
    source: Annotated[str | None, Field(description="Passed over: the body names it")] = None


class JobOrder(Narrow):
    """An order for all active clients, or those that it is narrowed to."""

    stream: Stream = None
    limit: Clients = None
    client_id: ClientId = None
    client: ClientId = None
    run_id: RunId = None
    source: Source = None


class PauseQuery(Narrow):
    """The client that starts are paused for, or resumed; none means all of them."""

    client_id: ClientInQuery = None
    client: ClientInQuery = None
    reason: Annotated[str | None, Field(description="Passed over: the body names it")] = None


class PauseOrder(Narrow):
    """The client or actor that starts are paused for, or resumed, and why; neither means all of them."""

    client_id: ClientId = None
    client: ClientId = None
    reason: AnyText = None
    actor_id: Annotated[
        str | None,
        Field(description="Only starts of this actor", examples=["harvestapi/linkedin-profile-posts"]),
        _STRING,
    ] = None
