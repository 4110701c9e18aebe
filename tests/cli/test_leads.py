"""Leads: good rows are kept, bad ones named with their lines, and nothing happens twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from factories import make_client

from harvester.ledger import Ledger

from .conftest import Harvester
from .processes import HARVESTER, Processes, until

Shown = Callable[..., Any]
URL = "https://www.linkedin.com/in"


@pytest.fixture(autouse=True)
def acme(ledger: Ledger) -> None:
    make_client(ledger, "Acme")


@pytest.fixture
def imported(shown: Shown, tmp_path: Path) -> Callable[..., Any]:
    """Import a file of this text for the client Acme, and give what was told of it."""

    def call(content: str | bytes, code: int = 0) -> Any:
        file = tmp_path / "leads.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return shown("leads", "import", file, "--client", "Acme", code=code)

    return call


@pytest.fixture
def leads(shown: Shown) -> Callable[[], list[dict[str, Any]]]:
    """List the leads of the client Acme."""
    return lambda: list(shown("leads", "list", "--client", "Acme"))


Imported = Callable[..., Any]
Leads = Callable[[], list[dict[str, Any]]]


def test_good_rows_are_kept_and_bad_ones_named_with_their_lines(imported: Imported, leads: Leads) -> None:
    report = imported(
        "name,linkedin_profile_url,Company\n"
        f"Ann,{URL}/ann/,Example Ltd\n"
        "Bob,https://example.org/in/bob,\n"
        f'"Cara\nLine",LinkedIn.com/in/CARA?x=1,"two\nlines"\n'
        "Dan,,\n"
        f"Eve,{URL}/eve,a,b\n"
        "\n,,\n"
        f"Fay,{URL}/fay\n"
        f'Gus,"{URL}/gus"x,\n'
        f'Hal,"{URL}/hal\n'
        f"Ida,{URL}/ida,,\n",
        code=3,
    )
    assert (report["added"], report["known"]) == (4, 0)
    assert [(error["line"], error["reason"].split(":")[0].split(";")[0]) for error in report["errors"]] == [
        (3, "This is no LinkedIn profile URL"),
        (7, "linkedin_profile_url is empty"),
        (8, "the row has more cells than the header"),
        (12, "the row is no CSV"),
        (13, "the row is no CSV"),
    ]
    found = {one["name"]: one for one in leads()}
    assert set(found) == {"Ann", "Cara Line", "Fay", "Ida"}
    assert found["Ann"]["linkedinProfileUrl"] == f"{URL}/ann"
    assert found["Ann"]["givenUrl"] == f"{URL}/ann/"
    assert found["Ann"]["extra"] == {"Company": "Example Ltd"}
    assert found["Cara Line"]["extra"] == {"Company": "two\nlines"}


def test_the_table_names_the_bad_rows_on_stderr(harvester: Harvester, tmp_path: Path) -> None:
    file = tmp_path / "leads.csv"
    file.write_text(f"linkedin_profile_url\n{URL}/a\n\x1b[31mhttps://x\n" + "bad\n" * 60)
    result = harvester("leads", "import", file, "--client", "Acme", code=3)
    assert result.stdout == "1 lead added, 0 known before, 61 rows refused.\n"
    assert "  line 3: This is no LinkedIn profile URL" in result.stderr
    assert "and 11 more" in result.stderr
    assert result.stderr.count("\n") == 51
    assert "\x1b" not in result.output


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_the_files_of_every_spreadsheet_are_read(
    separator: str, start: str, ending: str, imported: Imported, leads: Leads
) -> None:
    rows = [["LinkedIn_Profile_URL", " Name ", "Note"], [f"{URL}/zo%C3%AB", "Zoë 🙂", '"a, b; c"']]
    text = ending.join(separator.join(row) for row in rows)
    assert imported(start + text + ending)["added"] == 1
    assert [(one["name"], one["extra"]["Note"]) for one in leads()] == [("Zoë 🙂", "a, b; c")]


def test_two_columns_of_one_name_are_both_kept(imported: Imported, leads: Leads) -> None:
    imported(f"linkedin_profile_url,Mail,Mail,\n{URL}/a,1,2,3\n")
    assert leads()[0]["extra"] == {"Mail": "1", "Mail 3": "2", "column 4": "3"}


def test_known_leads_stay_as_they_are_whatever_their_spelling(imported: Imported, leads: Leads) -> None:
    assert imported(f"linkedin_profile_url,name\n{URL}/a,First\n{URL}/A/,Second\n")["added"] == 1
    report = imported(f"linkedin_profile_url,name\nlinkedin.com/in/a/?x,Third\n{URL}/b,New\n")
    assert (report["added"], report["known"]) == (1, 1)
    assert [one["name"] for one in leads()] == ["First", "New"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no column linkedin_profile_url; its first line has: nothing"),
        (b"\n\n", "no column linkedin_profile_url"),
        (b"name,url\nA,https://www.linkedin.com/in/a\n", "its first line has: name, url"),
        (b"linkedin_profile_url,linkedin_profile_url\n", "more than one column"),
        ("linkedin_profile_url\nx".encode("utf-16"), "not UTF-8"),
        (b"PK\x03\x04\xff\xfe\x00linkedin_profile_url", "not UTF-8"),
        (b'"linkedin_profile_url', "no CSV"),
        (b"\x1b[31mname\n", "has: [31mname"),
    ],
)
def test_what_is_no_such_file_is_a_bad_argument(
    content: bytes, told: str, harvester: Harvester, tmp_path: Path, leads: Leads
) -> None:
    file = tmp_path / "leads.csv"
    file.write_bytes(content)
    result = harvester("leads", "import", file, "--client", "Acme", code=2)
    assert told in result.stderr
    assert "\x1b" not in result.output
    assert leads() == []


def test_a_header_alone_imports_nothing(imported: Imported) -> None:
    assert imported("linkedin_profile_url\n") == {"added": 0, "known": 0, "errors": []}


def test_rows_that_are_not_utf_8_or_hold_nul_are_bad_rows(imported: Imported, leads: Leads) -> None:
    url = URL.encode()
    content = b"linkedin_profile_url,name\n%b/a,M\xfcller\n%b/b,M\xc3\xbcller\n%b/c,x\x00y\n%b/d\x00,\n"
    report = imported(content % (url, url, url, url), code=3)
    assert [error["line"] for error in report["errors"]] == [2, 4, 5]
    assert [one["name"] for one in leads()] == ["Müller"]


def test_a_cell_too_long_to_be_kept_is_a_bad_row_and_none_is_cut(imported: Imported, leads: Leads) -> None:
    head = "linkedin_profile_url,name,Note\n"
    long = [f"{URL}/{'u' * 1_000_000},,\n", f"{URL}/n,{'n' * 501},\n", f"{URL}/e,,{'e' * 1_000_000}\n"]
    report = imported(f"{head}{''.join(long)}{URL}/good,{'n' * 500},{'e' * 100_000}\n", code=3)
    assert [error["line"] for error in report["errors"]] == [2, 3, 4]
    (good,) = leads()
    assert (len(good["name"]), len(good["extra"]["Note"])) == (500, 100_000)


def test_an_unknown_client_and_a_missing_file_fail_before_anything(
    harvester: Harvester, tmp_path: Path
) -> None:
    file = tmp_path / "leads.csv"
    file.write_text(f"linkedin_profile_url\n{URL}/a\n")
    assert "clients add" in harvester("leads", "import", file, "--client", "Nobody", code=1).stderr
    harvester("leads", "import", tmp_path / "none.csv", "--client", "Acme", code=2)
    harvester("leads", "import", tmp_path, "--client", "Acme", code=2)
    assert "no client Nobody" in harvester("leads", "list", "--client", "Nobody", code=1).stderr


def test_a_pipe_can_be_imported(harvester: Harvester, tmp_path: Path, leads: Leads) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(
        target=lambda: pipe.write_text(f"linkedin_profile_url\n{URL}/a\n{URL}/b\n"), daemon=True
    )
    writer.start()
    harvester("leads", "import", pipe, "--client", "Acme")
    writer.join(5)
    assert len(leads()) == 2


@pytest.mark.slow
def test_twenty_thousand_rows_are_imported_within_reason(imported: Imported, shown: Shown) -> None:
    rows = "".join(f"{URL}/person-{number},Person {number},Example {number}\n" for number in range(20_000))
    begun = time.monotonic()
    report = imported("linkedin_profile_url,name,Company\n" + rows)
    assert (report["added"], time.monotonic() - begun < 30) == (20_000, True)
    assert shown("clients", "show", "Acme")["leads"] == {"New": 20_000}


@pytest.mark.slow
def test_an_import_broken_off_keeps_what_was_done_and_can_be_repeated(
    environ: dict[str, str], processes: Processes, tmp_path: Path, shown: Shown
) -> None:
    pipe, whole = tmp_path / "pipe", tmp_path / "whole.csv"
    rows = [f"{URL}/person-{number}\n" for number in range(3_000)]
    os.mkfifo(pipe)
    command = [sys.executable, *HARVESTER, "leads", "import", str(pipe), "--client", "Acme"]
    with subprocess.Popen(
        command, env=environ, cwd=tmp_path, stderr=subprocess.PIPE, start_new_session=True
    ) as importing:
        with pipe.open("w") as stream:
            stream.write("linkedin_profile_url\n" + "".join(rows[:1_200]))
            stream.flush()
            until(lambda: shown("clients", "show", "Acme")["leads"].get("New", 0) >= 1_000, 20)
            importing.send_signal(signal.SIGINT)
            assert importing.stderr is not None
            assert b"the same command imports the rest" in importing.stderr.read()
        assert importing.wait(20) == 1
    done = shown("clients", "show", "Acme")["leads"]["New"]
    assert 1_000 <= done < 3_000
    whole.write_text("linkedin_profile_url\n" + "".join(rows))
    report = shown("leads", "import", whole, "--client", "Acme")
    assert (report["added"], report["known"]) == (3_000 - done, done)
