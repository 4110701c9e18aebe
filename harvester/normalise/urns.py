"""LinkedIn's plain URNs of posts, the commonest way in which a number says what it counts."""

from __future__ import annotations

from typing import Final

from harvester.normalise.values import post_name
from harvester.posts import Name, NameKind

_PREFIX: Final = "urn:li:"
_KINDS: Final = {"activity": NameKind.ACTIVITY, "ugcPost": NameKind.UGC_POST, "share": NameKind.SHARE}
_REAL: Final = 19  # digits

any_name: Final = post_name(NameKind.OWN)


def urn_name(value: object) -> Name | None:
    """Read a number that says itself what it counts, in a plain URN at once, in any other text by search."""
    if isinstance(value, str) and value.startswith(_PREFIX):
        kind, _, number = value[len(_PREFIX) :].partition(":")
        known = _KINDS.get(kind)
        if known is not None and len(number) == _REAL and number.isascii() and number.isdecimal():
            return (known, number) if number[0] != "0" else any_name(value)
    found = any_name(value)
    return found if found is not None and found[0] is not NameKind.OWN else None


def urn_or_bare(value: object) -> Name | None:
    """Read the same, and a bare number, of which nobody says what it counts."""
    return urn_name(value) or any_name(value)
