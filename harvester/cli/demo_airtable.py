"""The demo's Airtable: a local one whose bases hold the invented agency, at Airtable's own pace."""

from __future__ import annotations

import secrets
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson

from harvester.cli import demo_agency
from harvester.cli.children import Children, direct
from harvester.cli.demo_agency import CLIENTS, Invented
from harvester.errors import HarvesterError

MASTER_BASE = "appAgencyMaster01"
_SERVICE_LEVEL = "2-Lead Scoring + Post Scoring"
_SEED = "airtable.json"

#: A record's cells by the names of their columns; empty ones are not there.
Row = dict[str, Any]


def settings() -> dict[str, str]:
    """Give the settings that turn Airtable on, all but its URL."""
    return {"AIRTABLE_API_KEY": f"pat{secrets.token_hex(16)}", "MASTER_CLIENTS_BASE_ID": MASTER_BASE}


def started(children: Children) -> str:
    """Start an Airtable that has the agency's bases, and give its URL."""
    path = children.folder / _SEED
    path.write_bytes(orjson.dumps({"bases": bases(datetime.now(UTC))}))
    arguments = ["--token", children.environ["AIRTABLE_API_KEY"], "--seed-file", str(path)]
    log = children.start("airtable", ["-m", "harvester.sandbox.airtable", *arguments])
    return children.wait_for_line(log, "Sandbox Airtable on ", 60).rpartition(" ")[2]


def bases(now: datetime) -> list[dict[str, Any]]:
    """Give the agency's bases as the sandbox takes them, with leads that were added up to `now`."""
    master = {"master": MASTER_BASE, "clients": [_client(one) for one in CLIENTS]}
    return [master, *(_base(one, now) for one in CLIENTS)]


def _client(invented: Invented) -> Row:
    return {
        "Client ID": invented.client_id,
        "Client Name": invented.name,
        "Status": "Active",
        "Airtable Base ID": invented.base,
        "Service Level": _SERVICE_LEVEL,
        "Posts Daily Target": invented.target,
        "Leads Batch Size for Post Collection": demo_agency.BATCH_SIZE,
        "Max Post Batches Per Day Guardrail": demo_agency.MAX_BATCHES,
        "Processing Stream": demo_agency.STREAM,
        "Timezone": invented.timezone,
    }


def _base(invented: Invented, now: datetime) -> dict[str, Any]:
    """Make a client's base. The newest leads come first, and of all the newest are those that are not due."""
    cells: Mapping[str, Mapping[str, str]] = invented.not_due
    rows = [
        {**_lead(handle, now - timedelta(hours=number)), **cells.get(handle, {})}
        for number, handle in enumerate([*cells, *invented.handles()])
    ]
    posts = invented.keeps_posts
    return {"client": invented.base, "name": invented.name, "posts": posts, "leads": rows}


def _lead(handle: str, created_at: datetime) -> Row:
    first, last = demo_agency.names(handle)
    return {
        "LinkedIn Profile URL": demo_agency.profile_url(handle),
        "First Name": first,
        "Last Name": last,
        "Date Created": created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def records(url: str, base: str, table: str) -> dict[str, Row]:
    """Give all records of a table by their IDs, oldest first, past Airtable's own API: uncounted."""
    found = _asked(f"{url}/sandbox/records/{base}/{quote(table)}")
    return {record["id"]: record["fields"] for record in found}


def requests(url: str) -> tuple[int, int]:
    """Count the requests that Airtable has had, and those that it answered 429."""
    ledger = _asked(f"{url}/sandbox/ledger")
    return sum(ledger["requests"].values()), ledger["too_many"]


def _asked(url: str) -> Any:
    try:
        with direct.open(urllib.request.Request(url), timeout=10) as answer:  # noqa: S310 - the sandbox
            return orjson.loads(answer.read())
    except (OSError, orjson.JSONDecodeError) as error:
        raise HarvesterError(f"{url}: {error}") from error
