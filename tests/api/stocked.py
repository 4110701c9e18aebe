"""Something of everything: clients, client runs, posts, comments, deliveries, a job run, an alert."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from factories import (
    CLIENT_ID,
    NOW,
    RUN_ID,
    end_run,
    found,
    make_client,
    make_leads,
    make_post,
    make_run,
)
from pages.operator import page_settings
from sqlalchemy import update
from web.asking import Web, ended, opened_web

from harvester.ledger import companions, posts, tables
from harvester.ledger.companions import FoundCompanion
from harvester.models import ActorRunState
from harvester.posts import Companion, CompanionKind
from services.alerts import raise_alert

FULL_ID = f"{RUN_ID}-{CLIENT_ID}"


@contextmanager
def stocked(database_url: str) -> Iterator[Web]:
    """Open the application, its pages set up, on a fresh ledger with something of everything."""
    with opened_web(database_url, **page_settings()) as web:
        _stock(web)
        yield web


def _stock(web: Web) -> None:
    _harvested(web)
    for client_id in ("Ada", "Bo"):
        run = web.at_work(client_id, f"Run{client_id:0>14}")
        taken = web.hook(ended(run.apify_run_id or ""), token=web.sign(run), dispatch=f"d-{client_id}")
        assert taken.json["outcome"] == "accepted"
    make_client(web.ledger, "Closed", daily_target=0)
    assert web.post("/api/apify/process", {"source": "master_process"}).status_code == 202
    assert web.post("/api/smart-resume").status_code == 202
    with web.ledger.write() as tx:
        raise_alert(tx, "a matter", "Something is wrong. What to do: nothing", now=web.services.clock())


def _harvested(web: Web) -> None:
    """Store posts of one batch, and give the other one up."""
    make_client(web.ledger)
    leads = make_leads(web.ledger, count=2)
    first, second = make_run(web.ledger, [leads[:1], leads[1:]])
    made = [make_post(str(7_000_000_000_000_000_000 + number), text=f"text {number}") for number in range(5)]
    with web.ledger.write() as tx:
        posts.store(tx, first, [found(post, leads[0]) for post in made], now=NOW)
        companions.store(tx, first, [_said(kind, made[0].post_key) for kind in CompanionKind], now=NOW)
    end_run(web.ledger, first, now=NOW, cost_micros=40_000, cursor=5, apify_status="SUCCEEDED")
    end_run(web.ledger, second, ActorRunState.FAILED, now=NOW, error_code="data_gone", error="it is gone")
    rows = tables.actor_runs
    with web.ledger.write() as tx:
        parked = {"parked_at": NOW, "parked_error": "its dataset is gone"}
        tx.execute(update(rows).where(rows.c.id == second.id).values(**parked))


def _said(kind: CompanionKind, post_key: str) -> FoundCompanion:
    return FoundCompanion(Companion(kind, post_key, f"the {kind}", text="Well said", created_at=NOW), b"{}")
