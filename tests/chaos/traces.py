"""What the processes leave besides the ledger: lines in their logs, memory, threads, files, connections."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cli.processes import SECRETS

from .apify import TOKEN
from .evidence import Evidence
from .fleet import Size

_CREATED = re.compile(r"Successfully created client run record for (\S+)")
#: A process that is killed between its commit and its line cannot tell of the one any more.
_SILENCED = timedelta(seconds=2)
_SECRETS = (*SECRETS.values(), TOKEN)
#: The beginning of a webhook's token.
_WEBHOOK_TOKEN = re.compile(r"ph1\.[\w-]{8,}")
_WAL_BYTES = 64 * 1024**2
#: A process that has worked has opened what a fresh one has not: connections of its pool, modules, caches.
_MORE_MIB, _MORE_THREADS, _MORE_FILES = 60, 24, 60


def lines(evidence: Evidence, killed_at: Sequence[datetime]) -> list[str]:
    """I16: the log tells of each record's creation once, unless the process died on the way to it."""
    told = Counter(found for log in evidence.logs for found in _CREATED.findall(log.text))
    made = {row.client_run_id: row.created_at for row in evidence.records}
    wrongs = [f"I16: the creation of {one} was told {n} times" for one, n in told.items() if n > 1]
    wrongs += [
        f"I16: the creation of {one}, which is no record, was told" for one in told.keys() - made.keys()
    ]
    for one in made.keys() - told.keys():
        if not any(abs(made[one] - at) < _SILENCED for at in killed_at):
            wrongs.append(f"I16: the creation of {one} was not told")
    return wrongs + [
        f"I16: {log.name} misses a record that is there"
        for log in evidence.logs
        if "Client run record not found" in log.text
    ]


def errors(evidence: Evidence) -> list[str]:
    """Nothing that goes wrong outside is an accident inside: no traceback in any log."""
    return [
        f"{log.name} has a traceback: …{log.text[at : at + 1_500]}"
        for log in evidence.logs
        if (at := log.text.find("Traceback (most recent call last)")) >= 0
    ]


def secrets(evidence: Evidence) -> list[str]:
    """I12: no secret in a log or in what is kept of a webhook call."""
    places = {log.name: log.text for log in evidence.logs}
    places["the inbox"] = "".join(f"{row.headers}{row.body}{row.result}" for row in evidence.deliveries)
    places["the activity log"] = "".join(row.detail for row in evidence.activity)
    return [
        f"I12: a secret is in {place}"
        for place, text in places.items()
        if any(secret in text for secret in _SECRETS) or _WEBHOOK_TOKEN.search(text)
    ]


def growth(fresh: Mapping[str, Size], worn: Mapping[str, Size]) -> list[str]:
    """I17: what has worked is hardly larger than what is fresh."""
    wrongs = []
    for name, before in fresh.items():
        now = worn[name]
        if (
            now.mib > before.mib + _MORE_MIB
            or now.threads > before.threads + _MORE_THREADS
            or now.files > before.files + _MORE_FILES
        ):
            wrongs.append(f"I17: {name} went from {before} to {now}")
    return wrongs


def log_size(database_url: str) -> tuple[int, list[str]]:
    """I17: SQLite's write-ahead log does not grow without end. Gives its size in bytes, 0 on PostgreSQL."""
    if not database_url.startswith("sqlite"):
        return 0, []
    file = Path(urlsplit(database_url).path[1:] + "-wal")
    size = file.stat().st_size if file.exists() else 0
    return size, [f"I17: the write-ahead log has {size} bytes"] if size > _WAL_BYTES else []
