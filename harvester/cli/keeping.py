"""Keeping the ledger: backup, restore, prune."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from harvester import log
from harvester.cli import session
from harvester.cli.arguments import NewFile
from harvester.cli.display import as_json, moment, show_json, show_line, show_table
from harvester.cli.long_work import bar, interruptible
from harvester.ledger import Ledger
from harvester.ledger.pruning import Found, Kind
from harvester.settings import Settings
from harvester.wording import counted
from services import backup as backups
from services import now_utc, shapes
from services import prune as pruning
from services import restore as restores

_NAMES = {
    Kind.DELIVERIES: ("delivery", "deliveries"),
    Kind.RAW_ITEMS: ("raw item of posts", "raw items of posts"),
    Kind.RAW_COMPANIONS: ("raw item of a comment or reaction", "raw items of comments and reactions"),
    Kind.REJECT_SAMPLES: ("sample of rejects", "samples of rejects"),
    Kind.RUN_EVENTS: ("line of a client run's story", "lines of client runs' stories"),
}


@click.command()
@click.argument("file", type=NewFile(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@as_json
def backup(file: Path, force: bool, json_: bool) -> None:
    """Write the whole ledger to FILE, while web and workers go on.

    FILE is a SQLite ledger, whichever database it comes from, with everything that is in the ledger. It
    appears when it is whole and checked.

    Example: harvester backup ledger-backup.db
    """
    with (
        interruptible(f"{file} is as it was."),
        _ledger() as (_, ledger),
        bar("Copying", "Checking") as told,
    ):
        made = backups.backup(ledger, file, clock=now_utc, force=force, progress=told)
    if json_:
        show_json(
            {
                "file": str(made.file),
                "takenAt": shapes.time(made.taken_at),
                "rows": made.rows,
                "bytes": made.size,
            }
        )
        return
    show_line(
        f"Backed up {_rows(made.rows)} to {made.file} ({_megabytes(made.size)}), "
        f"as they were at {moment(shapes.time(made.taken_at))} UTC."
    )
    click.echo(
        "Verified: PRAGMA integrity_check finds no fault, and every table has as many rows as the ledger had."
    )


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json
def restore(file: Path, json_: bool) -> None:
    """Fill the ledger of DATABASE_URL, which must be empty, from the backup in FILE.

    All of it or nothing; FILE stays as it is. Stop web and workers first. What the backup calls planned may
    have been started since: it is searched for at Apify before it is started.

    Example: harvester restore ledger-backup.db
    """
    nothing = "The ledger is as empty as it was."
    with interruptible(nothing), _ledger() as (settings, ledger), bar("Restoring", "Checking") as told:
        unknown_start = timedelta(seconds=settings.unknown_start_seconds)
        made = restores.restore(ledger, file, clock=now_utc, unknown_start=unknown_start, progress=told)
    if json_:
        show_json(_restored(made))
        return
    migrated = f", migrated from schema {made.migrated_from}" if made.migrated_from else ""
    show_line(
        f"Restored {_rows(made.rows)} from {file}, "
        f"a backup of {moment(shapes.time(made.taken_at))} UTC{migrated}."
    )
    if made.searched_for:
        planned = counted(made.searched_for, "actor run was", "actor runs were")
        show_line(
            f"{planned} planned then and may have been started since: searched for at Apify at "
            f"{moment(shapes.time(made.search_at))} UTC, and started if not found."
        )
    click.echo("Run harvester doctor, then start web and worker.")


def _restored(made: restores.Restored) -> dict[str, Any]:
    return {
        "takenAt": shapes.time(made.taken_at),
        "migratedFrom": made.migrated_from,
        "rows": made.rows,
        "searchedFor": made.searched_for,
        "searchAt": shapes.time(made.search_at),
    }


@click.command()
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(pruning.LEAST_DAYS, 36_500),
    default=pruning.DEFAULT_DAYS,
    show_default=True,
    help="Days that things must be old.",
)
@click.option("--apply", "apply_", is_flag=True, help="Do it. Without this, only show what would go.")
@as_json
def prune(days: int, apply_: bool, json_: bool) -> None:
    """Let go of old deliveries, of the raw items behind old posts and rejects, and of old stories.

    Posts, records, runs and what came of leads always stay, and so do deliveries that wait. It may be
    interrupted and run again.

    Example: harvester prune --older-than 90 --apply
    """
    with interruptible("The same command goes on with the rest."), session.services() as services:
        before = pruning.cutoff(days, services.clock())
        found = pruning.survey(services.ledger, before=before)
        shown = {"olderThanDays": days, "before": shapes.time(before), "found": _as_json(found)}
        if not apply_:
            command = f"harvester prune --older-than {days} --apply"
            show_json({**shown, "applied": False, "command": command}) if json_ else _show(
                found, days, command
            )
            return
        freed = _pruned(services.ledger, before, sum(one.rows for one in found.values()))
        if json_:
            show_json({**shown, "applied": True, "freed": {kind.value: freed[kind] for kind in Kind}})
            return
        show_line(f"Pruned {_told(freed)}.")
        click.echo(_where_space_goes(services.ledger))


def _pruned(ledger: Ledger, before: datetime, total: int) -> dict[Kind, dict[str, int]]:
    """Prune, and give rows and bytes of each kind. Whatever ends it early, say what went by then."""
    rows: Counter[Kind] = Counter()
    size: Counter[Kind] = Counter()
    try:
        with bar("Pruning", "Pruning") as told:
            for one in pruning.prune(ledger, before=before):
                rows[one.kind] += one.rows
                size[one.kind] += one.bytes
                told(rows.total(), total)
    except BaseException:
        show_line(f"Pruned by then: {_told(_freed(rows, size))}.", err=True)
        raise
    return _freed(rows, size)


def _freed(rows: Counter[Kind], size: Counter[Kind]) -> dict[Kind, dict[str, int]]:
    return {kind: {"rows": rows[kind], "bytes": size[kind]} for kind in Kind}


def _told(freed: dict[Kind, dict[str, int]]) -> str:
    return ", ".join(
        f"{counted(one['rows'], *_NAMES[kind])} ({_megabytes(one['bytes'])})" for kind, one in freed.items()
    )


def _show(found: dict[Kind, Found], days: int, command: str) -> None:
    if not any(one.rows for one in found.values()):
        click.echo(f"Nothing that may go is older than {days} days.")
        return
    rows = [
        (
            _NAMES[kind][1],
            f"{one.rows:,}",
            _megabytes(one.bytes),
            moment(shapes.time(one.oldest)),
            moment(shapes.time(one.newest)),
        )
        for kind, one in found.items()
    ]
    show_table(
        f"Older than {days} days, and would go", ("What", "Rows", "Size", "Oldest (UTC)", "Newest"), rows
    )
    click.echo(f"Nothing was changed. This does it: {command}")


def _as_json(found: dict[Kind, Found]) -> dict[str, Any]:
    return {
        kind.value: {**asdict(one), "oldest": shapes.time(one.oldest), "newest": shapes.time(one.newest)}
        for kind, one in found.items()
    }


def _where_space_goes(ledger: Ledger) -> str:
    if ledger.url.get_backend_name() == "sqlite":
        return "The ledger's file stays as big as it is: SQLite reuses the space for what comes."
    return "PostgreSQL's autovacuum frees the space for what comes."


@contextmanager
def _ledger() -> Iterator[tuple[Settings, Ledger]]:
    """Give the ledger as it is: other commands migrate it, which is no business of a backup's."""
    found = session.settings()
    log.configure(found.log_format, "WARNING")
    log.hide(found.secret_values())
    url = found.database_url.get_secret_value()
    with session.told():
        restores.refuse_backup(url)
        with closing(Ledger(url, lock_seconds=found.lock_seconds)) as ledger:
            yield found, ledger


def _rows(rows: dict[str, int]) -> str:
    return f"{counted(sum(rows.values()), 'row')} of {counted(len(rows), 'table')}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
