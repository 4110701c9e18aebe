"""What is counted of a page: whatever its items are, exactly once, and within bounds."""

from __future__ import annotations

import json
from itertools import count

from factories import NOW, make_client, make_leads, make_run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harvester.ledger import Ledger, actor_outputs
from harvester.ledger.actor_outputs import MOST_PATHS, Look, together
from services.drift_looks import LOOKED_AT, fields_of, look_at

_CLIENTS = count()
_TEXTS = st.text(st.characters(), max_size=6)
_ITEMS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=5),
    max_leaves=20,
)


@given(st.lists(_ITEMS, max_size=8), st.integers(0, 8))
def test_fields_of_parts_are_those_of_the_whole_and_can_be_stored(items: list[object], cut: int) -> None:
    seen = fields_of(items)
    assert together(fields_of(items[:cut]), fields_of(items[cut:])) == seen
    assert seen.get("", {"items": 0})["items"] == len(items)
    for path, one in seen.items():
        path.encode()
        assert sum(one["types"].values()) == one["items"] <= len(items)
    assert json.loads(json.dumps(seen)) == seen


def test_a_page_of_any_width_leaves_a_bounded_look() -> None:
    wide = [
        {f"{item}-{key}": {str(at): at for at in range(50)} for key in range(2_000)} for item in range(50)
    ]
    look = look_at(len(wide), [], [], [], wide)
    assert look.items == 50
    assert len(look.fields) == MOST_PATHS
    assert look.fields[""]["items"] == LOOKED_AT


@given(pages=st.lists(st.integers(1, 9), min_size=1, max_size=5), again=st.integers(0, 5))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_dataset_that_is_read_from_its_start_again_counts_once(
    ledger: Ledger, pages: list[int], again: int
) -> None:
    looks = [Look(items=size, posts=size, fields=fields_of([{"a": 1}] * size)) for size in pages]
    client_id = f"Client-{next(_CLIENTS)}"
    make_client(ledger, client_id)
    (run,) = make_run(ledger, [make_leads(ledger, client_id, 1)], client_id=client_id)
    for read in (looks[:again], looks):
        for at, look in enumerate(read):
            with ledger.write() as tx:
                actor_outputs.count(tx, run, look, anew=at == 0)
    with ledger.write() as tx:
        whole = actor_outputs.judge(tx, run, targets=3, empty=1, now=NOW)
    assert (whole.items, whole.posts, whole.targets, whole.empty_targets) == (sum(pages), sum(pages), 3, 1)
    assert whole.fields["a"]["items"] == sum(pages)
