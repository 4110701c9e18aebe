"""The processes: they refuse bad settings at once, and end when they are told to, however they are told."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from argon2 import PasswordHasher
from factories import make_client, make_leads, opened

from harvester.ledger import Ledger, actor_runs, schema
from harvester.sandbox.apify import SandboxApify
from harvester.settings import load

from .conftest import Harvester
from .processes import (
    HARVESTER,
    REPOSITORY,
    SECRETS,
    Process,
    Processes,
    answers,
    environment,
    free_port,
    group_members,
    until,
    until_ready,
)

GUNICORN = ("-m", "gunicorn", "wsgi:app")
BAD = {
    "PORT": "http",
    "API_TOKENS": "canary,,canary",
    "WEBHOOK_SECRETS": "canary",
    "DATABASE_URL": "mysql://u:canary@h/x",
    "APIFY_ACTOR_ID": "some.user/some-actor",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "folder"),
    [
        ((*HARVESTER, "serve"), None),
        ((*HARVESTER, "worker"), None),
        ((*HARVESTER, "migrate"), None),
        (GUNICORN, REPOSITORY),
        ((*GUNICORN, "--config", "python:harvester.web_server"), None),
    ],
    ids=["serve", "worker", "migrate", "bare gunicorn", "gunicorn elsewhere"],
)
def test_bad_settings_end_it_with_every_problem_named(
    command: tuple[str, ...], folder: Path | None, processes: Processes
) -> None:
    environ = environment(**BAD)
    code, printed = processes.run(*command, environ=environ, folder=folder, seconds=20)
    assert code == 2
    assert not [name for name in BAD if f"  {name}: " not in printed], printed
    assert "known: harvestapi/linkedin-profile-posts" in printed
    assert "canary" not in printed
    assert "Traceback" not in printed


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def serving(processes: Processes, sqlite_url: str, port: int) -> Process:
    """A web process that answers."""
    process = processes.start(
        *HARVESTER, "serve", environ=environment(DATABASE_URL=sqlite_url, PORT=port, WEB_WORKERS=2)
    )
    until_ready(f"http://127.0.0.1:{port}", lambda: process.output)
    return process


@pytest.fixture
def working(processes: Processes, sqlite_url: str) -> Process:
    """A worker that works."""
    process = processes.start(*HARVESTER, "worker", environ=environment(DATABASE_URL=sqlite_url))
    process.wait_for("Worker started")
    return process


def once(process: Process, number: signal.Signals) -> None:
    process.popen.send_signal(number)


def twice_at_once(process: Process, number: signal.Signals) -> None:
    for _ in range(2):
        process.popen.send_signal(number)


def again_and_again(process: Process, number: signal.Signals) -> None:
    for _ in range(30):
        if process.popen.poll() is None:
            process.popen.send_signal(number)
            time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "tell", "number"),
    [
        ("serving", once, signal.SIGINT),
        ("serving", twice_at_once, signal.SIGTERM),
        ("serving", again_and_again, signal.SIGTERM),
        ("working", once, signal.SIGTERM),
        ("working", twice_at_once, signal.SIGTERM),
        ("working", again_and_again, signal.SIGTERM),
        ("working", again_and_again, signal.SIGINT),
        ("working", once, signal.SIGHUP),
    ],
)
def test_a_signal_ends_it_in_good_order(
    kind: str,
    tell: Callable[[Process, signal.Signals], None],
    number: signal.Signals,
    request: pytest.FixtureRequest,
) -> None:
    process: Process = request.getfixturevalue(kind)
    tell(process, number)
    assert process.wait(25) == 0, process.output
    until(lambda: not group_members(process.popen.pid), 5, lambda: str(group_members(process.popen.pid)))
    assert "Traceback" not in process.output


@pytest.mark.slow
def test_a_signal_ends_a_worker_that_waits_for_postgresql(processes: Processes, postgres_url: str) -> None:
    worker = processes.start(*HARVESTER, "worker", environ=environment(DATABASE_URL=postgres_url))
    worker.wait_for("Worker started")
    twice_at_once(worker, signal.SIGTERM)
    assert worker.wait(25) == 0, worker.output


@pytest.mark.slow
def test_ctrl_c_reaches_the_whole_group_and_ends_the_web_process(serving: Process) -> None:
    for member in group_members(serving.popen.pid):
        os.kill(int(member.split()[0]), signal.SIGINT)
    assert serving.wait(25) == 0, serving.output


@pytest.mark.slow
def test_a_caller_who_says_nothing_does_not_keep_the_web_process_alive(serving: Process, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as silent:
        silent.sendall(b"POST /api/apify-webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        begun = time.monotonic()
        serving.popen.send_signal(signal.SIGTERM)
        assert serving.wait(25) == 0, serving.output
        assert time.monotonic() - begun < 25


@pytest.mark.slow
def test_hang_up_reloads_the_web_process_with_all_its_workers(serving: Process, port: int) -> None:
    serving.popen.send_signal(signal.SIGHUP)
    until(lambda: serving.output.count("Booting worker") == 4, 20, lambda: serving.output)
    until(lambda: len(group_members(serving.popen.pid)) == 3, 30, lambda: serving.output)
    until_ready(f"http://127.0.0.1:{port}", lambda: serving.output)  # the new ones may still be importing
    assert not [line for line in serving.output.splitlines() if not line.startswith("20")], (
        "not in our format"
    )


@pytest.mark.slow
def test_hang_up_with_bad_settings_ends_the_web_process(
    processes: Processes, sqlite_url: str, port: int
) -> None:
    dotenv = processes.folder / ".env"
    dotenv.write_text("LOG_FORMAT=json\n")
    serving = processes.start(*HARVESTER, "serve", environ=environment(DATABASE_URL=sqlite_url, PORT=port))
    until_ready(f"http://127.0.0.1:{port}", lambda: serving.output)
    assert [orjson.loads(line) for line in serving.output.splitlines()]
    dotenv.write_text("LOG_FORMAT=xml\n")
    serving.popen.send_signal(signal.SIGHUP)
    assert serving.wait(25) == 2
    assert "  LOG_FORMAT: " in serving.output
    until(lambda: not group_members(serving.popen.pid), 5)


@pytest.mark.slow
def test_a_port_in_use_is_a_clear_error(
    serving: Process, processes: Processes, port: int, sqlite_url: str
) -> None:
    code, printed = processes.run(
        *HARVESTER, "serve", environ=environment(DATABASE_URL=sqlite_url, PORT=port), seconds=20
    )
    assert code == 1
    assert str(port) in printed
    assert "in use" in printed
    assert answers(f"http://127.0.0.1:{port}/healthz")


@pytest.mark.slow
def test_a_worker_survives_a_broken_ledger_and_a_broken_queue_and_says_so_in_few_lines(
    processes: Processes, sqlite_url: str
) -> None:
    worker = processes.start(
        *HARVESTER, "worker", environ=environment(DATABASE_URL=sqlite_url, TICK_SECONDS="0.05")
    )
    worker.wait_for("Worker started")
    file = sqlite_url.removeprefix("sqlite:///")
    with (
        closing(sqlite3.connect(file)) as ledger,
        closing(sqlite3.connect(file.replace(".db", "-queue.db"))) as queue,
    ):
        ledger.execute("drop table actor_runs")
        queue.execute("drop table task")
        worker.wait_for("A tick failed")
        worker.wait_for("The queue cannot be read")
    time.sleep(1)
    assert worker.output.count("The queue cannot be read") == 1
    assert worker.output.count("A tick failed") < 10
    assert worker.popen.poll() is None
    worker.popen.send_signal(signal.SIGTERM)
    assert worker.wait(25) == 0


@pytest.mark.slow
def test_a_worker_told_to_stop_finishes_the_call_at_hand(
    processes: Processes, sqlite_url: str, harvester: Harvester, environ: dict[str, str]
) -> None:
    with SandboxApify(token=SECRETS["APIFY_TOKEN"]) as apify, opened(sqlite_url) as ledger:
        environ["APIFY_API_URL"] = apify.url
        make_client(ledger, "Acme")
        make_leads(ledger, "Acme", 2)
        harvester("kickoff", "--client", "Acme")
        apify.inject("slow", method="POST", seconds=3)
        worker = processes.start(*HARVESTER, "worker", environ=environ)
        until(lambda: "starting" in states(ledger), 20, lambda: worker.output)
        worker.popen.send_signal(signal.SIGTERM)
        assert worker.wait(25) == 0, worker.output
        assert states(ledger) == {"running": 1}
        assert len(apify.ledger().starts) == 1


@pytest.mark.slow
def test_what_a_stopping_worker_cannot_finish_is_let_go_of_for_another(
    processes: Processes, sqlite_url: str, harvester: Harvester, environ: dict[str, str]
) -> None:
    """The lease of 25 s need not run out: the next worker goes on at once, and starts nothing twice."""
    with SandboxApify(token=SECRETS["APIFY_TOKEN"]) as apify, opened(sqlite_url) as ledger:
        environ |= {"APIFY_API_URL": apify.url, "SHUTDOWN_SECONDS": "0.5"}
        make_client(ledger, "Acme")
        make_leads(ledger, "Acme", 2)
        harvester("kickoff", "--client", "Acme")
        apify.inject("slow", method="POST", seconds=15)
        worker = processes.start(*HARVESTER, "worker", environ=environ)
        until(lambda: "starting" in states(ledger), 20, lambda: worker.output)
        until(lambda: bool(apify.ledger().calls), 20, lambda: worker.output)
        worker.popen.send_signal(signal.SIGTERM)
        assert worker.wait(10) == 0, worker.output
        assert "let go of unfinished: 1" in worker.output
        assert states(ledger) == {"starting": 1}
        begun = time.monotonic()
        other = processes.start(*HARVESTER, "worker", environ=environ)
        until(lambda: "starting" not in states(ledger), 20, lambda: other.output)
        assert time.monotonic() - begun < 20, "it waited for the lease"
        until(lambda: not set(states(ledger)) & {"planned", "start_unknown"}, 40, lambda: other.output)
        assert len(apify.ledger().starts) == 1


def states(ledger: Ledger) -> dict[str, int]:
    with ledger.read() as tx:
        return actor_runs.count_by_state(tx)


def test_a_worker_that_stops_outlasts_one_call_to_apify_and_no_supervisors_patience() -> None:
    settings = load(environment(), env_file=None)
    assert settings.apify_timeout_seconds < settings.shutdown_seconds < 25


def test_a_crash_delays_work_by_thirty_seconds_at_the_most() -> None:
    """A row that was claimed waits for the lease, one that was queued for its wake-up to count as lost."""
    settings = load(environment(), env_file=None)
    polling = 2 * settings.tick_seconds + 0.5
    assert max(settings.lease_seconds, settings.queued_seconds) + polling <= 30


def test_migrate_says_where_the_ledger_stands_and_may_be_repeated(
    environ: dict[str, str], harvester: Harvester, tmp_path: Path
) -> None:
    environ["DATABASE_URL"] = f"sqlite:///{tmp_path}/new/folder/ledger.db"
    for _ in range(2):
        assert schema.newest() in harvester("migrate").stdout


@pytest.mark.parametrize(
    "url",
    ["sqlite:////proc/nowhere/ledger.db", "postgresql://u:canary@127.0.0.1:9/x"],
    ids=["file", "server"],
)
def test_a_ledger_that_cannot_be_opened_is_one_line_and_exit_1(
    url: str, environ: dict[str, str], harvester: Harvester
) -> None:
    environ["DATABASE_URL"] = url
    result = harvester("migrate", code=1)
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert "canary" not in result.output


def test_a_password_from_a_pipe_is_hashed_whole(harvester: Harvester) -> None:
    made = harvester("hash-password", given="  pässword \n second line\n").stdout.strip()
    assert PasswordHasher().verify(made, "  pässword ")


@pytest.mark.parametrize("given", ["", "\n", b"\xff\xfe\n"])
def test_no_password_is_a_bad_argument(given: str | bytes, harvester: Harvester) -> None:
    assert "Traceback" not in harvester("hash-password", given=given, code=2).output


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_port_that_is_none_is_a_bad_argument(port: str, harvester: Harvester) -> None:
    harvester("serve", "--port", port, code=2)
