"""PostgreSQL as the ledger: for several machines, or many writers."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, text

#: libpq waits for a connection in whole seconds, two at the least.
_LEAST_CONNECT_SECONDS = 2


class PostgreSQL:
    """An engine whose statements wait for a lock for a bounded time."""

    def __init__(self, url: URL, lock_seconds: float) -> None:
        waits = f"-c lock_timeout={lock_seconds * 1000:.0f} -c statement_timeout=30s -c timezone=UTC"
        self.engine: Engine = create_engine(
            url,
            pool_pre_ping=True,
            pool_size=10,
            max_overflow=20,
            pool_timeout=lock_seconds,
            connect_args={
                "connect_timeout": max(_LEAST_CONNECT_SECONDS, round(lock_seconds)),
                "options": waits,
                # The server's own bounds say nothing of a server that has vanished from the network.
                "tcp_user_timeout": round(lock_seconds * 1000),
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 3,
            },
        )

    def turn(self, *, writing: bool, deadline: float) -> AbstractContextManager[None]:
        """Everybody may begin at any time."""
        return nullcontext()

    def options(self, *, writing: bool, deadline: float) -> dict[str, Any]:
        """Give a transaction that only reads one view of everything."""
        return {} if writing else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    def wait_no_longer(self, connection: Connection, seconds: float) -> None:
        """Lower the bound, which holds for each statement by itself, to what is left of the whole."""
        bound = text("select set_config('lock_timeout', :milliseconds, true)")
        connection.execute(bound, {"milliseconds": f"{max(seconds * 1000, 1):.0f}"})
