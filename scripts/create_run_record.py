"""Create one client run record by hand, where kickoff could not.

Exit codes: 0 created (or would be, with --dry-run), 1 failed, 2 bad arguments or settings, 3 it exists.

Example: python scripts/create_run_record.py --run-id 261122-050000 --client-id Guy-Wilson --dry-run
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from harvester import log, run_ids
from harvester.cli.output import to_be_written
from harvester.errors import HarvesterError, InvalidInput
from harvester.ledger import Tx, client_runs, clients
from harvester.normalise.text import one_line
from harvester.settings import EXIT_BAD_SETTINGS, SettingsError, describe, load
from services import Services, build, run_records

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
EXIT_BAD_ARGUMENTS: Final = 2
EXIT_EXISTS: Final = 3

_NAME_CHARS = 200
_NOTE_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for, checked. `full_id` is the client run ID."""

    full_id: str
    client_id: str
    client_name: str | None
    started_at: datetime | None
    note: str | None
    dry_run: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    given = _parser().parse_args(arguments)
    try:
        settings = load()
    except SettingsError as error:
        print(describe(error), end="", file=sys.stderr)
        return EXIT_BAD_SETTINGS
    log.configure(settings.log_format, settings.log_level)
    try:
        order = _checked(given)
        services = build(settings)
        try:
            said = _carried_out(services, order)
        finally:
            services.close()
    except InvalidInput as error:
        return _refused(str(error), EXIT_BAD_ARGUMENTS)
    except run_records.AlreadyExists as error:
        return _refused(str(error), EXIT_EXISTS)
    except (HarvesterError, OSError) as error:
        return _refused(str(error), EXIT_FAILED)
    print(said)
    return EXIT_DONE


def _parser() -> argparse.ArgumentParser:
    summary, _, epilog = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--run-id", required=True, help="YYMMDD-HHMMSS, with or without -<client ID>")
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--client-name", help="default: the client's name in the ledger")
    parser.add_argument("--start-time", metavar="ISO", help="ISO 8601 with its time zone; default: now")
    parser.add_argument("--note", help="one line for the record's System Notes")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and write nothing")
    return parser


def _checked(given: argparse.Namespace) -> Order:
    client_id = run_ids.require_client_id(given.client_id)
    return Order(
        full_id=run_ids.require(given.run_id, client_id),
        client_id=client_id,
        client_name=_line("--client-name", given.client_name, _NAME_CHARS),
        started_at=_moment(given.start_time),
        note=_line("--note", given.note, _NOTE_CHARS),
        dry_run=given.dry_run,
    )


def _line(option: str, text: str | None, limit: int) -> str | None:
    if text is None:
        return None
    found = one_line(text, limit + 1)
    if not 0 < len(found) <= limit:
        raise InvalidInput(f"{option} must have 1 to {limit} characters")
    return found


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            f"--start-time {text!a} is no ISO 8601 time, such as 2026-11-22T05:00:00Z"
        ) from None
    if moment.tzinfo is None:
        raise InvalidInput(f"--start-time {text!a} has no time zone: end it with Z, or +11:00 and the like")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(f"--start-time {text!a} lies outside the years 1 to 9999") from None


def _carried_out(services: Services, order: Order) -> str:
    """Create the record, unless that is only to be tried. Gives the sentence that says so."""
    now = services.clock()
    if order.started_at is not None and order.started_at > now:
        raise InvalidInput(f"--start-time lies in the future: it is {now:%Y-%m-%dT%H:%M:%SZ} now")
    if order.client_name is None and services.airtable is not None:
        services.airtable.read_clients()
    if order.dry_run:
        with services.ledger.read() as tx:
            return _told(tx, order, now)
    try:
        with services.ledger.write() as tx:
            _create(tx, order, now)
    except (run_records.AlreadyExists, run_records.ClientBusy) as error:
        _count(services, order, str(error), now)
        raise
    return f"Created client run record {order.full_id}."


def _create(tx: Tx, order: Order, now: datetime) -> None:
    run_records.create(
        tx,
        run_id=order.full_id,
        client_id=order.client_id,
        client_name=_name(tx, order),
        source=run_records.MANUAL,
        now=now,
        started_at=order.started_at,
        note=order.note,
    )


def _name(tx: Tx, order: Order) -> str:
    """Give the name for the record. Raises `InvalidInput` if the client is unknown and it was not given."""
    if order.client_name is not None:
        return order.client_name
    client = clients.get(tx, order.client_id)
    if client is None:
        raise InvalidInput(f"there is no client {order.client_id}: give --client-name to go on all the same")
    return client.name


def _told(tx: Tx, order: Order, now: datetime) -> str:
    """Say what a real run would do. Raises what it would raise."""
    name = _name(tx, order)
    existing = run_records.get(tx, order.full_id)
    if existing is not None:
        raise run_records.AlreadyExists(existing)
    live = client_runs.live_of(tx, order.client_id)
    if live is not None:
        raise run_records.ClientBusy(live)
    started = order.started_at or now
    return f"Would create client run record {order.full_id}: {name}, started {started:%Y-%m-%dT%H:%M:%SZ}."


def _count(services: Services, order: Order, reason: str, now: datetime) -> None:
    with services.ledger.write() as tx:
        run_records.creation_failed(
            tx,
            run_id=order.full_id,
            client_id=order.client_id,
            source=run_records.MANUAL,
            reason=reason,
            now=now,
        )


def _refused(reason: str, code: int) -> int:
    print(f"Error: {one_line(reason, 1_000)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    with to_be_written():
        sys.exit(main())
