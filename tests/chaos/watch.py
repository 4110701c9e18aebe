"""Looks at the ledger once a second while everything breaks: what must never be, must not be for a moment."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import select

from harvester.errors import LedgerUnavailable
from harvester.ledger import Ledger, Tx
from harvester.ledger.tables import actor_runs, client_runs, lead_outcomes

from .callers import Caller, called

_OVER = ("ingested", "failed")


@dataclass
class Watch:
    """Samples until it is told to stop."""

    ledger: Ledger
    url: str
    callers: Sequence[Caller]
    over: threading.Event
    samples: int = 0
    wrongs: set[str] = field(default_factory=set)
    _ended: dict[str, str] = field(default_factory=dict)
    _apify_ids: dict[int, str] = field(default_factory=dict)

    def __call__(self) -> None:
        """Take a sample a second."""
        while not self.over.wait(1.0):
            promised = [full_id for caller in self.callers for full_id in caller.accepted]
            with suppress(LedgerUnavailable), self.ledger.read() as tx:
                self._records(tx, promised)
                self._batches(tx)
                self.samples += 1
            self._forge()

    def _records(self, tx: Tx, promised: list[str]) -> None:
        rows = tx.execute(select(client_runs.c.client_run_id, client_runs.c.status)).all()
        counts = Counter(row.client_run_id for row in rows)
        self.wrongs |= {f"I1: {one} has {counts[one]} records" for one in promised if counts[one] != 1}
        for row in rows:
            before = self._ended.get(row.client_run_id, row.status)
            if before != row.status:
                self.wrongs.add(f"I8: {row.client_run_id} went from {before} to {row.status}")
            if row.status != "Running":
                self._ended[row.client_run_id] = row.status

    def _batches(self, tx: Tx) -> None:
        columns = (actor_runs.c.id, actor_runs.c.state, actor_runs.c.apify_run_id)
        for row in tx.execute(select(*columns).where(actor_runs.c.apify_run_id.is_not(None))):
            before = self._apify_ids.setdefault(row.id, row.apify_run_id)
            if before != row.apify_run_id:
                self.wrongs.add(f"I7: row {row.id} gave up {before} for {row.apify_run_id}")
        still_open = select(lead_outcomes.c.lead_id).join(
            actor_runs, actor_runs.c.id == lead_outcomes.c.actor_run_id
        )
        busy = Counter(tx.execute(still_open.where(actor_runs.c.state.not_in(_OVER))).scalars())
        self.wrongs |= {f"I14: lead {lead} is in {n} open batches" for lead, n in busy.items() if n > 1}

    def _forge(self) -> None:
        """Nobody without a token gets anything but a refusal."""
        body = b'{"eventType":"ACTOR.RUN.SUCCEEDED","resource":{"id":"forged"}}'
        for path in ("/api/apify-webhook", "/api/apify/process-client?clientId=Aurora"):
            status, _ = called(self.url + path, body, token="forged-token-of-the-chaos-run")
            if status is not None and status != 401 and status < 500:
                self.wrongs.add(f"I11: a forged call of {path} was answered {status}")
