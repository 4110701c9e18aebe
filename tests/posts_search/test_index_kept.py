"""The index of words is whole whatever is done with posts: stored again, changed, backed up, restored."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from factories import (
    NOW,
    FakeClock,
    found,
    make_client,
    make_leads,
    make_post,
    make_run,
    on_one_ledger,
    opened,
)
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from harvester.ledger import Ledger, posts
from services.backup import backup
from services.post_search import Filters, PostSearch
from services.restore import restore

TEXTS = ["one van", "two vans", "", "zebra"]
PAGES = st.lists(st.tuples(st.integers(1, 5), st.sampled_from(TEXTS)), max_size=6)


def require_sound(ledger: Ledger) -> None:
    """Have SQLite compare the index with the posts (https://www.sqlite.org/fts5.html, integrity-check)."""
    with ledger.write() as tx:
        if tx.on_sqlite:
            tx.execute(text("INSERT INTO post_search (post_search, rank) VALUES ('integrity-check', 1)"))


def keys(ledger: Ledger, query: str) -> list[str]:
    return sorted(row["postKey"] for row in PostSearch(ledger).every(Filters(q=query)))


def test_posts_that_come_again_and_change_are_indexed_as_they_are(ledger: Ledger) -> None:
    make_client(ledger)
    (lead,) = make_leads(ledger)
    (run,) = make_run(ledger, [[lead]])
    latest: dict[str, str] = {}

    @on_one_ledger
    @given(st.lists(PAGES, min_size=1, max_size=3))
    def store(pages: list[list[tuple[int, str]]]) -> None:
        with ledger.write() as tx:
            for page in pages:
                made = {str(number): make_post(str(number), text=said) for number, said in page}
                posts.store(tx, run, [found(post, lead) for post in made.values()], now=NOW)
                latest.update((key, post.text) for key, post in made.items() if post.text)
        require_sound(ledger)
        for word in ("one", "van", "vans", "zebra"):
            assert keys(ledger, f"{word} ") == sorted(
                key for key, said in latest.items() if word in said.split()
            )

    store()


def test_what_is_restored_is_found(ledger: Ledger, tmp_path: Path) -> None:
    make_client(ledger)
    (lead,) = make_leads(ledger)
    (run,) = make_run(ledger, [[lead]])
    with ledger.write() as tx:
        made = [make_post(str(number), text=said) for number, said in enumerate(TEXTS)]
        posts.store(tx, run, [found(post, lead) for post in made], now=NOW)
    backup(ledger, tmp_path / "backup.db", clock=FakeClock())
    with opened(f"sqlite:///{tmp_path / 'new.db'}") as new:
        restore(new, tmp_path / "backup.db", clock=FakeClock(), unknown_start=timedelta(minutes=15))
        require_sound(new)
        assert keys(new, "van") == ["0", "1"]
