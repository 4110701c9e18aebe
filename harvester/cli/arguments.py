"""Kinds of argument that the commands take beside click's own."""

from __future__ import annotations

import math
import re
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import click

from harvester.apify_answers import micros
from harvester.cron import checked
from harvester.errors import InvalidInput
from harvester.normalise.text import one_line
from services.pauses import ALL
from services.plan import ACTIVE

_LINE_CHARS = 200
#: A million USD.
_MOST_MICROS = 10**12


class NewFile(click.Path):
    """A file that is to be written; an empty name is that of a shell's variable that is not set."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check the value, or fail as a bad argument."""
        if not str(value):
            self.fail("it is empty, and must name a file", param, ctx)
        return super().convert(value, param, ctx)


class ClientName(click.ParamType[str]):
    """A client's ID. An empty one is that of a shell's variable that is not set, and would mean them all.

    Whether there is such a client is for the service to say.
    """

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the value, or fail as a bad argument."""
        if not str(value):
            self.fail("it is empty, and must name a client", param, ctx)
        if str(value) == ALL:
            self.fail(f"{value!r} is no client ID: leave it out to mean all clients", param, ctx)
        return str(value)


class Timezone(click.ParamType[str]):
    """An IANA time zone."""

    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the value, or fail as a bad argument."""
        if value not in available_timezones():
            self.fail(f"{value!r} is no IANA time zone, such as Europe/London", param, ctx)
        return ZoneInfo(value).key


class Line(click.ParamType[str]):
    """A short text on one line."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the value, or fail as a bad argument."""
        text = one_line(str(value), _LINE_CHARS + 1)
        if not 0 < len(text) <= _LINE_CHARS:
            self.fail(f"it must have 1 to {_LINE_CHARS} characters", param, ctx)
        return text


class Status(Line):
    """A client's status; any word, but the one that means something is known in any case."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the value, or fail as a bad argument."""
        text = super().convert(value, param, ctx)
        return ACTIVE if text.lower() == ACTIVE.lower() else text


class AirtableBase(click.ParamType[str]):
    """The ID of an Airtable base."""

    name = "app…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the value, or fail as a bad argument."""
        if not re.fullmatch(r"app[A-Za-z0-9]{14}", str(value)):
            self.fail(f"{value!r} is no Airtable base: app and 14 letters or digits", param, ctx)
        return str(value)


class Seconds(click.FloatRange):
    """So many seconds; not nan, which lies in every range and never is over."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check the value, or fail as a bad argument."""
        found = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return found


class DailyBudget(click.ParamType[tuple[int | None]]):
    """US dollars of a day, as millionths in a tuple of one; an empty value stands for none: `(None,)`."""

    name = "USD"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int | None]:
        """Check the value, or fail as a bad argument."""
        if isinstance(value, tuple):
            return value
        found = micros(value.strip()) if value.strip() else None
        too_little = found == 0 and re.search("[1-9]", value)
        if (found is None and value.strip()) or (found or 0) > _MOST_MICROS or too_little:
            self.fail(f"{value!r} is no amount of US dollars, such as 2.50", param, ctx)
        return (found,)


class Schedule(click.ParamType[tuple[str | None]]):
    """A cron expression, in a tuple of one; an empty value stands for none: `(None,)`."""

    name = "cron"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str | None]:
        """Check the value, or fail as a bad argument."""
        if isinstance(value, tuple):
            return value
        try:
            return (checked(value) if value.strip() else None,)
        except InvalidInput as error:
            self.fail(f"{error}, such as '0 5 * * *'", param, ctx)
