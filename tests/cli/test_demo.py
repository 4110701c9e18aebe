"""The demo: a whole harvest in one command, which leaves nothing behind and deletes nothing of others."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from .conftest import Harvester
from .processes import HARVESTER, Process, Processes, until

#: Settings in the environment and in `.env` that would break a harvest: the demo is to heed neither.
HOSTILE = {"DATABASE_URL": "mysql://x", "APIFY_TOKEN": "change-me", "http_proxy": "http://127.0.0.1:9"}


def processes_of(folder: Path) -> list[str]:
    """Name the living processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder.resolve():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return [command for command in found if command]


def begun(processes: Processes, *options: str) -> Process:
    """Begin the demo in an empty folder."""
    (processes.folder / ".env").write_text("DAILY_BUDGET_USD=none\nAPIFY_TOKEN_FILE=/nowhere\n")
    environ = {"PATH": "/usr/bin:/bin", **HOSTILE}
    return processes.start(*HARVESTER, "demo", "--folder", "of/demo", *options, environ=environ)


def answer_to(arguments: str) -> int:
    """Ask as curl does with these arguments, and give the status of the answer."""
    *header, url = shlex.split(arguments)
    headers = {name: value for name, _, value in (one.partition(": ") for one in header if one != "-H")}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return int(answer.status)


@pytest.fixture
def demo(processes: Processes) -> Process:
    """The demo, begun."""
    return begun(processes)


@pytest.mark.slow
def test_every_client_run_completes_and_no_process_is_left(demo: Process, tmp_path: Path) -> None:
    assert demo.wait(150) == 0, demo.output
    summary = demo.output[demo.output.index("How it ended") :]
    for client in ("Aurora-Advisory", "Blue-Harbor", "Cedar-Works"):
        (line,) = [line for line in summary.splitlines() if f"-{client} " in line]
        assert line.split()[1] == "Completed"
    assert str(tmp_path / "of" / "demo" / "harvester.db") in summary
    assert "\x1b" not in demo.output
    assert processes_of(tmp_path / "of" / "demo") == []


@pytest.mark.slow
def test_with_airtable_its_bases_hold_what_the_ledger_holds(processes: Processes, tmp_path: Path) -> None:
    demo = begun(processes, "--store", "airtable", "--serve")
    demo.wait_for("Running until Ctrl-C.", 150)
    printed = demo.output
    assert re.search(r"Compared: all [1-9]\d+ posts of the ledger are in Airtable, each once\.", printed)
    assert re.search(r" [1-9]\d+ requests, 0 answered 429\.", printed)
    for table, key in (("Client Run Results", r"\d{6}-\d{6}-[\w-]+"), ("Job Tracking", r"\d{6}-\d{6}")):
        shown = printed[printed.index(f"master base: {table}") :].partition("the clients' bases")[0]
        assert len(re.findall(rf"^  {key} +Completed ", shown, re.MULTILINE)) == 3
    assert "left alone, were Rosa Lindqvist and Tomas Moreau" in printed
    asked = [line.split(None, 1)[1] for line in printed.splitlines() if line.startswith("  curl ")]
    assert [answer_to(command) for command in asked] == [200] * 6
    assert processes_of(tmp_path / "of" / "demo")
    demo.popen.send_signal(signal.SIGINT)
    assert demo.wait(20) == 0, demo.output
    assert processes_of(tmp_path / "of" / "demo") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "moment"),
    [(signal.SIGINT, "batch 1: running"), (signal.SIGTERM, "Sandbox Apify   ")],
    ids=["SIGINT", "SIGTERM"],
)
def test_a_signal_in_mid_demo_ends_everything(
    number: signal.Signals, moment: str, demo: Process, tmp_path: Path
) -> None:
    folder = tmp_path / "of" / "demo"
    demo.wait_for(moment, 60)
    assert processes_of(folder)
    demo.popen.send_signal(number)
    assert demo.wait(20) == 130, demo.output
    assert "Stopped." in demo.output
    assert "Traceback" not in demo.output
    until(lambda: processes_of(folder) == [], 5, lambda: str(processes_of(folder)))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it is Linux that ends the children of a killed process")
def test_a_demo_that_is_killed_takes_its_processes_with_it(demo: Process, tmp_path: Path) -> None:
    folder = tmp_path / "of" / "demo"
    demo.wait_for("batch 1: running", 60)
    demo.kill()
    until(lambda: processes_of(folder) == [], 25, lambda: str(processes_of(folder)))


@pytest.mark.slow
def test_two_demos_do_not_share_a_folder(demo: Process, processes: Processes) -> None:
    demo.wait_for("Sandbox Apify   ", 60)
    code, printed = processes.run(
        *HARVESTER, "demo", "--folder", "of/demo", environ={"PATH": "/usr/bin:/bin"}
    )
    assert code == 1
    assert "a demo runs in of/demo already" in printed
    assert demo.popen.poll() is None
    demo.popen.send_signal(signal.SIGTERM)
    assert demo.wait(20) == 130


#: The demo with a patience of two seconds, which no harvest takes so little as.
IMPATIENT = """
from harvester.cli import demo, main
demo._PATIENCE_SECONDS = 2
main(["demo", "--folder", "d", "--serve"])
"""


@pytest.mark.slow
def test_a_client_run_that_does_not_complete_in_time_fails_the_demo(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", IMPATIENT], cwd=tmp_path, capture_output=True, text=True, timeout=60, env={}
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "Not every client run completed within 2 s." in ended.stdout
    assert "worker.log" in ended.stdout
    assert processes_of(tmp_path / "d") == []


def test_a_folder_that_no_demo_made_is_left_alone(harvester: Harvester, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    assert "is not empty and no demo made it" in harvester("demo", "--folder", precious, code=1).stderr
    assert [entry.name for entry in precious.iterdir()] == ["thesis.txt"]
    harvester("demo", "--folder", precious / "thesis.txt", code=1)


@pytest.mark.slow
def test_a_day_of_three_streams_adds_up(processes: Processes) -> None:
    demo = begun(processes, "--day")
    assert demo.wait(240) == 0, demo.output
    assert "Every number adds up." in demo.output
    first, _, second = demo.output.partition("source smart_resume_workflow")
    first = first[first.index("source master_process") :]
    assert re.search(r"Dune-Capital +Completed with Errors .*budget_spent", first)
    assert re.search(r"Fjord-Legal +Completed with Errors .*actor_run_failed", first)
    assert re.search(r"Elm-Studio +Completed ", first)
    assert re.search(r"Fjord-Legal +Completed ", second)
    assert re.search(r"Glade-Energy +skipped ", second)
    assert "\x1b" not in demo.output
