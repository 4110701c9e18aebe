"""The floor of a webhook: Flask applications that read the body and answer JSON, and no more than that.

`bare:app` does only this. `bare:committing()` also inserts the body into a table of its own, with a commit
of its own for each request, in the database that `BARE_DATABASE` names: what most webhook receivers do.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from queue import Empty, LifoQueue
from typing import Any, Final

import psycopg
from flask import Flask, Response, jsonify, request

PATH: Final = "/api/apify-webhook"
#: Names the database of the application that commits.
DATABASE: Final = "BARE_DATABASE"
_TABLE: Final = "create table bare (body text not null)"

app: Final = Flask("bare", static_folder=None)


@app.get("/healthz")
def _alive() -> Response:
    return jsonify({"ok": True})


@app.post(PATH)
def _answer() -> Response:
    return jsonify({"ok": True, "bytes": len(request.get_data())})


def committing() -> Flask:
    """Build the application that commits each request by itself."""
    made = Flask("committing", static_folder=None)
    made.add_url_rule("/healthz", view_func=_alive)
    commit = committer(os.environ[DATABASE])

    @made.post(PATH)
    def _stored() -> Response:
        body = request.get_data()
        commit(body.decode())
        return jsonify({"ok": True, "bytes": len(body)})

    return made


def make_table(url: str) -> None:
    """Make the table that it inserts into."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute(_TABLE)
    else:
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute(_TABLE)


def committer(url: str) -> Callable[[str], None]:
    """Give what inserts one text and commits it, with every fsync. Its table must be there."""
    return _on_sqlite(url) if url.startswith("sqlite") else _on_postgresql(url)


def _on_sqlite(url: str) -> Callable[[str], None]:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=30)
    connection.execute("PRAGMA synchronous=FULL")
    return lambda text: connection.execute("insert into bare values (?)", (text,)).close()


def _on_postgresql(url: str) -> Callable[[str], None]:
    idle: LifoQueue[psycopg.Connection[Any]] = LifoQueue()

    def commit(text: str) -> None:
        try:
            connection = idle.get_nowait()
        except Empty:
            connection = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
        connection.execute("insert into bare values (%s)", (text,)).close()
        idle.put(connection)

    return commit
