"""How the commands about Airtable show what they found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

from harvester.cli.display import moment, show_line, show_table
from harvester.wording import counted
from services import shapes
from services.airtable_check import Finding, Report
from services.airtable_setup import Outcome, Plan, Step
from services.airtable_usage import Usage

_FINDING_COLUMNS: Final = ("Client", "Base", "Table", "Field", "Do this", "Without it")


def show_report(report: Report) -> None:
    """Show what a check found."""
    bases = counted(len(report.bases), "base was", "bases were")
    if report.findings:
        _show_findings(counted(len(report.findings), "finding"), report.findings)
        show_line(f"{bases} looked at. harvester airtable setup makes what the API can make.")
    else:
        show_line(f"All is as it must be: {bases} looked at.")
    if report.not_looked_at:
        left = ", ".join(report.not_looked_at)
        show_line(f"Not looked at, because they are not Active: {left}. --all looks at them too.")
    show_line(f"{counted(report.calls, 'call')} to Airtable in {report.month}.")


def _show_findings(title: str, findings: Iterable[Finding]) -> None:
    rows = [
        (
            whose(one.client_ids),
            one.base,
            one.table,
            one.field,
            _sentence(one.told),
            "no harvest or no record" if one.required else "all else goes on",
        )
        for one in findings
    ]
    show_table(title, _FINDING_COLUMNS, rows)


def show_plan(found: Plan) -> None:
    """Show what can be made, and what a person must do."""
    if found.steps:
        rows = [(whose(step.client_ids), step.base, step.told()) for step in found.steps]
        show_table(f"{counted(len(rows), 'thing')} that the API can make", ("Client", "Base", "What"), rows)
    else:
        show_line("There is nothing that the API could make.")
    if found.by_hand:
        _show_findings("What a person must do in Airtable", found.by_hand)


def show_usage(found: Usage) -> None:
    """Show what Airtable was asked, and what it is owed."""
    rows = [
        (
            one.base,
            ", ".join(one.client_ids),
            f"{one.calls:,}",
            one.refused,
            moment(shapes.time(one.blocked_until)),
            one.reason if one.blocked_until else None,
        )
        for one in found.bases
    ]
    columns = ("Base", "Client", "Calls", "Answered 429", "Left alone until (UTC)", "Why")
    show_table(f"{counted(found.calls, 'call')} to Airtable in {found.month}", columns, rows)
    piles = [(one.base, one.kind, one.stand, f"{one.records:,}") for one in found.piles]
    show_table("What Airtable is to show", ("Base", "Kind", "Stands", "Records"), piles)
    if found.wrong:
        wrong = [(one.base, one.kind, one.key, one.state, one.error) for one in found.wrong]
        show_table("The newest that are not shown", ("Base", "Kind", "Key", "Stands", "Why"), wrong)


def usage_json(found: Usage) -> dict[str, Any]:
    """Give the usage as JSON."""
    return {
        "month": found.month,
        "calls": found.calls,
        "bases": [
            {
                "base": one.base,
                "clientIds": one.client_ids,
                "calls": one.calls,
                "refused": one.refused,
                "blockedUntil": shapes.time(one.blocked_until),
                "reason": one.reason,
            }
            for one in found.bases
        ],
        "outbox": [asdict(one) for one in found.piles],
        "wrong": [asdict(one) for one in found.wrong],
    }


def whose(client_ids: tuple[str, ...]) -> str:
    """Name the clients of a base; the master base is nobody's."""
    return ", ".join(client_ids) or "master"


def _sentence(told: str) -> str:
    return f"{told[:1].upper()}{told[1:].rstrip('.')}."


def report_json(report: Report) -> dict[str, Any]:
    """Give what a check found as JSON."""
    return {
        "fine": not report.findings,
        "findings": [_finding_json(one) for one in report.findings],
        "bases": [
            {
                "base": one.base,
                "clientIds": one.client_ids,
                "readable": one.schema is not None,
                "calls": one.calls,
                "refused": one.refused,
            }
            for one in report.bases
        ],
        "notLookedAt": report.not_looked_at,
        "month": report.month,
        "calls": report.calls,
    }


def _finding_json(one: Finding) -> dict[str, Any]:
    return {
        "base": one.base,
        "clientIds": one.client_ids,
        "table": one.table,
        "field": one.field,
        "choice": one.choice,
        "code": one.code,
        "required": one.required,
        "told": one.told,
    }


def plan_json(found: Plan, outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Give a plan as JSON, with what came of it."""
    came = {id(outcome.step): outcome for outcome in outcomes}
    return {
        "steps": [_step_json(step, came.get(id(step))) for step in found.steps],
        "byHand": [_finding_json(one) for one in found.by_hand],
    }


def _step_json(step: Step, outcome: Outcome | None) -> dict[str, Any]:
    return {
        "base": step.base,
        "clientIds": step.client_ids,
        "table": step.table,
        "fields": [column.name for column in step.columns],
        "makes": "field" if step.adds else "table",
        "made": outcome is not None and not outcome.error,
        "error": (outcome.error or None) if outcome else None,
    }
