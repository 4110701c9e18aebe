"""People change Airtable while the mirror writes there: rows, columns, tables go, double, are renamed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harvester.ledger import alerts, client_runs, outbox_checks
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox import State
from harvester.models import ActorRun, ClientRunStatus
from harvester.sandbox.airtable import field_types
from harvester.sandbox.airtable.agency import MASTER_ID
from harvester.sandbox.airtable.specs import FieldSpec
from services import run_records

from .mirror_rows import CLIENT, Owing, owing, post
from .on_airtable import ACTOR_RUNS, JOBS, RUNS, Row, base_id, on_airtable

BASE = base_id(CLIENT)


@pytest.fixture
def rows(sqlite_url: str) -> Iterator[Owing]:
    with owing(sqlite_url) as found:
        yield found


def end(rows: Owing, run: ActorRun, status: ClientRunStatus) -> None:
    """End a client run."""
    with rows.ledger.write() as tx:
        record = client_runs.get(tx, run.client_run_id)
        assert record is not None
        run_records.complete(tx, record, status, source="test", note="over", now=rows.stage.clock())


def told(rows: Owing) -> str:
    """Give the texts of all alerts."""
    with rows.ledger.read() as tx:
        return "\n".join(alert.text for alert in alerts.untold(tx, limit=100))


def of_post(rows: Owing, number: int) -> Row:
    """Give the cells of one post."""
    (found,) = [row for row in rows.agency.rows("Posts", CLIENT) if row["Post Key"] == post(number).post_key]
    return found


def created(rows: Owing, base: str, table: str) -> dict[str, str]:
    """Give when each record of a table was made."""
    return {one["id"]: one["createdTime"] for one in rows.airtable.records(base, table)}


def record_of(rows: Owing, base: str, table: str, column: str, value: str) -> str:
    """Give the ID of the record that has a value."""
    (found,) = [one for one in rows.airtable.records(base, table) if one["fields"].get(column) == value]
    return str(found["id"])


def drop_choice(rows: Owing, base: str, table: str, field: str, choice: str) -> None:
    """Take a choice out of a select field."""
    with rows.airtable.base(base).lock:
        found = rows.airtable.base(base).table(table)
        assert found is not None
        select = found.field(field)
        assert select is not None
        select.options["choices"] = [one for one in select.options["choices"] if one["name"] != choice]


def retype(rows: Owing, table: str, field: str) -> None:
    """Make a column of the client's base a formula."""
    with rows.airtable.base(BASE).lock:
        found = rows.airtable.base(BASE).table(table)
        assert found is not None
        column = found.field(field)
        assert column is not None
        column.type = "formula"
        column.formula = None
        column.options = {}
    assert column.type in field_types.COMPUTED


def test_of_ten_rows_nine_arrive_and_one_is_parked_until_it_is_mended(rows: Owing) -> None:
    people = rows.took_in()
    runs = []
    for number in range(10):
        runs.append(rows.run(people))
        if number < 9:
            end(rows, runs[-1], ClientRunStatus.COMPLETED)
    rows.in_step()
    drop_choice(rows, MASTER_ID, RUNS, "Status", "Failed")
    rows.side.mirror._looked_at[MASTER_ID] = rows.stage.clock()  # or it would be left out
    with rows.ledger.write() as tx:
        for run in runs[:9]:
            client_runs.change(tx, run.client_run_id, system_notes="seen")
    end(rows, runs[9], ClientRunStatus.FAILED)
    rows.in_step()
    notes = [row["System Notes"] for row in rows.agency.rows(RUNS)]
    assert notes.count("seen") == 9
    (bad,) = rows.owed(Kind.CLIENT_RUN, runs[9].client_run_id).values()
    assert bad.state is State.PARKED
    assert "Failed" in str(bad.error)
    assert runs[9].client_run_id in told(rows)
    assert rows.stage.run(runs[9].client_run_id)["airtable"]["state"] == "failed"

    rows.airtable.add_choice(MASTER_ID, RUNS, "Status", "Failed")
    with rows.ledger.write() as tx:
        outbox_checks.send_again(tx, bad.id, [], now=rows.stage.clock())
    rows.in_step()
    assert not rows.differences(Kind.CLIENT_RUN)


def test_a_column_that_becomes_computed_is_left_out_of_all_rows_and_said(rows: Owing) -> None:
    people = rows.took_in()
    run = rows.run(people)
    rows.posts(5, run, people)
    rows.in_step()
    retype(rows, "Posts", "Like Count")
    rows.posts(60, run, people)
    rows.in_step()
    assert len(rows.agency.rows("Posts", CLIENT)) == 60
    assert not rows.differences(Kind.POST, CLIENT)
    with rows.ledger.read() as tx:
        assert {row.state for row in outbox_checks.known(tx, BASE, Kind.POST)} == {State.OK}
    assert "Like Count" in told(rows)


def test_of_several_records_of_a_key_the_oldest_is_kept_and_the_others_marked(
    rows: Owing, lines: pytest.LogCaptureFixture
) -> None:
    people = rows.took_in()
    run_id, key = "261122-050000", post(1).post_key
    doubled = {
        (MASTER_ID, RUNS): {"Run ID": f"{run_id}-{CLIENT}", "Status": "Running"},
        (MASTER_ID, JOBS): {"Run ID": run_id},
        (BASE, "Posts"): {"Post Key": key},
    }
    made = {where: [rows.airtable.add(*where, cells) for _ in range(3)] for where, cells in doubled.items()}
    for where in made:  # of the same second the smallest ID counts
        made[where] = sorted(made[where], key=lambda one: (created(rows, *where)[one], one))
    run = rows.run(people)
    rows.posts(12, run, people)
    rows.in_step()
    for kind, table in ((Kind.CLIENT_RUN, RUNS), (Kind.JOB_RUN, JOBS)):
        cells = {one["id"]: one["fields"] for one in rows.airtable.records(MASTER_ID, table)}
        kept, *others = made[MASTER_ID, table]
        assert cells.keys() == {kept, *others}
        assert [cells[one]["Status"] for one in (kept, *others)] == ["Running", "Duplicate", "Duplicate"]
        assert [row.record_id for row in rows.owed(kind, *(run_id, f"{run_id}-{CLIENT}")).values()] == [kept]
    posts = {one["id"]: one["fields"] for one in rows.airtable.records(BASE, "Posts")}
    kept, *others = made[BASE, "Posts"]
    assert posts[kept]["Post Text"] == post(1).text
    assert [posts[one]["Post Key"] for one in others] == [f"Duplicate of {key} ({kept})"] * 2
    assert not rows.differences(Kind.POST, CLIENT)
    said = [line for line in lines.messages if "are marked" in line]
    assert len(said) == 3

    before = len(rows.airtable.ledger().requests)
    end(rows, run, ClientRunStatus.COMPLETED)
    rows.in_step()
    assert {one.status for one in rows.calls(since=before)} == {200}
    assert rows.airtable.ledger().rows[MASTER_ID][RUNS] == 3


def test_a_run_record_that_a_person_deletes_is_missing_and_the_harvest_goes_on(
    sqlite_url: str, lines: pytest.LogCaptureFixture
) -> None:
    with on_airtable(sqlite_url, {CLIENT: ["ada-one", "bea-two"]}) as agency:
        stage = agency.stage
        full_id = stage.kickoff()
        stage.work(lambda: agency.rows(RUNS))
        (record,) = agency.airtable.records(MASTER_ID, RUNS)
        agency.airtable.delete(MASTER_ID, RUNS, record["id"])
        run = stage.finish(full_id)
        agency.in_step()
        assert f"ERROR: Client run record not found for {full_id} ({CLIENT})" in lines.messages
        assert "This indicates a process kickoff issue - run record should exist" in lines.messages
        assert not agency.rows(RUNS)
        assert run["status"] == "Completed"
        assert stage.api("GET", f"/api/runs/{full_id}").json["run"]["airtable"]["state"] == "missing"
        assert {row["Posts Harvest Status"] for row in agency.leads().values()} == {"Done"}
        assert len(agency.rows("Posts", CLIENT)) == run["metrics"]["postsHarvested"] > 0
        assert lines.messages.count(f"ERROR: Client run record not found for {full_id} ({CLIENT})") == 1


def test_nothing_that_a_person_deletes_is_made_anew(rows: Owing) -> None:
    people = rows.took_in()
    run = rows.run(people)
    rows.posts(25, run, people)
    rows.in_step()
    job = run.client_run_id[:13]
    gone = {
        Kind.JOB_RUN: record_of(rows, MASTER_ID, JOBS, "Run ID", job),
        Kind.ACTOR_RUN: record_of(rows, MASTER_ID, ACTOR_RUNS, "Apify Run ID", str(run.apify_run_id)),
        Kind.POST: record_of(rows, BASE, "Posts", "Post Key", post(3).post_key),
    }
    rows.airtable.delete(MASTER_ID, JOBS, gone[Kind.JOB_RUN])
    rows.airtable.delete(MASTER_ID, ACTOR_RUNS, gone[Kind.ACTOR_RUN])
    rows.airtable.delete(BASE, "Posts", gone[Kind.POST])
    end(rows, run, ClientRunStatus.COMPLETED)
    with rows.ledger.write() as tx:
        for record in (
            *rows.owed(Kind.ACTOR_RUN, str(run.apify_run_id)).values(),
            *rows.owed(Kind.JOB_RUN, job).values(),
        ):
            outbox_checks.send_again(tx, record.id, ["System Notes", "Mode"], now=rows.stage.clock())
    rows.store(run, [(post(number, likes=99), people[0]) for number in range(25)])
    rows.in_step()
    assert not rows.agency.rows(JOBS)
    assert not rows.agency.rows(ACTOR_RUNS)
    assert len(rows.agency.rows("Posts", CLIENT)) == 24
    missing = {
        Kind.JOB_RUN: rows.owed(Kind.JOB_RUN, job),
        Kind.ACTOR_RUN: rows.owed(Kind.ACTOR_RUN, str(run.apify_run_id)),
        Kind.POST: rows.owed(Kind.POST, post(3).post_key),
    }
    assert {row.state for found in missing.values() for row in found.values()} == {State.MISSING}
    assert rows.differences(Kind.POST, CLIENT) == {post(3).post_key: "0 records"}


def test_posts_arrive_without_the_lead_that_a_person_deleted(rows: Owing) -> None:
    people = rows.took_in()
    run = rows.run(people)
    ada = rows.agency.lead_ids()["ada"]
    rows.in_step()
    rows.airtable.delete(BASE, "Leads", ada)
    rows.posts(45, run, people)
    rows.in_step()
    posts = rows.agency.rows("Posts", CLIENT)
    assert len(posts) == 45
    assert sum("Lead" not in row for row in posts) == 15
    with rows.ledger.read() as tx:
        assert {row.state for row in outbox_checks.known(tx, BASE, Kind.POST)} == {State.OK}
    assert [row.state for row in rows.owed(Kind.LEAD, ada).values()] == [State.MISSING]
    assert len(rows.agency.leads()) == 2


def test_what_people_rename_is_written_on_by_its_id_and_they_are_told(
    rows: Owing, lines: pytest.LogCaptureFixture
) -> None:
    people = rows.took_in()
    run = rows.run(people)
    rows.posts(3, run, people)
    rows.in_step()
    rows.airtable.rename_field(BASE, "Posts", "Post Text", "What they say")
    rows.airtable.rename_table(BASE, "Posts", "All posts")
    rows.store(run, [(post(1, text="anew"), people[0])])
    rows.in_step()
    assert "anew" in {row["What they say"] for row in rows.agency.rows("All posts", CLIENT)}

    for number in (2, 3):  # the schema is read again, and once more
        rows.stage.clock.skip(hours=1.1)
        rows.store(run, [(post(number, text=f"and again {number}", likes=77), people[0])])
        rows.in_step()
    shown = rows.agency.rows("All posts", CLIENT)
    assert {row["What they say"] for row in shown} >= {"anew", "and again 2", "and again 3"}
    assert len(shown) == 4
    assert "Post Text of All posts is now called What they say" in told(rows)
    assert sum("What they say" in line for line in lines.messages if "WARNING" not in line) <= 2


def test_a_dropped_column_is_left_out_at_once(rows: Owing, lines: pytest.LogCaptureFixture) -> None:
    people = rows.took_in()
    run = rows.run(people)
    rows.posts(3, run, people)
    rows.in_step()
    rows.airtable.drop_field(BASE, "Posts", "Author Name")
    before = len(rows.airtable.ledger().requests)
    rows.posts(73, run, people)
    rows.in_step()
    assert len(rows.agency.rows("Posts", CLIENT)) == 73
    assert not rows.differences(Kind.POST, CLIENT)
    assert any("Author Name" in line and "gone" in line for line in lines.messages)
    assert len(rows.calls("GET", BASE, before)) == 1, "the schema is read once for it"
    rows.airtable.add_field(BASE, "Posts", FieldSpec("Author Name"))
    rows.stage.clock.skip(hours=1.1)
    rows.store(run, [(post(1, likes=5), people[0])])
    rows.in_step()
    assert of_post(rows, 1)["Author Name"] == post(1).author.name


def test_a_table_without_its_key_is_left_alone_and_somebody_is_told(rows: Owing) -> None:
    people = rows.took_in()
    run = rows.run(people)
    rows.posts(3, run, people)
    rows.in_step()
    rows.airtable.drop_field(BASE, "Posts", "Post Key")
    rows.posts(20, run, people)
    for _ in range(5):
        rows.turn()
    before = len(rows.airtable.ledger().requests)
    for _ in range(5):
        rows.turn()
    assert len(rows.airtable.ledger().requests) == before, "a table that takes nothing is not asked again"
    assert "Post Key" in told(rows)
    assert len(rows.agency.rows("Posts", CLIENT)) == 3
