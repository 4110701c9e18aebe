"""The engine: Huey, from the queue's URL. A queued task is only a wake-up; losing one loses nothing."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, Protocol, TypeVar

import orjson
from huey import PostgresHuey, RedisHuey, SqliteHuey
from huey.api import Huey
from huey.consumer import Consumer, Worker
from huey.registry import Message
from huey.serializer import Serializer

from harvester import log
from harvester.bell import Bell
from harvester.errors import HarvesterError, LedgerUnavailable
from harvester.side_work import SideWork

T = TypeVar("T")

_NAME: Final = "post-harvester"
_HEALTH_SECONDS: Final = 10
#: How often an idle thread looks into a queue that cannot wake it. Its own process rings a bell; this is for
#: wake-ups of other workers on the same file, whose threads are all busy.
_POLL_SECONDS: Final = 2.0
#: We queue nothing for later, and Huey looks for it all the same.
_SCHEDULER_SECONDS: Final = 60
#: Chores are looked for at every other tick.
_TICKS_A_CHORE: Final = 2
#: A tick that fails is tried again after twice the wait, up to this; a tick that works resets it.
_LONGEST_WAIT: Final = 10.0
#: How long a queue on another machine may be silent before it counts as gone.
_SILENT_SECONDS: Final = 5
#: The same in libpq's words; a thread that waits for wake-ups would else wait for a server that has vanished.
_PATIENCE: Final = {
    "connect_timeout": _SILENT_SECONDS,
    "tcp_user_timeout": _SILENT_SECONDS * 1000,
    "keepalives_idle": _SILENT_SECONDS,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
#: Tables and indexes of Huey on PostgreSQL, over each of which two new workers may stumble.
_TABLES: Final = 6
#: SQLSTATEs of what another process has made a moment ago: unique violation, duplicate table and object.
_JUST_MADE: Final = ("23505", "42P07", "42710")
#: What ends a worker; a closed terminal too (SIGHUP), on which Huey would start itself anew without one.
_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_log = log.get_logger(__name__)


class QueueUnusable(HarvesterError):
    """The queue behind `QUEUE_URL` cannot be used on this machine."""


class JsonSerializer(Serializer):  # type: ignore[misc]  # huey has no types
    """Tasks as JSON: what is read back from a queue is data, where a pickle would be a program."""

    def _serialize(self, data: Message) -> bytes:
        return orjson.dumps([data.id, data.name, list(data.args or ()), data.kwargs or {}])

    def _deserialize(self, data: bytes) -> Message:
        task_id, name, args, kwargs = orjson.loads(data)
        return Message(task_id, name, args=tuple(args), kwargs=kwargs, retries=0, retry_delay=0)


def queue(url: str) -> Huey:
    """Build the queue behind a URL: a SQLite file, PostgreSQL or Redis. The tasks are the same on all.

    Raises `QueueUnusable` if it cannot be reached, or its driver is not installed.
    """
    options: dict[str, Any] = {"results": False, "serializer": JsonSerializer()}
    scheme, _, rest = url.partition(":")
    try:
        if scheme == "sqlite":
            file = Path(rest.removeprefix("///").partition("?")[0])
            file.parent.mkdir(parents=True, exist_ok=True)
            return SqliteHuey(_NAME, filename=str(file), **options)
        if scheme.startswith("postgresql"):
            return _on_postgresql(f"postgresql:{rest}", options)
        return _on_redis(url, options)
    except Exception as error:  # each driver has errors of its own, and only some are installed
        told = log.redact(log.one_line(str(error).strip() or type(error).__name__))
        raise QueueUnusable(f"the queue of QUEUE_URL cannot be used: {told}") from error


def _on_postgresql(dsn: str, options: dict[str, Any]) -> Huey:
    """Build it on PostgreSQL, where `create table if not exists` fails for all but one of several at once."""
    for _ in range(_TABLES):
        try:
            return PostgresHuey(_NAME, dsn=dsn, **_PATIENCE, **options)
        except Exception as error:  # by its SQLSTATE: the driver is known to the ledger alone
            if getattr(error, "sqlstate", None) not in _JUST_MADE:
                raise
    return PostgresHuey(_NAME, dsn=dsn, **_PATIENCE, **options)


def _on_redis(url: str, options: dict[str, Any]) -> Huey:
    """Build it on Redis, whose older clients would wait for a silent server for ever."""
    from redis import ConnectionPool

    bounds = {"socket_timeout": _SILENT_SECONDS, "socket_connect_timeout": _SILENT_SECONDS}
    return RedisHuey(_NAME, connection_pool=ConnectionPool.from_url(url, **bounds), **options)


class _OneLine(logging.Filter):
    """Lets one line through about a queue that cannot be read, and the next one only when it is time.

    Each thread asks once a second or more often, and Huey writes a traceback each time.
    """

    _about = ("Error reading from queue", "Error reading schedule.")
    _quiet_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record is to be logged, and make a line of it."""
        if record.msg not in self._about:
            return True
        if time.monotonic() < self._quiet_until:
            return False
        self._quiet_until = time.monotonic() + _LONGEST_WAIT
        error = record.exc_info[1] if record.exc_info else None
        record.msg, record.args = "The queue cannot be read, wake-ups wait: %s", (error,)
        record.exc_info = record.exc_text = None
        return True


class _Worker(Worker):  # type: ignore[misc]  # huey has no types
    """Huey's worker on a queue that has to be polled: it looks when a bell rings, and else seldom."""

    def __init__(self, bell: Bell, **options: Any) -> None:
        super().__init__(**options)
        self.delay: float
        self._bell = bell
        self._heard = 0

    def loop(self, now: Any = None) -> None:
        """Take one task and do it, if there is one."""
        self._heard = self._bell.count
        super().loop(now)

    def sleep(self) -> None:
        """Wait for the bell."""
        self.delay = min(self.delay, self.max_delay)
        self._bell.wait(self.delay, heard=self._heard)
        self.delay *= self.backoff


class _Consumer(Consumer):  # type: ignore[misc]  # huey has no types
    """Huey's consumer without its signal handlers: they end a worker twice interrupted in mid-step."""

    def __init__(self, huey: Huey, bell: Bell, **options: Any) -> None:
        self.worker_class = partial(_Worker, bell)
        super().__init__(huey, **options)

    def _set_signal_handlers(self) -> None:
        pass


class Chores(Protocol):
    """What has to be done every so often, by one process."""

    def due(self) -> list[str]:
        """Name those that are due and this process's to do."""

    def __call__(self, name: str) -> None:
        """Do one."""


class Engine:
    """Runs wake-ups and chores on a pool of threads, and a tick between them, until it is told to stop."""

    def __init__(
        self,
        huey: Huey,
        advance: Callable[[int], None],
        tick: Callable[[Callable[[int], Any]], None],
        chores: Chores,
        side: SideWork | None = None,
        pulse: Callable[[bool], object] = bool,
    ) -> None:
        """Build it. `side` is work that waits for others a lot, and has threads of its own.

        `pulse` is called at each tick, with whether wake-ups can be queued.
        """

        def wake(row_id: int) -> None:
            advance(row_id)

        def chore(name: str) -> None:
            chores(name)

        self._huey = huey
        self._advance = advance
        self._alone_until = 0.0
        self._queue_works = True
        self._wake = huey.task(name="advance")(wake)
        self._chore = huey.task(name="chore")(chore)
        self._tick = tick
        self._chores = chores
        self._side = side
        self._pulse = pulse
        self._stopping = threading.Event()
        self._bell = Bell()
        # A handler may interrupt anything in this thread; putting into this queue is safe even then.
        self._told: SimpleQueue[int] = SimpleQueue()

    def run(self, *, threads: int, tick_seconds: float, shutdown_seconds: float) -> None:
        """Work until SIGTERM, SIGINT or SIGHUP, however often it comes; then finish what is at hand.

        Returns `shutdown_seconds` after the signal at the latest; what is still at hand then is left to its
        lease. Call it from the main thread.
        """
        for number in _ENDING:
            if not (number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN):  # nohup
                signal.signal(number, lambda number, _frame: self._told.put(number))
        consumer = _Consumer(
            self._huey,
            self._bell,
            workers=threads,
            periodic=False,
            initial_delay=0.1,
            max_delay=_POLL_SECONDS,
            scheduler_interval=_SCHEDULER_SECONDS,
            shutdown_timeout=shutdown_seconds,
        )
        one_line = _OneLine()
        for reader in ("Worker", "Scheduler"):
            logging.getLogger(f"huey.consumer.{reader}").addFilter(one_line)
        ticking = threading.Thread(target=self._ticks, args=(tick_seconds,), name="tick", daemon=True)
        consumer.start()
        ticking.start()
        _log.info("Worker started", threads=threads)
        told = signal.Signals(self._wait(consumer))
        _log.info("Worker stopping on %s", told.name)
        deadline = time.monotonic() + shutdown_seconds
        self._stopping.set()
        consumer.stop(graceful=True)
        self._bell.ring()
        ticking.join(max(0.0, deadline - time.monotonic()))
        if self._side is not None:
            self._side.stop(max(0.0, deadline - time.monotonic()))
        _log.info("Worker stopped")
        for number in _ENDING:  # whoever is told once more while it ends, ends no sooner and no worse
            signal.signal(number, signal.SIG_IGN)

    def _wait(self, consumer: Consumer) -> int:
        while True:
            try:
                return self._told.get(timeout=_HEALTH_SECONDS)
            except Empty:
                consumer.check_worker_health()

    def _woken(self, row_id: int) -> None:
        self._sent(self._wake, self._advance, row_id)

    def _sent(self, queue: Callable[[T], object], do: Callable[[T], object], subject: T) -> None:
        """Queue some work. While the queue takes none, do it here: slower, but nothing stands still."""
        if time.monotonic() >= self._alone_until:
            try:
                queue(subject)
                self._queue_works = True
                self._bell.ring()
                return
            except Exception as error:
                self._queue_works = False
                self._alone_until = time.monotonic() + _LONGEST_WAIT
                _log.error("No wake-up can be queued, the ticks do the work themselves: %s", error)
        if not self._stopping.is_set():
            do(subject)

    def _ticks(self, seconds: float) -> None:
        wait = seconds
        for number in count():
            if self._stopping.wait(wait):
                return
            try:
                if number % _TICKS_A_CHORE == 0:
                    for name in self._chores.due():
                        self._sent(self._chore, self._chores, name)
                self._tick(self._woken)
                if self._side is not None:
                    self._side.look()
                self._pulse(self._queue_works)
                wait = seconds
            except LedgerUnavailable as error:
                wait = max(seconds, min(2 * wait, _LONGEST_WAIT))
                _log.error("A tick failed, trying again in %.1f s: %s", wait, error)
            except Exception:
                wait = max(seconds, min(2 * wait, _LONGEST_WAIT))
                _log.exception("A tick failed, trying again in %.1f s", wait)
