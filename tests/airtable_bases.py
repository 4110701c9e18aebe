"""Bases of the local Airtable as agencies have them or not, and the parts of ours that look at them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from airtable_schemas import TYPES

from harvester.airtable import Airtable
from harvester.airtable_schema import CLIENT, MASTER, Column, Schema
from harvester.airtable_schema import TableSpec as Needed
from harvester.ledger import Ledger
from harvester.sandbox.airtable import BaseSpec, FieldSpec, SandboxAirtable, TableSpec
from services import now_utc
from services.airtable_blocks import Waits
from services.airtable_check import AirtableCheck
from services.airtable_setup import AirtableSetup
from services.pacing import Gaps, Pacing

TOKEN = "patNobodyMayEver.ReadThisOne"
MASTER_BASE = "appMaster00000001"


def base_id(number: int) -> str:
    return f"app{number:014}"


def whole(base: str, specs: Sequence[Needed]) -> BaseSpec:
    """Give a base that lacks nothing."""
    tables = [TableSpec(spec.name, [_field(column) for column in spec.columns]) for spec in specs]
    return BaseSpec(base, base, tables)


def _field(column: Column) -> FieldSpec:
    options: dict[str, object] = {}
    if column.links_to:
        options = {"linkedTable": column.links_to}
    elif TYPES[column.kind] == "singleSelect":
        options = {"choices": [{"name": choice} for choice in column.choices]}
    elif TYPES[column.kind] == "formula":
        options = {"formula": "1"}
    return FieldSpec(column.name, TYPES[column.kind], options)


def empty(base: str) -> BaseSpec:
    """Give a base as Airtable makes one: with a table that nobody needs."""
    return BaseSpec(base, base, [TableSpec("Table 1", [FieldSpec("Name")])])


def whole_master() -> BaseSpec:
    return whole(MASTER_BASE, MASTER)


def whole_client(number: int) -> BaseSpec:
    return whole(base_id(number), CLIENT)


def client_row(client_id: str, base: str | None, status: str = "Active") -> dict[str, object]:
    return {"Client ID": client_id, "Status": status, "Airtable Base ID": base, "Service Level": 2}


@dataclass(frozen=True)
class Parts:
    """What looks at the local Airtable."""

    sandbox: SandboxAirtable
    gateway: Airtable
    check: AirtableCheck
    setup: AirtableSetup

    def schema(self, base: str) -> Schema:
        return self.gateway.schema(base)


@contextmanager
def looking_at(ledger: Ledger, *bases: BaseSpec) -> Iterator[Parts]:
    """Lend the real gateway, paced fast, and check and setup on it."""
    soon = timedelta(milliseconds=1)
    waits = Waits(lockout=soon, cap=soon, first=soon, longest=soon, trial=soon)
    with SandboxAirtable(token=TOKEN, base_requests=0, token_requests=0, bases=bases) as sandbox:
        gate = Pacing(ledger, now_utc, Gaps(timedelta(0), timedelta(0)), waits, stop=threading.Event())
        gateway = Airtable(token=TOKEN, api_url=sandbox.url, gate=gate, timeout=(2, 2))
        try:
            check = AirtableCheck(gateway, gateway.schema, ledger, MASTER_BASE, now_utc)
            yield Parts(sandbox, gateway, check, AirtableSetup(gateway, gateway.schema))
        finally:
            gateway.close()
