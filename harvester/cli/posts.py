"""Posts and deliveries: list and export."""

from __future__ import annotations

from itertools import islice
from typing import Any

import click

from harvester.cli import session
from harvester.cli.arguments import ClientName
from harvester.cli.display import as_json, moment, show_csv, show_json, show_json_line, show_table
from harvester.cli.long_work import counted_out, interruptible
from harvester.errors import InvalidInput
from harvester.models import DeliveryOutcome
from harvester.wording import counted
from services import exports
from services.post_search import Filters


@click.command()
@click.option(
    "--search", "-q", "q", metavar="WORDS", help="Only those with these words; the last may be cut."
)
@click.option("--client", "client_id", type=ClientName(), help="Only this client's.")
@click.option("--lead", metavar="URL", help="Only those seen under this lead, by profile URL.")
@click.option("--run", "client_run_id", help="Only those that this client run found.")
@click.option("--from", "posted_from", metavar="DAY", help="Only posted since: a day in UTC, or a moment.")
@click.option("--to", "posted_to", metavar="DAY", help="Only posted up to the end of this day, or a moment.")
@click.option("--limit", type=click.IntRange(1, 1_000_000_000), default=20, show_default=True)
@click.option("--format", "format_", type=click.Choice(["table", "json", "jsonl", "csv"]), default="table")
@as_json
def posts(limit: int, format_: str, json_: bool, **asked: str | None) -> None:
    """Search, list or export posts, newest stored first; with --from or --to, newest posted first.

    Example: harvester posts -q "series b" --client Guy-Wilson --limit 100000 --format csv > posts.csv
    """
    filters = Filters(**asked)
    try:
        filters.wanted()
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error
    with interruptible("What was written until then is not all of it."), session.services() as services:
        found = counted_out(islice(services.posts.every(filters), limit), "Exporting", "post")
        if format_ == "csv":
            for line in exports.csv_lines(found):
                show_csv(line)
        elif format_ == "jsonl":
            for row in exports.jsonl(found):
                show_json_line(row)
        elif json_ or format_ == "json":
            show_json(list(found))
        else:
            shown = [_row(post) for post in found]
            columns = ("Posted (UTC)", "Author", "Kind", "Likes", "Text", "URL")
            show_table(counted(len(shown), "post"), columns, shown, spare=("Kind", "Likes", "URL"))


def _row(post: dict[str, Any]) -> tuple[object, ...]:
    names = ("kind", "likes", "text", "url")
    return (moment(post["postedAt"]), post["author"]["name"], *(post[name] for name in names))


@click.command()
@click.option(
    "--outcome",
    type=click.Choice([one.value for one in DeliveryOutcome]),
    help="Only those with this outcome.",
)
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True)
@click.option("--run", "client_run_id", help="Only those about this client run.")
@click.option("--actor-run", "apify_run_id", help="Only those about this actor run of Apify's.")
@as_json
def deliveries(
    outcome: str | None, client_run_id: str | None, apify_run_id: str | None, limit: int, json_: bool
) -> None:
    """List webhook deliveries, newest first.

    Example: harvester deliveries --outcome unknown_run
    """
    with session.services() as services:
        listing = services.trail.deliveries(
            limit=limit, outcome=outcome, client_run_id=client_run_id, apify_run_id=apify_run_id
        )
    found = listing.rows
    if json_:
        show_json(found)
        return
    names = ("eventType", "actorRunId", "clientId", "outcome", "result")
    columns = ("ID", "Received (UTC)", "Event", "Actor run", "Client", "Outcome", "Result")
    rows = [(one["id"], moment(one["receivedAt"]), *(one[name] for name in names)) for one in found]
    spare = ("Received (UTC)", "Client", "Result")
    show_table(counted(len(found), "delivery", "deliveries"), columns, rows, spare=spare)
