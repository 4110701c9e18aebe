"""What the ledger knows by itself about Airtable: what it was never told, and what will not be sent."""

from __future__ import annotations

from collections.abc import Collection

from harvester.ledger import Tx, outbox_checks
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox import State
from harvester.ledger.outbox_sending import Owed
from services.consistency_findings import Code, Finding, Remedy
from services.mirror_records import TABLES

#: Keys of what Airtable is yet to be told of, by base and kind.
Unshown = dict[tuple[str, Kind], set[str]]


def look(tx: Tx, master: str, bases: Collection[str]) -> tuple[list[Finding], Unshown]:
    """Give what is wrong with what these bases are owed, without asking Airtable."""
    unshown: Unshown = {}
    found = []
    for kind in Kind:
        for row in outbox_checks.unshown(tx, kind, master):
            unshown.setdefault((row.base, kind), set()).add(row.key)
            found.append(_unshown(kind, row))
    found += [_stuck(row) for row in outbox_checks.stuck(tx) if row.base in bases]
    return found, unshown


def _unshown(kind: Kind, row: outbox_checks.Unshown) -> Finding:
    """What is older than Airtable's being switched on, for example."""
    told = "Airtable was never told of it"
    table = TABLES[kind].name
    return Finding(Code.UNSHOWN, told, Remedy.SEND, row.key, row.client_id, row.base, table, owe=row.owe)


def _stuck(row: Owed) -> Finding:
    parked = row.state is State.PARKED
    told = (row.error or "Airtable refused it") if parked else "it was changed, and never sent"
    return Finding(
        Code.PARKED if parked else Code.UNSENT,
        told,
        Remedy.TRY_AGAIN if parked else Remedy.SEND_AGAIN,
        row.key,
        row.client_id,
        row.base,
        TABLES[row.kind].name,
        row.record_id,
        row_id=row.id,
    )
