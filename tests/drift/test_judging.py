"""When an output is another: by more than chance explains, and not sooner."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta

import pytest
from factories import NOW
from hypothesis import given
from hypothesis import strategies as st

from harvester.ledger.actor_outputs import Look, Output
from services.drift_judging import bounds, changes, explaining, items_of, jumps, unusable
from services.drift_looks import fields_of

_COUNTS = st.integers(0, 500)


@given(_COUNTS, _COUNTS)
def test_bounds_hold_the_share_and_close_in_on_it(some: int, others: int) -> None:
    of = some + others
    low, high = bounds(some, of)
    assert 0 <= low <= high <= 1
    if of:
        assert low <= some / of <= high
        closer = bounds(10 * some, 10 * of)
        assert closer[1] - closer[0] < high - low


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.1, 0.5])
def test_what_chance_explains_is_no_jump_and_what_it_does_not_is_one(rate: float) -> None:
    drawn = random.Random(7)

    def look(share: float, items: int = 40) -> Look:
        bad = sum(drawn.random() < share for _ in range(items))
        return Look(items=items, posts=items - bad, misfits=bad, targets=4)

    told = sum(bool(jumps(look(rate), [look(rate) for _ in range(20)])) for _ in range(500))
    assert told == 0
    for _ in range(20):
        (jump,) = jumps(look(min(1.0, rate + 0.45), 200), [look(rate) for _ in range(20)])
        assert jump.rate.name == "rejects"
        assert str(jump.now[0]) in str(jump)


def test_without_a_history_nothing_is_a_jump() -> None:
    bad = Look(items=100, misfits=100)
    assert jumps(bad, [Look(items=20, posts=20)] * 2) == []
    assert jumps(bad, [Look(items=9, posts=9)] * 3) == []
    assert jumps(bad, [Look(items=10, posts=10)] * 3)


_LOOKS = st.builds(
    lambda good, bad, errors, said: Look(good + bad + errors + said, good, said, errors, bad),
    *[st.integers(0, 6)] * 4,
)


@given(st.lists(_LOOKS, max_size=12))
def test_an_actor_is_unusable_by_its_latest_items_alone(looks: list[Look]) -> None:
    """What was before the runs that are enough to tell changes nothing; nor do comments and reactions."""
    seen = unusable(_outputs(looks))
    if seen is not None:
        assert 2 * (seen.misfits + seen.errors) > items_of(seen)
    if len(looks) >= 10 or (looks and items_of(looks[0]) >= 30):
        for earlier in (Look(items=99, misfits=99), Look(items=99, posts=99)):
            assert unusable(_outputs([*looks, earlier])) == seen


_ONE_JUNK = Look(items=1, misfits=1)
_ONE_GOOD = Look(items=1, posts=1, targets=1)


@pytest.mark.parametrize(
    ("looks", "profiles", "useless"),
    [
        ([Look(items=29, misfits=29)], 1, False),
        ([Look(items=30, misfits=16)], 1, True),
        ([Look(items=30, misfits=15)], 1, False),
        ([Look(items=30, posts=14, errors=16, targets=5)], 5, True),
        ([Look(items=38, companions=9, misfits=29)], 1, False),
        ([Look(items=8, misfits=8), Look(items=30, posts=30, targets=9)], 9, False),
        ([Look(items=8, misfits=8)] * 9, 1, False),
        ([Look(items=8, misfits=8)] * 5, 2, True),
        ([Look(items=16, posts=6, misfits=10, targets=1)] * 2, 5, False),
        ([Look(items=16, posts=1, misfits=15, targets=1), Look(items=9, misfits=9)], 5, True),
        ([_ONE_JUNK] * 9, 1, False),
        ([_ONE_JUNK] * 10, 1, True),
        ([_ONE_JUNK] * 5 + [Look()] * 5, 1, True),
        ([_ONE_JUNK] * 4 + [Look()] * 6, 1, False),
        ([_ONE_JUNK] * 8 + [_ONE_GOOD] * 2, 1, False),
        ([Look(items=10, errors=9, posts=1, targets=1)], 10, True),
    ],
)
def test_the_nonsense_of_a_few_profiles_pauses_nothing(
    looks: list[Look], profiles: int, useless: bool
) -> None:
    assert (unusable(_outputs(looks, profiles)) is not None) == useless


def test_what_changed_is_told_field_by_field() -> None:
    before = [{"id": "1", "text": "a", "when": 5, "seldom": 1 if at == 0 else None} for at in range(20)]
    for item in before[1:]:
        del item["seldom"]
    now = [{"id": 1, "when": 5, "extra": {}} if at else {"id": 1, "extra": {}, "when": 5} for at in range(10)]
    found = {change.path: change.what for change in changes(fields_of(now), fields_of(before))}
    assert found == {"text": "gone", "id": "another type", "extra": "new"}
    named = explaining(fields_of(now), fields_of(before))
    assert named is not None
    assert (named.path, named.before, named.now) == ("text", "text in 100%", "not there")
    assert changes(fields_of(before), fields_of(before)) == []
    halved = [item if at % 2 else {"id": "1", "when": 5} for at, item in enumerate(before)]
    assert [one.what for one in changes(fields_of(halved), fields_of(before)) if one.path == "text"] == [
        "rarer"
    ]


def _outputs(looks: Sequence[Look], profiles: int = 1) -> list[Output]:
    return [Output(at, NOW - timedelta(minutes=at), None, look, profiles) for at, look in enumerate(looks)]


def test_a_field_that_is_of_two_types_has_not_changed_because_one_value_is_of_one_of_them() -> None:
    """An actor gives an image as a link or as an object: of one post that has one, it is either."""
    before = {
        "": {"items": 40, "types": {"object": 40}},
        "image": {"items": 8, "types": {"text": 4, "object": 4}},
    }
    now = {"": {"items": 5, "types": {"object": 5}}, "image": {"items": 1, "types": {"text": 1}}}
    assert changes(now, before) == []
    many = {"": {"items": 40, "types": {"object": 40}}, "image": {"items": 20, "types": {"text": 20}}}
    assert [change.what for change in changes(many, before)] == ["another type"]
