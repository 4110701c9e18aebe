"""Reconcile: everything that is not over, checked against Apify now, as far as Apify can be asked."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import click

from harvester.apify_errors import ApifyError
from harvester.cli import session
from harvester.cli.display import as_json, show_json, show_line
from harvester.cli.long_work import bar, interruptible
from harvester.ledger import actor_runs
from harvester.wording import counted
from services import Services
from services.reconcile import Findings
from services.unreachable import in_words

_STATE: Final = "What was done stays; a worker goes on with the rest, or this command when it is run again."


@dataclass(slots=True)
class _Done:
    """How far it came. None is what was not come to."""

    made_due: int | None = None
    leads_healed: int | None = None
    unfinished: list[int] = field(default_factory=list)
    findings: Findings | None = None
    #: Why Apify could not be asked about all of it.
    trouble: str | None = None


@click.command()
@as_json
def reconcile(json_: bool) -> None:
    """Check every unfinished actor run against Apify now, and repair what was missed.

    A start whose answer was lost is searched for, and may be started again if a search finds nothing of it
    once UNKNOWN_START_SECONDS have passed; nothing else is started. Can be interrupted, and repeated, at any
    time.

    Example: harvester reconcile
    """
    done = _Done()
    with interruptible(_STATE), session.services() as services:
        try:
            _carry_out(services, done)
        except BaseException:
            for line in _made_ready(done):
                show_line(line, err=True)
            raise
        finally:
            services.advance.release()
        states = _states(services, done.unfinished)
    show_json(_as_json(done, states)) if json_ else _show(done, states)
    if done.trouble:
        show_line(
            f"Error: Apify could not be asked about all of it: {done.trouble.rstrip('.')}. A worker asks "
            "again by itself; harvester doctor says what is wrong.",
            err=True,
        )
        sys.exit(session.EXIT_REFUSED)


def _carry_out(services: Services, done: _Done) -> None:
    """First what needs no Apify, then the rows, then Apify's list."""
    done.made_due = services.reconcile.wake(by=session.BY)
    done.leads_healed = services.reconcile.heal_leads()
    done.unfinished = rows = services.reconcile.unfinished()
    with bar("Asking Apify", "Asked Apify") as told:
        for number, row_id in enumerate(rows):
            told(number, len(rows))
            services.advance(row_id)
    try:
        done.findings = services.reconcile()
        done.leads_healed += done.findings.leads_healed
        trouble = services.overview.outage()  # rows may not have been asked for, though the list was
    except ApifyError as error:
        trouble = str(error)
    done.trouble = in_words(trouble) if trouble else None


def _states(services: Services, rows: list[int]) -> Counter[str]:
    with services.ledger.read() as tx:
        found = [actor_runs.get(tx, row_id) for row_id in rows]
    return Counter(str(run.state) for run in found if run is not None)


def _as_json(done: _Done, states: Counter[str]) -> dict[str, Any]:
    found = asdict(done.findings) if done.findings else None
    return {
        "madeDue": done.made_due,
        "leadsHealed": done.leads_healed,
        "unfinished": len(done.unfinished),
        "states": dict(states),
        "findings": found
        and {_camel(name): count for name, count in found.items() if name != "leads_healed"},
        "apifyError": done.trouble,
    }


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.title() for other in others)


def _show(done: _Done, states: Counter[str]) -> None:
    for line in _made_ready(done):
        show_line(line)
    now = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    were = counted(len(done.unfinished), "actor run was", "actor runs were")
    show_line(f"{were} unfinished at Apify{'; now ' + now if now else ''}.")
    if done.findings is None:
        show_line("Apify's list was not looked through.")
        return
    found = done.findings
    show_line(
        f"Of {found.actor_runs_compared} in Apify's list: {found.resurrected} resurrected, "
        f"{found.adopted} adopted, {counted(found.orphans, 'orphan')}."
    )


def _made_ready(done: _Done) -> list[str]:
    """Say what was done that needs no Apify."""
    if done.made_due is None:
        return ["No actor run was made due."]
    due = counted(done.made_due, "open actor run was", "open actor runs were")
    if done.leads_healed is None:
        return [f"{due} made due for a worker.", "Leads left behind were not looked for."]
    healed = counted(done.leads_healed, "lead left behind is", "leads left behind are")
    return [f"{due} made due for a worker.", f"{healed} due again."]
