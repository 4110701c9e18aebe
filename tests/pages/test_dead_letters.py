"""Dead letters on the page: why each was given up, and what can be done."""

from __future__ import annotations

from datetime import timedelta

from factories import NOW, make_client, make_leads, make_run
from web.asking import Web

from harvester.ledger import actor_runs
from harvester.models import ActorRunState

from .operator import Operator, text_of


def test_each_says_why_and_leads_to_what_can_be_done(page_web: Web, operator: Operator) -> None:
    assert "There is none" in text_of(operator.get("/dead-letters"))
    make_client(page_web.ledger)
    leads = make_leads(page_web.ledger, count=2)
    runs = make_run(page_web.ledger, [[lead] for lead in leads])
    with page_web.ledger.write() as tx:
        for run, apify_run_id in zip(runs, ("apify1", None), strict=True):
            held = actor_runs.claim(tx, run.id, owner="t", now=NOW, until=NOW + timedelta(seconds=9))
            assert held is not None
            state = ActorRunState.INGESTING if apify_run_id else ActorRunState.FAILED
            actor_runs.move(
                tx,
                held,
                state,
                now=NOW,
                next_check_at=None,
                apify_run_id=apify_run_id,
                parked_at=NOW,
                parked_error="it said <b>no</b>",
            )
    page = operator.get("/dead-letters")
    assert "it said &lt;b&gt;no&lt;/b&gt;" in page
    assert f"{runs[0].client_run_id} , batch 1" in text_of(page)
    first, second = (f'href="/dead-letters/{run.id}/' for run in runs)
    assert f"{first}replay" in page
    assert f"{first}discard" in page
    assert f"{second}replay" not in page, "nothing was started: there is nothing to try again"
    assert f"{second}discard" in page
