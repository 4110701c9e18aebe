"""Lots: the actor runs that one batch of leads becomes, where its actor takes so few profiles at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from harvester.errors import InvalidInput
from harvester.models import ActorRun, Client
from harvester.normalise import actor_of

A = TypeVar("A")


def actor_id_of(client: Client, usual: str) -> str:
    """Give the actor that harvests for a client: its own, or the `usual` one, which is the setting's."""
    return client.actor_id or usual


def at_once(actor_id: str) -> int | None:
    """Say how many profiles one run of an actor takes at the most; None: any number.

    Nor is there a bound for an actor that is not known (any more): its start is given up, with the reason.
    """
    try:
        return actor_of(actor_id).profiles_at_once
    except InvalidInput:
        return None


def brings_companions(actor_id: str) -> bool:
    """Say whether an actor brings comments and reactions, and charges them, where they are asked for."""
    try:
        return actor_of(actor_id).brings_companions
    except InvalidInput:
        return False


def split(batch: Sequence[A], actor_id: str) -> list[Sequence[A]]:
    """Part a batch into what each actor run of its lot takes."""
    size = at_once(actor_id) or max(1, len(batch))
    return [batch[i : i + size] for i in range(0, len(batch), size)]


def runs_for(profiles: int, actor_id: str) -> int:
    """Count the actor runs that a batch of so many profiles becomes."""
    return -(-profiles // (at_once(actor_id) or max(1, profiles)))


def batches_in(found: Iterable[ActorRun]) -> int:
    """Count the batches that the actor runs of one client run are: a lot is one, however many it has."""
    return len({run.batch if run.lot is None else run.lot for run in found})
