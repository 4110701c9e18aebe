"""Kinds of argument that the commands take beside click's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from harvester.errors import InvalidInput
from services import client_values
from services.pauses import ALL

T = TypeVar("T")


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
        return _checked(self, client_values.timezone, value, param, ctx)


class Line(click.ParamType[str]):
    """A short text on one line."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the value, or fail as a bad argument."""
        return _checked(self, client_values.line, value, param, ctx)


class Status(Line):
    """A client's status; any word, but the one that means something is known in any case."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the value, or fail as a bad argument."""
        return _checked(self, client_values.status, value, param, ctx)


class AirtableBase(click.ParamType[str]):
    """The ID of an Airtable base."""

    name = "app…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the value, or fail as a bad argument."""
        return _checked(self, client_values.airtable_base, value, param, ctx)


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
        return (_checked(self, client_values.daily_budget, value, param, ctx),)


class ActorId(click.ParamType[tuple[str | None]]):
    """An actor that harvests profiles, in a tuple of one; an empty value stands for none: `(None,)`."""

    name = "user/name"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str | None]:
        """Check the value, or fail as a bad argument."""
        if isinstance(value, tuple):
            return value
        return (_checked(self, client_values.actor, value, param, ctx),)


class Schedule(click.ParamType[tuple[str | None]]):
    """A cron expression, in a tuple of one; an empty value stands for none: `(None,)`."""

    name = "cron"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str | None]:
        """Check the value, or fail as a bad argument."""
        if isinstance(value, tuple):
            return value
        return (_checked(self, client_values.schedule, value, param, ctx),)


def _checked(
    kind: click.ParamType[Any],
    check: Callable[[str], T],
    value: Any,
    param: click.Parameter | None,
    ctx: click.Context | None,
) -> T:
    try:
        return check(str(value))
    except InvalidInput as error:
        kind.fail(str(error), param, ctx)
