"""Traces: each client run as one trace, over all processes, for an OpenTelemetry collector.

The trace's ID and that of its root span follow from the client run ID, so that no process has to hand them to
another: kickoff, delivery, steps and mirror each send their spans, and the collector puts them together. The
root span, from kickoff to completion, is sent by whoever completes the client run.

It is one facility for the whole process, as the logging is. Until `begin` was called with an endpoint,
nothing of OpenTelemetry is imported and a span costs a comparison. Spans carry IDs, numbers and states: never
text of a post, an address or a token.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from harvester import __version__
from harvester.errors import HarvesterError

if TYPE_CHECKING:
    from harvester.tracing_sdk import Sender

Value = str | int | float | bool
_url: str | None = None
_sender: Sender | None = None
_making = threading.Lock()


class NotInstalled(HarvesterError):
    """Traces are asked for, and what makes them is not installed."""


class Span(Protocol):
    """What is going on. More may be said of it while it does."""

    def of(self, client_run_id: str) -> None:
        """Say which client run it belongs to; one that belongs to none is not sent."""

    def note(self, **attributes: Value | None) -> None:
        """Say more of it; None says nothing."""


class _Untold:
    """A span that nobody is told of."""

    def of(self, client_run_id: str) -> None:
        """Do nothing."""

    def note(self, **attributes: Value | None) -> None:
        """Do nothing."""


def begin(endpoint: str | None) -> None:
    """Send traces to the collector at this base URL from now on; None changes nothing.

    Call it after a fork. Headers and certificates are taken from OpenTelemetry's own environment
    variables. Raises `NotInstalled` without the extra `otel`.
    """
    global _url
    if endpoint is None:
        return
    if not all(find_spec(name) for name in ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter")):
        raise NotInstalled("OTEL_EXPORTER_OTLP_ENDPOINT is set: install the extra otel, or unset it")
    _url = f"{endpoint}/v1/traces"


def flush() -> None:
    """Send what is still to be sent."""
    if _sender is not None:
        _sender.flush()


def end() -> None:
    """Send what is still to be sent, and make no more traces."""
    global _sender, _url
    if _sender is not None:
        _sender.close()
    _sender = _url = None


def _sending() -> Sender | None:
    """Give the sender, made when it is first needed: a command that makes no span need not wait for it."""
    global _sender
    if _url is None or _sender is not None:
        return _sender
    with _making:
        if _sender is None:
            from harvester.tracing_sdk import Sender

            _sender = Sender(_url, __version__)
    return _sender


@contextmanager
def span(name: str, client_run_id: str | None = None, **attributes: Value | None) -> Iterator[Span]:
    """Time what happens in a `with` block, as a span of a client run's trace.

    One inside another is its child. An error that leaves the block is named by its class, and goes on.
    """
    sender = _sending()
    if sender is None:
        yield _UNTOLD
        return
    with sender.span(name, client_run_id, attributes) as found:
        yield found


def whole(client_run_id: str, began: datetime, ended: datetime, **attributes: Value | None) -> None:
    """Send the root span of a client run that is over."""
    sender = _sending()
    if sender is not None:
        sender.whole(client_run_id, began, ended, attributes)


def past(name: str, client_run_id: str, began: datetime, ended: datetime, **attributes: Value | None) -> None:
    """Send a span of what is over already."""
    sender = _sending()
    if sender is not None:
        sender.past(name, client_run_id, began, ended, attributes)


def ids_of(client_run_id: str) -> tuple[int, int]:
    """Give the IDs of a client run's trace, and of its root span."""
    digest = hashlib.sha256(client_run_id.encode()).digest()
    return int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:24], "big")


def said(attributes: Mapping[str, Value | None]) -> dict[str, Value]:
    """Leave out what is not known."""
    return {f"harvester.{name}": value for name, value in attributes.items() if value is not None}


_UNTOLD = _Untold()
