"""Queries of comments and reactions, as models."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from routes.contract.queries import OfClient, Page, Text


class Companions(Page):
    """Which comments or reactions, and which page of them."""

    client_id: OfClient = None
    post_key: Annotated[
        Text,
        Field(
            description="Only those to this post: its key, or another number that it is known by",
            examples=["7329207003942125568"],
        ),
    ] = None
