"""Rows of a big ledger: posts, and what hangs on them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from big_history import DAYS, LEADS, Run, numbered, url_of

from harvester import search_words
from harvester.packed import pack
from harvester.sandbox.apify.people import Scene
from harvester.sandbox.apify.posts import build_post

Row = dict[str, Any]
#: One post in so many has a comment, a reaction, another name, earlier counts; and was seen twice.
_ONE_IN: Final = 10
_TEXTS: Final = 5_000
_YEAR_MINUTES: Final = 60 * 24 * 365


def posts(now: datetime, count: int) -> Iterator[Row]:
    """Make posts with the texts of some thousand different ones, each with a rare word of its own."""
    written = _written(now)
    chance = random.Random(9)  # noqa: S311  # nosec B311 # no secret
    for run, post in _each(now, count):
        content, author, words, raw = written[post % len(written)]
        yield {
            "id": post,
            "client_id": run.client_id,
            "post_key": f"7{post:018d}",
            "url": f"https://www.linkedin.com/feed/update/urn:li:activity:7{post:018d}/",
            "kind": "post",
            "form": "text",
            "text": f"{content} no{post}",
            "text_truncated": False,
            "posted_at": run.at - timedelta(minutes=chance.randrange(_YEAR_MINUTES)),
            "posted_precision": "second",
            "author_name": author,
            "author_url": url_of(run.leads[post % LEADS]),
            "likes": chance.randrange(500),
            "comments": chance.randrange(50),
            "reposts": 0,
            "images": [],
            "extras": {},
            "raw": raw,
            "last_actor_run_id": run.id,
            "first_actor_run_id": run.id,
            "first_client_run_id": run.full_id,
            "first_seen_at": run.at,
            "last_seen_at": run.at,
            "words": f"{words} no{post}",
        }


def sightings(now: datetime, count: int) -> Iterator[Row]:
    """Make in which actor runs each post was seen."""
    for run, post in _each(now, count):
        again = [run.a_day_later.id] if post % _ONE_IN == 0 and run.day < DAYS - 1 else []
        for actor_run_id in (run.id, *again):
            yield {"actor_run_id": actor_run_id, "post_id": post, "lead_id": run.leads[post % LEADS]}


def post_names(now: datetime, count: int) -> Iterator[Row]:
    """Make another name for some posts."""
    for run, post in _some(now, count):
        yield {
            "client_id": run.client_id,
            "number": f"6{post:018d}",
            "post_id": post,
            "kind": "ugcPost",
        }


def post_counts(now: datetime, count: int) -> Iterator[Row]:
    """Make earlier counts of some posts."""
    for run, post in _some(now, count):
        yield {"post_id": post, "at": run.at, "likes": 1, "comments": 1, "reposts": 0}


def companions(now: datetime, count: int) -> Iterator[Row]:
    """Make a comment and a reaction for some posts."""
    raw = pack(b'{"text": "Well said"}')
    for at, (run, post) in enumerate(_some(now, count)):
        for number, kind in ((2 * at + 1, "comment"), (2 * at + 2, "reaction")):
            yield {
                "id": number,
                "client_id": run.client_id,
                "kind": kind,
                "companion_key": f"key-{number}",
                "post_id": post,
                "text": "Well said",
                "text_truncated": False,
                "author_name": "A. Reader",
                "likes": 1,
                "raw": raw,
                "first_actor_run_id": run.id,
                "first_seen_at": run.at,
                "last_seen_at": run.at,
            }


def _each(now: datetime, count: int) -> Iterator[tuple[Run, int]]:
    return ((run, post) for run, numbers in numbered(now, count) for post in numbers)


def _some(now: datetime, count: int) -> Iterator[tuple[Run, int]]:
    return ((run, post) for run, post in _each(now, count) if post % _ONE_IN == 0)


def _written(now: datetime) -> list[tuple[str, str, str, bytes]]:
    """Give texts, their authors, their words, and whole items."""
    scene = Scene(seed=7, anchor=now)
    found = []
    for number in range(_TEXTS):
        item = build_post(scene, f"lead-{number % 500:06d}", "profile", number // 500)
        content, author = item["content"] or "", item["author"]["name"]
        found.append((content, author, search_words.of(content, author), pack(orjson.dumps(item))))
    return found
