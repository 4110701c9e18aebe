"""The floor of an ingest: a script that downloads pages, parses them, and upserts each in one commit."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, Final

import orjson
import psycopg
import requests

from harvester import search_words
from harvester.normalise.harvestapi import normalise
from harvester.packed import pack
from harvester.posts import Post

_PAGE: Final = 1_000
_NUMBERS: Final = ("posted_at", "likes", "comments", "reposts")
_COLUMNS: Final = (
    "client_id", "post_key", "url", "kind", "text", "posted_at", "author_name", "author_url", "likes",
    "comments", "reposts", "raw",
)  # fmt: skip


def floor(
    pipe: Connection, url: str, apify_url: str, run_ids: Sequence[str], *, token: str, dressed: bool
) -> None:
    """Do what any script must: download the pages, parse them, upsert each in one commit. Says seconds.

    `dressed`: with what makes an item a post here: normalised, packed, with the words that find it.
    """
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    save, close = _saving(url, "dressed_posts" if dressed else "bare_posts")
    began = time.perf_counter()
    for run_id in run_ids:
        run = orjson.loads(session.get(f"{apify_url}/v2/actor-runs/{run_id}", timeout=60).content)
        pages = f"{apify_url}/v2/datasets/{run['data']['defaultDatasetId']}/items"
        offset = 0
        while page := orjson.loads(session.get(f"{pages}?offset={offset}&limit={_PAGE}", timeout=60).content):
            save([_dressed(item) if dressed else _plain(item) for item in page])
            offset += len(page)
    seconds = time.perf_counter() - began
    session.close()
    close()
    pipe.send(seconds)


def _plain(item: dict[str, Any]) -> tuple[Any, ...]:
    author, counts = item["author"], item["engagement"]
    return (
        *("Client", item["id"], item["linkedinUrl"], item["type"], item["content"]),
        *(item["postedAt"]["timestamp"], author["name"], author.get("linkedinUrl")),
        *(counts["likes"], counts["comments"], counts["shares"], orjson.dumps(item)),
    )


def _dressed(item: dict[str, Any]) -> tuple[Any, ...]:
    post = normalise(item)
    assert isinstance(post, Post), "the local Apify's posts are posts"
    words = search_words.of(post.text, post.author.name)
    return (
        *("Client", post.post_key, post.url, post.kind.value, f"{post.text} {words}"),
        *(post.posted_at and round(post.posted_at.timestamp()), post.author.name, post.author.url),
        *(post.likes, post.comments, post.reposts, pack(orjson.dumps(item))),
    )


def _saving(url: str, name: str) -> tuple[Callable[[Sequence[Any]], None], Callable[[], None]]:
    """Make a plain table on the database of that URL. Gives how to save a page, and to close."""
    names = ", ".join(_COLUMNS)
    latest = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:])
    holders = ", ".join("?" * len(_COLUMNS))
    table = f"create table {name} (id integer primary key, {names}, unique (client_id, post_key))"
    upsert = (
        f"insert into {name} ({names}) values ({holders}) "  # noqa: S608  # nosec B608 # our own names
        f"on conflict (client_id, post_key) do update set {latest}"
    )
    if url.startswith("sqlite"):
        lite = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        lite.execute("pragma journal_mode = wal")
        lite.execute("pragma synchronous = full")
        lite.execute(table)

        def save_lite(page: Sequence[Any]) -> None:
            lite.execute("begin immediate")
            lite.executemany(upsert, page)
            lite.execute("commit")

        return save_lite, lite.close
    types = dict.fromkeys(_COLUMNS, "text") | dict.fromkeys(_NUMBERS, "bigint") | {"raw": "bytea"}
    typed = ", ".join(f"{name} {kind}" for name, kind in types.items())
    real = psycopg.connect(url.replace("+psycopg", ""))
    key = "id bigint generated always as identity primary key"
    real.execute(f"create table {name} ({key}, {typed}, unique (client_id, post_key))".encode())
    real.commit()

    def save_real(page: Sequence[Any]) -> None:
        with real.cursor() as cursor:
            cursor.executemany(upsert.replace("?", "%s").encode(), page)
        real.commit()

    return save_real, real.close
