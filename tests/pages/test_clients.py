"""Clients on pages: each day is the client's own, each is found by its name, and its leads by state."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from factories import NOW, FakeClock, end_run, make_client, make_leads, make_run, on_one_ledger
from hypothesis import given, settings
from machine.world import emptied
from sqlalchemy import update

from harvester.ledger import Ledger, job_tables, pauses, schedules, tables
from harvester.ledger.client_search import LEAD_STATES
from harvester.models import ClientRunStatus
from harvester.normalise.text import one_line
from services.client_history import ClientHistory
from services.kickoff import UnknownClient

from .history import past_run
from .operator import Operator, text_of

NAMES = ("Blue Harbor", "blue sky", "Ölwerk Süd", "100% Pure", "A_B", "A-B", "Zoë", 'x"><b>y')


def every(ledger: Ledger, begins: str = "", *, limit: int = 2) -> list[str]:
    """Name all clients that are found, over as many pages as it takes."""
    history, found, after = ClientHistory(ledger, FakeClock()), [], None
    while True:
        page = history.clients(limit=limit, after=after, begins=begins)
        assert len(page.rows) <= limit
        found += [row["clientName"] for row in page.rows]
        after = page.next_cursor
        if after is None:
            return found


def all_leads(ledger: Ledger, state: str | None) -> list[str]:
    """Name Ann's leads in a state, over as many pages as it takes."""
    history, urls, after = ClientHistory(ledger, FakeClock()), [], 0
    while True:
        page = history.leads("Ann", limit=40, after=after, state=state)
        urls += [row["linkedinProfileUrl"] for row in page.rows]
        if page.next_cursor is None:
            return urls
        after = int(page.next_cursor)


@settings(on_one_ledger, max_examples=12)
@given(
    zone=st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati"]),
    runs=st.dictionaries(st.integers(0, 35 * 24 * 60), st.integers(0, 9), max_size=12),
)
def test_each_day_is_the_clients_own(ledger: Ledger, zone: str, runs: dict[int, int]) -> None:
    emptied(ledger)
    make_client(ledger, "Ann", timezone=zone)
    make_client(ledger, "Bob", timezone="UTC")
    past_run(ledger, "Bob", NOW, posts_harvested=100)
    today = NOW.astimezone(ZoneInfo(zone)).date()
    expected = {f"{today - timedelta(days=back)}": [0, 0, 0.0] for back in reversed(range(30))}
    for minutes, posts in runs.items():
        at = NOW - timedelta(minutes=minutes)
        values: dict[str, Any] = {
            "posts_harvested": posts,
            "posts_new": posts // 2,
            "cost_micros": posts * 1_500,
        }
        past_run(ledger, "Ann", at, **values)
        day = expected.get(f"{at.astimezone(ZoneInfo(zone)).date()}")
        if day is not None:
            for place, value in enumerate((posts, posts // 2, posts * 0.0015)):
                day[place] += value
    _, found = ClientHistory(ledger, FakeClock()).client("Ann")
    told = {day["day"]: [day["posts"], day["postsNew"], day["costUsd"]] for day in found["days"]}
    assert list(told) == list(expected), "each day once, in order"
    assert list(chain(*told.values())) == pytest.approx(list(chain(*expected.values())))
    assert (found["lastRun"] is None) == (not runs)


def test_each_client_is_on_one_page_and_is_found_by_what_it_is_called(ledger: Ledger) -> None:
    for number, name in enumerate(NAMES):
        make_client(ledger, f"Id-{number}", name=name)
    assert every(ledger) == list(NAMES)
    wanted = {
        "blue": ["Blue Harbor", "blue sky"],
        " HARBOR ": ["Blue Harbor"],
        "id-3": ["100% Pure"],
        "Id-": list(NAMES),
        "100%": ["100% Pure"],
        "1%": [],
        "A_": ["A_B"],
        "Ölwerk Sü": ["Ölwerk Süd"],
        "Süd": ["Ölwerk Süd"],
        "arbor": [],
        "'; drop table clients --": [],
    }
    for typed, names in wanted.items():
        assert every(ledger, typed) == names, typed


@given(typed=st.text(max_size=30).filter(lambda text: "\0" not in text))
@settings(on_one_ledger, max_examples=12)
def test_whatever_is_typed_finds_something_or_nothing(ledger: Ledger, typed: str) -> None:
    try:
        typed.encode()
    except UnicodeEncodeError:
        return  # no form sends half a character
    typed = one_line(typed, 30)  # as the name of every client is stored
    emptied(ledger)
    make_client(ledger, "Ann", name=f"{typed} & Sons")
    assert every(ledger, typed) == [f"{typed} & Sons"]


def test_the_list_shows_how_each_stands(operator: Operator) -> None:
    ledger, now = operator.web.ledger, datetime.now(UTC).replace(microsecond=0)
    make_client(ledger, "Ann", name='"><script>x</script>', daily_budget_micros=30_000)
    make_client(ledger, "Bob", status="Paused", airtable_error="two rows have this ID")
    make_leads(ledger, "Ann", 3)
    make_leads(ledger, "Ann", 2, status="Done")
    full_id = past_run(ledger, "Ann", now, ClientRunStatus.FAILED, posts_harvested=7, cost_micros=12_000)
    with ledger.write() as tx:
        pauses.put(tx, pauses.Pause("Bob", now, "holidays", "Eve"))
        schedules.put(tx, schedules.ALL, "0 5 * * *", "UTC", next_at=now + timedelta(hours=2, seconds=30))
    page = operator.get("/clients")
    assert "<script>" not in page
    assert f'href="/runs/{full_id}"' in page
    ann, bob = (text_of(row) for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL)[1:])
    assert "Failed" in ann
    assert "New 3 Done 2" in ann
    assert "7 $0.0120 $0.00 of $0.0300" in ann
    assert "in 2 h" in ann
    assert "Paused starts paused two rows have this ID never" in bob
    assert bob.endswith("none –"), "nothing starts it while it is not active"


def test_a_client_is_shown_with_all_there_is_to_know(operator: Operator) -> None:
    ledger, now = operator.web.ledger, datetime.now(UTC).replace(microsecond=0)
    make_client(ledger, "Ann", schedule="30 4 * * *", timezone="Europe/Oslo", airtable_error="no <b>base</b>")
    leads = make_leads(ledger, "Ann", 12)
    (run,) = make_run(ledger, [leads[:1]], client_id="Ann", now=now)
    end_run(ledger, run, now=now)
    sums = {"posts_harvested": 9, "posts_new": 4, "cost_micros": 20_000}
    with ledger.write() as tx:
        tx.execute(update(tables.client_runs).values(**sums, started_at=now))
        tx.execute(update(tables.leads).where(tables.leads.c.id == leads[0].id).values(unreachable_at=now))
        pauses.put(tx, pauses.Pause("Ann", now, "<i>", "Eve"))
    page = operator.get("/clients/Ann")
    told = text_of(page)
    assert "Posts 9 New posts 4 Cost $0.0200 Cost per new post $0.0050" in told
    assert "Closed. no <b>base</b>. Nothing of it is harvested" in told
    assert "Starts are paused since" in told
    assert "30 4 * * * Europe/Oslo" in told
    assert "not taken up yet" in told
    for link in (
        "/clients/Ann/kickoff",
        "/clients/Ann/unpause",
        "/clients/Ann/leads/retry",
        "/clients/Ann/leads",
    ):
        assert f'href="{link}"' in page
    assert page.count('class="bar"') == 2 * 30
    assert "<b>base" not in page
    assert "<i>" not in page
    with ledger.write() as tx:
        schedules.put(tx, "client Ann", "30 4 * * *", "Europe/Oslo", next_at=now)
        tx.execute(update(job_tables.schedules).values(last_at=now - timedelta(days=1)))
        pauses.lift(tx, "Ann")
    told = text_of(operator.get("/clients/Ann"))
    assert "not taken up yet" not in told
    assert "Last 1 d" in told


def test_a_client_of_which_nothing_is_known_yet(operator: Operator) -> None:
    make_client(operator.web.ledger, "Ann", status="Inactive", daily_budget_micros=0)
    told = text_of(operator.get("/clients/Ann"))
    for words in ("Cost per new post –", "Nothing starts it by itself.", "never harvested", "no leads yet"):
        assert words in told


def test_leads_are_found_by_state_each_once(operator: Operator) -> None:
    ledger = operator.web.ledger
    make_client(ledger, "Ann")
    make_client(ledger, "Bob")
    make_leads(ledger, "Bob", 3)
    made: dict[str, int] = {}
    for number, state in enumerate(LEAD_STATES, start=50):
        status = None if state in ("New", "Unreachable") else state
        unreachable = {"unreachable_at": NOW, "status": "Pending"} if state == "Unreachable" else {}
        make_leads(ledger, "Ann", number, **{"status": status, **unreachable})
        made[state] = number
    made["Pending"] += made["Unreachable"]
    for state, count in [*made.items(), (None, sum(range(50, 50 + len(LEAD_STATES))))]:
        urls = all_leads(ledger, state)
        assert len(urls) == len(set(urls)) == count, state
    page = operator.get("/clients/Ann/leads?status=No+Posts")
    assert page.count("<tr>") == 51
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following is not None
    assert "status=No+Posts" in following[1]
    rest = operator.get(following[1].replace("&amp;", "&"))
    assert page.count("<tr>") + rest.count("<tr>") == made["No Posts"] + 2
    assert "First page" in rest


def test_a_lead_shows_what_came_of_it_lately(operator: Operator) -> None:
    ledger = operator.web.ledger
    make_client(ledger, "Ann")
    (lead,) = make_leads(ledger, "Ann")
    for hour in range(5):
        at = NOW + timedelta(hours=hour)
        (run,) = make_run(ledger, [[lead]], client_id="Ann", run_id=f"261122-0{hour}0000", now=at)
        end_run(ledger, run, now=at)
        with ledger.write() as tx:
            told = {"outcome": "No Posts", "detail": f"look {hour} <b>", "decided_at": at}
            of_run = tables.lead_outcomes.c.actor_run_id == run.id
            tx.execute(update(tables.lead_outcomes).where(of_run).values(**told))
            tx.execute(update(tables.client_runs).values(status="Completed"))
    page = operator.get("/clients/Ann/leads")
    assert re.findall(r"look (\d) &lt;b&gt;", page) == ["4", "3", "2"]


def test_what_is_not_there_is_not_found_and_what_makes_no_sense_is_refused(operator: Operator) -> None:
    make_client(operator.web.ledger, "Ann")
    for path in ("/clients/nobody", "/clients/%00", "/clients/a%20b", "/clients/nobody/leads"):
        assert "Not found" in operator.get(path, status=404), path
    for query in ("status=Gone", "status=%00", "cursor=x", "cursor=-1"):
        assert "That cannot be done" in operator.get(f"/clients/Ann/leads?{query}", status=400), query
    for query in ("q=%00", "cursor=%00"):
        assert "NUL" in operator.get(f"/clients?{query}", status=400), query


def test_the_service_knows_no_stranger(ledger: Ledger) -> None:
    with pytest.raises(UnknownClient):
        ClientHistory(ledger, FakeClock()).client("nobody")
