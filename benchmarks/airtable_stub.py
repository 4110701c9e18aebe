"""A stand-in for Airtable without limits, in a process of its own: it takes every write at once.

Reads are answered with what was handed to it; of a write it gives back the records as they came, with IDs.
It neither checks nor keeps cells, so a benchmark against it measures the client alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Final

import orjson
import requests

_HEAD_END: Final = b"\r\n\r\n"


class Book:
    """What was written to one table."""

    def __init__(self, table: str, key: str) -> None:
        self.table = table
        self._key = key
        self.keys: dict[str, str] = {}
        self.bodies: list[bytes] = []
        self.first_at = 0.0
        self.last_at = 0.0

    def take(self, body: bytes, records: list[dict[str, Any]]) -> None:
        """Note a write, and when it came (Unix time in seconds)."""
        self.last_at = time.time()
        self.first_at = self.first_at or self.last_at
        self.bodies.append(body)
        for record in records:
            self.keys[str(record["fields"].get(self._key, record["id"]))] = record["id"]


class Stub(asyncio.Protocol):
    """One connection."""

    def __init__(self, answers: Mapping[str, bytes], book: Book) -> None:
        self._answers = answers
        self._book = book
        self._read = bytearray()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._read += data
        while (end := self._read.find(_HEAD_END)) >= 0:
            head = bytes(self._read[:end])
            length = _length(head)
            whole = end + len(_HEAD_END) + length
            if len(self._read) < whole:
                return
            body = bytes(self._read[whole - length : whole])
            del self._read[:whole]
            self._transport.write(self._answer(head, body))

    def _answer(self, head: bytes, body: bytes) -> bytes:
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        path = target.partition("?")[0].removesuffix("/listRecords")
        if method == "PATCH":
            return _response(200, self._written(path, body))
        told = self._answers.get(path)
        return _response(404, b'{"error":"NOT_FOUND"}') if told is None else _response(200, told)

    def _written(self, path: str, body: bytes) -> bytes:
        records = orjson.loads(body)["records"]
        of_book = path.endswith(self._book.table)
        for number, record in enumerate(records):
            record.setdefault("id", f"rec{len(self._book.bodies):012d}{number:02d}")
            record["createdTime"] = "2026-01-01T00:00:00.000Z"
        if of_book:
            self._book.take(body, records)
        return orjson.dumps({"records": records})


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _response(status: int, body: bytes) -> bytes:
    kind = b"OK" if status == 200 else b"Not Found"
    head = b"HTTP/1.1 %d %s\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n\r\n"
    return head % (status, kind, len(body)) + body


def serve(pipe: Connection, answers: Mapping[str, bytes], table: str, key: str) -> None:
    """Serve until the pipe ends. `table` is whose writes are noted, by the field `key` (both by ID).

    Told `new`, it forgets what was written; anything else, it says how many keys there are, when the first
    and the last write came, and which bodies they had.
    """
    asyncio.run(_serve(pipe, answers, table, key))


async def _serve(pipe: Connection, answers: Mapping[str, bytes], table: str, key: str) -> None:
    book = Book(table, key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Stub(answers, book), "127.0.0.1", 0)
    pipe.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with suppress(EOFError):
        while True:
            asked = await loop.run_in_executor(None, pipe.recv)
            if asked == "new":
                Book.__init__(book, table, key)
            bodies = book.bodies if asked == "bodies" else []
            pipe.send((len(book.keys), book.first_at, book.last_at, bodies))


def canned(url: str, token: str, tables: Mapping[str, list[str]]) -> dict[str, bytes]:
    """Ask an Airtable for the schemas of bases, and for the records of these tables (by ID) of each."""
    found: dict[str, bytes] = {}
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {token}"
        paths = [f"/v0/meta/bases/{base}/tables" for base in tables]
        paths += [f"/v0/{base}/{table}" for base, of_base in tables.items() for table in of_base]
        for path in paths:
            answer = session.get(f"{url}{path}", params={"returnFieldsByFieldId": "true"}, timeout=30)
            answer.raise_for_status()
            found[path] = answer.content
    return found
