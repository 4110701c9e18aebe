"""Comments and reactions, as the API and the page of a post show them."""

from __future__ import annotations

from typing import Any, Final

from harvester.ledger import Ledger, companion_lists
from harvester.posts import CompanionKind
from services import shapes
from services.listing import Listing

#: Comments, and reactions, that the page of a post shows.
OF_A_POST: Final = 100


class Companions:
    """Shows what others said to posts. It only reads."""

    def __init__(self, ledger: Ledger) -> None:
        """Build it."""
        self._ledger = ledger

    def page(
        self,
        kind: CompanionKind,
        *,
        limit: int,
        cursor: int | None = None,
        client_id: str | None = None,
        post_key: str | None = None,
    ) -> Listing:
        """List them, newest stored first; `post_key` is any number that the post is known by."""
        with self._ledger.read() as tx:
            found, following = companion_lists.page(
                tx, kind, limit=limit, before=cursor, client_id=client_id, post_key=post_key
            )
        return Listing([_SHAPES[kind](one) for one in found], None if following is None else str(following))

    def of_post(self, post_id: int) -> dict[str, Any]:
        """Show a post's newest `comments` and `reactions`, each with how many there are."""
        with self._ledger.read() as tx:
            found = {
                f"{kind}s": companion_lists.of_post(tx, post_id, kind, limit=OF_A_POST)
                for kind in CompanionKind
            }
        return {name: {"rows": [_shown(one) for one in rows], "all": n} for name, (rows, n) in found.items()}


def _shown(found: dict[str, Any]) -> dict[str, Any]:
    return _SHAPES[found["kind"]](found)


def _comment(found: dict[str, Any]) -> dict[str, Any]:
    return {
        **_both(found),
        "text": found["text"],
        "textTruncated": found["text_truncated"],
        "createdAt": shapes.time(found["created_at"]),
        "likes": found["likes"],
        "url": found["url"],
    }


def _reaction(found: dict[str, Any]) -> dict[str, Any]:
    return {**_both(found), "reaction": found["reaction"], "createdAt": shapes.time(found["created_at"])}


def _both(found: dict[str, Any]) -> dict[str, Any]:
    """Show what comments and reactions have alike. Where the post is not stored, `postKey` is as it came."""
    return {
        "id": found["id"],
        "key": found["companion_key"],
        "postId": found["post_id"],
        "postKey": found["post_key"] or found["post_number"],
        "clientId": found["client_id"],
        "author": {
            "name": found["author_name"],
            "url": found["author_url"],
            "headline": found["author_headline"],
        },
        "actorRunId": found["apify_run_id"],
        "firstSeenAt": shapes.time(found["first_seen_at"]),
        "lastSeenAt": shapes.time(found["last_seen_at"]),
    }


_SHAPES: Final = {CompanionKind.COMMENT: _comment, CompanionKind.REACTION: _reaction}
