"""Every page and list of a big ledger that only reads, and what their parameters are drawn from."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import big_history

_WORDS: Final = ("team", "years", "people", "we hire", "custom", "the", "growth team", "zzzz")


@dataclass(frozen=True)
class Draw:
    """What parameters are drawn from."""

    chance: random.Random
    runs: Sequence[big_history.Run]
    posts: int

    @property
    def run(self) -> big_history.Run:
        """Draw a client run."""
        return self.chance.choice(self.runs)

    @property
    def client(self) -> str:
        """Draw a client."""
        return self.run.client_id

    @property
    def post(self) -> int:
        """Draw a post."""
        return self.chance.randint(1, self.posts)

    @property
    def words(self) -> str:
        """Draw words that many posts have, or few, or none."""
        return self.chance.choice([*_WORDS, f"no{self.post}"]).replace(" ", "+")

    @property
    def day(self) -> str:
        """Draw a day of the last year."""
        newest = self.runs[-1].at
        return f"{newest - timedelta(days=self.chance.randrange(365)):%Y-%m-%d}"

    @property
    def lead(self) -> str:
        """Draw a lead."""
        return big_history.url_of(self.chance.choice(self.run.leads))


Address = Callable[[Draw], str]
#: Every page and list that only reads: what is asked for, and how its parameters are drawn. Files that stream
#: all that is found have no place here: they last as long as they are.
PAGES: Final[dict[str, Address]] = {
    "now": lambda d: "/",
    "clients": lambda d: f"/clients?cursor={d.client}",
    "clients by name": lambda d: f"/clients?q={d.client[:9]}",
    "a client": lambda d: f"/clients/{d.client}",
    "a client's leads": lambda d: f"/clients/{d.client}/leads",
    "client runs": lambda d: f"/runs?cursor={d.run.id}",
    "client runs by status": lambda d: f"/runs?status={d.run.status.replace(' ', '+')}",
    "client runs of a client": lambda d: f"/runs?clientId={d.client}",
    "a client run": lambda d: f"/runs/{d.run.full_id}",
    "its story": lambda d: f"/runs/{d.run.full_id}/story",
    "its profiles": lambda d: f"/runs/{d.run.full_id}/coverage",
    "its rejects": lambda d: f"/runs/{d.run.full_id}/rejects",
    "job runs": lambda d: "/jobs",
    "a job run of 1,000 clients": lambda d: f"/jobs/{d.run.run_id}",
    "posts": lambda d: f"/posts?cursor={d.post}",
    "posts by words": lambda d: f"/posts?q={d.words}",
    "posts by words and client": lambda d: f"/posts?q={d.words}&clientId={d.client}",
    "posts by words and time": lambda d: f"/posts?q={d.words}&postedTo={d.day}",
    "posts of a client": lambda d: f"/posts?clientId={d.client}",
    "posts of a lead": lambda d: f"/posts?lead={d.lead}",
    "posts of a client run": lambda d: f"/posts?clientRunId={d.run.full_id}",
    "posts by time": lambda d: f"/posts?postedTo={d.day}",
    "posts of a client by time": lambda d: f"/posts?clientId={d.client}&postedTo={d.day}",
    "a post": lambda d: f"/posts/{d.post}",
    "deliveries": lambda d: f"/deliveries?cursor={d.run.id}",
    "deliveries by outcome": lambda d: "/deliveries?outcome=unknown_run",
    "deliveries of a client run": lambda d: f"/deliveries?clientRunId={d.run.full_id}",
    "a delivery": lambda d: f"/deliveries/{d.run.id}",
    "dead letters": lambda d: "/dead-letters",
    "actors": lambda d: "/actors",
    "activity of people": lambda d: "/activity",
    "all activity": lambda d: f"/activity?operation=*&cursor={3 * d.run.id}",
    "activity of a client": lambda d: f"/activity?clientId={d.client}",
    "activity that failed": lambda d: "/activity?ok=false",
    "what a process of all costs": lambda d: "/process?whole=1",
    "whether to resume": lambda d: "/resume",
    "a kickoff's preview": lambda d: f"/clients/{d.client}/kickoff",
    "/api/runs": lambda d: f"/api/runs?limit=50&cursor={d.run.id}",
    "/api/runs of a job run, 1,000 rows": lambda d: f"/api/runs?limit=1000&runId={d.run.run_id}",
    "/api/runs/ID": lambda d: f"/api/runs/{d.run.full_id}",
    "/api/runs/ID/events": lambda d: f"/api/runs/{d.run.full_id}/events",
    "/api/runs/ID/coverage": lambda d: f"/api/runs/{d.run.full_id}/coverage",
    "/api/clients": lambda d: f"/api/clients?cursor={d.client}",
    "/api/clients/ID/preview": lambda d: f"/api/clients/{d.client}/preview",
    "/api/jobs": lambda d: "/api/jobs",
    "/api/jobs/ID": lambda d: f"/api/jobs/{d.run.run_id}",
    "/api/posts": lambda d: f"/api/posts?q={d.words}&clientId={d.client}",
    "/api/comments": lambda d: f"/api/comments?clientId={d.client}",
    "/api/reactions": lambda d: f"/api/reactions?cursor={max(2, d.post // 5)}",
    "/api/deliveries": lambda d: f"/api/deliveries?cursor={d.run.id}",
    "/api/activity": lambda d: f"/api/activity?clientId={d.client}",
    "/api/dead-letters": lambda d: "/api/dead-letters",
    "/api/alerts": lambda d: "/api/alerts",
    "/api/costs": lambda d: "/api/costs",
    "/api/costs of a client": lambda d: f"/api/costs?clientId={d.client}",
    "/api/actors": lambda d: "/api/actors",
    "/api/starts": lambda d: "/api/starts",
    "/api/schedule": lambda d: "/api/schedule",
    "/metrics": lambda d: "/metrics",
}
