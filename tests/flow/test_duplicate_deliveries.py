"""One delivery, five hundred times, over four connections, to a real gunicorn with two workers."""

from __future__ import annotations

import http.client
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from factories import make_client, make_leads
from web.asking import ended

from harvester.ledger import tables
from harvester.webhook_tokens import TokenSigner
from services import Services, build
from services.terms import WEBHOOK_PATH

from .processes import process

COPIES, CONNECTIONS = 500, 4
pytestmark = pytest.mark.slow


@pytest.fixture
def served(ledger_url: str, tmp_path: Path) -> Iterator[Services]:
    """Real web processes, and services of our own on the same ledger."""
    with process("serve", tmp_path, ledger_url, web_workers=2) as web:
        web.wait_until_ready()
        services = build(web.settings)
        try:
            yield services
        finally:
            services.close()


def kicked_off(services: Services) -> str:
    """Kick off over HTTP. Gives the token of the planned actor run's webhook."""
    make_client(services.ledger)
    make_leads(services.ledger)
    with closing(connected(services)) as connection:
        headers = {"Authorization": "Bearer test-api-token"}
        connection.request("POST", "/api/apify/process-client?clientId=Guy-Wilson", b"", headers)
        assert connection.getresponse().read()
    with services.ledger.read() as tx:
        (row,) = tx.execute(tables.actor_runs.select()).all()
    return TokenSigner(services.settings.webhook_secrets).sign(row.marker, 1, row.client_id)


def connected(services: Services) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(services.settings.public_url.removeprefix("http://"), timeout=60)


def test_one_effect(served: Services) -> None:
    headers = {
        "Authorization": f"Bearer {kicked_off(served)}",
        "X-Apify-Webhook-Dispatch-Id": "AbCdEfGhIjKlMnOpQ",
        "Content-Type": "application/json",
    }
    body = json.dumps(ended())

    def deliver(_: int) -> list[tuple[int, str]]:
        answers = []
        with closing(connected(served)) as connection:
            for _ in range(COPIES // CONNECTIONS):
                connection.request("POST", WEBHOOK_PATH, body, headers)
                answer = connection.getresponse()
                answers.append((answer.status, str(json.loads(answer.read())["outcome"])))
        return answers

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        answers = Counter(answer for part in pool.map(deliver, range(CONNECTIONS)) for answer in part)
    assert answers == {(200, "accepted"): 1, (200, "duplicate"): COPIES - 1}
    with served.ledger.read() as tx:
        (delivery,) = tx.execute(tables.deliveries.select()).all()
        (row,) = tx.execute(tables.actor_runs.select()).all()
    assert delivery.outcome == "accepted"
    assert (row.wakes, row.state) == (1, "planned")


def test_a_body_without_a_length_is_bounded(served: Services) -> None:
    token = kicked_off(served)
    pieces = (b"x" * 10_000 for _ in range(30))
    headers = {"Authorization": f"Bearer {token}", "Transfer-Encoding": "chunked"}
    with closing(connected(served)) as connection:
        connection.request("POST", WEBHOOK_PATH, pieces, headers, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (413, "body_too_large")
