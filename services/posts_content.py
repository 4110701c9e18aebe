"""`Posts Content`: a lead's posts as JSON in one cell, in the shape that agencies' scoring reads. No I/O."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from harvester.airtable_schema import MAX_CELL

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Unreadable(Exception):
    """What is in the cell is no list of posts, or too much: it is not ours to write over."""


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
    the ledger has them. Raises `Unreadable` if what others wrote leaves no room for the newest.
    """
    return _fitting(sorted(_each_once((*there, *new)), key=_posted, reverse=True))


def _each_once(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Join what is about the same post. The key decides; the URL, only where an older writer gave no key."""
    found: dict[str, dict[str, Any]] = {}
    nameless: list[Mapping[str, Any]] = []
    for number, one in enumerate(entries):
        if isinstance(one.get("postKey"), str):
            name = f"key {one['postKey']}"
            found[name] = _joined(found.get(name, {}), one)
        elif isinstance(one.get("postUrl"), str):
            nameless.append(one)
        else:
            found[f"number {number}"] = dict(one)
    by_url = {one["postUrl"]: name for name, one in reversed(found.items()) if _has_url(one)}
    for one in nameless:
        name = by_url.setdefault(one["postUrl"], f"url {one['postUrl']}")
        found[name] = _joined(one, found.get(name, {}))
    return list(found.values())


def _has_url(one: Mapping[str, Any]) -> bool:
    return isinstance(one.get("postKey"), str) and isinstance(one.get("postUrl"), str)


def _joined(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    joined = dict(old) | {name: value for name, value in new.items() if value is not None or name not in old}
    before, after = old.get("pbMeta"), new.get("pbMeta")
    if isinstance(before, dict) and isinstance(after, dict):
        joined["pbMeta"] = {**before, **after}
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
    """Take in what others wrote, which is nowhere else, and of ours as many as there is room for."""
    texts: list[str] = []
    # The brackets take two, and each post a comma, but the first.
    room = MAX_CELL - 1 - sum(_units(_dumped(post)) + 1 for post in posts if not _is_ours(post))
    if room < 0:
        raise Unreadable("what others wrote into Posts Content leaves no room for posts")
    ours = 0
    for post in posts:
        text = _dumped(post)
        if not _is_ours(post):
            texts.append(text)
            continue
        if not ours and _units(text) >= room:
            text = _cut(post, room - 1)
        room -= _units(text) + 1
        if room < 0:  # the others are older
            room = 0
            continue
        texts.append(text)
        ours += 1
    return "[" + ",".join(texts) + "]"


def _is_ours(post: Mapping[str, Any]) -> bool:
    """Say whether the ledger has this post: what it has not, only the cell has."""
    return isinstance(post.get("postKey"), str)


def _cut(post: Mapping[str, Any], most: int) -> str:
    """Cut the text of a post that does not fit into a cell even alone."""
    words, mark = str(post.get("postContent") or "")[:most], " … [cut]"
    longest = bisect_right(
        range(len(words) + 1),
        most,
        key=lambda end: _units(_dumped({**post, "postContent": words[:end] + mark})),
    )
    if longest == 0:
        raise Unreadable("what others wrote into Posts Content leaves no room for posts")
    return _dumped({**post, "postContent": words[: longest - 1] + mark})


def _dumped(post: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps(post).decode()
    except orjson.JSONEncodeError as error:
        raise Unreadable("Posts Content is nested too deeply") from error


def _units(text: str) -> int:
    """Count as Airtable does: in UTF-16, where an emoji is two."""
    return len(text.encode("utf-16-le")) // 2
