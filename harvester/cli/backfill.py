"""Backfill: past datasets, foreign ones and stored items, read again on purpose."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from harvester.cli import session
from harvester.cli.arguments import ClientName
from harvester.cli.display import as_json, cell, show_json, show_line, show_table
from harvester.cli.long_work import bar, interruptible
from harvester.errors import InvalidInput
from harvester.normalise.values import iso_time
from harvester.wording import counted
from services import backfill as backfills
from services.backfill import Backfills, Done
from services.backfill_sources import Source
from services.kickoff import UnknownClient

_KEPT = "What was stored by then stays; the same command goes on from there."


@click.command()
@click.option("--actor-run", "actor_run", metavar="ID", help="The dataset of this actor run, by Apify's ID.")
@click.option("--dataset", metavar="ID", help="This dataset at Apify, for the client.")
@click.option("--since", metavar="DAY", help="Stored items of actor runs since this day in UTC, or moment.")
@click.option(
    "--client", "client_id", type=ClientName(), help="Whose posts they become; with --since, only whose."
)
@click.option(
    "--actor", "actor_id", metavar="ID", help="Whose items they are, as user/name, if Apify cannot tell."
)
@click.option("--apply", "apply_", is_flag=True, help="Do it. Without this, only show what would change.")
@as_json
def backfill(
    actor_run: str | None,
    dataset: str | None,
    since: str | None,
    client_id: str | None,
    actor_id: str | None,
    apply_: bool,
    json_: bool,
) -> None:
    """Read again what was paid for: a past or foreign dataset, or what the ledger has stored.

    Starts nothing at Apify and is charged for nothing. Client runs that are over stay as they ended; what was
    seen since is not written over, and no post is taken away.

    Example: harvester backfill --actor-run HG7ML7M8z78YcAPEB --apply
    """
    _check(actor_run, dataset, since, client_id, actor_id)
    state = _KEPT if apply_ else "Nothing was changed."
    with interruptible(state), session.services() as services, bar("Reading", "Reading") as told:
        found = backfills.of(services)
        source = _source(found, actor_run, dataset, since, client_id, actor_id)

        def progress(done: int, total: int | None) -> None:
            told(done, max(done, total or 0))

        done = found.apply(source, progress, by=session.BY) if apply_ else found.difference(source, progress)
    show_json(_as_json(done, apply_)) if json_ else _show(done, apply_)


def _check(
    actor_run: str | None, dataset: str | None, since: str | None, client_id: str | None, actor_id: str | None
) -> None:
    if sum(one is not None for one in (actor_run, dataset, since)) != 1:
        raise click.UsageError("give one of --actor-run, --dataset and --since")
    if dataset is not None and client_id is None:
        raise click.UsageError("say for whom, with --client")
    if since is not None and actor_id is not None:
        raise click.UsageError("--actor has no meaning with --since: each stored item's actor is known")


def _source(
    found: Backfills,
    actor_run: str | None,
    dataset: str | None,
    since: str | None,
    client_id: str | None,
    actor_id: str | None,
) -> Source:
    try:
        if actor_run is not None:
            return found.of_actor_run(actor_run, client_id=client_id, actor_id=actor_id)
        if dataset is not None and client_id is not None:
            return found.of_dataset(dataset, client_id=client_id, actor_id=actor_id)
        return found.of_stored(_moment(since or ""), client_id=client_id)
    except (InvalidInput, UnknownClient) as error:
        raise click.UsageError(str(error)) from error


def _moment(text: str) -> datetime:
    found = iso_time(text)
    if found is None:
        raise InvalidInput(f"{text[:60]!r} is no day and no moment of ISO 8601, such as 2026-11-01")
    return found


def _as_json(done: Done, applied: bool) -> dict[str, Any]:
    found = done.difference
    return {
        "source": done.source.kind,
        "key": done.source.key,
        "clientId": done.source.client_id,
        "applied": applied,
        "beganAt": done.began_at,
        "items": found.items,
        "postsNew": found.posts_new,
        "postsChanged": found.posts_changed,
        "postsSame": found.posts_same,
        "companions": found.companions,
        "rejectsUnderstood": found.understood,
        "rejectsNew": found.refused_anew,
        "rejects": dict(found.refused),
        "unread": dict(found.unread),
        "fields": dict(found.fields),
        "changes": [
            {
                "postKey": one.post_key,
                "fields": {name: {"before": was, "after": is_} for name, (was, is_) in one.fields.items()},
            }
            for one in found.examples
        ],
    }


def _show(done: Done, applied: bool) -> None:
    found = done.difference
    went_on = f", from {done.began_at} on" if done.began_at else ""
    show_line(f"Read {counted(found.items, 'item')} of {done.source.words}{went_on}.")
    rows = [
        ("Posts that are new", f"{found.posts_new:,}"),
        ("Posts that change", f"{found.posts_changed:,}{_fields(done)}"),
        ("Posts that stay as they are", f"{found.posts_same:,}"),
        ("Comments and reactions", f"{found.companions:,}"),
        ("Rejects that are understood now", f"{found.understood:,}"),
        *((f"Rejects: {reason}", f"{number:,}") for reason, number in sorted(found.refused.items())),
        *((f"Left as they are: {why}", f"{number:,}") for why, number in sorted(found.unread.items())),
    ]
    show_table("What was done" if applied else "What would be done", ("", ""), rows)
    changes = [
        (change.post_key, name, cell(was), cell(is_))
        for change in found.examples
        for name, (was, is_) in change.fields.items()
    ]
    if changes:
        show_table("The first posts that change", ("Post", "Field", "Before", "After"), changes)
    if not applied:
        nothing = "Nothing would change." if found.is_empty else "Nothing was changed. --apply does it."
        click.echo(nothing)


def _fields(done: Done) -> str:
    told = ", ".join(f"{name} {number:,}" for name, number in done.difference.fields.most_common(4))
    return f" ({told})" if told else ""
