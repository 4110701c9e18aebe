"""What a row of the table of threats is made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Proof:
    """A test, as pytest names it without parameters, and the name of the control without which it fails."""

    test: str
    without: str


@dataclass(frozen=True, slots=True)
class Threat:
    """One threat: `id` is T and a number; `name` and `control` are a phrase each, for people."""

    id: str
    name: str
    control: str
    proofs: tuple[Proof, ...]
