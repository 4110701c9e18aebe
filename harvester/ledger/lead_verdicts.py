"""What actor runs found for leads, written for all leads of a batch in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from sqlalchemy import Integer, String, Update, and_, bindparam, case, func, not_, null, or_, update

from harvester.ledger.database import Tx
from harvester.ledger.leads import MOST_UNANSWERED
from harvester.ledger.mirroring import Kind
from harvester.ledger.tables import leads
from harvester.ledger.types import Utc
from harvester.models import LeadAnswer, LeadStatus

_UNANSWERED: Final = (LeadAnswer.ERROR, LeadAnswer.SILENT)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an actor run found for a lead; `posts_found` None leaves the last count.

    `answer` is what it tells about it now, `before` what it told when it was last looked at: one that had no
    word counts once, however often it is looked at. If that this is the profile's doing is not `proved`, the
    lead is not given up over it.
    """

    lead_id: int
    status: LeadStatus
    posts_found: int | None
    answer: LeadAnswer | None = None
    proved: bool = True
    before: LeadAnswer | None = None

    @property
    def reached(self) -> str:
        """Say in a word of `_decided` what it means for whether the lead is reached."""
        if self.answer in (LeadAnswer.POSTS, LeadAnswer.NONE):
            return "reached"
        if self.answer is None or self.before in _UNANSWERED:
            return "as before"
        return "unreached" if self.proved else "in doubt"


def decide(tx: Tx, verdicts: Sequence[Verdict], *, client_run_id: str, now: datetime) -> None:
    """Write what a client run found for leads that it claimed.

    A lead that a later client run has claimed since is that one's, and stays as it is: an actor run can end
    late, or a second time. One that is `Done` stays so: another actor run of its batch has found posts.
    """
    tx.owe(Kind.LEAD, *(verdict.lead_id for verdict in verdicts))
    changes = [
        {
            "which": verdict.lead_id,
            "claimed_by": client_run_id,
            "is_now": verdict.status,
            "found": verdict.posts_found,
            "reached": verdict.reached,
            "now": now,
        }
        for verdict in verdicts
    ]
    if changes:
        tx.execute(_decided(), changes)


@cache
def _decided() -> Update:
    reached, is_now = bindparam("reached", type_=String), bindparam("is_now", type_=String)
    now, found = bindparam("now", type_=Utc), bindparam("found", type_=Integer)
    tries, times, since = leads.c.unanswered + 1, leads.c.unanswered, leads.c.unreachable_at
    last = tries >= MOST_UNANSWERED
    in_doubt, given_up = and_(reached == "in doubt", last), and_(reached == "unreached", last)
    stays_done = and_(leads.c.status == LeadStatus.DONE, is_now != LeadStatus.DONE)
    claimed = and_(
        leads.c.id == bindparam("which"), leads.c.client_run_id == bindparam("claimed_by", type_=String)
    )
    changed = update(leads).where(claimed, or_(leads.c.status.is_(None), not_(stays_done)))
    return changed.values(
        status=is_now,
        last_check_at=now,
        posts_found_last_run=func.coalesce(found, leads.c.posts_found_last_run),
        unanswered=case(
            (reached == "reached", 0), (reached == "as before", times), (in_doubt, times), else_=tries
        ),
        unreachable_at=case(
            (reached == "reached", null()), (given_up, func.coalesce(since, now)), else_=since
        ),
    )
