"""A ledger of an agency that has been at work for weeks: many clients, and as many posts as are asked for.

Everything that is known of a harvest is there, in the shape in which harvests leave it. The last day is today,
and some client runs of it are at work.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import func, select, text

from harvester import search_words
from harvester.ledger import Ledger, bulk, post_index, tables
from harvester.packed import pack
from harvester.sandbox.apify.people import Scene
from harvester.sandbox.apify.posts import build_post

CLIENTS: Final = 1_000
DAYS: Final = 20
LEADS: Final = 25
ACTOR: Final = "harvestapi/linkedin-profile-posts"
#: Of the last day, client runs that are at work; actor runs that were given up; alerts that stand.
AT_WORK, PARKED, ALERTS = 40, 200, 300
#: One post in so many has comments and reactions, another name, earlier counts; and was seen again.
_ONE_IN: Final = 10
_TEXTS: Final = 5_000
_AT_ONCE: Final = 10_000
_ZONES: Final = ("UTC", "Europe/London", "America/New_York", "Asia/Kolkata")
_KINDS: Final = ("kickoff", "start", "started", "ended", "ingested", "completed")
_PATHS: Final = (
    "", "id", "content", "linkedinUrl", "type", "author", "author.name", "author.linkedinUrl", "postedAt",
    "postedAt.timestamp", "engagement", "engagement.likes", "engagement.comments", "engagement.shares",
    "postImages", "query", "query.targetUrl", "query.page", "repost", "header", "entityId", "socialContent",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One client run and its actor run, which has the same number."""

    id: int
    client: int
    day: int
    at: datetime
    run_id: str

    @property
    def client_id(self) -> str:
        """Whose it is."""
        return name_of(self.client)

    @property
    def full_id(self) -> str:
        """What it is called."""
        return f"{self.run_id}-{self.client_id}"

    @property
    def apify_id(self) -> str:
        """What Apify calls its actor run."""
        return f"Run{self.id:014d}"

    @property
    def live(self) -> bool:
        """True for one that is at work."""
        return self.day == DAYS - 1 and self.client < AT_WORK

    @property
    def status(self) -> str:
        """How it ended, if it has."""
        if self.live:
            return "Running"
        return {0: "Failed", 1: "Completed with Errors", 2: "Cancelled"}.get(self.id * 7 % 50, "Completed")

    @property
    def leads(self) -> range:
        """Numbers of its leads."""
        return range(self.client * LEADS + 1, (self.client + 1) * LEADS + 1)


def name_of(client: int) -> str:
    """Give the ID of a client by its number."""
    return f"Client-{client:04d}"


def url_of(lead: int) -> str:
    """Give the profile URL of a lead by its number."""
    return f"https://www.linkedin.com/in/lead-{lead:06d}"


def runs(now: datetime) -> Iterator[Run]:
    """Give all client runs, the oldest first."""
    for day, client in itertools.product(range(DAYS), range(CLIENTS)):
        at = now - timedelta(days=DAYS - 1 - day, minutes=30)
        yield Run(day * CLIENTS + client + 1, client, day, at, f"{at:%y%m%d-%H%M%S}")


def build(url: str, posts: int) -> datetime:
    """Fill a fresh ledger; a ledger that has as many posts already stays. Gives the moment that is its now."""
    with closing(Ledger(url)) as ledger:
        known = _known(ledger)
        if known is not None and known[0] == posts:
            return known[1]
        if known is not None:
            raise ValueError(f"{url} has {known[0]:,} posts, and not {posts:,}")
        now = datetime.now(UTC).replace(microsecond=0)
        for name, columns, rows in _all(now, posts):
            _store(ledger, name, columns, rows)
        _finish(ledger)
    return now


def _known(ledger: Ledger) -> tuple[int, datetime] | None:
    with ledger.read() as tx:
        newest = tx.execute(select(func.max(tables.client_runs.c.started_at))).scalar_one()
        count = tx.execute(select(func.max(tables.posts.c.id))).scalar_one()
    return None if newest is None else (count or 0, newest + timedelta(minutes=30))


def _store(ledger: Ledger, name: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
    names, table = tuple(columns.split()), tables.metadata.tables[name]
    for part in _batched(rows):
        with ledger.write(patient=True) as tx:
            bulk.insert(tx, table, names, part)
            if name == "posts":
                post_index.add(tx, [(row[0], row[names.index("words")]) for row in part])


def _batched(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    left = iter(rows)
    while part := list(itertools.islice(left, _AT_ONCE)):
        yield part


def _finish(ledger: Ledger) -> None:
    """Let PostgreSQL know what its autovacuum would by now, and which numbers are taken."""
    with ledger.write(patient=True) as tx:
        if tx.on_sqlite:
            return
        for table in tables.metadata.tables.values():
            if "id" in table.c:
                tx.execute(
                    text(
                        f"select setval(pg_get_serial_sequence('{table.name}', 'id'), "  # noqa: S608 - ours
                        f"(select coalesce(max(id), 0) + 1 from {table.name}))"
                    )
                )
    with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))


def _all(now: datetime, posts: int) -> Iterator[tuple[str, str, Iterable[tuple[Any, ...]]]]:
    """Give each table's name, columns and rows, in the order of what points at what."""
    yield (
        "clients",
        "client_id name status service_level daily_target batch_size max_batches stream timezone origin"
        " schedule created_at",
        (
            (name_of(n), f"Agency {n} Ltd", "Active" if n % 20 else "Paused", 2, 50, 25, 10, 1 + n % 3)
            + (_ZONES[n % 4], "ledger", "0 6 * * *" if n % 20 == 1 else None, now - timedelta(days=DAYS))
            for n in range(CLIENTS)
        ),
    )
    yield (
        "leads",
        "id client_id profile_url given_url name extra status client_run_id last_check_at"
        " posts_found_last_run unreachable_at created_at",
        (
            (n, name_of((n - 1) // LEADS), url_of(n), url_of(n), f"Lead {n}", {}, ("Done", "No Posts")[n % 9 == 0])
            + (None, now, 2, now if n % 60 == 0 else None, now - timedelta(days=DAYS))
            for n in range(1, CLIENTS * LEADS + 1)
        ),
    )
    yield from _of_runs(now, posts)
    yield from _of_posts(now, posts)
    yield (
        "alerts",
        "key text first_at last_at times told_at over_at",
        (
            (f"client {name_of(n)} failed", f"Client run of {name_of(n)} failed: Apify said no", at, at, 1, at)
            + (None if n < ALERTS else at,)
            for n in range(2 * ALERTS)
            for at in [now - timedelta(minutes=n)]
        ),
    )


def _of_runs(now: datetime, posts: int) -> Iterator[tuple[str, str, Iterable[tuple[Any, ...]]]]:
    each = posts // (CLIENTS * DAYS)
    minute = timedelta(minutes=1)
    yield (
        "job_runs",
        "run_id source status started_at finished_at plan reported_at schedule holds",
        (
            (run.run_id, "schedule", "Running" if last else "Completed", run.at, None if last else run.at + minute)
            + ("process", run.at, "all", None)
            for run in runs(now)
            if run.client == 0
            for last in [run.day == DAYS - 1]
        ),
    )
    yield (
        "job_clients",
        "run_id client_id client_run_id decision decided_at",
        ((run.run_id, run.client_id, run.full_id, "started", run.at) for run in runs(now)),
    )
    yield (
        "client_runs",
        "id client_run_id run_id client_id client_name source status created_at started_at finished_at"
        " target_posts max_batches system_notes profiles_submitted posts_harvested posts_new items_rejected"
        " cost_micros actor_runs",
        (
            (run.id, run.full_id, run.run_id, run.client_id, f"Agency {run.client} Ltd", "schedule", run.status)
            + (run.at, run.at, None if run.live else run.at + 9 * minute, 50, 10)
            + (f"[{run.at:%Y-%m-%d %H:%M:%S}] Harvest of {LEADS} leads.\n" * 3,)
            + (LEADS, each, each, int(run.id % 4 == 0), 37_500, 1)
            for run in runs(now)
        ),
    )
    yield (
        "actor_runs",
        "id marker client_run_id client_id batch state actor_id max_posts profiles attempt start_requested_at"
        " apify_run_id dataset_id apify_status apify_started_at apify_finished_at cost_micros cap_micros"
        " items_expected cursor error_code error next_check_at parked_at parked_error created_at",
        (
            (run.id, f"marker-{run.id}", run.full_id, run.client_id, 1)
            + (("running" if run.live else "failed" if run.status == "Failed" else "ingested"), ACTOR, 2, LEADS, 1)
            + (run.at, run.apify_id, f"Set{run.id:014d}", "RUNNING" if run.live else "SUCCEEDED")
            + (run.at, None if run.live else run.at + 8 * minute, None if run.live else 37_500, 1_000_000)
            + (each, 0 if run.live else each, *(("actor_failed", "it failed") if run.status == "Failed" else (None, None)))
            + (now + timedelta(days=1) if run.live else None,)
            + ((run.at, "it failed ten times") if run.id % (CLIENTS * DAYS // PARKED) == 0 else (None, None))
            + (run.at,)
            for run in runs(now)
        ),
    )
    yield (
        "lead_outcomes",
        "actor_run_id lead_id target_url outcome posts_found answer decided_at",
        (
            (run.id, lead, url_of(lead), *((None, 0, None, None) if run.live else ("Done", 2, "posts", run.at)))
            for run in runs(now)
            for lead in run.leads
        ),
    )
    yield (
        "deliveries",
        "id dispatch_key dispatch_id event_type apify_run_id actor_run_id client_id outcome received_at"
        " processed_at result headers body",
        (
            (run.id, f"id:{run.id}", f"D{run.id}", "ACTOR.RUN.SUCCEEDED")
            + (run.apify_id, run.id, run.client_id, "unknown_run" if run.id % 100 == 0 else "accepted")
            + (run.at, run.at, "moved to ended", {"Content-Type": "application/json"})
            + (orjson.dumps({"eventType": "ACTOR.RUN.SUCCEEDED", "resource": {"id": run.apify_id}}).decode(),)
            for run in runs(now)
        ),
    )
    yield (
        "activity",
        "id at operation source client_run_id client_id ok detail",
        (
            (3 * run.id + n, run.at, operation, "schedule", run.full_id, run.client_id, run.id % 50 != 0, "done")
            for run in runs(now)
            for n, operation in enumerate(("create", "update", "complete" if run.id % 200 else "cancel"))
        ),
    )
    yield (
        "run_events",
        "id at client_run_id batch kind detail",
        (
            (len(_KINDS) * run.id + n, run.at + n * minute, run.full_id, 1 if n else None, kind, f"{LEADS} profiles")
            for run in runs(now)
            for n, kind in enumerate(_KINDS)
        ),
    )
    fields = {path: {"items": max(each, 1), "types": {"text": max(each, 1)}} for path in _PATHS}
    yield (
        "actor_outputs",
        "actor_run_id actor_id items posts targets empty_targets fields judged_at",
        (
            (run.id, ACTOR, each, each, LEADS, 2, fields, run.at + 9 * minute)
            for run in runs(now)
            if not run.live
        ),
    )
    yield (
        "rejects",
        "actor_run_id position reason detail sample raw",
        (
            (run.id, 0, "no_id", "the item has no ID", '{"type": "post"}', pack(b'{"type": "post"}'))
            for run in runs(now)
            if run.id % 4 == 0
        ),
    )


def _of_posts(now: datetime, posts: int) -> Iterator[tuple[str, str, Iterable[tuple[Any, ...]]]]:
    yield (
        "posts",
        "id client_id post_key url kind form text text_truncated posted_at posted_precision author_name"
        " author_url likes comments reposts images extras raw last_actor_run_id first_actor_run_id"
        " first_client_run_id first_seen_at last_seen_at words",
        _posts(now, posts),
    )
    yield (
        "sightings",
        "actor_run_id post_id lead_id",
        (
            (one.id, post, one.leads[post % LEADS])
            for run, numbers in _numbered(now, posts)
            for post in numbers
            for one in ([run, _next(run)] if post % _ONE_IN == 0 and run.day < DAYS - 1 else [run])
        ),
    )
    some = range(_ONE_IN, posts + 1, _ONE_IN)
    owner = dict(_owners(now, posts, set(some)))
    yield (
        "post_names",
        "client_id number post_id kind",
        ((owner[post].client_id, f"6{post:018d}", post, "ugcPost") for post in some),
    )
    yield (
        "post_counts",
        "post_id at likes comments reposts",
        ((post, now - timedelta(days=1), 1, 1, 0) for post in some),
    )
    yield (
        "companions",
        "id client_id kind companion_key post_id text text_truncated author_name likes raw"
        " first_actor_run_id first_seen_at last_seen_at",
        (
            (number, run.client_id, kind, f"key-{number}", post, "Well said", False, "A. Reader", 1)
            + (pack(b'{"text": "Well said"}'), run.id, run.at, run.at)
            for at, post in enumerate(some)
            for run in [owner[post]]
            for number, kind in ((2 * at + 1, "comment"), (2 * at + 2, "reaction"))
        ),
    )


def _next(run: Run) -> Run:
    """Give the client's run of the day after."""
    return Run(run.id + CLIENTS, run.client, run.day + 1, run.at + timedelta(days=1), "")


def _numbered(now: datetime, posts: int) -> Iterator[tuple[Run, range]]:
    """Give each run with the numbers of the posts that it found."""
    each = posts // (CLIENTS * DAYS)
    for run in runs(now):
        yield run, range((run.id - 1) * each + 1, run.id * each + 1)


def _owners(now: datetime, posts: int, wanted: set[int]) -> Iterator[tuple[int, Run]]:
    for run, numbers in _numbered(now, posts):
        yield from ((post, run) for post in numbers if post in wanted)


def _posts(now: datetime, posts: int) -> Iterator[tuple[Any, ...]]:
    """Make posts with the texts of some thousand different ones, each with a rare word of its own."""
    written = _written(now)
    chance = random.Random(9)  # noqa: S311 - no secret
    for run, numbers in _numbered(now, posts):
        for post in numbers:
            content, author, words, raw = written[post % len(written)]
            posted = run.at - timedelta(minutes=chance.randrange(60 * 24 * 365))
            lead = run.leads[post % LEADS]
            yield (
                *(post, run.client_id, f"7{post:018d}"),
                f"https://www.linkedin.com/feed/update/urn:li:activity:7{post:018d}/",
                *("post", "text", f"{content} no{post}", False, posted, "second", author, url_of(lead)),
                *(chance.randrange(500), chance.randrange(50), 0, [], {}, raw, run.id, run.id, run.full_id),
                *(run.at, run.at, f"{words} no{post}"),
            )


def _written(now: datetime) -> list[tuple[str, str, str, bytes]]:
    """Give texts, their authors, their words, and whole items."""
    scene = Scene(seed=7, anchor=now)
    found = []
    for number in range(_TEXTS):
        item = build_post(scene, f"lead-{number % 500:06d}", "profile", number // 500)
        content, author = item["content"] or "", item["author"]["name"]
        found.append((content, author, search_words.of(content, author), pack(orjson.dumps(item))))
    return found
