"""The sandbox as a thing to hold: start it, look into it, edit its bases, break it on purpose, stop it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from harvester.sandbox.airtable import building
from harvester.sandbox.airtable.errors import no_such_row
from harvester.sandbox.airtable.faults import Fault, Kind
from harvester.sandbox.airtable.field_types import Field
from harvester.sandbox.airtable.model import Base, Record, Table, duplicates
from harvester.sandbox.airtable.options import Options
from harvester.sandbox.airtable.oracle import Ledger
from harvester.sandbox.airtable.platform import Platform
from harvester.sandbox.airtable.router import Router
from harvester.sandbox.airtable.routes_sandbox import records
from harvester.sandbox.airtable.specs import BaseSpec, FieldSpec, TableSpec
from harvester.sandbox.airtable.writes import person_cells
from harvester.sandbox.server import Answer, Server


class SandboxAirtable:
    """A local Airtable on loopback. Use it in a `with` statement, or `start` and `close` it.

    Keywords other than `port` (0: any free one), `bases` and `faults` are the fields of `Options`. The
    methods that take a base (by ID or name) and a table (by ID or name) act as a person in the web
    interface: no limits, no request counted. They raise `ApiError` for what is not there or does not fit.
    """

    def __init__(
        self, *, port: int = 0, bases: Sequence[BaseSpec] = (), faults: Iterable[Fault] = (), **options: Any
    ) -> None:
        self.options = Options(**options)
        self._platform = Platform(self.options, bases)
        self._platform.faults.put(faults)
        self._router = Router(self._platform)
        self._server: Server[Answer] = Server(port, self._router)
        self._port = int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Base URL, without `/v0`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def faults(self) -> list[Fault]:
        """The faults in force; assign a list to replace them."""
        return self._platform.faults.all()

    @faults.setter
    def faults(self, faults: Iterable[Fault]) -> None:
        self._platform.faults.put(faults)

    def inject(self, kind: Kind, **how: Any) -> None:
        """Add a fault that fires once, unless `times` (None: always) says otherwise. Raises `ValueError`."""
        self._platform.faults.add(Fault.parse({"kind": kind, "times": 1} | how))

    def ledger(self) -> Ledger:
        """What really happened so far."""
        return self._platform.ledger()

    def records(self, base: str, table: str) -> list[dict[str, Any]]:
        """All records, oldest first: `id`, `createdTime`, `fields` by name, computed ones too."""
        return records(self._platform, self.base(base).id, table)

    def duplicates(self, base: str, table: str, field: str) -> dict[str, list[str]]:
        """The values that more than one record holds in a field, with the records' IDs."""
        with self._table(base, table) as found:
            return duplicates(found.records.values(), _field(found, field).id)

    def table_id(self, base: str, table: str) -> str:
        """A table's ID."""
        with self._table(base, table) as found:
            return found.id

    def field_id(self, base: str, table: str, field: str) -> str:
        """A field's ID."""
        with self._table(base, table) as found:
            return _field(found, field).id

    def add(self, base: str, table: str, fields: Mapping[str, Any]) -> str:
        """Make a record; gives its ID."""
        with self._table(base, table) as found:
            return found.insert(person_cells(found, fields)).id

    def edit(self, base: str, table: str, record: str, fields: Mapping[str, Any]) -> None:
        """Change some cells of a record; None empties one."""
        with self._table(base, table) as found:
            found.change(_record(found, record), person_cells(found, fields))

    def delete(self, base: str, table: str, record: str) -> None:
        """Delete a record."""
        with self._table(base, table) as found:
            found.remove(_record(found, record))

    def add_field(self, base: str, table: str, spec: FieldSpec) -> str:
        """Make a field, of any type; gives its ID. Raises `ValueError` too."""
        with self._table(base, table) as found:
            return building.add_field(found, spec).id

    def rename_field(self, base: str, table: str, field: str, name: str) -> None:
        """Give a field another name; its ID stays."""
        with self._table(base, table) as found:
            _field(found, field).name = name

    def drop_field(self, base: str, table: str, field: str) -> None:
        """Delete a field with all its cells."""
        with self._table(base, table) as found:
            building.drop_field(found, _field(found, field))

    def add_choice(self, base: str, table: str, field: str, name: str) -> None:
        """Give a select field one more choice."""
        with self._table(base, table) as found:
            _field(found, field).add_choice(name)

    def rename_table(self, base: str, table: str, name: str) -> None:
        """Give a table another name; its ID stays."""
        with self._table(base, table) as found:
            found.name = name

    def drop_table(self, base: str, table: str) -> None:
        """Delete a table."""
        with self._table(base, table) as found:
            found.base.tables.pop(found.id)

    def add_table(self, base: str, spec: TableSpec) -> str:
        """Make a table; gives its ID. Raises `ValueError` too."""
        with self.base(base).lock:
            return building.add_table(self.base(base), spec, self.options.seed).id

    def add_base(self, spec: BaseSpec) -> None:
        """Make a base. Raises `ValueError`."""
        self._platform.add(building.built(spec, self.options.seed))

    def base(self, base: str) -> Base:
        """A base as it is inside, by ID or name; hold its `lock` while looking."""
        named = [one for one in self._platform.bases() if one.name == base]
        return named[0] if named else self._platform.base(base)

    def new_month(self) -> None:
        """Let every workspace have its calls again."""
        self._platform.limits.new_month()

    def reset(self) -> None:
        """The bases of the beginning again, no faults, nothing counted."""
        self._platform.reset()

    @contextmanager
    def dark(self) -> Iterator[None]:
        """Refuse connections for a while: everything stays, nobody is served."""
        self._server.close()
        try:
            yield
        finally:
            self._server = Server(self._port, self._router)
            self._server.start()

    def start(self) -> "SandboxAirtable":
        """Serve from threads of its own."""
        self._server.start()
        return self

    def close(self) -> None:
        """Stop serving; returns when every thread has ended."""
        self._platform.closing.set()
        self._server.close()

    def __enter__(self) -> "SandboxAirtable":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _table(self, base: str, table: str) -> Iterator[Table]:
        found = self.base(base)
        with found.lock:
            yield self._platform.table(found.id, table)


def _field(table: Table, name: str) -> Field:
    field = table.field(name)
    if field is None:
        raise KeyError(name)
    return field


def _record(table: Table, record_id: str) -> Record:
    record = table.records.get(record_id)
    if record is None:
        raise no_such_row(record_id)
    return record
