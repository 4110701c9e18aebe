"""The gateway to Airtable, with the real pyairtable, against the local Airtable."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from airtable_doubles import TOKEN, Heard, rec
from factories import opened
from simultaneous import at_once

from harvester.airtable import ACCOUNT, Airtable
from harvester.airtable_errors import (
    Capped,
    NotAllowed,
    OutcomeUnknown,
    Refused,
    RowGone,
    SeveralMatch,
    TooFast,
    Unavailable,
    UnknownField,
)
from harvester.airtable_formulas import key_is
from harvester.airtable_schema import Table
from harvester.ledger import airtable_meter
from harvester.sandbox.airtable import SandboxAirtable
from harvester.sandbox.airtable.agency import client_base
from services import now_utc
from services.airtable_blocks import Waits
from services.pacing import Gaps, Pacing

BASE, OTHER = "appClientBase0001", "appClientBase0002"
BASES = [client_base(BASE), client_base(OTHER, "content")]


@pytest.fixture
def sandbox() -> Iterator[SandboxAirtable]:
    options = {"token": TOKEN, "base_requests": 0, "token_requests": 0}
    with SandboxAirtable(bases=BASES, **options) as started:  # type: ignore[arg-type]
        yield started


@pytest.fixture
def gate() -> Heard:
    return Heard()


@pytest.fixture
def airtable(sandbox: SandboxAirtable, gate: Heard) -> Iterator[Airtable]:
    made = Airtable(token=TOKEN, api_url=sandbox.url, gate=gate, timeout=(2.0, 5.0))
    yield made
    made.close()


@pytest.fixture
def posts(airtable: Airtable) -> Table:
    return table_of(airtable, BASE, "Posts")


def table_of(airtable: Airtable, base: str, name: str) -> Table:
    found = airtable.schema(base).table(name)
    assert found is not None
    return found


def keys(sandbox: SandboxAirtable) -> list[str]:
    return sorted(str(record["fields"].get("Post Key")) for record in sandbox.records(BASE, "Posts"))


def fill(sandbox: SandboxAirtable, count: int) -> list[str]:
    return [
        sandbox.add(BASE, "Posts", {"Post Key": f"k{number:04}", "Like Count": number % 7})
        for number in range(count)
    ]


class TestTheSchema:
    def test_is_what_the_base_has(self, airtable: Airtable, sandbox: SandboxAirtable) -> None:
        schema = airtable.schema(BASE)
        assert list(schema.tables) == ["Leads", "Posts"]
        leads = schema.tables["Leads"]
        status = leads.fields["Posts Harvest Status"]
        assert status.id == sandbox.field_id(BASE, "Leads", "Posts Harvest Status")
        assert (status.type, status.choices) == (
            "singleSelect",
            ("Pending", "Processing", "Done", "No Posts"),
        )
        assert schema.tables["Posts"].fields["Lead"].linked_table == leads.id

    def test_of_a_base_that_nobody_knows_is_not_allowed(self, airtable: Airtable) -> None:
        with pytest.raises(NotAllowed):
            airtable.schema("appNobodysBase001")

    def test_grows_by_what_is_made(self, airtable: Airtable) -> None:
        made = airtable.create_table(BASE, "More", [{"name": "Key", "type": "singleLineText"}])
        field = airtable.create_field(BASE, made, "How Many", "number", {"precision": 0})
        now = table_of(airtable, BASE, "More")
        assert now.fields == {**made.fields, "How Many": field}
        with pytest.raises(Refused):
            airtable.create_field(BASE, made, "How Many", "number", {"precision": 0})

    def test_is_asked_for_as_meta(self, airtable: Airtable, gate: Heard) -> None:
        airtable.schema(BASE)
        airtable.whoami()
        assert gate.told == [f"{word} {base} meta" for base in (BASE, ACCOUNT) for word in ("turn", "worked")]


class TestReading:
    def test_gives_every_record_once_in_pages(
        self, airtable: Airtable, sandbox: SandboxAirtable, posts: Table
    ) -> None:
        made = fill(sandbox, 250)
        pages = list(airtable.pages(BASE, posts, fields=["Post Key", "Like Count", "Post Text"]))
        assert [len(page) for page in pages] == [100, 100, 50]
        records = {record.id: record for page in pages for record in page}
        assert sorted(records) == sorted(made)
        assert records[made[8]].fields == {"Post Key": "k0008", "Like Count": 1}
        created = records[made[8]].created_at
        assert created is not None
        assert abs(created - datetime.now(UTC)) < timedelta(minutes=1)
        assert sandbox.ledger().calls(table="Posts") == 3

    def test_asks_for_what_is_wanted_in_the_order_that_is_wanted(
        self, airtable: Airtable, sandbox: SandboxAirtable, posts: Table
    ) -> None:
        fill(sandbox, 30)
        options: dict[str, Any] = {"fields": ["Post Key"], "sort": ["-Like Count", "Post Key"]}
        (first,) = airtable.pages(BASE, posts, max_records=6, **options)
        wanted = sorted(range(30), key=lambda number: (-(number % 7), number))[:6]
        assert [record.fields for record in first] == [{"Post Key": f"k{number:04}"} for number in wanted]
        formula = key_is(posts.fields["Post Key"], "k0013")
        ((found,),) = airtable.pages(BASE, posts, formula=formula, **options)
        assert found.fields == {"Post Key": "k0013"}
        assert (
            list(airtable.pages(BASE, posts, formula=key_is(posts.fields["Post Key"], "no"), **options)) == []
        )

    @pytest.mark.parametrize("lost", [1, 3])
    def test_begins_anew_when_airtable_has_lost_its_place(
        self, airtable: Airtable, sandbox: SandboxAirtable, posts: Table, lost: int
    ) -> None:
        made = fill(sandbox, 45)
        for _ in range(lost):
            sandbox.inject("iterator-expired", skip=1)
        pages = airtable.pages(BASE, posts, fields=["Post Key"], page_size=10)
        found = [record.id for page in pages for record in page]
        assert sorted(found) == sorted(made)

    def test_gives_no_more_than_wanted_when_it_began_anew(
        self, airtable: Airtable, sandbox: SandboxAirtable, posts: Table
    ) -> None:
        fill(sandbox, 45)
        sandbox.inject("iterator-expired", skip=1)
        pages = airtable.pages(BASE, posts, fields=["Post Key"], page_size=10, max_records=25)
        found = [record.id for page in pages for record in page]
        assert len(found) == len(set(found)) == 25

    def test_gives_up_when_it_loses_its_place_for_ever(
        self, airtable: Airtable, sandbox: SandboxAirtable, posts: Table
    ) -> None:
        fill(sandbox, 15)
        sandbox.inject("iterator-expired", times=None)
        with pytest.raises(Unavailable, match="lost its place"):
            list(airtable.pages(BASE, posts, fields=["Post Key"], page_size=10))
        assert sandbox.ledger().calls(table="Posts") < 20

    def test_a_formula_too_long_for_a_url_is_still_asked(
        self, airtable: Airtable, sandbox: SandboxAirtable, posts: Table
    ) -> None:
        fill(sandbox, 3)
        formula = f"OR({', '.join(key_is(posts.fields['Post Key'], f'k{n:04}') for n in range(1, 600))})"
        (page,) = airtable.pages(BASE, posts, fields=["Post Key"], formula=formula)
        assert sorted(record.fields["Post Key"] for record in page) == ["k0001", "k0002"]

    def test_a_renamed_field_is_still_read_until_the_schema_is(
        self, airtable: Airtable, sandbox: SandboxAirtable, posts: Table
    ) -> None:
        fill(sandbox, 1)
        sandbox.rename_field(BASE, "Posts", "Post Key", "Key of the Post")
        ((record,),) = airtable.pages(BASE, posts, fields=["Post Key"])
        assert record.fields == {"Post Key": "k0000"}
        with pytest.raises(UnknownField):
            list(airtable.pages(BASE, table_of(airtable, BASE, "Posts"), fields=["Post Key"]))

    def test_a_field_that_was_deleted_is_unknown(
        self, airtable: Airtable, sandbox: SandboxAirtable, posts: Table
    ) -> None:
        sandbox.drop_field(BASE, "Posts", "Like Count")
        with pytest.raises(UnknownField):
            list(airtable.pages(BASE, posts, fields=["Like Count"]))

    def test_all_fields_are_never_asked_for(self, airtable: Airtable, posts: Table) -> None:
        with pytest.raises(ValueError, match="say which fields"):
            list(airtable.pages(BASE, posts, fields=[]))


class TestWriting:
    def test_changes_these_cells_and_no_others(
        self, airtable: Airtable, sandbox: SandboxAirtable, posts: Table
    ) -> None:
        made = fill(sandbox, 10)
        airtable.update(BASE, posts, [(record, {"Post Text": f"of {record}"}) for record in made])
        assert [record["fields"] for record in sandbox.records(BASE, "Posts")] == [
            {"Post Key": f"k{number:04}", "Post Text": f"of {record}", "Like Count": number % 7}
            for number, record in enumerate(made)
        ]
        assert sandbox.ledger().calls(method="PATCH") == 1

    def test_makes_what_is_new_and_changes_what_is_there(
        self, airtable: Airtable, sandbox: SandboxAirtable, posts: Table
    ) -> None:
        made = fill(sandbox, 4)
        changes: list[tuple[str | None, dict[str, Any]]] = [
            (None, {"Post Key": "k0003", "Post Text": "by key"}),
            (made[1], {"Post Key": "renamed", "Post Text": "by ID"}),
            (None, {"Post Key": "new", "Post Text": "made"}),
        ]
        ids = airtable.upsert(BASE, posts, "Post Key", changes)
        assert ids[:2] == [made[3], made[1]]
        assert keys(sandbox) == ["k0000", "k0002", "k0003", "new", "renamed"]
        assert airtable.upsert(BASE, posts, "Post Key", changes) == ids
        assert sandbox.ledger().calls(method="PATCH") == 2

    def test_of_two_with_one_key_says_so_and_writes_nothing(
        self, airtable: Airtable, sandbox: SandboxAirtable, posts: Table
    ) -> None:
        fill(sandbox, 1)
        sandbox.add(BASE, "Posts", {"Post Key": "k0000"})
        changes = [(None, {"Post Key": "new"}), (None, {"Post Key": "k0000", "Post Text": "x"})]
        with pytest.raises(SeveralMatch):
            airtable.upsert(BASE, posts, "Post Key", changes)
        assert keys(sandbox) == ["k0000", "k0000"]

    def test_to_a_record_that_is_gone_says_which(
        self, airtable: Airtable, sandbox: SandboxAirtable, posts: Table
    ) -> None:
        made = fill(sandbox, 3)
        sandbox.delete(BASE, "Posts", made[1])
        changes = [(record, {"Post Text": "x"}) for record in made]
        new: list[tuple[str | None, dict[str, Any]]] = [(None, {"Post Key": "n"})]
        for write in (
            lambda: airtable.update(BASE, posts, changes),
            lambda: airtable.upsert(BASE, posts, "Post Key", [*changes, *new]),
        ):
            with pytest.raises(RowGone) as caught:
                write()
            assert caught.value.record_id == made[1]
        assert keys(sandbox) == ["k0000", "k0002"]

    def test_a_link_to_a_record_that_is_gone_names_that_one(
        self, airtable: Airtable, sandbox: SandboxAirtable, posts: Table
    ) -> None:
        with pytest.raises(RowGone) as caught:
            airtable.upsert(BASE, posts, "Post Key", [(None, {"Post Key": "k", "Lead": [rec(4)]})])
        assert caught.value.record_id == rec(4)

    @pytest.mark.parametrize(
        ("field", "value"),
        [("Like Count", "many"), ("Post Date", "soon"), ("Post Text", "x" * 100_001), ("Post Key", 7)],
    )
    def test_what_a_cell_takes_not_is_refused_and_nothing_is_written(
        self, airtable: Airtable, sandbox: SandboxAirtable, posts: Table, field: str, value: Any
    ) -> None:
        record = sandbox.add(BASE, "Posts", {"Post Key": "k"})
        with pytest.raises(Refused, match=r"INVALID_|REQUEST") as caught:
            airtable.update(BASE, posts, [(record, {field: value})])
        assert caught.value.type.startswith("INVALID")
        assert keys(sandbox) == ["k"]

    def test_never_makes_a_choice_that_is_missing(self, airtable: Airtable, sandbox: SandboxAirtable) -> None:
        leads = table_of(airtable, BASE, "Leads")
        record = sandbox.add(BASE, "Leads", {"LinkedIn Profile URL": "https://www.linkedin.com/in/a"})
        with pytest.raises(Refused):
            airtable.update(BASE, leads, [(record, {"Posts Harvest Status": "Perhaps"})])

    def test_of_many_threads_at_once_loses_and_doubles_nothing(
        self, airtable: Airtable, sandbox: SandboxAirtable, posts: Table
    ) -> None:
        def write(number: int) -> list[str]:
            return [
                record
                for part in range(5)
                for record in airtable.upsert(
                    BASE,
                    posts,
                    "Post Key",
                    [(None, {"Post Key": f"{number}/{part}/{row}"}) for row in range(4)],
                )
            ]

        found = [record for ids in at_once([partial(write, number) for number in range(8)]) for record in ids]
        assert len(set(found)) == len(found) == 160
        assert sandbox.ledger().rows[BASE]["Posts"] == 160


FAULTS: list[tuple[str, type[Exception], int]] = [
    ("reset", OutcomeUnknown, 0),
    ("bad-gateway", OutcomeUnknown, 0),
    ("unavailable", OutcomeUnknown, 0),
    ("answer-lost", OutcomeUnknown, 1),
    ("bad-gateway-after", OutcomeUnknown, 1),
    ("too-fast", TooFast, 0),
    ("capped", Capped, 0),
    ("unauthorized", NotAllowed, 0),
    ("forbidden", NotAllowed, 0),
]


class TestFaults:
    @pytest.mark.parametrize(("kind", "expected", "rows"), FAULTS)
    def test_a_write_is_sent_once_whatever_becomes_of_it(
        self,
        airtable: Airtable,
        sandbox: SandboxAirtable,
        posts: Table,
        kind: Any,
        expected: type[Exception],
        rows: int,
    ) -> None:
        sandbox.inject(kind, method="PATCH", times=None)
        with pytest.raises(expected):
            airtable.upsert(BASE, posts, "Post Key", [(None, {"Post Key": "k"})])
        ledger = sandbox.ledger()
        assert ledger.rows[BASE]["Posts"] == rows
        assert ledger.calls(method="PATCH") == 1

    def test_an_upsert_after_a_lost_answer_makes_no_second_row(
        self, airtable: Airtable, sandbox: SandboxAirtable, posts: Table
    ) -> None:
        sandbox.inject("answer-lost", method="PATCH")
        with pytest.raises(OutcomeUnknown):
            airtable.upsert(BASE, posts, "Post Key", [(None, {"Post Key": "k"})])
        airtable.upsert(BASE, posts, "Post Key", [(None, {"Post Key": "k"})])
        assert keys(sandbox) == ["k"]

    def test_while_nobody_is_there_nothing_was_sent(
        self, airtable: Airtable, sandbox: SandboxAirtable, posts: Table
    ) -> None:
        with sandbox.dark(), pytest.raises((Unavailable, OutcomeUnknown)):
            airtable.upsert(BASE, posts, "Post Key", [(None, {"Post Key": "k"})])
        assert airtable.upsert(BASE, posts, "Post Key", [(None, {"Post Key": "k"})])


class TestPaced:
    #: The moments of six requests are 1.5 s apart: a busy machine would have to delay one by half a second.
    GAPS = Gaps(base=timedelta(seconds=0.3))

    @pytest.mark.slow
    def test_several_processes_never_hear_429(self, ledger_url: str) -> None:
        with SandboxAirtable(token=TOKEN, bases=BASES) as sandbox:

            def process() -> None:
                stop = threading.Event()
                with opened(ledger_url) as ledger:
                    gate = Pacing(ledger, now_utc, self.GAPS, Waits(), stop=stop)
                    airtable = Airtable(token=TOKEN, api_url=sandbox.url, gate=gate)
                    end = time.monotonic() + 4.0

                    def ask(base: str) -> None:
                        while time.monotonic() < end:
                            airtable.schema(base)

                    at_once([partial(ask, base) for base in (BASE, BASE, OTHER)])
                    airtable.close()

            at_once([process] * 3)
            ledger = sandbox.ledger()
        assert ledger.too_many == 0
        for base in (BASE, OTHER):
            assert ledger.calls(base=base) > 5
        with opened(ledger_url) as kept, kept.read() as tx:
            counted = airtable_meter.calls(tx, airtable_meter.month_of(now_utc()))
        assert {base: count.calls for base, count in counted.items()} == {
            base: ledger.calls(base=base) for base in (BASE, OTHER)
        }
