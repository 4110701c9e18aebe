"""What a repost is to the one who made it, where an actor lays the reposted post within the item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from harvester.normalise.table import Item, Table, quoted
from harvester.posts import PostKind


def within(key: str) -> Callable[[Item], Item | None]:
    """Make the reader of the post that lies within an item under `key`."""

    def read(item: Item) -> Item | None:
        held = item.get(key)
        return held if isinstance(held, dict) and held else None

    return read


def kind_of(item: Item, key: str, word: object) -> PostKind:
    """Tell what an item is by its own `word` for it, and by the post that lies within it under `key`.

    A repost with words of its own is a quote, whatever the actor calls it; one that only says the reposted
    post's words again is none.
    """
    told = word.lower() if isinstance(word, str) else ""
    if "quote" in told:
        return PostKind.QUOTE
    held = item.get(key)
    reposted = isinstance(held, dict) and bool(held)
    if not reposted and "repost" not in told and "reshare" not in told:
        return PostKind.ORIGINAL
    return PostKind.QUOTE if reposted and _comments(item, held) else PostKind.REPOST


def _comments(item: Item, held: object) -> bool:
    text = item.get("text")
    if not isinstance(text, str) or not (said := text.strip()):
        return False
    original = held.get("text") if isinstance(held, dict) else None
    return not isinstance(original, str) or said != original.strip()


def telling_quotes(table: Table, key: str) -> Table:
    """Give a table with the extra `quoted` for the post under `key`; a repost is that post itself."""

    def read(item: Item) -> dict[str, Any]:
        return quoted(item.get(key), table) if table.kind(item) is PostKind.QUOTE else {}

    return replace(table, extras={**table.extras, key: ("quoted", read)})
