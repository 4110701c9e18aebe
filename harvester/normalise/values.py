"""Single values out of an actor's item, each read as what it should be or as None. Nothing here raises."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from harvester.normalise.text import MAX_EXACT, clean, one_line
from harvester.posts import Name, NameKind, TimePrecision

T = TypeVar("T")

MAX_URL = 4_000  # characters
MAX_SLUG = 200  # characters
MAX_IMAGES = 50
MAX_NAME = 500  # characters
MAX_PASSAGE = 10_000  # characters; three times what LinkedIn lets a post hold

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Python's range less a year at each end: a session in another time zone must be able to show the time too.
_EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
_LATEST = datetime(9998, 12, 31, tzinfo=UTC)
_EARLIEST_MS = (_EARLIEST - _EPOCH) // timedelta(milliseconds=1)
_LATEST_MS = (_LATEST - _EPOCH) // timedelta(milliseconds=1)
_MILLISECONDS = re.compile(r"[0-9]{10,15}")  # fewer digits may be a date of ISO 8601: 20250516
_DIGITS = re.compile(r"[0-9]{1,30}")
# LinkedIn names one post by an activity, a ugcPost or a share number, in URLs (`…-activity-732…-_gfJ`) and in
# URNs (`urn:li:ugcPost:732…`, sometimes percent-encoded). Real ones have 19 digits; slugs hold shorter ones.
_NUMBER = re.compile(r"[0-9]{15,25}(?![0-9])")
_COUNTED = re.compile(r"(activity|ugcPost|share)(?:-|:|%3A)\Z", re.IGNORECASE)
_LONGEST_WORD = len("activity%3A")
_NAME_KINDS = {"activity": NameKind.ACTIVITY, "ugcpost": NameKind.UGC_POST, "share": NameKind.SHARE}
_OWN_ID = re.compile(r"(?!0+\Z)[A-Za-z0-9][A-Za-z0-9._:()=,+-]{0,199}")
_MEMBER_ID = re.compile(r"(?:urn:li:[A-Za-z_]{1,30}:)?(AC[A-Za-z]AA[A-Za-z0-9_-]{25,60})")
_LINKEDIN_HOST = re.compile(
    r"https?://(?:www\.|(?:[a-z0-9-]+\.)*)linkedin\.com(?::80|:443)?(?=[/?#]|\Z)", re.IGNORECASE
)
_HTTPS_HOST = re.compile(r"https://[^/?#@:]+(?::[0-9]{1,5})?(?=[/?#]|\Z)", re.IGNORECASE)
_WEB_HOST = re.compile(r"https?://[^/?#@:]+(?::[0-9]{1,5})?(?=[/?#]|\Z)", re.IGNORECASE)
_USUAL_SITE = "https://www.linkedin.com/"  # nearly all links are known without a pattern
_USUAL_HOSTS = (_USUAL_SITE, "https://media.licdn.com/", "https://dms.licdn.com/")
# Beside blanks and the invisible: what ends a link in HTML or in plain text, or turns it into another one.
_UNFIT_IN_SLUG = re.compile(r'[ <>"\\/?#@:]')


class Field(Generic[T]):
    """One value of our model: where it lies in an item, in order of preference, and how it is read.

    A path is the key of the item, or that of an object in it, a dot, and the key there. `of` gives the first
    value of an item along the paths that the reader understands, or None.
    """

    __slots__ = ("of",)

    of: Callable[[dict[str, Any]], T | None]

    def __init__(self, read: Callable[[object], T | None], *paths: str) -> None:
        ways = tuple((outer, inner) for outer, _, inner in (path.partition(".") for path in paths))
        # Most fields have one path, and every item is asked for every field.
        self.of = _along_one(read, *ways[0]) if len(ways) == 1 else _along(read, ways)


def _along_one(
    read: Callable[[object], T | None], outer: str, inner: str
) -> Callable[[dict[str, Any]], T | None]:
    def flat(item: dict[str, Any]) -> T | None:
        value = item.get(outer)
        return None if value is None else read(value)

    def nested(item: dict[str, Any]) -> T | None:
        value = item.get(outer)
        if type(value) is not dict or (value := value.get(inner)) is None:
            return None
        return read(value)

    return nested if inner else flat


def _along(
    read: Callable[[object], T | None], ways: tuple[tuple[str, str], ...]
) -> Callable[[dict[str, Any]], T | None]:
    (key, part), others = ways[0], ways[1:]  # the first path is that of nearly every item

    def of(item: dict[str, Any]) -> T | None:
        value = item.get(key)
        if part and value is not None:
            value = value.get(part) if type(value) is dict else None
        if value is not None and (understood := read(value)) is not None:
            return understood
        for outer, inner in others:
            if (value := item.get(outer)) is None:
                continue
            if inner:
                value = value.get(inner) if type(value) is dict else None
            if value is not None and (understood := read(value)) is not None:
                return understood
        return None

    return of


def objects(value: object, limit: int) -> list[dict[str, Any]]:
    """The objects among the first `limit` entries of a list."""
    return [entry for entry in value[:limit] if isinstance(entry, dict)] if isinstance(value, list) else []


def count(value: object) -> int | None:
    """A whole number from 0 to 2**53, also where the actor wrote it as text or as a float."""
    if type(value) is int:  # by its exact type, because True is an int too
        return value if 0 <= value <= MAX_EXACT else None
    if isinstance(value, str):
        value = int(value) if _DIGITS.fullmatch(value := value.strip()) else None
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= MAX_EXACT else None


def milliseconds(value: object) -> datetime | None:
    """The time (UTC) that many milliseconds after 1970 began."""
    if type(value) is not int:
        if isinstance(value, str) and _MILLISECONDS.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
    return _EPOCH + timedelta(0, 0, 0, value) if _EARLIEST_MS <= value <= _LATEST_MS else None


def iso_time(value: object) -> datetime | None:
    """The time (UTC) that an ISO 8601 text names; a text without an offset is UTC."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (OverflowError, ValueError):
        return None
    return moment if _EARLIEST <= moment <= _LATEST else None


def name(value: object) -> str | None:
    """A name or a title: neither blank nor a link, on one line, at most `MAX_NAME` characters."""
    if not isinstance(value, str) or value.startswith(("https://", "http://")):
        return None
    if len(value) <= MAX_NAME and value.isprintable():
        return value.strip() or None
    return one_line(value, MAX_NAME) or None


def passage(value: object) -> str | None:
    """A text beside the post's own: not blank, cleaned, at most `MAX_PASSAGE` characters."""
    return clean(value, MAX_PASSAGE)[0].strip() or None if isinstance(value, str) else None


def given(value: object) -> str | None:
    """A URL as somebody gave it to the actor: only cleaned, and cut at `MAX_URL` characters."""
    return clean(value, MAX_URL)[0] if isinstance(value, str) and value.strip() else None


def post_number(value: object) -> str | None:
    """The number of a post, given bare (text or number), in a URN or in a URL."""
    told = _any_name(value)
    return None if told is None else told[1]


def post_name(bare: NameKind) -> Callable[[object], Name | None]:
    """Make the reader of a post's number with what it counts: `bare`, where it does not say so itself."""

    def read(value: object) -> Name | None:
        if isinstance(value, str):
            value = value[:MAX_URL].strip()
            if not _DIGITS.fullmatch(value):
                return said_name(value)
            number = value.lstrip("0")
            return (bare, number) if number else None
        if isinstance(value, bool) or not isinstance(value, int):
            return None  # as a float, a number of 19 digits has lost its last ones
        return (bare, str(value)) if 0 < value < 10**30 else None

    return read


_any_name = post_name(NameKind.OWN)


def said_name(value: object) -> Name | None:
    """Read a number that says itself what it counts, in a URN or in a URL."""
    if not isinstance(value, str):
        return None
    # The last one: a URL's number comes after its slug, which may speak of an "activity-2024…" itself.
    path, _, query = value[:MAX_URL].partition("?")
    return _last_name(path) or (_last_name(query) if query else None)


def _last_name(text: str) -> Name | None:
    found = None
    for number in _NUMBER.finditer(text):  # twice as fast as to look for the words before it
        start = number.start()
        if word := _COUNTED.search(text, max(0, start - _LONGEST_WORD), start):
            found = (_NAME_KINDS[word[1].lower()], number[0].lstrip("0"))
    return found if found is not None and found[1] else None


def own_name(value: object) -> Name | None:
    """Read the actor's own ID of an item, where it is no number, as a name of its post."""
    own = own_id(value)
    return None if own is None else (NameKind.OWN, own)


def told_ms(value: object) -> tuple[datetime, TimePrecision] | None:
    """Read milliseconds since 1970 as a time with its precision."""
    moment = milliseconds(value)
    return None if moment is None else (moment, TimePrecision.MILLISECOND)


def told_iso(value: object) -> tuple[datetime, TimePrecision] | None:
    """Read a text of ISO 8601 as a time with the precision that it was written with."""
    moment = iso_time(value)
    if moment is None or not isinstance(value, str):
        return None
    if ":" not in value and "T" not in value:
        return moment, TimePrecision.DAY
    return moment, TimePrecision.MILLISECOND if "." in value else TimePrecision.SECOND


def own_id(value: object) -> str | None:
    """The actor's own ID of an item, where it is no number: short and free of blanks."""
    return value if isinstance(value, str) and _OWN_ID.fullmatch(value) else None


def own_number(value: object) -> str | None:
    """The ID of an item, be it a number or a text."""
    if isinstance(value, str):
        return own_id(value)
    return str(value) if type(value) is int and 0 < value < 10**30 else None


def said_number(value: object) -> str | None:
    """The number of a post where it is said that it is one, in a URN or in a URL."""
    told = said_name(value)
    return None if told is None else told[1]


def linkedin_url(value: object) -> str | None:
    """An http(s) link whose host is linkedin.com or below it."""
    return _link(value, _LINKEDIN_HOST, _USUAL_SITE)


def profile_link(value: object) -> str | None:
    """A link on LinkedIn without the query and the fragment that say who was looking."""
    link = linkedin_url(value)
    return link.partition("?")[0].partition("#")[0] if link else None


def https_url(value: object) -> str | None:
    """An https link to anywhere, without user name and password."""
    return _link(value, _HTTPS_HOST, _USUAL_HOSTS)


def web_url(value: object) -> str | None:
    """What a person linked to: an http or https link to anywhere, without user name and password."""
    return _link(value, _WEB_HOST, _USUAL_HOSTS)


def slug(value: object) -> str | None:
    """The name of a profile or of a company as it stands in its URL."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_SLUG or not value.isprintable():
        return None
    return value if value.strip(".") and not _UNFIT_IN_SLUG.search(value) else None


def member_id(value: object) -> str | None:
    """LinkedIn's own ID of a member, bare or in a URN; it works in a profile URL in place of the name."""
    found = _MEMBER_ID.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


def image_url(value: object) -> str | None:
    """The https link of an image: an object with `url`, or the link itself."""
    return https_url(value.get("url") if isinstance(value, dict) else value)


def image_urls(value: object) -> tuple[str, ...] | None:
    """The https links of a list of images (or of one), each once, at most `MAX_IMAGES`."""
    if value == []:
        return None
    links = map(image_url, value[:MAX_IMAGES] if isinstance(value, list) else [value])
    return tuple(dict.fromkeys(link for link in links if link)) or None


def _link(value: object, host: re.Pattern[str], usual: str | tuple[str, ...]) -> str | None:
    if not isinstance(value, str) or len(value) > MAX_URL:
        return None
    link = value.strip()
    if not link.startswith(usual) and not host.match(link):
        return None
    if " " in link or "<" in link or ">" in link or '"' in link or "\\" in link or not link.isprintable():
        return None
    return link
