"""The engine: Huey, from the queue's URL. A queued task is only a wake-up; losing one loses nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson
from huey import PostgresHuey, RedisHuey, SqliteHuey
from huey.api import Huey
from huey.registry import Message
from huey.serializer import Serializer

_NAME: Final = "post-harvester"
_log = logging.getLogger(__name__)


class JsonSerializer(Serializer):  # type: ignore[misc]  # huey has no types
    """Tasks as JSON: what is read back from a queue is data, where a pickle would be a program."""

    def _serialize(self, data: Message) -> bytes:
        return orjson.dumps([data.id, data.name, list(data.args or ()), data.kwargs or {}])

    def _deserialize(self, data: bytes) -> Message:
        task_id, name, args, kwargs = orjson.loads(data)
        return Message(task_id, name, args=tuple(args), kwargs=kwargs, retries=0, retry_delay=0)


def queue(url: str) -> Huey:
    """Build the queue behind a URL: a SQLite file, PostgreSQL or Redis. The tasks are the same on all."""
    options: dict[str, Any] = {"results": False, "serializer": JsonSerializer()}
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite":
        file = Path(rest.removeprefix("///"))
        file.parent.mkdir(parents=True, exist_ok=True)
        return SqliteHuey(_NAME, filename=str(file), **options)
    if scheme.startswith("postgresql"):
        return PostgresHuey(_NAME, dsn=f"postgresql:{rest}", **options)
    return RedisHuey(_NAME, url=url, **options)


class Engine:
    """Runs wake-ups on a pool of threads, and a tick between them, until it is told to stop."""

    def __init__(
        self, huey: Huey, advance: Callable[[int], None], tick: Callable[[Callable[[int], Any]], None]
    ) -> None:
        def wake(row_id: int) -> None:
            advance(row_id)

        self._huey = huey
        self._wake = huey.task(name="advance")(wake)
        self._tick = tick
        self._stopping = threading.Event()

    def run(self, *, threads: int, tick_seconds: float, shutdown_seconds: float) -> None:
        """Work until SIGTERM or SIGINT; then finish what is at hand, for `shutdown_seconds` at the most."""
        consumer = self._huey.create_consumer(
            workers=threads,
            periodic=False,
            initial_delay=0.1,
            max_delay=0.5,
            check_worker_health=True,
            graceful_signal="TERM",
            shutdown_timeout=shutdown_seconds,
        )
        ticking = threading.Thread(target=self._ticks, args=(tick_seconds,), name="tick", daemon=True)
        ticking.start()
        try:
            consumer.run()
        finally:
            self._stopping.set()
            ticking.join(shutdown_seconds)

    def _ticks(self, seconds: float) -> None:
        while not self._stopping.wait(seconds):
            try:
                self._tick(self._wake)
            except Exception:
                _log.exception("A tick failed; the next one tries again")
