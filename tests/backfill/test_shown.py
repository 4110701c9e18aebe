"""What a foreign dataset leaves behind is shown as any post is, and nothing else anywhere."""

from __future__ import annotations

import pytest
from factories import NOW, found, make_client, make_leads, make_post
from pages.conftest import operator as operator
from pages.conftest import page_web as page_web
from pages.operator import Operator
from web.asking import Web

from harvester.ledger import backfills, posts

CLIENT = "Guy-Wilson"
DATASET = "WkzbQMuFYuamGv3YF"


@pytest.fixture
def post_id(page_web: Web) -> int:
    """A post of a dataset that nobody of us has filled."""
    make_client(page_web.ledger, CLIENT)
    (lead,) = make_leads(page_web.ledger, CLIENT, 1)
    with page_web.ledger.write() as tx:
        unsaved = backfills.unsaved_run(CLIENT, DATASET, "harvestapi/linkedin-profile-posts", NOW)
        posts.store(tx, backfills.saved_run(tx, unsaved), [found(make_post(), lead)], now=NOW)
        (row,), _ = posts.page(tx, limit=1)
    return int(row["id"])


def test_every_page_and_answer_bears_it(page_web: Web, operator: Operator, post_id: int) -> None:
    page = operator.get(f"/posts/{post_id}")
    assert DATASET in page
    assert 'href="/runs/' not in page
    for path in ("/", "/posts", "/clients", f"/clients/{CLIENT}", "/runs", "/jobs", "/actors", "/activity"):
        operator.get(path)
    (post,) = page_web.get("/api/posts").json["posts"]
    assert (post["clientId"], post["actorRunId"]) == (CLIENT, None)
    for path in ("/api/runs", "/api/jobs", "/api/costs", "/api/actors", f"/api/clients/{CLIENT}/preview"):
        assert page_web.get(path).status_code == 200
    assert page_web.get("/api/runs").json["runs"] == []
    assert page_web.get("/api/posts.csv").status_code == page_web.get("/api/posts.jsonl").status_code == 200
    assert page_web.get("/metrics").status_code == 200
