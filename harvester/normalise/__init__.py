"""From the items that an actor's dataset holds to posts: one module per actor, all of them named here."""

from __future__ import annotations

from types import MappingProxyType

from harvester.errors import InvalidInput
from harvester.normalise import apimaestro, curious_coder, harvestapi, supreme_coder
from harvester.normalise.actor import Actor, Ask, Normaliser, Outcome

__all__ = ["ACTORS", "STARTABLE", "Actor", "Ask", "Normaliser", "Outcome", "actor_of", "startable"]

#: The actors whose items this project can read, by ID.
ACTORS = MappingProxyType(
    {
        actor.actor_id: actor
        for actor in (
            harvestapi.PROFILE_POSTS,
            apimaestro.PROFILE_POSTS,
            apimaestro.COMPANY_POSTS,
            apimaestro.POST_DETAIL,
            supreme_coder.POSTS,
            curious_coder.POST_SEARCH,
        )
    }
)
#: Those of them that it can start.
STARTABLE = tuple(actor_id for actor_id, actor in ACTORS.items() if actor.asks is not None)


def actor_of(actor_id: str) -> Actor:
    """Give what is known of an actor; `actor_id` is `user/name` or, as in Apify's URLs, `user~name`.

    Raises `InvalidInput` (code `unknown_actor`) for an actor whose items this project cannot read.
    """
    known = ACTORS.get(actor_id.strip().replace("~", "/").lower())
    if known is None:
        raise InvalidInput(
            f"No normaliser is known for the actor {actor_id[:100]!r}; known: {', '.join(ACTORS)}.",
            code="unknown_actor",
        )
    return known


def startable(actor_id: str) -> Actor:
    """Give an actor that harvests profiles. Raises `InvalidInput`, with the reason, for any other."""
    known = actor_of(actor_id)
    if known.asks is None:
        raise InvalidInput(
            f"The actor {known.actor_id} cannot be started: {known.why_not}; "
            f"those that can: {', '.join(STARTABLE)}.",
            code="actor_not_startable",
        )
    return known
