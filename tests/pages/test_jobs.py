"""The pages of job runs."""

from __future__ import annotations

from factories import make_client, make_leads

from services.process import Ask

from .operator import Operator, text_of


def test_a_job_run_shows_what_was_decided_about_each_client(operator: Operator) -> None:
    services, ledger = operator.web.services, operator.web.ledger
    for number in range(3):
        make_client(ledger, f"Client-{number}")
    make_leads(ledger, "Client-0", count=2)
    make_client(ledger, "Other", service_level=1)
    answer = services.process.order(Ask(source="master_process"))
    page = operator.get(f"/jobs/{answer.run_id}")
    told = text_of(page)
    assert "all active clients" in told
    assert f'href="/runs/{answer.run_id}-Client-0"' in page
    assert "harvesting is not enabled for this client" in told
    assert 'data-refresh="5"' in page
    assert f'href="/jobs/{answer.run_id}"' in operator.get("/jobs")
    behind = text_of(operator.get(f"/jobs/{answer.run_id}?client=Client-1"))
    assert "Client-0" not in behind
    assert "Client-2" in behind


def test_a_kickoff_by_itself_is_a_job_run_too(operator: Operator) -> None:
    run = operator.web.at_work()
    base = run.client_run_id[:13]
    page = operator.get(f"/jobs/{base}")
    assert "one client" in text_of(page)
    assert f'href="/runs/{run.client_run_id}"' in page
