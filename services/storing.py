"""Storing what a page of a dataset holds: posts, comments and reactions, rejects."""

from __future__ import annotations

from datetime import datetime

from harvester.ledger import Tx, companions, posts
from harvester.models import ActorRun
from services.reading import PageRead


def store_page(tx: Tx, run: ActorRun, read: PageRead, *, now: datetime) -> None:
    """Store it as this actor run brought it; twice is as good as once. `now` is when it was seen so."""
    posts.store(tx, run, read.found, now=now)
    companions.store(tx, run, read.companions, now=now)
    posts.store_rejects(tx, run, read.refused)
