"""Deliveries on the page: narrowed, one with all it brought, and no secret in it."""

from __future__ import annotations

import json
from html import unescape

import pytest
from factories import NOW
from web.asking import Web, ended

from harvester.ledger import deliveries
from harvester.models import DeliveryOutcome

from .operator import Operator, text_of

SECRETS = (
    "apify_api_AbCdEfGhIjKlMnOpQrStUvWxYz0123",
    "ph_4k9x2m7p1q8z_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdefg",
    "ph1.0123abcd.intent.1.Ada.AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdefg",
    "patAbCdEfGhIjKlMn.0123456789abcdef0123456789abcdef",
    "Bearer abcdefghij.klmnop",
    "tok-0123456789",
)


def kept(
    web: Web, body: object, headers: dict[str, str], outcome: DeliveryOutcome = DeliveryOutcome.ACCEPTED
) -> None:
    """Store a delivery as an older version, or a careless one, might have."""
    with web.ledger.write() as tx:
        assert deliveries.store(
            tx,
            dispatch_key=f"k{body}{outcome}",
            dispatch_id="d",
            event_type="ACTOR.RUN.SUCCEEDED",
            apify_run_id="r",
            actor_run_id=None,
            client_id=None,
            outcome=outcome,
            headers=headers,
            body=body if isinstance(body, str) else json.dumps(body),
            now=NOW,
        )


def test_a_delivery_is_found_by_its_outcome_its_actor_run_and_its_client_run(
    page_web: Web, operator: Operator
) -> None:
    run = page_web.at_work()
    assert "No webhook call has come yet" in text_of(operator.get("/deliveries"))
    page_web.hook(ended(), token=page_web.sign(run), dispatch="first")
    page_web.hook(ended(event="ACTOR.RUN.CREATED"), token=page_web.sign(run), dispatch="second")
    kept(page_web, "{}", {}, DeliveryOutcome.UNKNOWN_RUN)

    def numbers(query: str) -> list[str]:
        return [
            part.split('"')[0] for part in operator.get(f"/deliveries{query}").split('href="/deliveries/')[1:]
        ]

    assert numbers("") == ["3", "2", "1"]
    assert numbers("?outcome=ignored") == ["2"]
    assert numbers("?outcome=unknown_run") == ["3"]
    assert numbers("?actorRunId=r") == ["3"]
    assert numbers(f"?clientRunId={run.client_run_id}") == ["2", "1"]
    assert numbers(f"?clientRunId={run.client_run_id}&outcome=accepted") == ["1"]
    assert numbers("?clientRunId=nobody") == []
    told = text_of(operator.get("/deliveries/1"))
    assert f"Client run {run.client_run_id} , batch 1" in told
    assert '"eventType": "ACTOR.RUN.SUCCEEDED"' in told
    assert 'href="/deliveries/1/replay"' in operator.get("/deliveries/1")
    assert 'href="/deliveries/2/replay"' not in operator.get("/deliveries/2")
    assert operator.get("/deliveries/77", status=404)


@pytest.mark.parametrize("secret", SECRETS[:-1])
def test_a_token_is_known_by_its_form_where_nothing_names_it(
    page_web: Web, operator: Operator, secret: str
) -> None:
    kept(page_web, {"note": f"I have sent {secret}, twice"}, {"User-Agent": f"curl/8 {secret}"})
    page = operator.get("/deliveries/1")
    assert "twice" in page
    assert secret not in unescape(page)


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_shown_whatever_was_stored(page_web: Web, operator: Operator, secret: str) -> None:
    body = {
        "apiToken": secret,
        "note": f"see https://x.example/?token={secret}&a=b",
        "deep": [{"Authorization": secret}],
    }
    kept(page_web, body, {"Authorization": secret, "X-Apify-Token": secret, "User-Agent": "Apify <b>"})
    kept(page_web, f'no JSON "password={secret}" https://x/?api_key={secret}', {"Cookie": secret})
    for number in (1, 2):
        page = operator.get(f"/deliveries/{number}")
        assert "(redacted)" in page
        assert secret not in unescape(page)
    assert "Apify &lt;b&gt;" in operator.get("/deliveries/1")


def test_a_repeated_delivery_is_listed_once(page_web: Web, operator: Operator) -> None:
    run = page_web.at_work()
    for _ in range(3):
        page_web.hook(ended(), token=page_web.sign(run), dispatch="same")
    assert operator.get("/deliveries").count('href="/deliveries/1"') == 1


def test_of_an_actor_run_that_is_not_ours_it_says_what_to_do(page_web: Web, operator: Operator) -> None:
    run = page_web.at_work()
    for dispatch, result in (
        ("first", "ended SUCCEEDED"),
        ("second", "quarantined: actor run r is another's"),
    ):
        page_web.hook(ended(), token=page_web.sign(run), dispatch=dispatch)
        with page_web.ledger.write() as tx:
            unread = deliveries.unread(tx, run.id)
            deliveries.processed(tx, run.id, seen=unread, result=result, now=NOW)
    assert "What to do" not in operator.get("/deliveries/1")
    assert "change WEBHOOK_SECRETS" in text_of(operator.get("/deliveries/2"))
