"""The gateway to Airtable: the one door to its API. Field IDs on the wire, names within; our errors.

One call is one request, and waits for its turn at the gate; only a list takes one per page. Nothing is tried
again in here: pyairtable's own retries repeat writes whose answer was lost, which makes rows twice.
Importing this takes half a second; do it only where Airtable is on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

import pyairtable

from harvester.airtable_answers import (
    Listed,
    Record,
    field_from,
    ids_from,
    listed_from,
    part_of,
    required_id,
    schema_from,
    table_from,
)
from harvester.airtable_errors import (
    LOST_PLACE,
    AirtableError,
    BadAnswer,
    Capped,
    Denied,
    OutcomeUnknown,
    TooFast,
    Unavailable,
)
from harvester.airtable_requests import MOST_WRITTEN as MOST_WRITTEN
from harvester.airtable_requests import Change, id_of, options_of, sendable
from harvester.airtable_schema import Field, Schema, Table
from harvester.airtable_wire import Sessions, translated

#: Stands for the base of calls that belong to none.
ACCOUNT: Final = "account"
#: A list whose place Airtable loses is begun anew so often.
_BEGUN_ANEW: Final = 5
#: The largest base has 5,000 pages of 100 records.
_MOST_PAGES: Final = 20_000

T = TypeVar("T")


class Gate(Protocol):
    """Says when a request may be made, and hears how it went. `meta`: it is about the schema or the account,
    which Airtable goes on to answer when the month's calls are used up.
    """

    def turn(self, base: str, *, meta: bool = False) -> object:
        """Wait for the next free moment of this base and of the token. Raises `Blocked`."""

    def worked(self, base: str, *, meta: bool = False) -> None:
        """Airtable has answered, be it with a no."""

    def failed(self, base: str, told: str) -> None:
        """Airtable could not be asked, or answered nothing that makes sense."""

    def too_fast(self, base: str) -> None:
        """Airtable has answered 429."""

    def capped(self, base: str, told: str) -> None:
        """Airtable has answered that the month's calls are used up."""


class Airtable:
    """Airtable's API with one token, for any number of threads. Build it before a fork if need be, but call
    it only after. `timeout`: seconds to connect, and then for an answer.

    Every call raises `Blocked` if the gate is shut, `TooFast`, `Capped`, `NotAllowed`, `Refused`, and
    `Unavailable` when nothing was done; a read `BadAnswer`; a write `OutcomeUnknown` when nobody can tell.
    Field names that the given table has not raise `UnknownField` before anything is sent.
    """

    def __init__(
        self, *, token: str, api_url: str, gate: Gate, timeout: tuple[float, float] = (5.0, 30.0)
    ) -> None:
        self._api_url = api_url.rstrip("/")
        self._gate = gate
        self._sessions = Sessions(token, self._api_url, timeout)

    def __repr__(self) -> str:
        return f"Airtable({self._api_url!r})"

    def schema(self, base: str) -> Schema:
        """Read the tables and fields of a base."""
        required_id("app", base)
        return self._call(
            base,
            lambda api: api.get(api.base(base).urls.tables),
            lambda told: schema_from(base, told),
            meta=True,
        )

    def whoami(self) -> str:
        """Give the ID of the user whose token this is: the cheapest proof that it works."""
        return self._call(
            ACCOUNT, lambda api: api.get(api.urls.whoami), lambda told: part_of(told, "id", str), meta=True
        )

    def pages(
        self,
        base: str,
        table: Table,
        *,
        fields: Sequence[str],
        formula: str | None = None,
        sort: Sequence[str] = (),
        max_records: int | None = None,
        page_size: int = 100,
    ) -> Iterator[list[Record]]:
        """Give a table's records, a page at a time, each record once: those for which `formula` holds.

        Only `fields` are read. `sort` are names, with `-` before them for falling order; without it, records
        come in any order. One that changes while the pages are read may be missing, or be as it was.
        """
        options = options_of(table, fields, formula, sort, max_records, page_size)
        left = max_records
        for records in self._each_once(base, table, options):
            if left is not None:
                records, left = records[:left], left - len(records)
            if records:
                yield records
            if left is not None and left <= 0:
                return

    def update(self, base: str, table: Table, changes: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Change these cells of at most 10 records, all or none. Raises `RowGone` if one is not there."""
        self._write(base, table, None, changes)

    def upsert(self, base: str, table: Table, merge: str, changes: Sequence[Change]) -> list[str]:
        """Change or make at most 10 records, all or none; give their record IDs in order.

        A change with a record ID goes to that record, one without to the record whose field `merge` has the
        same value, or to a new one. Raises `SeveralMatch` where several have it, and `RowGone`.
        """
        return self._write(base, table, merge, changes)

    def create_table(self, base: str, name: str, fields: Sequence[Mapping[str, Any]]) -> Table:
        """Make a table; `fields` as the metadata API describes them, the first of them the primary one."""
        required_id("app", base)
        body = {"name": name, "fields": [dict(field) for field in fields]}
        return self._call(
            base,
            lambda api: api.post(api.base(base).urls.tables, json=body),
            table_from,
            writing=True,
            meta=True,
        )

    def create_field(
        self, base: str, table: Table, name: str, type: str, options: Mapping[str, Any] | None = None
    ) -> Field:
        """Make a field of an existing table; `type` and `options` as the metadata API describes them."""
        path = required_id("app", base), required_id("tbl", table.id)
        body = {"name": name, "type": type, **({"options": dict(options)} if options else {})}
        return self._call(
            base,
            lambda api: api.post(api.table(*path).urls.fields, json=body),
            field_from,
            writing=True,
            meta=True,
        )

    def close(self) -> None:
        """Close all connections."""
        self._sessions.close()

    def _each_once(self, base: str, table: Table, options: Mapping[str, Any]) -> Iterator[list[Record]]:
        seen: set[str] = set()
        offset: str | None = None
        lost = 0
        for _ in range(_MOST_PAGES):
            try:
                page = self._page(base, table, {**options, **({"offset": offset} if offset else {})})
            except Denied as error:
                if error.type not in LOST_PLACE or offset is None:
                    raise
                offset, lost = None, lost + 1
                if lost > _BEGUN_ANEW:
                    raise Unavailable(f"Airtable lost its place in a list {lost} times") from error
                continue
            yield [record for record in page.records if record.id not in seen]
            seen.update(record.id for record in page.records)
            offset = page.offset
            if offset is None:
                return
        raise BadAnswer(f"Airtable's list of {table.name} does not end")

    def _page(self, base: str, table: Table, options: dict[str, Any]) -> Listed:
        path = required_id("app", base), required_id("tbl", table.id)

        def ask(api: pyairtable.Api) -> Any:
            urls = api.table(*path).urls
            return api.get(urls.records, fallback=("post", urls.records_post), options=options)

        return self._call(base, ask, lambda told: listed_from(told, table))

    def _write(self, base: str, table: Table, merge: str | None, changes: Sequence[Change]) -> list[str]:
        path = required_id("app", base), required_id("tbl", table.id)
        sent = sendable(table, merge, changes)
        body: dict[str, Any] = {
            "records": [{**({"id": one} if one else {}), "fields": fields} for one, fields in sent],
            "returnFieldsByFieldId": True,
            "typecast": False,
        }
        key = id_of(table, merge) if merge is not None else None
        if not all(record_id for record_id, _ in sent):
            body["performUpsert"] = {"fieldsToMergeOn": [key]}
        return self._call(
            base,
            lambda api: api.patch(api.table(*path).urls.records, json=body),
            lambda told: ids_from(told, sent, key),
            writing=True,
            sent=frozenset(record_id for record_id, _ in sent if record_id),
        )

    def _call(
        self,
        base: str,
        ask: Callable[[pyairtable.Api], Any],
        read: Callable[[Any], T],
        *,
        writing: bool = False,
        meta: bool = False,
        sent: frozenset[str] = frozenset(),
    ) -> T:
        self._gate.turn(base, meta=meta)
        try:
            with self._sessions.lent() as api, translated(writing=writing, sent=sent):
                answer = read(ask(api))
        except AirtableError as error:
            self._tell(base, error, meta=meta)
            raise
        self._gate.worked(base, meta=meta)
        return answer

    def _tell(self, base: str, error: AirtableError, *, meta: bool) -> None:
        if isinstance(error, TooFast):
            self._gate.too_fast(base)
        elif isinstance(error, Capped):
            self._gate.capped(base, str(error))
        elif isinstance(error, Unavailable | OutcomeUnknown | BadAnswer):
            self._gate.failed(base, str(error))
        else:
            self._gate.worked(base, meta=meta)
