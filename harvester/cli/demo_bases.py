"""What the demo's Airtable holds at the end, and whether that is what the ledger holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from harvester.cli import demo_agency
from harvester.cli.demo_agency import CLIENTS, Invented
from harvester.cli.demo_airtable import MASTER_BASE, Row, records
from harvester.wording import counted
from services.overview import Overview

_URL = "LinkedIn Profile URL"
_STATUS = "Posts Harvest Status"
_RUN = "Posts Harvest Run ID"


@dataclass(frozen=True, slots=True)
class Shown:
    """A post as a base shows it: a record of Posts, or an entry in a lead's Posts Content."""

    key: str
    #: The profile URLs of its leads.
    leads: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class ClientBase:
    """One client's base."""

    client: Invented
    leads: Sequence[Row]
    posts: Sequence[Shown]

    def by_status(self) -> Counter[str]:
        """Count the leads by what their rows say of the harvest; those that say nothing under `New`."""
        return Counter(row.get(_STATUS, "New") for row in self.leads)


@dataclass(frozen=True, slots=True)
class Bases:
    """All bases."""

    runs: Sequence[Row]
    jobs: Sequence[Row]
    clients: Sequence[ClientBase]

    def size(self) -> int:
        """Count the posts, under however many leads each is."""
        return sum(len({post.key for post in base.posts}) for base in self.clients)


def read(url: str) -> Bases:
    """Read all bases of the sandbox."""
    return Bases(
        runs=list(records(url, MASTER_BASE, "Client Run Results").values()),
        jobs=list(records(url, MASTER_BASE, "Job Tracking").values()),
        clients=[_client_base(url, invented) for invented in CLIENTS],
    )


def _client_base(url: str, invented: Invented) -> ClientBase:
    leads = records(url, invented.base, "Leads")
    if invented.keeps_posts == "content":
        posts = [post for row in leads.values() for post in _entries(row)]
    else:
        rows = records(url, invented.base, "Posts")
        posts = [_post(row, leads) for row in rows.values()]
    return ClientBase(invented, list(leads.values()), posts)


def _entries(lead: Row) -> Iterator[Shown]:
    for entry in orjson.loads(lead.get("Posts Content", "[]")):
        yield Shown(entry["postKey"], (lead[_URL],), entry["postContent"])


def _post(row: Row, leads: dict[str, Row]) -> Shown:
    under = sorted(leads[record_id][_URL] for record_id in row.get("Lead", []))
    return Shown(row.get("Post Key", ""), tuple(under), row.get("Post Text", ""))


def differences(bases: Bases, overview: Overview, runs: Sequence[dict[str, Any]]) -> list[str]:
    """Say what is not in Airtable exactly once, or not as in the ledger. `runs` are the ledger's."""
    jobs = [overview.job(run["runId"]) or {} for run in runs]
    found = [
        *_compared("Client Run Results", _states(bases.runs), _states(runs, "clientRunId", "status")),
        *_compared("Job Tracking", _states(bases.jobs), _states(jobs, "runId", "status")),
    ]
    for base in bases.clients:
        name = base.client.client_id
        found += _compared(f"Leads of {name}", map(_lead_state, base.leads), _lead_states(base, overview))
        found += _compared(f"Posts of {name}", map(_place, base.posts), _places(base, overview))
    return found


def _compared(what: str, there: Iterable[str], expected: Iterable[str]) -> Iterator[str]:
    shown, wanted = Counter(there), Counter(expected)
    for one in sorted(shown | wanted):
        if shown[one] != wanted[one]:
            yield f"{what}: {one}: {counted(shown[one], 'time')} in Airtable, {wanted[one]} in the ledger"


def _states(rows: Iterable[Row], key: str = "Run ID", status: str = "Status") -> list[str]:
    return [f"{row.get(key)} {row.get(status)}" for row in rows]


def _lead_state(row: Row) -> str:
    return f"{row[_URL]} {row.get(_STATUS)} {row.get(_RUN)}"


def _lead_states(base: ClientBase, overview: Overview) -> Iterator[str]:
    """Say how the leads stand: as the ledger has them, and those that it never read as they were."""
    known = {lead["linkedinProfileUrl"]: lead for lead in overview.leads(base.client.client_id)}
    for handle in (*base.client.handles(), *base.client.not_due):
        url = demo_agency.profile_url(handle)
        lead = known.get(url, {"status": base.client.not_due.get(handle, {}).get(_STATUS)})
        yield f"{url} {lead['status']} {lead.get('clientRunId')}"


def _place(post: Shown) -> str:
    return f"{post.key} under {', '.join(post.leads)}"


def _places(base: ClientBase, overview: Overview) -> Iterator[str]:
    for post in overview.every_post(client_id=base.client.client_id, client_run_id=None):
        leads = sorted(post["leads"])
        if base.client.keeps_posts == "table":
            yield f"{post['postKey']} under {', '.join(leads)}"
        else:
            yield from (f"{post['postKey']} under {lead}" for lead in leads)
