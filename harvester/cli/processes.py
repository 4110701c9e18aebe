"""The processes and their preparation: serve, worker, migrate, hash-password."""

from __future__ import annotations

import os
import sys

import click
from argon2 import PasswordHasher

from harvester import log
from harvester.cli import session
from harvester.engine import Engine, queue
from harvester.ledger import schema
from harvester.settings import dormant

#: How long a worker that is told to stop may finish what it has at hand, in seconds.
SHUTDOWN_SECONDS = 25


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on.  [default: the setting PORT]")
def serve(host: str, port: int | None) -> None:
    """Answer HTTP: kickoff, webhooks, the API.

    Example: harvester serve --host 0.0.0.0
    """
    found = session.settings()
    bind = f"{host}:{port if port is not None else found.port}"
    arguments = ["gunicorn", "wsgi:app", "--config", "python:harvester.web_server", "--bind", bind]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", *arguments])  # noqa: S606


@click.command()
def worker() -> None:
    """Do the work: start actor runs, follow them, ingest what they found.

    Any number may run on one ledger. Ends on SIGTERM or Ctrl-C, after finishing what it has at hand.
    """
    with session.services(quiet=False) as services:
        settings = services.settings
        logger = log.get_logger(__name__)
        for warning in dormant(settings):
            logger.warning(warning)
        logger.info("Worker started", threads=settings.worker_threads)
        engine = Engine(queue(settings.queue_url.get_secret_value()), services.advance, services.tick)
        engine.run(
            threads=settings.worker_threads,
            tick_seconds=settings.tick_seconds,
            shutdown_seconds=SHUTDOWN_SECONDS,
        )


@click.command()
def migrate() -> None:
    """Bring the ledger to the newest schema. Safe to run at any time, from many processes at once."""
    with session.services() as services, services.ledger.read() as tx:
        click.echo(f"The ledger is at schema {schema.current(tx)}.")


@click.command("hash-password")
def hash_password() -> None:
    """Hash a password for the setting OPERATOR_PASSWORD_HASH.

    It is asked for twice, or read as one line when it comes through a pipe.
    """
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.UsageError("the password is empty")
    click.echo(PasswordHasher().hash(password))
