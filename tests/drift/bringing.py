"""Actor runs that have brought something, without anything being started."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from factories import NOW, make_client, make_leads, make_run

from harvester.ledger import Ledger, actor_outputs, pauses, posts
from harvester.ledger.actor_outputs import Look
from harvester.ledger.pauses import Pause
from harvester.ledger.posts import Refused
from harvester.models import ActorRun, LeadAnswer, Target
from harvester.posts import Reject, RejectReason
from services import drift
from services.drift_looks import fields_of
from services.outcome import Heard

ACTOR = "harvestapi/linkedin-profile-posts"
ITEM = {"id": "1", "content": "words", "author": {"name": "Ann"}, "postedAt": {"timestamp": 1}}
OTHER_ITEM = {"ref": 1, "content": ["words"], "author": {"name": "Ann"}}


class Bringing:
    """Brings outputs, one actor run after another, each a minute later and for a client of its own."""

    def __init__(self, ledger: Ledger, now: datetime = NOW) -> None:
        self.ledger = ledger
        self.now = now
        self.runs: list[ActorRun] = []

    def __call__(
        self, good: int, bad: int = 0, *, errors: int = 0, undated: int = 0, item: Any = ITEM
    ) -> ActorRun:
        """Bring so many items that are posts, that nobody understands, and that are errors."""
        self.now += timedelta(minutes=1)
        client_id = f"Client-{len(self.runs)}"
        make_client(self.ledger, client_id)
        leads = make_leads(self.ledger, client_id, 1)
        (planned,) = make_run(self.ledger, [leads], client_id=client_id, now=self.now)
        items = good + bad + errors
        run = replace(planned, cursor=items)
        self.runs.append(run)
        look = Look(items, good, 0, errors, bad, 0, undated, fields=fields_of([item] * min(items, 20)))
        reasons = [RejectReason.UNKNOWN_TYPE] * bad + [RejectReason.ERROR_ITEM] * errors
        answer = LeadAnswer.POSTS if good else LeadAnswer.ERROR
        heard = [Heard(Target(leads[0].id, leads[0].profile_url, None, 0), good, answer, None)]
        with self.ledger.write() as tx:
            refused = [Refused(at, Reject(why, "?"), None, '{"a": 1}') for at, why in enumerate(reasons)]
            posts.store_rejects(tx, run, refused)
            actor_outputs.count(tx, run, look, anew=True)
            drift.judge(tx, run, heard, now=self.now)
        return run

    def pause(self) -> Pause | None:
        """Give the pause of the actor."""
        with self.ledger.read() as tx:
            return pauses.get(tx, pauses.of_actor(ACTOR))
