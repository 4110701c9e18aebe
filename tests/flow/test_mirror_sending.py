"""What the mirror sends when nothing goes wrong: as little as can be."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from datetime import timedelta
from threading import Thread

import pytest

from harvester.ledger import lead_verdicts, leads
from harvester.ledger.lead_verdicts import Verdict
from harvester.ledger.mirroring import Kind
from harvester.models import LeadStatus
from harvester.sandbox.airtable.agency import MASTER_ID

from .mirror_rows import CLIENT, Owing, owing, post
from .on_airtable import RUNS, base_id

BASE = base_id(CLIENT)


@pytest.fixture
def rows(sqlite_url: str) -> Iterator[Owing]:
    with owing(sqlite_url) as found:
        yield found


def test_a_request_carries_ten_rows_and_nothing_is_looked_up(rows: Owing) -> None:
    people = rows.took_in()
    run = rows.run(people)
    rows.in_step()
    before = len(rows.airtable.ledger().requests)
    rows.posts(43, run, people)
    rows.in_step()
    sent = rows.calls(base=BASE, since=before)
    writes = [one for one in sent if one.method == "PATCH"]
    assert [one.rows for one in writes].count(10) == 4, writes
    assert len(writes) == math.ceil(43 / 10)
    assert [one.route for one in sent if one.method != "PATCH"] == ["/v0/meta/bases/<base>/tables"]
    assert not rows.differences(Kind.POST, CLIENT)


def test_what_has_not_changed_is_not_sent(rows: Owing) -> None:
    people = rows.took_in()
    run = rows.run(people)
    rows.posts(30, run, people)
    rows.in_step()
    before = len(rows.airtable.ledger().requests)
    rows.posts(30, run, people)
    rows.in_step()
    assert not rows.calls(base=BASE, since=before)


def test_several_changes_of_a_row_are_sent_once_and_as_little_as_changed(rows: Owing) -> None:
    people = rows.took_in()
    run = rows.run(people)
    rows.posts(12, run, people)
    rows.in_step()
    before = len(rows.airtable.ledger().requests)
    for likes in range(100, 105):
        rows.store(run, [(post(number, likes=likes), people[number % 3]) for number in range(12)])
    rows.in_step()
    assert sorted(one.rows for one in rows.calls("PATCH", BASE, before)) == [2, 10]
    assert not rows.differences(Kind.POST, CLIENT)
    assert {row["Like Count"] for row in rows.agency.rows("Posts", CLIENT)} == {104}


def test_a_row_that_changes_while_it_is_sent_is_sent_again(rows: Owing) -> None:
    """The change comes between what is read and what is noted as sent: the sandbox answers late."""
    people = rows.took_in()
    run = rows.run(people)
    rows.posts(5, run, people)
    rows.airtable.inject("answer-late", method="PATCH", base=BASE, seconds=0.5)
    sending = Thread(target=rows.in_step)
    sending.start()
    while not rows.agency.rows("Posts", CLIENT):
        time.sleep(0.005)
    rows.store(run, [(post(3, text="said otherwise"), people[0])])
    sending.join()
    rows.in_step()
    assert not rows.differences(Kind.POST, CLIENT)
    assert "said otherwise" in {row["Post Text"] for row in rows.agency.rows("Posts", CLIENT)}


def test_a_cell_is_emptied_that_has_become_empty(rows: Owing) -> None:
    people = rows.took_in()
    rows.run(people)
    with rows.ledger.write() as tx:
        leads.claim(tx, [people[0].id], client_run_id="261122-050000-Guy-Wilson", now=rows.stage.clock())
    rows.in_step()
    assert rows.agency.leads()["ada"]["Posts Harvest Status"] == "Processing"
    with rows.ledger.write() as tx:
        lead_verdicts.decide(
            tx,
            [Verdict(people[0].id, LeadStatus.PENDING, None)],
            client_run_id="261122-050000-Guy-Wilson",
            now=rows.stage.clock() + timedelta(seconds=1),
        )
    rows.in_step()
    assert rows.agency.leads()["ada"]["Posts Harvest Status"] == "Pending"
    assert not rows.differences(Kind.LEAD, CLIENT)


def test_what_people_write_into_columns_of_ours_and_of_theirs_stays(rows: Owing) -> None:
    people = rows.took_in()
    run = rows.run(people)
    rows.in_step()
    (record,) = rows.airtable.records(MASTER_ID, RUNS)
    rows.airtable.edit(MASTER_ID, RUNS, record["id"], {"Full Run Log": "mine", "Client Name": "Guy!"})
    rows.posts(1, run, people)
    rows.in_step()
    (after,) = rows.agency.rows(RUNS)
    assert (after["Full Run Log"], after["Client Name"]) == ("mine", "Guy!")
