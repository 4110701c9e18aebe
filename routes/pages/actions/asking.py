"""Asking a person once, and saying what came of it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from flask import Response, flash, make_response, redirect, request

from harvester import run_ids
from harvester.errors import InvalidInput, InvalidRunId
from routes.pages import shell
from routes.state import services
from services.kickoff import UnknownClient
from services.run_ends import UnknownRun

_KEY: Final = re.compile(r"page-[A-Za-z0-9_-]{22}")
_DIGITS: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Question:
    """What a page asks before something is done.

    `told`: sentences; `facts`: names and values; `button`: what it says, None where nothing can be done;
    `back`: where the other way leads; `fields`: name, label and value of what may be filled in; `hidden`:
    name and value of what goes along.
    """

    title: str
    told: Sequence[str]
    back: str
    button: str | None = None
    kind: str = "primary"
    facts: Sequence[tuple[str, object]] = ()
    fields: Sequence[tuple[str, str, str]] = ()
    hidden: Sequence[tuple[str, str]] = ()


def ask(question: Question, *, template: str = "confirm.html", **shown: Any) -> str:
    """Show the page that asks; its answer comes by POST to the same path."""
    told = [sentence(one) for one in question.told]
    return shell.page(template, **{**asdict(question), "told": told}, action=request.path, **shown)


def done(told: str, there: str, category: str = "good") -> Response:
    """Say what came of it, on a page of ours; `category` is good, warn or bad."""
    flash(shell.notice(sentence(told)), category)
    return make_response(redirect(there, 303))


def refused(why: object, there: str) -> Response:
    """Say why it was not done, on a page of ours."""
    return done(str(why), there, "warn")


def sentence(text: str) -> str:
    """Begin with a capital letter, and end with a full stop."""
    told = f"{text[:1].upper()}{text[1:]}"
    return told if told.endswith((".", "?", "!", "…")) else f"{told}."


def new_key() -> str:
    """Make the idempotency key of a form: sent twice, it is done once."""
    return f"page-{secrets.token_urlsafe(16)}"


def key() -> str:
    """Give the idempotency key that the form was made with. Raises `InvalidInput`."""
    found = request.form.get("key", "")
    if not _KEY.fullmatch(found):
        raise InvalidInput("this form was not made by its page: go back, reload, try again")
    return found


def whole(given: str | None, name: str, *, least: int = 1, most: int) -> int | None:
    """Give a whole number that was filled in, None for an empty field. Raises `InvalidInput`."""
    text = (given or "").strip()
    if not text:
        return None
    if not _DIGITS.fullmatch(text) or not least <= int(text) <= most:
        raise InvalidInput(f"{name} must be a whole number from {least} to {most}")
    return int(text)


def client(client_id: str) -> dict[str, Any]:
    """Give the client that a path names, as the API shows it. Raises `UnknownClient`."""
    try:
        found = services().overview.client(run_ids.require_client_id(client_id))
    except InvalidInput as error:
        raise UnknownClient(str(error)) from error
    if found is None:
        raise UnknownClient(f"there is no client {client_id}")
    return found


def run(full_id: str) -> dict[str, Any]:
    """Give the client run that a path names, as the API shows it. Raises `UnknownRun`."""
    try:
        known = run_ids.require(full_id) == full_id
    except InvalidRunId:
        known = False
    found = services().overview.run(full_id) if known else None
    if found is None:
        raise UnknownRun(full_id[:100])
    return found
