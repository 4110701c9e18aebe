"""What makes one actor another: how it is asked, what its items look like, what it charges."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harvester.sandbox.apify.people import Scene, Target
from harvester.sandbox.apify.pricing import Tariff
from harvester.sandbox.apify.wire import ApiError


@dataclass(frozen=True)
class Asked:
    """What an INPUT asks for, whatever its words: so many posts of each target, after the first `skip`."""

    targets: Sequence[Target]
    #: None: all there are.
    most: int | None = None
    skip: int = 0
    #: The greatest age of a post, in seconds before the scene's anchor.
    oldest: float = float("inf")
    unwanted: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Kind:
    """One actor's ways. `post` gives an item from an invented post, as `posts.build_post` makes them."""

    title: str
    #: Refuses an INPUT. Raises `ApiError`.
    check: Callable[[Mapping[str, Any]], None]
    #: The targets as a checked INPUT has them.
    urls: Callable[[Mapping[str, Any]], tuple[str, ...]]
    asks: Callable[[Scene, Mapping[str, Any]], Asked]
    post: Callable[[Scene, Target, int, dict[str, Any]], Any]
    error: Callable[[Target], Any]
    tariff: Tariff
    #: Items that nobody could use.
    nonsense: tuple[Any, ...]
    #: How many targets are worked on at once; their items interleave.
    lanes: int = 1
    #: How many comments and reactions of each post an INPUT asks for. None: not at all; 0: all there are.
    companions: Callable[[Mapping[str, Any]], tuple[int | None, int | None]] = lambda _: (None, None)


def is_strings(value: Any) -> bool:
    """Whether a value is absent or a list of strings."""
    return value is None or (isinstance(value, list) and all(isinstance(item, str) for item in value))


def is_count(value: Any, least: int = 0, most: float = float("inf")) -> bool:
    """Whether a value is absent or a whole number within bounds."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value is None or (whole and least <= value <= most)


def need(condition: bool, message: str) -> None:
    """Refuse an INPUT of which something does not hold. Raises `ApiError`."""
    if not condition:
        raise ApiError(400, "invalid-input", f"Input is not valid: {message}")


def need_counts(given: Mapping[str, Any], least: int, *names: str) -> None:
    """Refuse fields that are there and no whole numbers of at least so much. Raises `ApiError`."""
    for name in names:
        need(is_count(given.get(name), least), f"Field input.{name} must be an integer >= {least}.")


def need_flags(given: Mapping[str, Any], *names: str) -> None:
    """Refuse fields that are there and no booleans. Raises `ApiError`."""
    for name in names:
        need(isinstance(given.get(name), bool | None), f"Field input.{name} must be a boolean.")
