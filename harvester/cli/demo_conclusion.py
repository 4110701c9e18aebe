"""The demo's end where Airtable is on: it is told everything, and then compared with the ledger."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console

from harvester.cli import demo_airtable, demo_bases, demo_bases_display
from harvester.cli.children import Children
from harvester.cli.demo_display import still_owed
from harvester.ledger import outbox_counts
from services import Services

#: How long after the harvests Airtable may take to be told of all.
_PATIENCE_SECONDS = 60
_REFUSED_AT_MOST = 3


def owed(services: Services) -> int | None:
    """Count the records that Airtable has not been sent yet; None where it is off."""
    if services.airtable is None:
        return None
    with services.ledger.read() as tx:
        return outbox_counts.standing(tx)["waiting"]


def holds_everything(
    children: Children, console: Console, services: Services, runs: list[dict[str, Any]]
) -> bool:
    """Wait until Airtable is owed nothing, and show what it holds. True if that is what the ledger holds.

    True as well where Airtable is off. `runs` are all client runs, as the ledger has them.
    """
    if services.airtable is None:
        return True
    _wait(children, console, services)
    url = children.environ["AIRTABLE_API_URL"]
    bases = demo_bases.read(url)
    console.print(demo_bases_display.tables(bases))
    wrong = _refused(services) + demo_bases.differences(bases, services.overview, runs)
    demo_bases_display.verdict(console, bases, wrong, *demo_airtable.requests(url))
    return not wrong


def _wait(children: Children, console: Console, services: Services) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    if not console.is_terminal:
        console.print(f"{still_owed(owed(services) or 0)}.")
    with console.status("") as status:
        while records := owed(services):
            children.check()
            status.update(still_owed(records))
            if time.monotonic() > deadline:
                console.print(f"{still_owed(records)}, after {_PATIENCE_SECONDS} s.\n", style="bold")
                return
            time.sleep(0.2)
    console.print(f"{still_owed(0)} any more.\n")


def _refused(services: Services) -> list[str]:
    """Say what Airtable did not take, and why."""
    with services.ledger.read() as tx:
        found = outbox_counts.wrong(tx, limit=_REFUSED_AT_MOST)
    return [f"{row.kind} {row.key} is {row.state}: {row.error}" for row in found]
