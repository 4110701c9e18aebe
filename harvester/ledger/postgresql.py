"""PostgreSQL as the ledger: for several machines, or many writers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event

from harvester.ledger import json_columns
from harvester.ledger.patience import Patience

#: libpq waits for a connection in whole seconds, two at the least.
_LEAST_CONNECT_SECONDS: Final = 2
#: The server's bound of a wait is so much of the client's: it comes first, for it costs no connection.
_SERVERS_SHARE: Final = 0.9
#: Of a statement a little more, so that of a wait for a lock it is known what was waited for.
_STATEMENTS_SHARE: Final = 0.95
#: Nobody waits for a lock less than this. Nought would mean: without end.
_LEAST_LOCK_SECONDS: Final = 0.01
#: A server that is alive may take so long for a statement, however little patience a test has.
_LEAST_STATEMENT_SECONDS: Final = 1.0
#: And so long when the patience is used up: a little less than the client waits then for any answer.
_LAST_STATEMENT_SECONDS: Final = 0.18
#: A transaction that does nothing for so long has lost its process: nobody must wait for its locks.
_IDLE_SECONDS: Final = 20.0


class PostgreSQL:
    """An engine whose statements wait for a bounded time, whether the server keeps time or not."""

    def __init__(self, url: URL, lock_seconds: float) -> None:
        self._statement_seconds = _statement_seconds(lock_seconds)
        self.engine: Engine = create_engine(
            url,
            json_serializer=json_columns.written,
            json_deserializer=json_columns.read,
            pool_pre_ping=True,
            pool_size=10,
            max_overflow=20,
            pool_timeout=lock_seconds,
            connect_args={
                "connect_timeout": max(_LEAST_CONNECT_SECONDS, round(lock_seconds)),
                "options": _server_options(lock_seconds),
                # For waits outside of a transaction, of which the client's own bound knows nothing.
                "tcp_user_timeout": round(lock_seconds * 1000),
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 3,
            },
        )
        event.listen(self.engine, "do_connect", _connect)

    def turn(self, *, writing: bool, patience: Patience) -> AbstractContextManager[None]:
        """Everybody may begin at any time."""
        return nullcontext()

    @contextmanager
    def connected(self, *, writing: bool, patience: Patience) -> Iterator[Connection]:
        """Give a connection that waits within `patience`; one that only reads has one view of everything."""
        from harvester.ledger.bounded_psycopg import connecting  # psycopg is an optional extra

        with connecting(patience):
            connection = self.engine.connect()
        with connection:
            driver: Any = connection.connection.driver_connection
            driver.patience = patience
            if not writing:
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            yield connection

    def bound(self, connection: Connection, patience: Patience) -> None:
        """Lower the bounds for locks and statements, which hold for each by itself, to what is left in all.

        So the server breaks off what takes too long, and the connection stays usable. Lift the others for
        long work.
        """
        seconds = max(patience.left * _SERVERS_SHARE, _LEAST_LOCK_SECONDS)
        bounds = {"lock_timeout": min(seconds, patience.lock_seconds or seconds)}
        if patience.long:
            bounds |= {"statement_timeout": seconds, "idle_in_transaction_session_timeout": seconds}
        else:
            left = min(patience.left * _STATEMENTS_SHARE, self._statement_seconds)
            bounds["statement_timeout"] = max(left, _LAST_STATEMENT_SECONDS)
        each = (f"SET LOCAL {name} = {value * 1000:.0f}" for name, value in bounds.items())
        connection.exec_driver_sql("; ".join(each))


def _server_options(lock_seconds: float) -> str:
    seconds = {
        "lock_timeout": lock_seconds * _SERVERS_SHARE,
        "statement_timeout": _statement_seconds(lock_seconds),
        "idle_in_transaction_session_timeout": _IDLE_SECONDS,
    }
    return " ".join(f"-c {name}={value * 1000:.0f}" for name, value in seconds.items()) + " -c timezone=UTC"


def _statement_seconds(lock_seconds: float) -> float:
    return max(lock_seconds * _STATEMENTS_SHARE, _LEAST_STATEMENT_SECONDS)


def _connect(_dialect: object, _record: object, arguments: Any, named: Any) -> Any:
    from harvester.ledger.bounded_psycopg import BoundedConnection

    return BoundedConnection.connect(*arguments, **named)
