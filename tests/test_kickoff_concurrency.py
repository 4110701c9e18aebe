"""Kickoffs at once, from several processes with many threads each: as if they had come one by one."""

from __future__ import annotations

import multiprocessing
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier

import pytest
from factories import CLIENT_ID, NOW, RUN_ID, FakeClock, make_client, make_leads, make_limits, opened
from sqlalchemy import func, select

from harvester.ledger import Ledger, actor_runs, client_runs, job_tables, tables
from harvester.run_ids import candidates
from services.kickoff import Answer, Kickoff, Order

PROCESSES = 4
THREADS = 16
TOTAL = PROCESSES * THREADS
Outcome = tuple[str, Answer | str]


def kick_off_in_threads(
    url: str, orders: Sequence[Order], together: Barrier, outcomes: SimpleQueue[Outcome]
) -> None:
    """Be one process: send each order from a thread of its own, all at the same moment."""
    with opened(url, lock_seconds=60) as ledger:  # the last of them waits for all others
        kickoff = Kickoff(ledger, make_limits(), FakeClock())

        def go(order: Order) -> None:
            try:
                together.wait()
                outcomes.put((order.client_id, kickoff(order)))
            except Exception as error:
                outcomes.put((order.client_id, f"{type(error).__name__}: {error}"))

        threads = [threading.Thread(target=go, args=(order,)) for order in orders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def kick_off(ledger: Ledger, orders: Sequence[Order]) -> list[Answer]:
    """Send the orders from several processes at once, and give the answers to all of them."""
    url = ledger.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(len(orders), timeout=60)
    with closing(context.SimpleQueue()) as outcomes:
        processes = [
            context.Process(
                target=kick_off_in_threads, args=(url, orders[i::PROCESSES], together, outcomes), daemon=True
            )
            for i in range(PROCESSES)
        ]
        for process in processes:
            process.start()
        found: list[Outcome] = [outcomes.get() for _ in orders]
        for process in processes:
            process.join()
            process.close()
    failed = [outcome for _, outcome in found if isinstance(outcome, str)]
    assert failed == []
    return [answer for _, answer in found if isinstance(answer, Answer)]


def leads_in_batches(ledger: Ledger) -> Counter[int]:
    with ledger.read() as tx:
        return Counter(tx.execute(select(tables.lead_outcomes.c.lead_id)).scalars())


@pytest.mark.slow
@pytest.mark.parametrize("run_id", [None, RUN_ID], ids=["minted", "given"])
def test_of_64_kickoffs_of_one_client_one_is_accepted(ledger: Ledger, run_id: str | None) -> None:
    make_client(ledger, daily_target=60, batch_size=10)
    make_leads(ledger, count=40)
    answers = kick_off(ledger, [Order(CLIENT_ID, run_id=run_id)] * TOTAL)
    assert Counter(answer.outcome for answer in answers) == {"accepted": 1, "run_in_progress": TOTAL - 1}
    assert {answer.client_run_id for answer in answers} == {f"{RUN_ID}-{CLIENT_ID}"}
    with ledger.read() as tx:
        assert len(client_runs.page(tx, limit=100)[0]) == 1
        assert tx.execute(select(func.count()).select_from(job_tables.job_runs)).scalar_one() == 1
        batches = actor_runs.of_client_run(tx, f"{RUN_ID}-{CLIENT_ID}")
    assert [(run.batch, run.profiles) for run in batches] == [(1, 10), (2, 10), (3, 10)]
    assert leads_in_batches(ledger).total() == 30
    assert set(leads_in_batches(ledger).values()) == {1}


@pytest.mark.slow
def test_64_kickoffs_with_one_key_have_one_answer(ledger: Ledger) -> None:
    make_client(ledger)
    answers = kick_off(ledger, [Order(CLIENT_ID, idempotency_key="cron")] * TOTAL)
    assert set(answers) == {Answer("accepted", CLIENT_ID, RUN_ID, f"{RUN_ID}-{CLIENT_ID}")}


@pytest.mark.slow
def test_64_clients_in_one_second_get_64_run_ids(ledger: Ledger) -> None:
    names = [f"client-{i:02}" for i in range(TOTAL)]
    for name in names:
        make_client(ledger, name)
        make_leads(ledger, name, 2)
    answers = kick_off(ledger, [Order(name) for name in names])
    assert {answer.outcome for answer in answers} == {"accepted"}
    assert sorted(answer.run_id or "" for answer in answers) == list(islice(candidates(NOW), TOTAL))
    assert sorted(answer.client_id for answer in answers) == names
    assert leads_in_batches(ledger).total() == 2 * TOTAL
    assert set(leads_in_batches(ledger).values()) == {1}
