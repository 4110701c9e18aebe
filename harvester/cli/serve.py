"""The web process: serve. It becomes gunicorn, so it imports no more than it takes to check the settings."""

from __future__ import annotations

import os
import sys

import click

from harvester.cli.checked_settings import settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(1, 65_535), help="Port to listen on.  [default: the setting PORT]"
)
def serve(host: str, port: int | None) -> None:
    """Answer HTTP: kickoff, webhooks, the API.

    Example: harvester serve --host 0.0.0.0
    """
    found = settings()
    bind = f"{f'[{host}]' if ':' in host else host}:{port or found.port}"
    arguments = ["gunicorn", "wsgi:app", "--config", "python:harvester.web_server", "--bind", bind]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", *arguments])  # noqa: S606  # nosec B606 # no shell is what is wanted
