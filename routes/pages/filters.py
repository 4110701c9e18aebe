"""How values look on pages: times, money, counts, and which colour a state has."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode, urlsplit

from flask import Flask, request
from markupsafe import Markup

from harvester.models import ClientRunStatus
from routes.pages import shell
from routes.state import services

#: Everything that has a colour: good, at work, a warning, bad; the rest is plain.
_TONES: Final = {
    **dict.fromkeys((ClientRunStatus.COMPLETED, "ingested", "SUCCEEDED", "Done", "synced", "posts"), "good"),
    **dict.fromkeys((ClientRunStatus.RUNNING, "running", "RUNNING", "Processing", "ingesting"), "busy"),
    **dict.fromkeys((ClientRunStatus.COMPLETED_WITH_ERRORS, "start_unknown", "unknown_run"), "warn"),
    **dict.fromkeys((ClientRunStatus.FAILED, "failed", "FAILED", "TIMED-OUT", "missing", "error"), "bad"),
    **dict.fromkeys(("silent", "unreachable", "ABORTED", "pending"), "warn"),
}
_STEPS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_LINKEDIN: Final = re.compile(r"(?:[a-z0-9-]+\.)*linkedin\.com")
#: What no address holds as it is (RFC 3986, appendix C).
_NO_ADDRESS: Final = re.compile(r'[\s"<>\\^`{|}]')
#: What the navigation leads to, in its order.
_PAGES: Final = (
    ("/", "Now"),
    ("/clients", "Clients"),
    ("/runs", "Runs"),
    ("/posts", "Posts"),
    ("/deliveries", "Deliveries"),
    ("/dead-letters", "Dead letters"),
    ("/actors", "Actors"),
    ("/activity", "Activity"),
)
_CONSOLE: Final = "https://console.apify.com"


def register(app: Flask) -> None:
    """Make them known to the templates."""
    app.jinja_env.filters.update(
        moment=moment, day=day, ago=ago, usd=usd, number=number, tone=tone, linkedin=linkedin, span=span
    )
    app.jinja_env.globals.update(
        asset=shell.asset,
        page_names=_PAGES,
        query_without=query_without,
        console_run=console_run,
        console_dataset=console_dataset,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def _read(value: str | datetime) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def moment(value: str | datetime | None, *, seconds: bool = False) -> Markup:
    """Show a moment in UTC, as a `time` element."""
    if value is None:
        return Markup('<span class="none">–</span>')
    at = _read(value).astimezone(UTC)
    shown = f"{at:%Y-%m-%d %H:%M:%S}" if seconds else f"{at:%Y-%m-%d %H:%M}"
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), shown)


def day(value: str | datetime | None) -> Markup:
    """Show the day of a moment, in UTC."""
    if value is None:
        return moment(None)
    at = _read(value).astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), f"{at:%Y-%m-%d}")


def ago(value: str | datetime | None) -> Markup:
    """Show how long ago a moment is, or in how long it will be; the moment itself as its title."""
    if value is None:
        return moment(None)
    at = _read(value).astimezone(UTC)
    apart = services().clock() - at
    told = f"{span(apart)} ago" if apart >= timedelta(0) else f"in {span(-apart)}"
    title = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), title, told)


def span(value: timedelta | float | None) -> str:
    """Show how long something takes, in its one or two largest units."""
    if value is None:
        return "–"
    left = int(value.total_seconds() if isinstance(value, timedelta) else value)
    parts: list[str] = []
    for size, unit in _STEPS:
        if left >= size or (unit == "s" and not parts):
            parts.append(f"{left // size} {unit}")
            left %= size
        if len(parts) == 2:
            break
    return " ".join(parts)


def usd(value: float | None) -> str:
    """Show US dollars, with as many places as the amount needs."""
    if value is None:
        return "–"
    return f"${value:,.2f}" if value == 0 or abs(value) >= 1 else f"${value:,.4f}"


def number(value: float | None) -> str:
    """Show a count."""
    return "–" if value is None else f"{value:,}"


def tone(state: object) -> str:
    """Give the class of a state's colour."""
    return _TONES.get(str(state), "plain")


def linkedin(url: str | None) -> str | None:
    """Give a URL back if it is an https address of LinkedIn's, which alone becomes a link; else None."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return None
    ours = parts.scheme == "https" and _LINKEDIN.fullmatch(host)
    odd = parts.username or not url.isprintable() or _NO_ADDRESS.search(url)
    return url if ours and not odd else None


def console_run(apify_run_id: str) -> str:
    """Give the address of an actor run in Apify Console."""
    return f"{_CONSOLE}/actors/runs/{apify_run_id}"


def console_dataset(dataset_id: str) -> str:
    """Give the address of a dataset in Apify Console."""
    return f"{_CONSOLE}/storage/datasets/{dataset_id}"


def query_without(name: str, instead: str | None = None) -> str:
    """Give the query of this page without one of its names, or with another value for it."""
    kept = [(key, value) for key, value in request.args.items(multi=True) if key != name]
    if instead is not None:
        kept.append((name, instead))
    return f"?{urlencode(kept)}" if kept else ""
