"""How the demo shows what its Airtable holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from urllib.parse import quote

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from harvester.cli.demo_agency import CLIENTS, profile_url
from harvester.cli.demo_airtable import MASTER_BASE, Row
from harvester.cli.demo_bases import Bases, ClientBase
from harvester.cli.display import cell, moment, table, usd
from harvester.wording import counted

_STATUSES = ("New", "Pending", "Processing", "Done", "No Posts")
_SAMPLES = 2
_TOLD_AT_MOST = 10
_KEPT_IN = {"table": "Posts", "content": "Posts Content"}


def tables(bases: Bases) -> Group:
    """Make tables of the run records, of each client's base, and of some leads and posts."""
    return Group(_runs(bases.runs), _jobs(bases.jobs), _clients(bases), _leads(bases), _posts(bases))


def _runs(rows: Sequence[Row]) -> Table:
    return table(
        "Airtable, master base: Client Run Results",
        ("Run ID", "Status", "Profiles", "Posts", "Cost"),
        [
            (
                row.get("Run ID"),
                row.get("Status"),
                row.get("Profiles Submitted for Post Harvesting"),
                row.get("Total Posts Harvested"),
                usd(row.get("Apify API Costs")),
            )
            for row in rows
        ],
    )


def _jobs(rows: Sequence[Row]) -> Table:
    names = ("Run ID", "Status", "Start Time", "End Time")
    return table(
        "Airtable, master base: Job Tracking",
        names,
        [
            (*(row.get(name) for name in names[:2]), *(moment(row.get(name)) for name in names[2:]))
            for row in rows
        ],
    )


def _clients(bases: Bases) -> Table:
    used = [one for one in _STATUSES if any(one in base.by_status() for base in bases.clients)]
    return table(
        "Airtable, the clients' bases: leads by Posts Harvest Status, and posts",
        ("Base", *used, "Posts", "Kept in"),
        [
            (
                base.client.base,
                *(base.by_status()[status] for status in used),
                len(base.posts),
                _KEPT_IN[base.client.keeps_posts],
            )
            for base in bases.clients
        ],
    )


def _leads(bases: Bases) -> Table:
    names = ("Posts Harvest Status", "Posts Found (Last Run)", "Posts Actioned", "Posts Harvest Run ID")
    not_due = [_name(row) for base in bases.clients for row in base.leads if _was_not_due(base, row)]
    return table(
        f"Some leads; not due, and so left alone, were {' and '.join(not_due)}",
        ("Lead", "Status", "Found", "Actioned", "Run ID"),
        [
            (_name(row), *(row.get(name) for name in names))
            for base in bases.clients
            for row in _some_leads(base)
        ],
    )


def _name(row: Row) -> str:
    return f"{row.get('First Name', '')} {row.get('Last Name', '')}"


def _was_not_due(base: ClientBase, row: Row) -> bool:
    return row["LinkedIn Profile URL"] in map(profile_url, base.client.not_due)


def _some_leads(base: ClientBase) -> Iterator[Row]:
    """Give the leads that were not due, and the first one in each state."""
    seen = {None}
    for row in base.leads:
        status = row.get("Posts Harvest Status")
        if _was_not_due(base, row):
            yield row
        elif status not in seen:
            seen.add(status)
            yield row


def _posts(bases: Bases) -> Table:
    """Make the table of some posts. On a narrow terminal the names of the leads and the texts are cut off."""
    made = table("Some posts", ("Base", "Post Key", "Under", "Text"), [])
    for base in bases.clients:
        for post in islice(base.posts, _SAMPLES):
            under = ", ".join(url.rpartition("/")[2] for url in post.leads)
            made.add_row(base.client.base, post.key, _cut_off(under), _cut_off(post.text))
    for column in made.columns[:2]:
        column.no_wrap = True
    return made


def _cut_off(text: str) -> Text:
    return Text(cell(text), no_wrap=True, overflow="ellipsis")


def verdict(console: Console, bases: Bases, wrong: Sequence[str], requests: int, too_many: int) -> None:
    """Say whether Airtable holds what the ledger holds, and how many requests that took."""
    took = f"{counted(requests, 'request')}, {too_many} answered 429"
    if not wrong:
        console.print(f"Compared: all {bases.size()} posts of the ledger are in Airtable, each once. {took}.")
        return
    told = f"Airtable is not as the ledger is: {counted(len(wrong), 'difference')}. {took}."
    console.print(told, style="bold")
    for one in wrong[:_TOLD_AT_MOST]:
        console.print(f"  {one}", soft_wrap=True, highlight=False, markup=False)
    if len(wrong) > _TOLD_AT_MOST:
        console.print(f"  and {len(wrong) - _TOLD_AT_MOST} more")


def where_to_look(console: Console, url: str, token: str) -> None:
    """Tell how to ask the local Airtable."""
    header = f'-H "Authorization: Bearer {token}"'
    for base, name in ((MASTER_BASE, "Client Run Results"), (CLIENTS[0].base, "Posts")):
        asked = f"{url}/v0/{base}/{quote(name)}?maxRecords=3"
        console.print(f"  curl {header} '{asked}'", soft_wrap=True, highlight=False)
    console.print(f"  curl {url}/sandbox/ledger", soft_wrap=True, highlight=False)
