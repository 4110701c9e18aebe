"""What this project knows of an actor: how it is asked, and how its items are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from harvester.errors import InvalidInput
from harvester.posts import Companion, NoPosts, Post, Reject

#: What one item becomes.
Outcome = Post | Reject | NoPosts | Companion
#: Takes any JSON value and never raises.
Normaliser = Callable[[object], Outcome]


@dataclass(frozen=True, slots=True)
class Ask:
    """What is wanted of one actor run.

    `posted_limit`: how old posts may be, in harvestapi's words (`any`, `1h`, `24h`, `week`, `month`,
    `3months`, `6months`, `year`). `max_comments` and `max_reactions` are those of each post; 0: none.
    `today` is the day in UTC.
    """

    target_urls: Sequence[str]
    max_posts: int
    posted_limit: str
    max_comments: int
    max_reactions: int
    today: date

    def __post_init__(self) -> None:
        """Refuse what some actor would take for no limit. Raises `ValueError`."""
        if self.max_posts < 1:
            raise ValueError("max_posts must be positive: actors take 0 for no limit")


@dataclass(frozen=True, slots=True)
class Actor:
    """An actor by its ID, `user/name` in lower case.

    `asks` builds its input; None where it cannot be started, for which `why_not` gives the reason: what it
    has brought can still be read. `profiles_at_once`: the most that one actor run takes; None: any number.
    `brings_companions`: comments and reactions come with its posts, if asked for, and are charged.
    """

    actor_id: str
    normalise: Normaliser
    asks: Callable[[Ask], dict[str, Any]] | None
    why_not: str = ""
    profiles_at_once: int | None = None
    brings_companions: bool = False

    def input_for(self, ask: Ask) -> dict[str, Any]:
        """Build the input. Raises `InvalidInput` (code `actor_not_startable`) if it cannot be started."""
        if self.asks is None:
            raise InvalidInput(
                f"The actor {self.actor_id} cannot be started: {self.why_not}.", code="actor_not_startable"
            )
        return self.asks(ask)
