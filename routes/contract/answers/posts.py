"""Posts, as models."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harvester.posts import NameKind, PostForm, PostKind, TimePrecision
from routes.contract.answers.operating import AnyObject
from routes.contract.answers.shown import (
    ActorRunId,
    ClientId,
    ClientRunId,
    Count,
    GoodPage,
    Moment,
    ProfileUrl,
    Shown,
)


class Author(Shown):
    """Who wrote a post."""

    name: str | None
    url: str | None


class PostName(Shown):
    """A number by which a post is known, and as what."""

    kind: NameKind
    number: str


class Post(Shown):
    """A post of a client's leads; counts that the actor did not give are null."""

    id: Count
    post_key: Annotated[str, Field(examples=["7329207003942125568"])]
    url: str | None
    kind: PostKind
    text: str
    text_truncated: bool
    posted_at: Moment | None
    author: Author
    likes: int | None
    comments: int | None
    reposts: int | None
    images: list[str]
    extras: Annotated[AnyObject, Field(description="What else the item holds that people ask for")]
    client_id: ClientId
    leads: list[ProfileUrl]
    client_run_id: Annotated[ClientRunId, Field(description="That brought it first")]
    actor_run_id: ActorRunId | None
    first_seen_at: Moment
    last_seen_at: Moment
    form: Annotated[PostForm, Field(description="What it shows beside its text")]
    posted_precision: Annotated[
        TimePrecision | None,
        Field(description="How exactly `postedAt` was told; `relative` goes without one"),
    ]
    names: Annotated[
        list[PostName], Field(description="Every number that it is known by, its key among them")
    ]


class PostList(GoodPage):
    """Posts."""

    posts: list[Post]
