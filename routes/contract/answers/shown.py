"""What all answers are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$"

Moment = Annotated[
    str,
    Field(
        pattern=_MOMENT,
        json_schema_extra={"format": "date-time"},
        description="In UTC",
        examples=["2026-11-22T05:00:00Z"],
    ),
]
Usd = Annotated[float, Field(description="USD", examples=[0.0741])]
Count = Annotated[int, Field(ge=0)]
RunId = Annotated[str, Field(description="Of the job run", examples=["261122-050000"])]
ClientRunId = Annotated[str, Field(examples=["261122-050000-Guy-Wilson"])]
ClientId = Annotated[str, Field(examples=["Guy-Wilson"])]
ProfileUrl = Annotated[str, Field(examples=["https://www.linkedin.com/in/amara-okafor"])]
ActorRunId = Annotated[str, Field(description="Apify's ID of the actor run", examples=["HG7ML7M8z78YcAPEB"])]
NextCursor = Annotated[
    str | None, Field(description="`cursor` of the next page; null at the end", examples=["1042", None])
]


class Shown(BaseModel):
    """Part of an answer. A field with a default is not always there, and never null instead."""

    model_config = ConfigDict(alias_generator=to_camel, defer_build=True)


class Good(Shown):
    """A success."""

    ok: Literal[True]


class GoodPage(Good):
    """A page of a list."""

    next_cursor: NextCursor


class AnyAnswer(BaseModel):
    """A JSON object whose form is another's to tell."""

    model_config = ConfigDict(extra="allow", defer_build=True)
