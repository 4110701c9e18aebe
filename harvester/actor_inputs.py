"""What an actor is given to do, in its own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def harvestapi(
    target_urls: Sequence[str],
    *,
    max_posts: int,
    posted_limit: str,
    max_comments: int,
    max_reactions: int,
) -> dict[str, Any]:
    """Build the input of harvestapi/linkedin-profile-posts.

    `targetUrls` alone: the actor queues its aliases (`profileUrls` and so on) as separate jobs, and charges
    for each. A missing or zero maximum means no limit to it, so every maximum is sent, and positive.
    """
    if max_posts < 1:
        raise ValueError("max_posts must be positive: the actor takes 0 for no limit")
    asked: dict[str, Any] = {
        "targetUrls": list(target_urls),
        "maxPosts": max_posts,
        "postedLimit": posted_limit,
        "includeQuotePosts": True,
        "includeReposts": True,
        "scrapeComments": max_comments > 0,
        "scrapeReactions": max_reactions > 0,
    }
    if max_comments > 0:
        asked["maxComments"] = max_comments
    if max_reactions > 0:
        asked["maxReactions"] = max_reactions
    return asked
