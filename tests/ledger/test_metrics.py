"""Metrics are counted, never added up: storing a page again changes no number."""

from __future__ import annotations

from factories import (
    CLIENT_ID,
    NOW,
    RUN_ID,
    found,
    make_client,
    make_leads,
    make_post,
    make_run,
    on_one_ledger,
)
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from harvester.ledger import Ledger, metrics, posts, tables
from ledger.batches import fresh_runs, refused

page_stores = st.lists(
    st.tuples(
        st.integers(0, 2),  # which actor run
        st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 2)), max_size=5),  # posts and leads
        st.lists(st.integers(0, 6), max_size=3),  # places of rejects
    ),
    max_size=8,
)


@on_one_ledger
@given(stores=page_stores)
def test_metrics_are_what_a_plain_count_says_however_often_pages_are_stored(
    ledger: Ledger, stores: list[tuple[int, list[tuple[str, int]], list[int]]]
) -> None:
    runs, leads = fresh_runs(ledger, 3)
    posts_of: list[set[str]] = [set(), set(), set()]
    rejects_of: list[set[int]] = [set(), set(), set()]
    first_of: dict[str, int] = {}
    for which, page, places in [*stores, *stores[::2]]:
        with ledger.write() as tx:
            posts.store(tx, runs[which], [found(make_post(key), leads[i]) for key, i in page], now=NOW)
            posts.store_rejects(tx, runs[which], [refused(place) for place in dict.fromkeys(places)])
        posts_of[which] |= {key for key, _ in page}
        rejects_of[which] |= set(places)
        for key, _ in page:
            first_of.setdefault(key, which)
    for which, run in enumerate(runs):
        with ledger.read() as tx:
            counted = metrics.of_client_run(tx, run.client_run_id)
            assert posts.counts(tx, run.id) == (len(posts_of[which]), len(rejects_of[which]))
        assert counted.posts_harvested == len(posts_of[which])
        assert counted.posts_new == sum(first == which for first in first_of.values())
        assert counted.items_rejected == len(rejects_of[which])
        assert (counted.profiles_submitted, counted.actor_runs, counted.cost_micros) == (3, 1, 10**which)


def test_metrics_are_sums_over_the_actor_runs_that_apify_has(ledger: Ledger) -> None:
    make_client(ledger)
    leads = make_leads(ledger, count=3)
    runs = make_run(ledger, [leads[:2], leads[2:]])
    client_run_id = f"{RUN_ID}-{CLIENT_ID}"
    with ledger.write() as tx:
        assert metrics.of_client_run(tx, client_run_id).profiles_submitted == 0
        for run, cost in zip(runs, (9_007_199_254_740_993, 1), strict=True):
            batch = update(tables.actor_runs).where(tables.actor_runs.c.id == run.id)
            tx.execute(batch.values(apify_run_id=f"a{run.id}", cost_micros=cost))
        posts.store(tx, runs[0], [found(make_post("1"), leads[0]), found(make_post("2"), leads[1])], now=NOW)
        posts.store(tx, runs[1], [found(make_post("2"), leads[2])], now=NOW)
        counted = metrics.of_client_run(tx, client_run_id)
    assert counted.cost_micros == 9_007_199_254_740_994  # a float has no such number
    assert (counted.profiles_submitted, counted.actor_runs) == (3, 2)
    assert (counted.posts_harvested, counted.posts_new) == (2, 2)
