"""What each profile was answered: always accounted for, and proved where the actor swallows its errors."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from factories import NOW, found, make_client, make_leads, make_post, make_run, on_one_ledger
from flow.conftest import MakeStage
from flow.proxy import Reply
from flow.stage import Stage
from hypothesis import given
from hypothesis import strategies as st

from harvester.apify_answers import ApifyRun
from harvester.ledger import Ledger, Tx, actor_runs, coverage, leads, outcomes, posts
from harvester.ledger.outcomes import Outcome
from harvester.ledger.posts import Refused
from harvester.models import ActorRun, ActorRunState, Lead, LeadAnswer, LeadStatus
from harvester.posts import Reject, RejectReason
from services.coverage import summary
from services.outcome import decide_leads, hear, silence
from services.plan import parted
from services.preview_leads import DueLead, Why

PARTS = ("posts", "none", "errors", "silent", "notAnswered")
Json = dict[str, Any]


def profiles(stage: Stage, full_id: str, limit: int = 2) -> dict[str, Json]:
    """Page through a client run's coverage over HTTP, by handle."""
    rows: list[Json] = []
    cursor: str | None = "0"
    while cursor is not None:
        answer = stage.api("GET", f"/api/runs/{full_id}/coverage?limit={limit}&cursor={cursor}")
        assert answer.status == 200, answer
        rows += answer.json["profiles"]
        cursor = answer.json["nextCursor"]
    return {row["linkedinProfileUrl"].rpartition("/")[2]: row for row in rows}


def test_every_profile_is_accounted_for(stage: Stage) -> None:
    run = stage.harvest("ann", "bob-no-posts", "cho-error", "dan-swallowed", "eve-no-posts")
    assert run["status"] == "Completed"
    assert run["coverage"] == dict.fromkeys(PARTS, 0) | {
        "submitted": 5, "posts": 1, "errors": 1, "silent": 3, "unreachable": 0
    }  # fmt: skip
    told = profiles(stage, run["clientRunId"])
    assert {handle: row["answer"] for handle, row in told.items()} == {
        "ann": "posts",
        "bob-no-posts": "silent",  # one of the three was swallowed: which, nobody can tell
        "cho-error": "error",
        "dan-swallowed": "silent",
        "eve-no-posts": "silent",
    }
    assert "HTTP 999" in told["cho-error"]["reason"]
    assert "neither sent nor charged" in told["dan-swallowed"]["reason"]
    assert told["ann"]["postsFound"] > 0
    assert told["ann"]["reason"] is None
    assert {row["actorRunId"] for row in told.values()} == {run["actorRuns"][0]["actorRunId"]}
    (error,) = run["errors"]
    assert (error["code"], error["message"][:36]) == ("unanswered", "3 of 5 profiles got no answer, they ")
    waiting = {handle for handle, status in stage.leads().items() if status == "Pending"}
    assert waiting == {"bob-no-posts", "cho-error", "dan-swallowed", "eve-no-posts"}


@pytest.mark.parametrize(
    ("handles", "answers"),
    [
        (["ann", "bob-no-posts"], {"posts", "none"}),
        (["ann-swallowed"], {"silent"}),
        (["ann-swallowed", "bob"], {"silent", "posts"}),
    ],
)
def test_who_was_charged_for_was_looked_at(stage: Stage, handles: list[str], answers: set[str]) -> None:
    full_id = stage.harvest(*handles)["clientRunId"]
    assert {row["answer"] for row in profiles(stage, full_id).values()} == answers


def test_an_actor_run_without_any_answer_is_an_error(stage: Stage) -> None:
    assert stage.harvest("ann-swallowed")["status"] == "Failed"


@pytest.mark.parametrize("untold", ['"pricingInfo"', '"chargedEventCounts"'])
def test_without_a_count_of_what_was_charged_nothing_is_proved(make_stage: MakeStage, untold: str) -> None:
    stage = make_stage()

    def forgetful(_method: str, _path: str, reply: Reply) -> Reply:
        return replace(reply, body=reply.body.replace(untold.encode(), b'"somethingElse"'))

    stage.proxy.spoil = forgetful
    run = stage.harvest("ann", "bob-swallowed")
    assert (run["status"], run["coverage"]["none"], run["coverage"]["silent"]) == ("Completed", 1, 0)


def test_whoever_a_cap_left_out_is_due_again(make_any_stage: MakeStage) -> None:
    """The actor ends SUCCEEDED once its cap is used up, and has not come to all of its targets."""
    stage = make_any_stage(daily_budget_usd="0.03")
    run = stage.harvest(*(f"{number}-prolific" for number in range(20)))
    standing = Counter(stage.leads().values())
    assert (run["actorRuns"][0]["status"], run["status"]) == ("SUCCEEDED", "Completed with Errors")
    assert standing == {"Done": run["coverage"]["posts"], "Pending": run["coverage"]["notAnswered"]}
    assert standing["Pending"] > 9
    (error,) = run["errors"]
    assert error["code"] == "actor_run_at_cap"
    assert "of at most 0.0300 USD" in error["message"]
    assert not any(lead["unreachable"] for lead in overview_leads(stage))
    with stage.ledger.read() as tx:
        assert {lead.unanswered for lead in leads_of(tx)} == {0}, "they were not asked"


def leads_of(tx: Tx) -> list[Lead]:
    """Give the leads of the stage's client."""
    return leads.page(tx, "Guy-Wilson", limit=99)


def test_a_cap_that_paid_for_no_more_proves_nothing(make_stage: MakeStage) -> None:
    # Two posts and the start; then there is not enough left for a target without posts.
    stage = make_stage(apify_max_charge_usd="0.0045", apify={"minimal_charge_usd": 0.0})
    run = stage.harvest("ann-prolific", "bob-no-posts")
    assert run["coverage"] == dict.fromkeys(PARTS, 0) | {
        "submitted": 2, "posts": 1, "notAnswered": 1, "unreachable": 0
    }  # fmt: skip
    assert stage.leads()["bob-no-posts"] == "Pending"


def test_at_the_cap_too_who_was_charged_for_was_looked_at(make_stage: MakeStage) -> None:
    stage = make_stage(apify_max_charge_usd="0.0055", apify={"minimal_charge_usd": 0.0})
    run = stage.harvest("ann-prolific", "bob-no-posts")
    assert (run["status"], run["coverage"]["none"], run["errors"]) == ("Completed", 1, [])


def test_an_actor_run_that_was_cut_short_was_asked_for_nothing_more(stage: Stage) -> None:
    stage.sandbox.inject("run-fail")
    run = stage.harvest("ann-prolific", "bob-no-posts", "cho-swallowed", "dan-error")
    assert run["coverage"]["silent"] == run["coverage"]["errors"] == run["coverage"]["none"] == 0
    assert run["coverage"]["notAnswered"] >= 2


def test_after_three_actor_runs_without_a_word_a_lead_is_unreachable(make_any_stage: MakeStage) -> None:
    stage = make_any_stage()
    stage.agency("ann", "bob-swallowed", "cho-error")
    runs = []
    for _ in range(4):
        runs.append(stage.finish(stage.kickoff()))
        stage.clock.skip(seconds=1)
    sent = stage.sandbox.ledger().starts_by_target()
    assert sorted(sent.values()) == [1, 3, 3]
    assert runs[3]["metrics"]["actorRuns"] == 0
    assert runs[2]["coverage"] == dict.fromkeys(PARTS, 0) | {
        "submitted": 2, "errors": 1, "silent": 1, "unreachable": 2
    }  # fmt: skip
    listed = {row["linkedinProfileUrl"].rpartition("/")[2]: row for row in overview_leads(stage)}
    assert listed["ann"]["unreachable"] is None
    assert listed["bob-swallowed"]["status"] == "Pending"
    assert "neither sent nor charged" in listed["bob-swallowed"]["unreachable"]["why"]
    assert "HTTP 999" in listed["cho-error"]["unreachable"]["why"]
    assert profiles(stage, runs[2]["clientRunId"])["cho-error"]["unreachableSince"] is not None


def overview_leads(stage: Stage) -> list[Json]:
    """Give the leads as they are listed."""
    return list(stage.worker.overview.leads("Guy-Wilson"))


def test_whoever_names_an_unreachable_lead_tries_it_anew(stage: Stage) -> None:
    stage.agency("bob-swallowed")
    for _ in range(3):
        stage.finish(stage.kickoff())
        stage.clock.skip(seconds=1)
    (lead,) = overview_leads(stage)
    asked = {"clientId": "Guy-Wilson", "targetUrls": [lead["linkedinProfileUrl"]]}
    stage.finish(stage.api("POST", "/api/apify/run", asked).json["clientRunId"])
    (lead,) = overview_leads(stage)
    assert lead["unreachable"] is None
    stage.clock.skip(seconds=1)
    assert stage.finish(stage.kickoff())["metrics"]["actorRuns"] == 1, "it is due again"


def test_a_second_end_is_counted_once(make_stage: MakeStage) -> None:
    """A resurrected actor run is read again; that it had no word still counts once."""
    stage = make_stage(apify={"ad_hoc_fires_again": True})
    run = stage.harvest("ann", "bob-swallowed")
    stage.apify("POST", f"actor-runs/{run['actorRuns'][0]['actorRunId']}/resurrect")
    stage.work(lambda: len(stage.deliveries()) == 2 and stage.deliveries()[1]["processedAt"])
    stage.work(lambda: stage.in_state("ingested"))
    with stage.ledger.read() as tx:
        unanswered = {
            lead.profile_url[-13:]: lead.unanswered for lead in leads.page(tx, "Guy-Wilson", limit=9)
        }
    assert sorted(unanswered.values()) == [0, 1]


#: What an actor run's dataset holds of one lead, over several actor runs of one client run.
WORDS = st.sampled_from(["posts", "error", "damaged", "nothing"])
ENDS = st.sampled_from(["SUCCEEDED", "ABORTED", "given up", "never sent"])
HARVESTS = st.lists(
    st.tuples(st.lists(WORDS, min_size=1, max_size=6), ENDS, st.none() | st.integers(0, 7)), max_size=4
)


@given(harvests=HARVESTS)
@on_one_ledger
def test_the_parts_add_up_whatever_came(
    ledger: Ledger, harvests: list[tuple[list[str], str, int | None]]
) -> None:
    client_id = f"Client-{next(_clients)}"
    make_client(ledger, client_id)
    people = make_leads(ledger, client_id=client_id, count=6)
    batches = make_run(ledger, [people[: len(words)] for words, _, _ in harvests], client_id=client_id)
    submitted: set[int] = set()
    expected: dict[int, str] = {}
    for run, (words, end, charged) in zip(batches, harvests, strict=True):
        told = _ended(ledger, run, words, end, charged)
        if end != "never sent":
            submitted |= {lead.id for lead in people[: len(words)]}
            expected |= {
                one: answer for one, answer in told.items() if answer and expected.get(one) != "posts"
            }
    with ledger.read() as tx:
        full_id = f"261122-050000-{client_id}"
        counts, listed = summary(tx, full_id), coverage.page(tx, full_id, limit=99)
    assert sum(counts[name] for name in PARTS) == counts["submitted"] == len(submitted)
    assert {one.lead_id for one in listed} == submitted
    assert {one.lead_id: one.answer for one in listed if one.answer} == expected


_clients = iter(range(1_000_000))


def _ended(
    ledger: Ledger, run: ActorRun, words: list[str], end: str, charged: int | None
) -> dict[int, LeadAnswer | None]:
    """Have an actor run end with what it told about its leads. Gives what they were taken to be answered."""
    with ledger.write() as tx:
        targets = actor_runs.targets(tx, run.id)
        held = actor_runs.claim(tx, run.id, owner="test", now=NOW, until=NOW + timedelta(seconds=9))
        assert held is not None
        sent = {} if end == "never sent" else {"apify_run_id": f"apify{run.id:012}", "dataset_id": "dataset"}
        by_id = {lead.id: lead for lead in leads.page(tx, run.client_id, limit=99)}
        for place, (target, word) in enumerate(zip(targets, words, strict=True)):
            if word == "posts":
                post = make_post(f"{run.id}{place:04}")
                posts.store(tx, run, [found(post, by_id[target.lead_id])], now=NOW)
            elif word != "nothing":
                reason = RejectReason.ERROR_ITEM if word == "error" else RejectReason.DAMAGED
                reject = Refused(place, Reject(reason, "HTTP 999", None), target.lead_id, None)
                posts.store_rejects(tx, run, [reject])
        state = ActorRunState.INGESTED if end in ("SUCCEEDED", "ABORTED") else ActorRunState.FAILED
        done = actor_runs.move(tx, held, state, now=NOW, next_check_at=None, **sent)
        answered = end == "SUCCEEDED"
        heard = hear(tx, done, answered_all=answered, found=_told(charged) if answered else None)
        assert bool(silence(heard)) == any(one.answer is LeadAnswer.SILENT for one in heard)
        decide_leads(tx, done, heard, now=NOW)
    return {one.target.lead_id: one.answer for one in heard}


def _told(charged: int | None) -> ApifyRun:
    events = {} if charged is None else {"no-result": charged}
    return ApifyRun("a", None, None, "d", "k", "SUCCEEDED", None, NOW, NOW, 0, 5_000, events)


def test_of_runs_before_answers_were_kept_the_outcome_tells(ledger: Ledger) -> None:
    make_client(ledger)
    people = make_leads(ledger, count=3)
    (run,) = make_run(ledger, [people])
    with ledger.write() as tx:
        held = actor_runs.claim(tx, run.id, owner="test", now=NOW, until=NOW)
        assert held is not None
        actor_runs.move(tx, held, ActorRunState.INGESTED, now=NOW, next_check_at=None, apify_run_id="a" * 17)
        for lead, outcome in zip(
            people, (LeadStatus.DONE, LeadStatus.NO_POSTS, LeadStatus.PENDING), strict=True
        ):
            outcomes.decide(tx, run.id, [Outcome(lead.id, outcome, 0)], now=NOW)
        assert summary(tx, run.client_run_id) == dict.fromkeys(PARTS, 0) | {
            "submitted": 3, "posts": 1, "none": 1, "notAnswered": 1, "unreachable": 0
        }  # fmt: skip


def test_one_that_is_never_answered_makes_nobody_beside_it_unreachable(make_any_stage: MakeStage) -> None:
    stage = make_any_stage()
    stage.agency("dan-swallowed", *(f"eve-{number}-no-posts" for number in range(9)))
    for _ in range(4):
        stage.finish(stage.kickoff())
        stage.clock.skip(seconds=1)
    standing = Counter(stage.leads().values())
    assert standing == {"No Posts": 9, "Pending": 1}
    unreachable = [row["linkedinProfileUrl"] for row in overview_leads(stage) if row["unreachable"]]
    assert [url.rpartition("/")[2] for url in unreachable] == ["dan-swallowed"]
    paid = sum(
        stage.apify("GET", f"actor-runs/{start.run_id}")["data"]["chargedEventCounts"].get("no-result", 0)
        for start in stage.sandbox.ledger().starts
    )
    assert paid < 3 * 9


def test_an_actor_that_answers_nobody_makes_few_unreachable(make_any_stage: MakeStage) -> None:
    """As when what it asks itself is away: it logs that, and ends well."""
    stage = make_any_stage()
    stage.agency(*(f"dan-{number}-swallowed" for number in range(10)))
    for left in (10, 10, 7):
        stage.finish(stage.kickoff())
        stage.clock.skip(seconds=1)
        assert sum(not row["unreachable"] for row in overview_leads(stage)) == left


@given(tries=st.lists(st.integers(0, 4), max_size=60), size=st.integers(1, 25), most=st.integers(0, 9))
def test_whoever_had_no_answer_is_asked_apart_and_at_last_alone(
    tries: list[int], size: int, most: int
) -> None:
    people = [DueLead(f"in/{place}", None, Why.NEW, unanswered=one) for place, one in enumerate(tries)]
    parts = parted(people, size)
    assert sorted(one.profile_url for part in parts for one in part) == sorted(
        one.profile_url for one in people
    )
    for part in parts:
        assert 1 <= len(part) <= size
        assert len({min(one.unanswered, 2) for one in part}) == 1
        assert part[0].unanswered < 2 or len(part) == 1
    assert parted(people, size, most=most) == parts[:most]
