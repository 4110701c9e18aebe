"""Looking through the agency's Airtable: the master base, and the base of each client in its table Clients.

What is found is told, whatever it is, and nothing is changed. A base that cannot be read is a finding too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from harvester.airtable_errors import AirtableError
from harvester.airtable_schema import ALL_TABLES, CLIENT, MASTER, Problem, Schema, Table, TableSpec, problems
from harvester.errors import HarvesterError
from harvester.ledger import Ledger, airtable_meter, clients
from harvester.models import Client
from services import client_rows
from services.plan import ACTIVE, AIRTABLE

#: How many of how many bases were looked at.
Told = Callable[[int, int], None]
#: Gives a base's schema as it is now. Raises `AirtableError`.
SchemaOf = Callable[[str], Schema]
_CLIENTS: Final = ALL_TABLES["Clients"]
_PAGE: Final = 500


class Reads(Protocol):
    """What is asked of Airtable here, beside schemas."""

    def pages(self, base: str, table: Table, *, fields: Sequence[str]) -> Iterator[Sequence[client_rows.Row]]:
        """Give a table's records, page by page. Raises `AirtableError`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be; `told` says what to do.

    `code` is that of a `Problem`, of an `AirtableError` for a base that cannot be read, or `client` for a row
    of Clients. `required`: harvests, or the records of them, cannot do without.
    """

    base: str | None
    client_ids: tuple[str, ...]
    table: str | None
    field: str | None
    code: str
    told: str
    required: bool
    choice: str | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """One base that was looked at. `schema` is None if it could not be read."""

    base: str
    specs: tuple[TableSpec, ...]
    client_ids: tuple[str, ...]
    schema: Schema | None
    findings: tuple[Finding, ...]
    calls: int
    refused: int


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found. `calls` counts the requests of this month, over all bases."""

    bases: tuple[Looked, ...]
    rows: tuple[Finding, ...]
    not_looked_at: tuple[str, ...]
    month: str
    calls: int

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is not as it must be: first in the rows of Clients, then base by base."""
        return (*self.rows, *(finding for looked in self.bases for finding in looked.findings))


class AirtableCheck:
    """Looks through the bases."""

    def __init__(
        self,
        airtable: Reads,
        schema_of: SchemaOf,
        ledger: Ledger,
        master_base: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._airtable = airtable
        self._schema_of = schema_of
        self._ledger = ledger
        self._master = master_base
        self._clock = clock

    def __call__(
        self,
        *,
        client_id: str | None = None,
        every: bool = False,
        told: Told = lambda done, total: None,
    ) -> Report:
        """Look at the master base and at those of the active clients; of `every` client; or of one alone.

        Raises `AirtableError` if the master base cannot be read, `HarvesterError` if it has no such client.
        """
        schema = self._schema_of(self._master)
        reading = self._clients(schema)
        wanted = _wanted(reading, client_id, every)
        bases = _by_base(wanted)
        looked = [self._judged(schema, MASTER, ())]
        for done, (base, client_ids) in enumerate(bases.items(), start=1):
            told(done, len(bases) + 1)
            looked.append(self._look(base, client_ids))
        told(len(bases) + 1, len(bases) + 1)
        left = [] if client_id else sorted(reading.clients.keys() - {one.client_id for one in wanted})
        return self._report(looked, _of_rows(reading, wanted, alone=client_id is not None), left)

    def _report(self, looked: Iterable[Looked], rows: Iterable[Finding], left: Iterable[str]) -> Report:
        month = airtable_meter.month_of(self._clock())
        with self._ledger.read() as tx:
            counts = airtable_meter.calls(tx, month)
        counted = []
        for one in looked:
            count = counts.get(one.base, airtable_meter.Count(0, 0))
            counted.append(replace(one, calls=count.calls, refused=count.refused))
        total = sum(count.calls for count in counts.values())
        return Report(tuple(counted), tuple(rows), tuple(left), month, total)

    def _clients(self, schema: Schema) -> client_rows.Reading:
        """Read the table Clients, as far as it has what must be known of a client."""
        table = schema.table(_CLIENTS.name)
        if table is None or table.field("Client ID") is None:
            return client_rows.Reading({}, ())
        fields = [column.name for column in _CLIENTS.columns if table.field(column.name)]
        rows = [row for page in self._airtable.pages(self._master, table, fields=fields) for row in page]
        taken = {one.client_id: one.airtable_base for one in self._kept_here() if one.airtable_base}
        return client_rows.read(rows, master_base=self._master, taken=taken, now=self._clock())

    def _kept_here(self) -> Iterator[Client]:
        """Give the clients that are kept in the ledger: a base of theirs is nobody else's."""
        after: str | None = None
        with self._ledger.read() as tx:
            while page := clients.page(tx, limit=_PAGE, after=after):
                yield from (one for one in page if one.origin != AIRTABLE)
                after = page[-1].client_id

    def _look(self, base: str, client_ids: tuple[str, ...]) -> Looked:
        try:
            return self._judged(self._schema_of(base), CLIENT, client_ids)
        except AirtableError as error:
            told = f"{str(error).rstrip('.')}: see that the token reaches this base"
            finding = Finding(base, client_ids, None, None, error.code, told, required=True)
            return Looked(base, CLIENT, client_ids, None, (finding,), 0, 0)

    @staticmethod
    def _judged(schema: Schema, specs: tuple[TableSpec, ...], client_ids: tuple[str, ...]) -> Looked:
        findings = tuple(_finding(problem, client_ids) for problem in problems(schema, specs))
        return Looked(schema.base, specs, client_ids, schema, findings, 0, 0)


def _wanted(reading: client_rows.Reading, client_id: str | None, every: bool) -> list[Client]:
    if client_id is None:
        return [one for one in reading.clients.values() if every or one.status == ACTIVE]
    if client_id not in reading.clients:
        raise HarvesterError(f"the table Clients has no client {client_id}")
    return [reading.clients[client_id]]


def _by_base(wanted: Iterable[Client]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for client in wanted:
        if client.airtable_base is not None:
            found[client.airtable_base].append(client.client_id)
    return {base: tuple(client_ids) for base, client_ids in found.items()}


def _of_rows(reading: client_rows.Reading, wanted: Iterable[Client], *, alone: bool) -> Iterator[Finding]:
    for client in wanted:
        if client.airtable_error:
            yield Finding(
                client.airtable_base,
                (client.client_id,),
                _CLIENTS.name,
                None,
                "client",
                client.airtable_error,
                required=True,
            )
    for remark in () if alone else reading.remarks:
        yield Finding(None, (), _CLIENTS.name, None, "client", remark, required=False)


def _finding(problem: Problem, client_ids: tuple[str, ...]) -> Finding:
    return Finding(
        problem.base,
        client_ids,
        problem.table,
        problem.field,
        problem.code,
        problem.told,
        problem.required,
        problem.choice,
    )
