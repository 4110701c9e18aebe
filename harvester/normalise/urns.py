"""LinkedIn's plain URNs and links of posts, the commonest ways in which a number says what it counts."""

from __future__ import annotations

from typing import Final

from harvester.normalise.values import post_name
from harvester.posts import Name, NameKind

_PREFIX: Final = "urn:li:"
_KINDS: Final = {"activity": NameKind.ACTIVITY, "ugcPost": NameKind.UGC_POST, "share": NameKind.SHARE}
_REAL: Final = 19  # digits
_IN_LINK: Final = "-activity-"
_LONGEST_END: Final = 6  # characters behind the number in a link: "-_gfJ"

any_name: Final = post_name(NameKind.OWN)


def urn_name(value: object) -> Name | None:
    """Read a number that says itself what it counts: in a plain URN or link at once, elsewhere by search."""
    if isinstance(value, str):
        path = value.partition("?")[0]
        _, found_in, urn = path.rpartition(_PREFIX)
        if found_in:
            kind, _, number = urn.partition(":")
            known, number = _KINDS.get(kind), number.removesuffix("/")
        else:
            _, found_in, number = path.rpartition(_IN_LINK)
            known = NameKind.ACTIVITY if found_in and len(number) <= _REAL + _LONGEST_END else None
            number = number[:_REAL] if number[_REAL : _REAL + 1] in {"", "-", "/"} else ""
        if known is not None and len(number) == _REAL and _is_number(number):
            return known, number
    found = any_name(value)
    return found if found is not None and found[0] is not NameKind.OWN else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and text[0] != "0"


def urn_or_bare(value: object) -> Name | None:
    """Read the same, and a bare number, of which nobody says what it counts."""
    return urn_name(value) or any_name(value)
