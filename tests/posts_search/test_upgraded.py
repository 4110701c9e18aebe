"""Posts that an older version stored are found as well, once the ledger is upgraded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from factories import NOW, opened
from postgres import Postgres
from sqlalchemy import MetaData

from harvester.ledger import Ledger, schema
from services.post_search import Filters, PostSearch

#: More than the migration reads at once.
POSTS = 501


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of the schema before, with posts."""
    if request.param == "sqlite":
        with opened(f"sqlite:///{tmp_path / 'old.db'}") as ledger:
            yield filled(ledger)
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.empty() as url, opened(url) as ledger:
        yield filled(ledger)


def filled(ledger: Ledger) -> Ledger:
    run: dict[str, Any] = {"id": 1, "marker": "m", "client_run_id": "r", "client_id": "Ada", "batch": 1}
    run |= {"state": "ingested", "actor_id": "a/b", "max_posts": 2, "profiles": 1, "created_at": NOW}
    post = {"client_id": "Ada", "kind": "original", "text_truncated": False, "images": [], "extras": {}}
    post |= {"raw": b"", "first_actor_run_id": 1, "first_client_run_id": "r", "author_name": "Ann"}
    post |= {"first_seen_at": NOW, "last_seen_at": NOW}
    with ledger.write() as tx:
        command.upgrade(schema._config(tx), "0005")
        there = MetaData()
        there.reflect(tx.connection, only=["actor_runs", "posts"])
        tx.execute(there.tables["actor_runs"].insert(), [run])
        texts = [f"an old Café of number {number}" for number in range(POSTS)]
        rows = [{**post, "post_key": str(number), "text": text} for number, text in enumerate(texts)]
        tx.execute(there.tables["posts"].insert(), rows)
    return ledger


def test_what_was_stored_before_is_found_after_an_upgrade(old: Ledger) -> None:
    schema.migrate(old)
    search = PostSearch(old)
    assert len(list(search.every(Filters(q="cafe ann")))) == POSTS
    assert [row["postKey"] for row in search.every(Filters(q="number 500"))] == ["500"]
