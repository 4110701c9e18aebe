"""An agency that has been at work for weeks: its clients, and who harvested what and when."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

CLIENTS: Final = 1_000
DAYS: Final = 20
LEADS: Final = 10
#: Client runs of the last day that are at work.
AT_WORK: Final = 40


@dataclass(frozen=True)
class Run:
    """One client run and its actor run, which has the same number."""

    id: int
    client: int
    day: int
    at: datetime
    run_id: str

    @property
    def client_id(self) -> str:
        """Whose it is."""
        return name_of(self.client)

    @property
    def full_id(self) -> str:
        """What it is called."""
        return f"{self.run_id}-{self.client_id}"

    @property
    def apify_id(self) -> str:
        """What Apify calls its actor run."""
        return f"Run{self.id:014d}"

    @property
    def live(self) -> bool:
        """True for one that is at work."""
        return self.day == DAYS - 1 and self.client < AT_WORK

    @property
    def status(self) -> str:
        """How it ended, if it has."""
        if self.live:
            return "Running"
        return {0: "Failed", 1: "Completed with Errors", 2: "Cancelled"}.get(self.id * 7 % 50, "Completed")

    @property
    def a_day_later(self) -> Run:
        """Give the next run of this client."""
        at = self.at + timedelta(days=1)
        return Run(self.id + CLIENTS, self.client, self.day + 1, at, f"{at:%y%m%d-%H%M%S}")

    @property
    def leads(self) -> range:
        """Numbers of its leads."""
        return range(self.client * LEADS + 1, (self.client + 1) * LEADS + 1)


def name_of(client: int) -> str:
    """Give the ID of a client by its number."""
    return f"Client-{client:04d}"


def url_of(lead: int) -> str:
    """Give the profile URL of a lead by its number."""
    return f"https://www.linkedin.com/in/lead-{lead:06d}"


def runs(now: datetime) -> Iterator[Run]:
    """Give all client runs, the oldest first."""
    for day, client in itertools.product(range(DAYS), range(CLIENTS)):
        at = now - timedelta(days=DAYS - 1 - day, minutes=30)
        yield Run(day * CLIENTS + client + 1, client, day, at, f"{at:%y%m%d-%H%M%S}")


def numbered(now: datetime, posts: int) -> Iterator[tuple[Run, range]]:
    """Give each run with the numbers of the posts that it found, of so many in all."""
    each = posts // (CLIENTS * DAYS)
    for run in runs(now):
        yield run, range((run.id - 1) * each + 1, run.id * each + 1)
