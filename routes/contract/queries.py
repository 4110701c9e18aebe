"""Queries and headers, as models."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from harvester import run_ids
from harvester.errors import InvalidInput
from harvester.models import ClientRunStatus, DeliveryOutcome
from routes.contract.asked import DIGITS, Asked, Must
from services.costs import MOST_DAYS

#: Most rows of a page of a list, and how many there are when nothing is said.
MAX_LIMIT: Final = 1_000
DEFAULT_LIMIT: Final = 100
#: The greatest cursor that is a number: 18 digits.
_MOST_CURSOR: Final = 10**18 - 1
#: PostgreSQL can compare no NUL.
NO_NUL: Final = r"^[^\x00]*$"
_CURSOR: Final = "be the nextCursor of an earlier answer"


def _base(given: str | None) -> str | None:
    if given is None:
        return None
    try:
        return run_ids.base_of(run_ids.require(given))
    except InvalidInput as error:
        raise ValueError(str(error)) from error


def one_of(kind: type[ClientRunStatus] | type[DeliveryOutcome]) -> str:
    """Say what a field must be that takes the words of an enumeration."""
    return f"be one of: {', '.join(kind)}"


Text = Annotated[str | None, Field(pattern=NO_NUL), Must("hold no NUL character", "invalid_query")]
Limit = Annotated[
    int,
    Field(ge=1, le=MAX_LIMIT, description="How many at the most"),
    DIGITS,
    Must(f"be a whole number from 1 to {MAX_LIMIT}", "invalid_limit"),
]
NumberCursor = Annotated[
    int | None,
    Field(ge=0, le=_MOST_CURSOR, description="`nextCursor` of the page before"),
    DIGITS,
    Must(_CURSOR, "invalid_cursor"),
]
TextCursor = Annotated[
    str | None,
    Field(pattern=NO_NUL, description="`nextCursor` of the page before"),
    Must(_CURSOR, "invalid_cursor"),
]
OfClient = Annotated[
    str | None,
    Field(pattern=NO_NUL, description="Only this client's", examples=["Guy-Wilson"]),
    Must("hold no NUL character", "invalid_query"),
]
OfClientRun = Annotated[
    str | None,
    Field(pattern=NO_NUL, description="Only this client run's", examples=["261122-050000-Guy-Wilson"]),
    Must("hold no NUL character", "invalid_query"),
]


class Page(Asked):
    """Which page of a list."""

    limit: Limit = DEFAULT_LIMIT
    cursor: NumberCursor = None


class NamedPage(Asked):
    """Which page of a list that goes by names."""

    limit: Limit = DEFAULT_LIMIT
    cursor: TextCursor = None


class Runs(Page):
    """Which client runs."""

    client_id: OfClient = None
    status: Annotated[
        ClientRunStatus | None,
        Field(strict=False, description="Only those of this status"),
        Must(one_of(ClientRunStatus), "invalid_status"),
    ] = None
    run_id: Annotated[
        str | None,
        AfterValidator(_base),
        Field(description="Only those of this job run; a client run's ID means its job run's"),
        Must("be a run ID: YYMMDD-HHMMSS, or that of a client run", "invalid_run_id"),
    ] = None


class Deliveries(Page):
    """Which deliveries."""

    outcome: Annotated[
        DeliveryOutcome | None,
        Field(strict=False, description="Only those with this outcome"),
        Must(one_of(DeliveryOutcome), "invalid_outcome"),
    ] = None


class CostsQuery(Asked):
    """Whose costs, over how many days."""

    days: Annotated[
        int,
        Field(ge=1, le=MOST_DAYS, description="How many days back"),
        DIGITS,
        Must(f"be a whole number from 1 to {MOST_DAYS}", "invalid_days"),
    ] = 30
    client_id: OfClient = None
