"""What a client's values may be, however they are given: on the command line or in a form."""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from harvester import cron
from harvester.apify_answers import micros
from harvester.errors import InvalidInput
from harvester.normalise import startable
from harvester.normalise.text import one_line
from services.plan import ACTIVE

_LINE_CHARS: Final = 200
#: A million USD.
_MOST_MICROS: Final = 10**12
_DIGITS: Final = re.compile("[0-9]{1,9}")
_BASE: Final = re.compile("app[A-Za-z0-9]{14}")
#: Least and most of what is counted, by column.
BOUNDS: Final = {
    "service_level": (0, 1_000_000),
    "daily_target": (0, 1_000_000),
    "batch_size": (1, 10_000),
    "max_batches": (1, 10_000),
    "stream": (0, 1_000_000),
}


def line(text: str) -> str:
    """Give a short text on one line. Raises `InvalidInput`, as all of these do."""
    found = one_line(text, _LINE_CHARS + 1)
    if not 0 < len(found) <= _LINE_CHARS:
        raise InvalidInput(f"it must have 1 to {_LINE_CHARS} characters")
    return found


def status(text: str) -> str:
    """Give a status: any word, but the one that means something is known in any case."""
    found = line(text)
    return ACTIVE if found.lower() == ACTIVE.lower() else found


def timezone(text: str) -> str:
    """Give an IANA time zone."""
    if text not in _zones():
        raise InvalidInput(f"{text[:100]!r} is no IANA time zone, such as Europe/London")
    return ZoneInfo(text).key


def airtable_base(text: str) -> str:
    """Give the ID of an Airtable base."""
    if not _BASE.fullmatch(text):
        raise InvalidInput(f"{text[:100]!r} is no Airtable base: app and 14 letters or digits")
    return text


def daily_budget(text: str) -> int | None:
    """Give US dollars of a day as millionths; None for an empty text: the setting's."""
    given = text.strip()
    found = micros(given) if given else None
    too_little = found == 0 and re.search("[1-9]", given)
    if (found is None and given) or (found or 0) > _MOST_MICROS or too_little:
        raise InvalidInput(f"{text[:100]!r} is no amount of US dollars, such as 2.50")
    return found


def schedule(text: str) -> str | None:
    """Give a cron expression; None for an empty text: the setting's."""
    try:
        return cron.checked(text) if text.strip() else None
    except InvalidInput as error:
        raise InvalidInput(f"{error}, such as '0 5 * * *'") from error


def actor(text: str) -> str | None:
    """Give the ID of an actor that harvests profiles; None for an empty text: the setting's."""
    return startable(text).actor_id if text.strip() else None


def count(text: str, column: str) -> int:
    """Give what is counted in this column."""
    least, most = BOUNDS[column]
    given = text.strip()
    if not _DIGITS.fullmatch(given) or not least <= int(given) <= most:
        raise InvalidInput(f"it must be a whole number from {least} to {most}")
    return int(given)


@cache
def _zones() -> set[str]:
    return available_timezones()
