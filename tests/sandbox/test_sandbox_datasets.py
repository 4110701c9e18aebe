"""Datasets: how they grow, what they cost, what a range of them holds."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harvester.sandbox.apify.datasets import Dataset, Generated, Given
from harvester.sandbox.apify.harvestapi import HARVESTAPI

TARIFF = HARVESTAPI.tariff
NOW = datetime(2026, 11, 22, tzinfo=UTC)
items = st.sampled_from(
    [{"type": "post"}, {"type": "comment"}, {"type": "reaction"}, {"error": "x"}, None, "text"]
)
stretches = st.lists(st.lists(items, max_size=8), max_size=4)


def made_of(parts: list[list[Any]]) -> tuple[Dataset, list[Any]]:
    numbered = [[(place, item) for place, item in enumerate(part)] for part in parts]
    given_parts = [
        Generated(part, lambda recipe: recipe[1], lambda _: "post")
        if number % 2
        else Given([one[1] for one in part], TARIFF)
        for number, part in enumerate(numbered)
    ]
    return Dataset(given_parts, NOW, TARIFF), [item for part in parts for item in part]


@given(stretches, st.integers(0, 40), st.integers(0, 40))
def test_a_range_is_a_range_of_the_whole(parts: list[list[Any]], start: int, length: int) -> None:
    dataset, whole = made_of(parts)
    assert dataset.length == len(whole)
    assert list(dataset.read(start, start + length)) == whole[start : start + length]


@given(stretches, st.integers(0, 3000))
def test_a_budget_pays_for_as_many_items_as_it_can(parts: list[list[Any]], budget: int) -> None:
    dataset, whole = made_of(parts)
    paid = dataset.affordable(budget)
    assert TARIFF.sum(dataset.charged(paid)) <= budget
    if paid < len(whole):
        assert TARIFF.sum(dataset.charged(paid + 1)) > budget


moments = st.floats(0.0, 100.0)


@given(st.integers(0, 50), st.integers(0, 50), moments, moments, st.lists(moments, min_size=2), st.booleans())
def test_a_dataset_grows_to_its_target_and_never_shrinks(
    length: int, target: int, seconds: float, frozen: float, at: list[float], complete: bool
) -> None:
    dataset = Dataset([Given([None] * length, TARIFF)], NOW, TARIFF)
    target = min(target, length)
    dataset.begin(10.0, seconds, target)
    dataset.freeze(10.0 + frozen, complete=complete)
    counts = [dataset.count(moment) for moment in sorted(at)]
    assert counts == sorted(counts)
    assert dataset.count(9.999) == 0
    assert dataset.count(1e9) <= target
    assert dataset.count(1e9) == target or not (complete or frozen > seconds + 1e-3)
    before = dataset.count(1e9)
    dataset.begin(200.0, 1.0, length)
    assert dataset.count(200.0) == before
    assert dataset.count(202.0) == length
    assert dataset.count(10.0 + frozen) == before
