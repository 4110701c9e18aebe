"""From the items that an actor's dataset holds to posts: one module per actor's item shape."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from harvester.errors import InvalidInput
from harvester.normalise import harvestapi
from harvester.posts import Companion, NoPosts, Post, Reject

__all__ = ["KNOWN_ACTORS", "Normaliser", "Outcome", "normaliser_for"]

#: What one item becomes.
Outcome = Post | Reject | NoPosts | Companion
#: Takes any JSON value and never raises.
Normaliser = Callable[[object], Outcome]

KNOWN_ACTORS = MappingProxyType({"harvestapi/linkedin-profile-posts": harvestapi.normalise})


def normaliser_for(actor_id: str) -> Normaliser:
    """The normaliser of an actor's items; `actor_id` is `user/name` or, as in Apify's URLs, `user~name`.

    Raises `InvalidInput` (code `unknown_actor`) for an actor whose items this project cannot read.
    """
    known = KNOWN_ACTORS.get(actor_id.strip().replace("~", "/").lower())
    if known is None:
        raise InvalidInput(
            f"No normaliser is known for the actor {actor_id[:100]!r}; known: {', '.join(KNOWN_ACTORS)}.",
            code="unknown_actor",
        )
    return known
