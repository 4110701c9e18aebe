"""Every command at once: JSON from all that read, plain text in a pipe, one line over what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from factories import NOW, found, make_client, make_leads, make_post, make_run

from harvester.cli import exit_codes, main
from harvester.ledger import Ledger, posts

from .conftest import Harvester
from .terminal import in_terminal

Shown = Callable[..., Any]
COMMANDS = dict(exit_codes.every_command(main))
#: What a reading command is told beside `--json`; RUN, JOB and CLIENT stand for those of the ledger.
READING: dict[exit_codes.Path, list[list[str]]] = {
    ("schedule",): [[]],
    ("status",): [[]],
    ("runs",): [[], ["RUN"], ["RUN", "--coverage"]],
    ("logs",): [["RUN"]],
    ("jobs",): [[], ["JOB"]],
    ("posts",): [[]],
    ("deliveries",): [[]],
    ("costs",): [[]],
    ("alerts",): [[]],
    ("drift",): [[], ["--client", "CLIENT"]],
    ("check",): [[]],
    ("dead-letters", "list"): [[]],
    ("clients", "list"): [[]],
    ("clients", "show"): [["CLIENT"]],
    ("tokens", "list"): [[]],
    ("leads", "list"): [["--client", "CLIENT"]],
    ("prune",): [[]],
}
#: Tested with what they are about: they write, wait, or ask somebody outside.
OTHERS = "kickoff process resume canary cancel retry pause doctor reconcile replay backfill backup restore "
OTHERS += "migrate demo serve worker hash-password completion activity"
GROUPS = {("airtable",), ("dead-letters",), ("clients",), ("leads",), ("tokens",)}


@pytest.fixture
def names(ledger: Ledger) -> dict[str, str]:
    """A client run in the ledger, and what it is called."""
    make_client(ledger, "Acme")
    now = datetime.now(UTC)  # one that has run for a day is what `check` finds
    (batch,) = make_run(ledger, [make_leads(ledger, "Acme", 2)], client_id="Acme", now=now)
    return {"RUN": batch.client_run_id, "JOB": batch.client_run_id[:13], "CLIENT": "Acme"}


def test_each_command_is_a_reading_one_or_known_to_be_another() -> None:
    others = {(name,) for name in OTHERS.split()}
    left = {path for path in COMMANDS if path not in READING and path not in others}
    assert {path for path in left if path[:1] not in GROUPS} == set()
    assert set(READING) <= set(COMMANDS)


@pytest.mark.parametrize("path", READING, ids=" ".join)
def test_what_reads_shows_json_to_scripts_and_plain_text_in_a_pipe(
    path: exit_codes.Path, names: dict[str, str], harvester: Harvester, shown: Shown
) -> None:
    for words in READING[path]:
        arguments = [*path, *(names.get(word, word) for word in words)]
        assert shown(*arguments) is not None
        text = harvester(*arguments).stdout
        assert text.strip()
        assert "\x1b" not in text


@pytest.mark.parametrize("path", [path for path in READING if not READING[path][0]], ids=" ".join)
def test_an_empty_ledger_is_no_failure(path: exit_codes.Path, harvester: Harvester, shown: Shown) -> None:
    assert shown(*path) is not None
    assert harvester(*path).stdout.strip()


@pytest.mark.parametrize("path", READING, ids=" ".join)
def test_a_wrong_setting_is_told_by_its_name_before_anything_is_done(
    path: exit_codes.Path, environ: dict[str, str], harvester: Harvester
) -> None:
    environ |= {"PORT": "http", "APIFY_TOKEN": ""}
    words = READING[path][0]
    told = harvester(*path, *words, code=2)
    assert told.stdout == ""
    assert all(name in told.stderr for name in ("PORT", "APIFY_TOKEN"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "words"),
    [(80, ["runs", "RUN"]), (200, ["leads", "list", "--client", "CLIENT"])],
    ids=["narrow", "wide"],
)
def test_no_line_is_wider_than_its_terminal_and_no_colour_is_shown_to_who_wants_none(
    columns: int, words: list[str], environ: dict[str, str], names: dict[str, str], tmp_path: Path
) -> None:
    arguments = [names.get(word, word) for word in words]
    plain = {**environ, "NO_COLOR": "1"}
    with in_terminal(*arguments, environ=plain, folder=tmp_path, columns=columns) as terminal:
        assert terminal.code() == 0
    lines = terminal.text.replace("\r", "").split("\n")
    assert max(len(click.unstyle(line)) for line in lines) <= columns
    assert not [line for line in lines if "\x1b[3" in line or "\x1b[9" in line]


@pytest.mark.slow
def test_an_export_to_a_file_shows_on_the_terminal_how_far_it_is(
    environ: dict[str, str], ledger: Ledger, tmp_path: Path
) -> None:
    make_client(ledger, "Acme")
    (lead,) = make_leads(ledger, "Acme", 1)
    (batch,) = make_run(ledger, [[lead]], client_id="Acme")
    many = [found(make_post(str(7_329_207_003_942_125_000 + number)), lead) for number in range(250)]
    with ledger.write() as tx:
        posts.store(tx, batch, many, now=NOW)
    file = tmp_path / "posts.jsonl"
    arguments = ("posts", "--limit", "1000", "--format", "jsonl")
    with in_terminal(*arguments, environ=environ, folder=tmp_path, output=file) as terminal:
        assert terminal.code() == 0
    assert len(file.read_text().splitlines()) == 250
    assert "200 posts" in terminal.text
