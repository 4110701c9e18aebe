"""Canary: a few leads harvested with one post each, to see that everything works before all are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from harvester.errors import HarvesterError
from harvester.models import LeadAnswer
from services.kickoff import Order
from services.preview import Previews

#: Posts that are asked for per profile.
POSTS: Final = 1
_ANSWERS: Final = (LeadAnswer.POSTS, LeadAnswer.NONE)


class NothingToTry(HarvesterError):
    """A client may not be harvested now, or no lead of it is due."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for beside posts: so many comments and reactions for each at the most."""

    comments: int = 0
    reactions: int = 0

    @property
    def items(self) -> int:
        """Items that may come for one profile."""
        return POSTS * (1 + self.comments + self.reactions)


def order_for(previews: Previews, client_id: str, count: int, *, by: str) -> Order:
    """Order the first leads of a client that are due, with one post each, on behalf of `by`.

    Raises `NothingToTry`, and what a kickoff raises.
    """
    found = previews.first_due(client_id, count)
    if found.skip is not None:
        raise NothingToTry(f"nothing is started for {client_id}: {found.skip.reason}")
    if found.paused is not None:
        raise NothingToTry(f"nothing is started for {client_id}: {found.paused}")
    if not found.leads:
        raise NothingToTry(f"no lead of {client_id} is due")
    urls = [lead.profile_url for lead in found.leads]
    return Order(client_id, target_urls=urls, max_posts=POSTS, by=by)


def report(
    run: dict[str, Any], profiles: Sequence[dict[str, Any]], ordered: Sequence[str], asked: Asked
) -> dict[str, Any]:
    """Sum up a canary from its client run and coverage, as they are shown.

    Of the `ordered` profiles those that never went to Apify are not covered, and not answered. `costUsd` of a
    profile is its even share of its actor run; `moreThanAsked`: more posts came for it, or more items in all,
    than were asked for. That is charged, too.
    """
    of_run = {one["actorRunId"]: one for one in run["actorRuns"]}
    rows = [_profile(one, of_run.get(one["actorRunId"]), asked) for one in profiles]
    covered = {one["linkedinProfileUrl"] for one in profiles}
    rows += [_never_asked(run, url) for url in ordered if url not in covered]
    return {
        "clientRunId": run["clientRunId"],
        "clientId": run["clientId"],
        "status": run["status"],
        "costUsd": run["metrics"]["apifyCostUsd"],
        "allAnswered": bool(rows) and all(row["answer"] in _ANSWERS for row in rows),
        "moreThanAsked": any(row["moreThanAsked"] for row in rows),
        "profiles": rows,
    }


def _never_asked(run: dict[str, Any], url: str) -> dict[str, Any]:
    told = {one["error"]: None for one in run["actorRuns"] if one["actorRunId"] is None and one["error"]}
    return {
        "linkedinProfileUrl": url,
        "answer": None,
        "reason": "; ".join(told) or "it was not asked for at Apify yet",
        "posts": 0,
        "costUsd": None,
        "moreThanAsked": False,
    }


def _profile(one: dict[str, Any], actor_run: dict[str, Any] | None, asked: Asked) -> dict[str, Any]:
    cost = None if actor_run is None or actor_run["costUsd"] is None else actor_run["costUsd"]
    items = 0 if actor_run is None else actor_run["items"] - asked.items * actor_run["profiles"]
    return {
        "linkedinProfileUrl": one["linkedinProfileUrl"],
        "answer": one["answer"],
        "reason": one["reason"],
        "posts": one["postsFound"],
        "costUsd": None if cost is None or actor_run is None else cost / actor_run["profiles"],
        "moreThanAsked": one["postsFound"] > POSTS or items > 0,
    }
