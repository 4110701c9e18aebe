"""The check: whatever is damaged, it names exactly that, and puts right what nobody has to decide."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from consistency_stage import KEYS, Agency, base_of, harvest, opened_agency, sandbox_of_agency
from factories import opened
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harvester.sandbox.airtable.agency import MASTER_ID
from services.consistency import REPAIRS
from services.consistency_findings import Code, Finding, Remedy

Place = tuple[str, str]
PLACES: list[Place] = [
    (MASTER_ID, "Client Run Results"),
    (MASTER_ID, "Job Tracking"),
    (MASTER_ID, "Apify"),
    (base_of("Ada"), "Posts"),
    (base_of("Bo-Li"), "Posts"),
]
#: What a person may write over, by table.
EDITS: dict[str, dict[str, Any]] = {
    "Client Run Results": {"Status": "Failed", "Total Posts Harvested": 999, "System Notes": None},
    "Job Tracking": {"Status": "Running", "System Notes": "somebody was here"},
    "Apify": {"Dataset ID": "another", "Status": "FAILED"},
    "Posts": {"Post Text": "not what was posted", "Like Count": 10_000, "Lead": None},
}
UNKNOWN = {
    "Client Run Results": "251006-225513-Ada",
    "Job Tracking": "251006-225513",
    "Apify": "AeljThOnfXhim2T31",
    "Posts": "7000000000000000001",
}
#: What only a person can decide.
LEFT = {Code.DELETED, Code.EXTRA, Code.NO_RUN_ID}

damages = st.lists(
    st.tuples(
        st.sampled_from(["delete", "copy", "edit", "blank", "nameless", "extra", "column of theirs"]),
        st.sampled_from(PLACES),
        st.integers(0, 30),
    ),
    max_size=8,
)


@dataclass
class Damage:
    """Damages a base and writes down what a check is to find."""

    agency: Agency
    expected: set[tuple[Code, str, str]] = field(default_factory=set)
    touched: set[str | Place] = field(default_factory=set)

    def do(self, what: str, place: Place, number: int) -> None:
        base, table = place
        sandbox, key = self.agency.sandbox, KEYS[table]
        if what == "nameless":
            made = sandbox.add(MASTER_ID, "Job Tracking", {"Status": "Running"})
            self.expected.add((Code.NO_RUN_ID, "Job Tracking", made))
            return
        if what == "extra":
            if place not in self.touched:
                made = sandbox.add(base, table, {key: UNKNOWN[table]})
                self.expected.add((Code.EXTRA, table, made))
                self.touched.add(place)
            return
        rows = [row for row in sandbox.records(base, table) if row["fields"].get(key) != UNKNOWN[table]]
        rows = [row for row in rows if row["id"] not in self.touched and row["fields"].get(key)]
        if not rows:
            return
        row = rows[number % len(rows)]
        self.touched.add(row["id"])
        self._damage(what, base, table, row, number)

    def _damage(self, what: str, base: str, table: str, row: dict[str, Any], number: int) -> None:
        sandbox, key = self.agency.sandbox, KEYS[table]
        if what == "delete":
            sandbox.delete(base, table, row["id"])
            self.expected.add((Code.MISSING, table, row["id"]))
        elif what == "copy":
            copy = sandbox.add(base, table, {key: row["fields"][key]})
            self.touched.add(copy)
            self.expected.add((Code.DUPLICATE, table, copy))
        elif what == "blank":
            sandbox.edit(base, table, row["id"], {key: None})
            self.expected.add((Code.DIFFERENT, table, row["id"]))
        elif what == "column of theirs" and table == "Client Run Results":
            sandbox.edit(base, table, row["id"], {"Full Run Log": "nobody's business"})
        elif what == "edit":
            column, value = list(EDITS[table].items())[number % len(EDITS[table])]
            sandbox.edit(base, table, row["id"], {column: value})
            self.expected.add((Code.DIFFERENT, table, row["id"]))


def found_in(findings: list[Finding]) -> set[tuple[Code, str, str]]:
    return {(one.code, one.table or "", one.record_id or "") for one in findings}


@pytest.fixture(scope="module")
def agencies(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Give fresh agencies with a finished harvest that Airtable shows."""
    folder = tmp_path_factory.mktemp("agencies")
    with sandbox_of_agency() as sandbox:

        class Agencies:
            def __init__(self) -> None:
                self.number = 0

            def __iter__(self) -> Iterator[Agency]:
                self.number += 1
                file = shutil.copyfile(migrated_file, folder / f"{self.number}.db")
                sandbox.reset()
                with opened(f"sqlite:///{file}") as ledger, opened_agency(sandbox, ledger) as agency:
                    harvest(agency)
                    agency.send()
                    yield agency

        yield Agencies()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damages=damages, recreate=st.booleans())
def test_a_check_names_exactly_what_was_damaged_and_a_repair_leaves_only_what_a_person_decides(
    agencies: Any, damages: list[tuple[str, Place, int]], recreate: bool
) -> None:
    for agency in agencies:
        check = agency.check()
        assert check.find(deep=True) == []
        damage = Damage(agency)
        for one in damages:
            damage.do(*one)
        first = check.find(deep=True)
        assert found_in(first) == damage.expected
        result = check.repair(first)
        assert {one.code for one, _ in result.left} <= {Code.EXTRA, Code.NO_RUN_ID}
        agency.send()
        second = check.find(deep=True)
        assert {one.code for one in second} <= LEFT
        assert len(second) == sum(
            code in (Code.MISSING, Code.EXTRA, Code.NO_RUN_ID) for code, _, _ in damage.expected
        )
        assert check.repair(second).done == []
        if recreate:
            check.repair(second, remedies=REPAIRS | {Remedy.RECREATE})
            agency.send()
            assert {one.code for one in check.find(deep=True)} <= {Code.EXTRA, Code.NO_RUN_ID}
        for base, table in PLACES:
            assert not agency.sandbox.duplicates(base, table, KEYS[table]) or table in (
                "Client Run Results",
                "Job Tracking",
            )
