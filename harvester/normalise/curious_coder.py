"""The items of curious_coder/linkedin-post-search-scraper: posts as supreme_coder's, with flat authors.

It tells no profile that it was given: who wrote a post is whose activity it was in. Counts come only where
`deepScrape` was on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from harvester.normalise.actor import Actor
from harvester.normalise.supreme_coder import AUTHOR, TABLE, read_by
from harvester.posts import NoPosts, Post, Reject

#: A search is for posts of members (`filters.fromMembers`): they are the authors of its reposts as well.
_TABLE: Final = replace(TABLE, reposter=AUTHOR)


def normalise(item: object) -> Post | Reject | NoPosts:
    """What an item is to us. Never raises: a damaged item is a `Reject` with its reason."""
    return read_by(_TABLE, item)


POST_SEARCH: Final = Actor(
    "curious_coder/linkedin-post-search-scraper",
    normalise,
    None,
    "it needs the cookie of a LinkedIn account, which is never asked for here; "
    "its past runs can be read in with harvester backfill",
)
