"""OpenTelemetry's part of the traces. Imported only where an endpoint is set, since it takes a while."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation import set_span_in_context

from harvester.tracing import Value, ids_of, said

#: How long a batch is tried to be sent, all tries together: no process that ends may wait for a collector.
_SECONDS: Final = 3
#: The IDs of the trace and of the span that is being made. They are settled before OpenTelemetry makes it.
_settled: Final[ContextVar[tuple[int, int]]] = ContextVar("settled")


class _Ids(IdGenerator):
    """The IDs that were settled."""

    def generate_trace_id(self) -> int:
        return _settled.get()[0]

    def generate_span_id(self) -> int:
        return _settled.get()[1]


@dataclass(slots=True)
class Open:
    """A span that goes on."""

    name: str
    inside: Open | None
    client_run_id: str | None
    attributes: dict[str, Value | None]
    began: int = field(default_factory=time.time_ns)
    span_id: int = field(default_factory=lambda: secrets.randbits(63) + 1)
    wrong: str | None = None

    def of(self, client_run_id: str) -> None:
        """Say which client run it belongs to."""
        self.client_run_id = client_run_id

    def note(self, **attributes: Value | None) -> None:
        """Say more of it."""
        self.attributes.update(attributes)

    @property
    def owner(self) -> str | None:
        """The client run that it belongs to: its own, or that of the span around it."""
        return self.client_run_id or (self.inside.owner if self.inside is not None else None)


_open: Final[ContextVar[Open | None]] = ContextVar("open", default=None)


class Sender:
    """Sends spans to one collector, in batches, from a thread of its own."""

    def __init__(self, url: str, version: str) -> None:
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource.create({"service.name": "post-harvester", "service.version": version}),
            id_generator=_Ids(),
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=_SECONDS))
        )
        self._tracer = self._provider.get_tracer("post-harvester", version)

    @contextmanager
    def span(
        self, name: str, client_run_id: str | None, attributes: Mapping[str, Value | None]
    ) -> Iterator[Open]:
        """Time a block, and send it if it belongs to a client run."""
        found = Open(name, _open.get(), client_run_id, dict(attributes))
        token = _open.set(found)
        try:
            yield found
        except BaseException as error:
            found.wrong = type(error).__name__
            raise
        finally:
            _open.reset(token)
            self._sent(found, time.time_ns())

    def whole(
        self, client_run_id: str, began: datetime, ended: datetime, attributes: Mapping[str, Value | None]
    ) -> None:
        """Send a root span."""
        _, root = ids_of(client_run_id)
        found = Open("client run", None, client_run_id, dict(attributes), _ns(began), root)
        self._sent(found, _ns(ended))

    def past(
        self,
        name: str,
        client_run_id: str,
        began: datetime,
        ended: datetime,
        attributes: Mapping[str, Value | None],
    ) -> None:
        """Send a span of what is over already."""
        self._sent(Open(name, None, client_run_id, dict(attributes), _ns(began)), _ns(ended))

    def flush(self) -> None:
        """Send what is still to be sent."""
        self._provider.force_flush()

    def close(self) -> None:
        """Send what is still to be sent, and end."""
        self._provider.shutdown()

    def _sent(self, found: Open, ended: int) -> None:
        owner = found.owner
        if owner is None:
            return
        trace, root = ids_of(owner)
        around = Context()
        if found.span_id != root:
            parent = found.inside.span_id if found.inside is not None else root
            told = SpanContext(trace, parent, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
            around = set_span_in_context(NonRecordingSpan(told), around)
        token = _settled.set((trace, found.span_id))
        try:
            attributes = said({**found.attributes, "client_run_id": owner})
            span = self._tracer.start_span(
                found.name, context=around, start_time=found.began, attributes=attributes
            )
        finally:
            _settled.reset(token)
        if found.wrong is not None:
            span.set_status(Status(StatusCode.ERROR, found.wrong))
        span.end(end_time=max(ended, found.began))


def _ns(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1_000
