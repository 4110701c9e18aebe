"""What a kickoff would do, on a terminal."""

from __future__ import annotations

from typing import Any

from harvester.cli.display import show_json, show_line, show_table, usd
from harvester.wording import counted
from services import Services, preview_shapes
from services.kickoff import Order


def show_preview(services: Services, order: Order, *, json_: bool) -> None:
    """Show who would be harvested, why, in which batches, and what that costs. Starts nothing.

    Raises what a kickoff raises.
    """
    found = preview_shapes.preview(services.preview(order))
    show_json(found) if json_ else _show_one(found)


def _show_one(found: dict[str, Any]) -> None:
    if found["skipped"]:
        show_line(f"Nothing would be started for {found['clientId']}: {found['reason']} ({found['code']}).")
    else:
        _show_leads(found)
    for doubt in (found["paused"], found["remark"]):
        if doubt is not None:
            show_line(f"But: {doubt}")


def _show_leads(found: dict[str, Any]) -> None:
    rows = [
        (batch["batch"], lead["linkedinProfileUrl"], lead["name"], lead["why"])
        for batch in found["batches"]
        for lead in batch["leads"]
    ]
    title = f"{found['clientId']}: {counted(found['profiles'], 'profile')} would be harvested at once"
    show_table(title, ("Batch", "Profile", "Name", "Why"), rows)
    runs = counted(found["mostActorRuns"], "actor run")
    lots = f", in {runs}," if found["mostActorRuns"] > found["mostBatches"] else ""
    batches = f"{counted(found['mostBatches'], 'batch', 'batches')}{lots}"
    show_line(
        f"{batches} at most until the target is met, for at most "
        f"{usd(found['costAtMostUsd'])}; the first ones for about {usd(found['costAboutUsd'])}."
    )
