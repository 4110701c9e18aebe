"""The long form: `make chaos`, or `python -m chaos --seed 7 --database postgresql` in tests/."""

from __future__ import annotations

import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click
from factories import opened
from postgres import running

from harvester.ledger import schema

from .run import chaos

_LIMIT_SECONDS = 570.0
#: Should even the limit not be kept, an alarm ends it.
_ALARM_SECONDS = 600


@click.command()
@click.option("--seed", type=int, help="Repeat the run of this seed.  [default: a random one]")
@click.option("--database", type=click.Choice(["sqlite", "postgresql"]), help="[default: both, in turn]")
@click.option("--harvests", type=click.IntRange(5), default=200, show_default=True)
@click.option("--queue", default="", help="QUEUE_URL of the processes.")
def main(seed: int | None, database: str | None, harvests: int, queue: str) -> None:
    """Kill and stop real processes while they harvest, and check that nothing was lost and nothing twice."""
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _end)
    bad = False
    for name in [database] if database else ["sqlite", "postgresql"]:
        chosen = secrets.randbelow(1_000_000) if seed is None else seed
        click.echo(f"seed {chosen} on {name}, {harvests} harvests")
        folder = Path(tempfile.mkdtemp(prefix="post-harvester-chaos-"))
        signal.alarm(_ALARM_SECONDS)
        with _ledger(name, folder) as url:
            outcome = chaos(
                chosen, name, url, folder, harvests=harvests, limit_seconds=_LIMIT_SECONDS,
                tell=click.echo, QUEUE_URL=queue,
            )  # fmt: skip
        signal.alarm(0)
        click.echo(str(outcome))
        bad = bad or bool(outcome.violations)
        if outcome.violations:
            click.echo(f"the logs are in {folder}")
        else:
            shutil.rmtree(folder)
    sys.exit(bad)


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(f"ended by {signal.Signals(number).name}")


@contextmanager
def _ledger(database: str, folder: Path) -> Iterator[str]:
    """Lend a fresh ledger at the newest schema."""
    if database == "postgresql":
        with running() as server, server.migrated() as url:
            yield url
        return
    url = f"sqlite:///{folder / 'ledger.db'}"
    with opened(url) as ledger:
        schema.migrate(ledger)
    yield url


if __name__ == "__main__":
    main()
