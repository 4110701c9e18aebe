"""The consistency check as a command."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

import click
from rich.console import Console

from harvester.cli import session
from harvester.cli.arguments import ClientName
from harvester.cli.display import as_json, cell, show_json, show_line, show_table
from harvester.cli.long_work import interruptible
from harvester.errors import InvalidInput
from harvester.ledger import clients
from harvester.wording import counted
from services import Services
from services.consistency import REPAIRS, Consistency, consistency
from services.consistency import counted as by_code
from services.consistency_findings import Code, Finding, Remedy
from services.consistency_repairs import Repaired
from services.consistency_tables import Told

_STATE: Final = "What was repaired stays; run it again for the rest."
#: Findings that are shown as rows; all of them are with --json.
_SHOWN: Final = 100
#: What only the service knows of a finding.
_INNER: Final = ("row_id", "owe", "columns")


@click.command()
@click.option("--client", "client_id", type=ClientName(), help="Look at this client alone.")
@click.option("--repair", is_flag=True, help="Put right what can be.")
@click.option("--recreate", is_flag=True, help="With --repair: make anew what a person deleted in Airtable.")
@click.option("--deep", is_flag=True, help="Compare every cell of posts, and look for leads that are gone.")
@as_json
def check(client_id: str | None, repair: bool, recreate: bool, deep: bool, json_: bool) -> None:
    """Compare the ledger with itself and with Airtable: what is missing, extra, twice, different or stuck.

    Changes nothing without --repair; never deletes anything. A worker sends what a repair wants sent. Can be
    interrupted, and repeated, at any time.

    Example: harvester check --repair
    """
    if recreate and not repair:
        raise click.UsageError("--recreate goes with --repair")
    with (
        interruptible(_STATE),
        session.services() as services,
        progress("Comparing the ledger with itself") as told,
    ):
        if client_id is not None and services.airtable is not None:
            services.airtable.read_clients()
        require_client(services, client_id)
        of_all = _consistency(services)
        findings = of_all.find(client_id=client_id, deep=deep, told=told)
        remedies = (REPAIRS | ({Remedy.RECREATE} if recreate else set())) if repair else ()
        result = of_all.repair(findings, remedies=remedies)
    show_json(_as_json(findings, result)) if json_ else _show(findings, result, repair=repair)
    sys.exit(_exit_code(result))


def _consistency(services: Services) -> Consistency:
    return consistency(
        services.settings,
        services.ledger,
        services.settle,
        services.reconcile,
        services.airtable,
        services.clock,
    )


def require_client(services: Services, client_id: str | None) -> None:
    """Raise `InvalidInput` for a client that the ledger does not know; None stands for all of them."""
    if client_id is None:
        return
    with services.ledger.read() as tx:
        if clients.get(tx, client_id) is None:
            raise InvalidInput(f"there is no client {client_id}", code="client_not_found")


def _exit_code(result: Repaired) -> int:
    if any(one.code is Code.UNREADABLE for one, _ in result.left):
        return session.EXIT_FAILED
    return session.EXIT_REFUSED if result.left else 0


@contextmanager
def progress(first: str) -> Iterator[Told]:
    """Show on a terminal which table is being read, and nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _table, _count: None
        return
    with console.status(first) as status:
        yield lambda table, count: status.update(f"Reading {cell(table)}: {counted(count, 'record')}")


def _as_json(findings: Sequence[Finding], result: Repaired) -> dict[str, Any]:
    return {
        "found": len(findings),
        "repaired": len(result.done),
        "left": len(result.left),
        "counts": {str(code): count for code, count in by_code(findings).items()},
        "findings": [_finding(one, None) for one in result.done]
        + [_finding(one, why) for one, why in result.left],
    }


def _finding(one: Finding, left: str | None) -> dict[str, Any]:
    shown = {_camel(name): value for name, value in asdict(one).items() if name not in _INNER}
    return {**shown, "columns": list(one.columns), "repaired": left is None, "left": left}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join("ID" if other == "id" else other.title() for other in others).replace("ID", "Id")


def _show(findings: Sequence[Finding], result: Repaired, *, repair: bool) -> None:
    if not findings:
        show_line("Nothing is wrong.")
        return
    rows = [(one, "repaired") for one in result.done]
    rows += [(one, why if repair else str(one.remedy)) for one, why in result.left]
    columns = ("Found", "Client", "Key", "Where", "Record", "Detail", "Repair" if repair else "Remedy")
    shown = [
        (one.code, one.client_id, one.key, _where(one), one.record_id, one.detail, what)
        for one, what in rows[:_SHOWN]
    ]
    show_table(counted(len(findings), "finding"), columns, shown)
    if len(rows) > _SHOWN:
        show_line(f"And {len(rows) - _SHOWN:,} more: --json shows all of them.")
    show_line(", ".join(f"{count:,} {code}" for code, count in by_code(findings).items()) + ".")
    if repair:
        show_line(f"{len(result.done):,} repaired, {len(result.left):,} left.")
    elif any(one.remedy not in (Remedy.PERSON, Remedy.RECREATE) for one in findings):
        show_line("Put right what can be: harvester check --repair.")


def _where(one: Finding) -> str:
    if one.base is None:
        return "ledger"
    return f"{one.table} {one.base}" if one.table else one.base
