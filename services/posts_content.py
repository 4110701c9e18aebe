"""`Posts Content`: a lead's posts as JSON in one cell, in the shape that agencies' scoring reads. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from harvester.airtable_schema import MAX_CELL

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: What a scorer may have written into an entry, or a person: kept when the post is updated.
_OURS: Final = frozenset(
    {"postKey", "postUrl", "postContent", "postedAt", "postImages", "authorUrl", "author", "action", "pbMeta"}
)
_KEYED_BY: Final = ("postKey", "postUrl")


class Unreadable(Exception):
    """What is in the cell is no list of posts: it is not ours to write over."""


def entry(post: Mapping[str, Any]) -> dict[str, Any]:
    """Give a post as `Posts Content` holds it; `post` as `ledger.shown.posts_by_id` gives it."""
    repost = post["kind"] == "repost"
    author = post["author_url"]
    label = f"REPOST - ORIGINAL AUTHOR: {author}" if repost else "ORIGINAL"
    posted = post["posted_at"]
    return {
        "postKey": post["post_key"],
        "postUrl": post["url"],
        "postContent": post["text"],
        "postedAt": posted.isoformat(timespec="milliseconds").replace("+00:00", "Z") if posted else None,
        "postImages": list(post["images"]),
        "authorUrl": author,
        "author": post["author_name"],
        "action": "apify_ingest",
        "pbMeta": {
            "authorUrl": author,
            "authorName": post["author_name"],
            "action": "apify_ingest",
            "originLabel": label,
        },
    }


def parse(cell: object) -> list[dict[str, Any]]:
    """Read what a cell holds. Raises `Unreadable` for anything but a list of objects."""
    if cell is None or cell == "":
        return []
    try:
        found = orjson.loads(cell) if isinstance(cell, str) else cell
    except orjson.JSONDecodeError as error:
        raise Unreadable("Posts Content is no JSON") from error
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Unreadable("Posts Content is no list of posts")
    return found


def merged(there: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> str:
    """Give the cell's new text: each post once, newest first, as many as fit into a cell.

    Of a post that is there what we know is replaced, the rest kept. Those that do not fit are the oldest;
    the ledger has them.
    """
    found: list[dict[str, Any]] = []
    places: dict[str, int] = {}
    for one in (*there, *new):
        names = [f"{name} {one[name]}" for name in _KEYED_BY if isinstance(one.get(name), str)]
        place = next((places[name] for name in names if name in places), len(found))
        if place == len(found):
            found.append({})
        found[place] = _joined(found[place], one)
        places.update(dict.fromkeys(names, place))
    return _fitting(sorted(found, key=_posted, reverse=True))


def _joined(old: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    joined = old | {name: value for name, value in new.items() if value is not None or name not in old}
    metas = (old.get("pbMeta"), new.get("pbMeta"))
    if all(isinstance(meta, dict) for meta in metas):
        joined["pbMeta"] = {**metas[0], **metas[1]}  # type: ignore[dict-item]
    return joined


def _posted(post: Mapping[str, Any]) -> datetime:
    """Tell when a post was posted; one that does not say goes last."""
    told = post.get("postedAt")
    if isinstance(told, dict):  # as an older writer left it: the Actor's own object
        told = told.get("date")
    try:
        moment = datetime.fromisoformat(told) if isinstance(told, str) else _EPOCH
    except ValueError:
        return _EPOCH
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _fitting(posts: Sequence[Mapping[str, Any]]) -> str:
    texts = [orjson.dumps(post).decode() for post in posts]
    while texts and _length(texts) > MAX_CELL:
        texts.pop()
    return "[" + ",".join(texts) + "]"


def _length(texts: Sequence[str]) -> int:
    """Count as Airtable does: in UTF-16, where an emoji is two."""
    return sum(len(text.encode("utf-16-le")) // 2 for text in texts) + len(texts) + 1
