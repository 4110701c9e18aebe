"""Posts in the leads' own cells, where a base keeps them so: merged, and never over what others wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from harvester.ledger import alerts
from harvester.ledger.airtable_tables import outbox
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox import State
from harvester.sandbox.airtable.faults import Fault

from .mirror_rows import CLIENT, Owing, owing, post
from .on_airtable import base_id

BASE = base_id(CLIENT)
COLUMN = "Posts Content"


@pytest.fixture
def rows(sqlite_url: str) -> Iterator[Owing]:
    with owing(sqlite_url, {CLIENT: [f"lead-{n:02}" for n in range(25)]}, posts="content") as found:
        yield found


def held(rows: Owing) -> dict[str, list[dict[str, Any]]]:
    """Give the posts in each lead's cell by handle."""
    return {handle: json.loads(cells.get(COLUMN, "[]")) for handle, cells in rows.agency.leads().items()}


def keys(found: list[dict[str, Any]]) -> list[str]:
    return [one["postKey"] for one in found]


def test_posts_are_merged_into_all_their_leads_ten_at_a_time(rows: Owing) -> None:
    people = rows.took_in()
    run = rows.run(people)
    rows.in_step()
    before = len(rows.airtable.ledger().requests)
    both = [(post(999), people[0]), (post(999), people[24])]
    rows.store(run, [(post(number), people[number % 25]) for number in range(100)] + both)
    rows.in_step()
    found = held(rows)
    assert all(len(posts) == 4 + (handle in ("lead-00", "lead-24")) for handle, posts in found.items())
    assert post(999).post_key in keys(found["lead-00"])
    assert post(999).post_key in keys(found["lead-24"])
    sent = rows.calls(base=BASE, since=before)
    writes, reads = ([one for one in sent if one.method == method] for method in ("PATCH", "GET"))
    assert sum(one.rows for one in writes) <= 25 + 2, "a lead whose posts came in two pages is written twice"
    assert len(writes) <= 5
    assert len([one for one in reads if "meta" not in one.route]) <= 5
    again = len(rows.airtable.ledger().requests)
    rows.store(run, [(post(number), people[number % 25]) for number in range(100)] + both)
    rows.in_step()
    assert not rows.calls("PATCH", BASE, again), "nothing has changed"


def test_what_others_wrote_stays_and_what_cannot_be_read_is_left_alone(rows: Owing) -> None:
    people = rows.took_in()
    run = rows.run(people)
    records = rows.agency.lead_ids()
    scored = [
        {"postUrl": post(0).url, "score": 9},
        {"postUrl": "https://example.com/of-old", "postContent": "x"},
    ]
    rows.airtable.edit(BASE, "Leads", records["lead-00"], {COLUMN: json.dumps(scored)})
    rows.airtable.edit(BASE, "Leads", records["lead-01"], {COLUMN: "a note by hand"})
    lost = [(post(1), people[1]), (post(1), people[20])]
    rows.store(
        run, [(post(0), people[0]), *lost, *[(post(number), people[number]) for number in range(2, 25)]]
    )
    rows.in_step()
    found = {handle: cells.get(COLUMN, "") for handle, cells in rows.agency.leads().items()}
    assert found.pop("lead-01") == "a note by hand"
    first = json.loads(found["lead-00"])
    assert [one.get("score") for one in first] == [9, None]
    assert first[1]["postUrl"] == "https://example.com/of-old"
    assert post(1).post_key in keys(json.loads(found["lead-20"]))
    assert all(json.loads(cell) for cell in found.values())
    with rows.ledger.read() as tx:
        parked = tx.execute(select(outbox).where(outbox.c.state == State.PARKED)).all()
        assert [(row.key, row.kept) for row in parked] == [(post(1).post_key, "a note by hand")]
        assert any(
            "lead" in alert.text and "left as it is" in alert.text for alert in alerts.untold(tx, limit=9)
        )

    rows.airtable.edit(BASE, "Leads", records["lead-01"], {COLUMN: None})
    rows.store(run, [(post(1, text="anew"), people[1])])
    rows.until(lambda: held(rows)["lead-01"])
    assert [one["postContent"] for one in held(rows)["lead-01"]] == ["anew"]


def test_a_full_cell_drops_its_oldest_and_the_ledger_keeps_them(rows: Owing) -> None:
    people = rows.took_in()
    run = rows.run(people)
    rows.store(run, [(post(number, text="z" * 9_000), people[0]) for number in range(30)])
    rows.in_step()
    (cell,) = [cells[COLUMN] for cells in rows.agency.leads().values() if COLUMN in cells]
    assert len(cell) <= 100_000
    assert 9 <= len(json.loads(cell)) <= 11
    assert len(rows.stage.posts()) == 30


@pytest.mark.slow
def test_under_faults_nothing_is_lost_nor_doubled_in_a_cell(rows: Owing) -> None:
    """A write that arrives late must not undo one that came after it."""
    people = rows.took_in()
    run = rows.run(people)
    rows.airtable.faults = [
        Fault(kind="answer-lost", method="PATCH", probability=0.2),
        Fault(kind="reset", probability=0.05),
        Fault(kind="bad-gateway-after", method="PATCH", probability=0.05),
    ]
    for first in range(0, 120, 20):
        rows.store(run, [(post(number), people[number % 25]) for number in range(first, first + 20)])
        rows.turn()
    rows.in_step(60)
    rows.airtable.faults = []
    found = held(rows)
    for number in range(120):
        assert keys(found[f"lead-{number % 25:02}"]).count(post(number).post_key) == 1


def test_a_lead_whose_answer_was_lost_is_left_alone_for_as_long_as_it_may_still_be_written(
    rows: Owing,
) -> None:
    people = rows.took_in()
    run = rows.run(people)
    rows.in_step()
    rows.airtable.inject("answer-lost", method="PATCH", table="Leads")
    rows.store(run, [(post(1), people[0])])
    while not any(one.status == 0 for one in rows.calls("PATCH", BASE)):
        rows.turn(Kind.POST)
    lost_at = next(one.at for one in rows.calls("PATCH", BASE) if one.status == 0)
    rows.store(run, [(post(2), people[0])])
    rows.in_step()
    after = [one.at for one in rows.calls("PATCH", BASE) if one.at > lost_at]
    assert min(after) - lost_at >= 2.0, "less than the fence"
    assert sorted(keys(held(rows)["lead-00"])) == [post(1).post_key, post(2).post_key]


def test_a_lead_that_a_person_deleted_takes_no_posts_and_holds_up_no_other(rows: Owing) -> None:
    people = rows.took_in()
    run = rows.run(people)
    rows.airtable.delete(BASE, "Leads", rows.agency.lead_ids()["lead-03"])
    rows.store(run, [(post(number), people[number % 25]) for number in range(50)])
    rows.in_step()
    found = held(rows)
    assert len(found) == 24
    assert all(len(posts) == 2 for posts in found.values())
