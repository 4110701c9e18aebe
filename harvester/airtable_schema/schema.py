"""What a base has: tables and fields, as its schema tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a table. `type` is Airtable's own word for it, such as `singleLineText`."""

    id: str
    name: str
    type: str
    #: Names of a select field's options, in their order.
    choices: tuple[str, ...] = ()
    #: ID of the table that a link field leads to.
    linked_table: str | None = None
    #: What people have renamed it to; it is known by its ID, and `name` is what it was called.
    now: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One table, with its fields by name. The first field is the primary one."""

    id: str
    name: str
    fields: Mapping[str, Field]
    #: As with a field.
    now: str | None = None

    def field(self, name: str) -> Field | None:
        """Give the field of exactly this name, or None."""
        return self.fields.get(name)


@dataclass(frozen=True, slots=True)
class Schema:
    """One base, with its tables by name."""

    base: str
    tables: Mapping[str, Table]

    def table(self, name: str) -> Table | None:
        """Give the table of exactly this name, or None."""
        return self.tables.get(name)

    def to_json(self) -> dict[str, Any]:
        """Give the schema as JSON that `from_json` reads back."""
        return {
            "base": self.base,
            "tables": [
                {
                    "id": table.id,
                    "name": table.name,
                    "now": table.now,
                    "fields": [_field_json(f) for f in table.fields.values()],
                }
                for table in self.tables.values()
            ],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Schema:
        """Read what `to_json` gave. Raises `KeyError` or `TypeError` for anything else."""
        tables = [
            Table(
                id=table["id"],
                name=table["name"],
                fields={field["name"]: _field(field) for field in table["fields"]},
                now=table["now"],
            )
            for table in value["tables"]
        ]
        return cls(base=value["base"], tables={table.name: table for table in tables})


def _field_json(field: Field) -> dict[str, Any]:
    return {
        "id": field.id,
        "name": field.name,
        "type": field.type,
        "choices": list(field.choices),
        "linkedTable": field.linked_table,
        "now": field.now,
    }


def _field(value: Mapping[str, Any]) -> Field:
    return Field(
        id=value["id"],
        name=value["name"],
        type=value["type"],
        choices=tuple(value["choices"]),
        linked_table=value["linkedTable"],
        now=value["now"],
    )
