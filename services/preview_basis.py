"""What a preview knows of a client before it looks at its leads."""

from __future__ import annotations

from dataclasses import dataclass

from harvester.models import Client
from services import lots
from services.eligibility import Skip
from services.kickoff import Order


@dataclass(frozen=True, slots=True)
class Basis:
    """What is known of a client before its leads are looked at: how many profiles and batches it may have."""

    order: Order
    client: Client
    actor_id: str
    skip: Skip | None
    posts: int
    profiles: int
    batches: int
    paused: str | None

    def runs_behind(self, batches: int) -> int:
        """Count the actor runs that so many batches may be whose leads are not known."""
        return batches * lots.runs_for(self.client.batch_size, self.actor_id)

    @property
    def looked_for(self) -> int:
        """As many leads as tell how many batches there can be: each that follows has one at least."""
        return self.profiles + self.batches
