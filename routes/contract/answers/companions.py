"""Comments and reactions, as models."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from routes.contract.answers.shown import ActorRunId, ClientId, Count, GoodPage, Moment, Shown


class Speaker(Shown):
    """Who commented or reacted."""

    name: str | None
    url: str | None
    headline: str | None


class _Companion(Shown):
    id: Count
    key: Annotated[str, Field(description="LinkedIn's own ID, else a digest of what it says")]
    post_id: Annotated[Count | None, Field(description="`id` of the post; null while that is not stored")]
    post_key: Annotated[str | None, Field(examples=["7329207003942125568"])]
    client_id: ClientId
    author: Speaker
    created_at: Moment | None
    actor_run_id: Annotated[ActorRunId | None, Field(description="That brought it first")]
    first_seen_at: Moment
    last_seen_at: Moment


class Comment(_Companion):
    """What somebody said to a post."""

    text: str
    text_truncated: bool
    likes: int | None
    url: str | None


class Reaction(_Companion):
    """How somebody reacted to a post."""

    reaction: Annotated[str | None, Field(description="In LinkedIn's words", examples=["LIKE", "PRAISE"])]


class CommentList(GoodPage):
    """Comments."""

    comments: list[Comment]


class ReactionList(GoodPage):
    """Reactions."""

    reactions: list[Reaction]
