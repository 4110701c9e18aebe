"""Adoption of one client's base: its leads, and the posts that were found for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import orjson

from harvester.airtable_schema import Schema, Table
from harvester.ledger import Ledger, Tx, adopting, companions, outbox, outbox_checks, posts
from harvester.ledger.adopting import LeadState
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox_checks import Found
from harvester.packed import pack
from harvester.posts import Post
from services import adopt_leads
from services.adopt_report import Report
from services.adopt_rows import Left
from services.consistency_tables import Told
from services.mirror_records import TABLES
from services.record_marks import Gateway, Record

#: What stands for earlier harvests is older than any client's day.
_LONG_AGO: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Reading:
    """How the tables of another system are read, and where they go."""

    ledger: Ledger
    gateway: Gateway
    clock: Callable[[], datetime]

    def pages(
        self, base: str, table: Table, columns: Sequence[str], told: Told, *, of: str
    ) -> Iterator[Sequence[Record]]:
        """Read these columns of a table, as far as it has them; `told` hears how far that is."""
        count = 0
        fields = [name for name in columns if table.field(name)]
        for page in self.gateway.pages(base, table, fields=fields):
            count += len(page)
            told(f"{table.name} of {of}", count)
            yield page


class BaseAdoption:
    """The base of one client: its leads, and the posts that were found for them."""

    def __init__(
        self, reading: Reading, client_id: str, base: str, report: Report, *, apply: bool, told: Told
    ) -> None:
        self._reading = reading
        self._client_id = client_id
        self._base = base
        self._report = report
        self._apply = apply
        self._told = told
        #: Every lead that the base shows, by the ID of its record and by its address.
        self._by_record: dict[str, LeadState] = {}
        self._by_url: dict[str, LeadState] = {}
        #: How far each lead was that was met with already.
        self._ranks: dict[str, int] = {}
        #: Posts that were met with already.
        self._met: set[str] = set()

    def take_over(self, schema: Schema) -> None:
        """Take over leads, and then posts, of which there are rows or, in an older base, a cell per lead."""
        leads_table, posts_table = schema.table("Leads"), schema.table("Posts")
        if leads_table is None:
            return
        in_cells = posts_table is None and leads_table.field(adopt_leads.CONTENT) is not None
        columns = [*adopt_leads.LEAD_COLUMNS, *([adopt_leads.CONTENT] if in_cells else [])]
        for page in self._reading.pages(self._base, leads_table, columns, self._told, of=self._client_id):
            self._leads(page)
            if in_cells:
                self._contents(page)
        if posts_table is not None:
            columns = [column.name for column in TABLES[Kind.POST].columns]
            for page in self._reading.pages(self._base, posts_table, columns, self._told, of=self._client_id):
                self._rows_of_posts(page)

    def _leads(self, page: Sequence[Record]) -> None:
        now = self._reading.clock()
        found: dict[str, LeadState] = {}
        for record in page:
            state = adopt_leads.lead_state(record, self._client_id, now=now)
            if isinstance(state, Left):
                self._report.leave([state])
            elif state is not None:
                self._by_record[record.id] = state
                self._by_url.setdefault(state.profile_url, state)
                if state.status is not None:  # the others are read when they are due
                    found[record.id] = state
        self._leads_taken(found, now)

    def _leads_taken(self, found: dict[str, LeadState], now: datetime) -> None:
        """Take over a page's leads, by record ID. Of several rows of one lead, the one furthest on counts."""
        best: dict[str, LeadState] = {}
        for state in found.values():
            if state.profile_url not in best or _rank(state) > _rank(best[state.profile_url]):
                best[state.profile_url] = state
        further = [one for url, one in best.items() if _rank(one) > self._ranks.get(url, 0)]
        self._ranks.update({one.profile_url: _rank(one) for one in further})
        with self._reading.ledger.read() as tx:
            new = adopting.leads_that_are_news(tx, self._client_id, further)
        if self._apply and found:
            with self._reading.ledger.write() as tx:
                ids = {url: adopting.lead(tx, self._client_id, state) for url, state in best.items()}
                records = {record: ids[state.profile_url] for record, state in found.items()}
                shows = {record: str(state.status) for record, state in found.items()}
                outbox.map_leads(tx, self._base, self._client_id, records, now=now, shows=shows)
        tally = self._report.of("Leads")
        tally.new += new
        tally.there += len(found) - new

    def _contents(self, page: Sequence[Record]) -> None:
        found: list[tuple[Post, LeadState, Record, None]] = []
        for record in page:
            lead = self._by_record.get(record.id)
            for post in adopt_leads.posts_of_content(record, self._client_id) if lead else ():
                if isinstance(post, Left):
                    self._report.leave([post])
                elif lead is not None:
                    found.append((post, lead, record, None))
        self._posts(found)

    def _rows_of_posts(self, page: Sequence[Record]) -> None:
        found: list[tuple[Post, LeadState, Record, str | None]] = []
        for record in page:
            post = adopt_leads.post_of_row(record, self._client_id)
            if isinstance(post, Left):
                self._report.leave([post])
                continue
            lead = self._lead_of(record, post)
            if lead is None:
                why = "no lead of the base can be told from its Lead or Profile URL"
                self._report.leave([Left("Posts", record.id, post.post_key, why, self._client_id)])
            else:
                found.append((post, lead, record, record.id))
        self._posts(found)

    def _lead_of(self, record: Record, post: Post) -> LeadState | None:
        linked = record.fields.get("Lead")
        for one in linked if isinstance(linked, list) else ():
            if one in self._by_record:
                return self._by_record[one]
        for url in (*post.found_under, post.author.url):
            address = adopt_leads.address(url)
            if address in self._by_url:
                return self._by_url[address]
        return None

    def _posts(self, found: Sequence[tuple[Post, LeadState, Record, str | None]]) -> None:
        """Store the posts that are new to the client, and remember which records show them."""
        tally = self._report.of("Posts")
        keys = {post.post_key for post, *_ in found}
        with self._reading.ledger.read() as tx:
            known = set(companions.posts_named(tx, self._client_id, keys))
        new: dict[str, posts.Found] = {}
        shown: dict[str, str | None] = {}
        leads_of: dict[str, LeadState] = {}
        for post, lead, record, record_id in found:
            shown.setdefault(post.post_key, record_id)
            if post.post_key in known or post.post_key in self._met:
                tally.there += 1
                continue
            self._met.add(post.post_key)
            tally.new += 1
            new[post.post_key] = posts.Found(post, 0, pack(orjson.dumps(record.fields)))
            leads_of[post.post_key] = lead
        if self._apply and found:
            with self._reading.ledger.write() as tx:
                self._stored(tx, new, leads_of, shown)

    def _stored(
        self,
        tx: Tx,
        new: dict[str, posts.Found],
        leads_of: dict[str, LeadState],
        shown: dict[str, str | None],
    ) -> None:
        now = self._reading.clock()
        if new:
            run = adopting.earlier_harvests(tx, self._client_id, made_at=now - _LONG_AGO)
            rows = [
                posts.Found(one.post, adopting.lead(tx, self._client_id, leads_of[key]), one.raw)
                for key, one in new.items()
            ]
            posts.store(Tx(tx.connection), run, rows, now=now)  # a transaction that owes Airtable nothing
        ids = adopting.known_posts(tx, self._client_id, shown)
        there = [Found(key, record, self._client_id, ids[key]) for key, record in shown.items() if key in ids]
        outbox_checks.note(tx, self._base, Kind.POST, there, now=now)


def _rank(state: LeadState) -> int:
    return adopting.RANK[state.status]
