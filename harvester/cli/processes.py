"""The worker process and preparations: worker, migrate, hash-password."""

from __future__ import annotations

import sys
from typing import BinaryIO

import click
from argon2 import PasswordHasher

from harvester import log, memory
from harvester.cli import session
from harvester.engine import Engine, queue
from harvester.ledger import schema
from harvester.settings import dormant
from harvester.side_work import SideWork


@click.command()
def worker() -> None:
    """Do the work: start actor runs, follow them, ingest what they found.

    Any number may run on one ledger. Ends on SIGTERM or Ctrl-C, after finishing what it has at hand.

    Example: harvester worker
    """
    with session.services(quiet=False) as services:
        settings = services.settings
        memory.limit(settings.worker_memory_mb)
        for warning in dormant(settings):
            log.get_logger(__name__).warning(warning)
        huey = queue(settings.queue_url.get_secret_value())
        airtable = services.airtable
        side = None
        if airtable is not None:
            side = SideWork(
                airtable.due, airtable.do, threads=settings.airtable_threads, stopping=airtable.stopping
            )
        services.schedule.sync()
        engine = Engine(huey, services.advance, services.tick, services.chores, side, services.pulse)
        memory.settled()
        engine.run(
            threads=settings.worker_threads,
            tick_seconds=settings.tick_seconds,
            shutdown_seconds=settings.shutdown_seconds,
        )
        services.advance.release()


@click.command()
def migrate() -> None:
    """Bring the ledger to the newest schema. Safe to run at any time, from many processes at once.

    Example: harvester migrate
    """
    with session.services() as services, services.ledger.read() as tx:
        click.echo(f"The ledger is at schema {schema.current(tx)}.")


@click.command("hash-password")
def hash_password() -> None:
    """Hash a password for the setting OPERATOR_PASSWORD_HASH.

    It is asked for twice, or read as one line when it comes through a pipe.

    Example: harvester hash-password < password.txt
    """
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = _first_line(sys.stdin.buffer)
    if not password:
        raise click.UsageError("the password is empty")
    click.echo(PasswordHasher().hash(password))


def _first_line(stream: BinaryIO) -> str:
    try:
        return stream.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise click.UsageError("the password is not UTF-8 text") from None
