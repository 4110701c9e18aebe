"""Doctor: all is well, or each broken thing is named with its remedy."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from argon2 import PasswordHasher
from factories import make_client

from harvester.ledger import Ledger
from harvester.sandbox.apify import SandboxApify
from services.alerts import raise_alert
from services.pulse import Pulse

from .conftest import Harvester
from .processes import HARVESTER, SECRETS, Processes, environment, free_port, until_ready

Shown = Callable[..., Any]
LOOKED_AT = ["settings", "ledger", "queue", "starts", "schedule", "disk", "worker", "waiting", "alert urls"]
LOOKED_AT += ["page", "apify token", "apify actor", "apify limits", "clock", "public url", "metrics"]
#: What asks Apify.
APIFYS = {"apify token", "apify actor", "apify limits", "clock"}
READY, METRICS = b'{"ok":true,"status":"ready"}', b"# HELP harvester_posts Posts\n"


@contextmanager
def answering(body: bytes, status: int = 200, date: str | None = None, metrics: int = 200) -> Iterator[str]:
    """Answer every GET alike on loopback but that of the metrics, for the length of a `with` block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            about = (metrics, METRICS) if self.path == "/metrics" else (status, body)
            self.send_response_only(about[0])
            self.send_header("Date", date or formatdate(usegmt=True))
            self.send_header("Content-Length", str(len(about[1])))
            self.end_headers()
            self.wfile.write(about[1])

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def well(environ: dict[str, str], ledger: Ledger) -> Iterator[dict[str, str]]:
    """An environment in which everything is well; tests break it."""
    works(ledger)
    with SandboxApify(token=SECRETS["APIFY_TOKEN"]) as apify, answering(READY) as web:
        environ |= {"APIFY_API_URL": apify.url, "PUBLIC_URL": web}
        yield environ


def works(ledger: Ledger, *, ago: timedelta = timedelta(0), queue: bool = True) -> None:
    """Have a worker say that it is alive."""
    Pulse(ledger, lambda: datetime.now(UTC) - ago)(queue)


def broken(shown: Shown, code: int = 1) -> dict[str, dict[str, Any]]:
    """Give the findings that are bad."""
    return {one["name"]: one for one in shown("doctor", code=code) if not one["ok"]}


def test_all_is_well(well: dict[str, str], harvester: Harvester, shown: Shown) -> None:
    assert [(one["name"], one["ok"], one["remedy"]) for one in shown("doctor")] == [
        (name, True, "") for name in LOOKED_AT
    ]
    assert harvester("doctor").stdout.count("ok    ") == len(LOOKED_AT)
    harvester("pause", "--reason", "costs")
    assert "ok    starts: starts of all clients are paused since" in harvester("doctor").stdout


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("ledger", {"DATABASE_URL": "sqlite:////proc/nowhere/ledger.db", "QUEUE_URL": "sqlite:///q.db"}, ""),
        (
            "ledger",
            {"DATABASE_URL": "sqlite:////etc/passwd", "QUEUE_URL": "sqlite:///q.db"},
            "not a database",
        ),
        ("ledger", {"DATABASE_URL": "sqlite:///fresh.db"}, "at none, "),
        (
            "ledger",
            {"DATABASE_URL": "postgresql://u:canary@127.0.0.1:9/x", "QUEUE_URL": "sqlite:///q.db"},
            "9",
        ),
        ("queue", {"QUEUE_URL": "sqlite:////proc/nowhere/queue.db"}, "QUEUE_URL"),
        ("queue", {"QUEUE_URL": "redis://:canary@127.0.0.1:9/0"}, ""),
        ("apify token", {"APIFY_TOKEN": "apify_api_canary_of_another"}, "401"),
    ],
)
def test_what_is_broken_is_named_alone_with_a_remedy(
    name: str, changes: dict[str, str], told: str, well: dict[str, str], shown: Shown, harvester: Harvester
) -> None:
    well |= changes
    findings = broken(shown)
    assert name in findings
    assert set(findings) <= ({name} if name != "apify token" else APIFYS)
    assert told in findings[name]["detail"]
    assert findings[name]["remedy"]
    printed = harvester("doctor", code=1).stdout
    assert f"FAIL  {name}: " in printed
    assert "Do this: " in printed
    assert "canary" not in printed


def test_doctor_changes_nothing_of_a_ledger_that_is_behind(
    well: dict[str, str], shown: Shown, tmp_path: Any
) -> None:
    well["DATABASE_URL"] = f"sqlite:///{tmp_path}/fresh.db"
    assert broken(shown)["ledger"]["remedy"] == "run harvester migrate"
    with closing(sqlite3.connect(tmp_path / "fresh.db")) as fresh:
        assert fresh.execute("select count(*) from sqlite_master").fetchone() == (0,)


@pytest.mark.slow
def test_a_ledger_that_another_process_keeps_locked_is_broken(
    well: dict[str, str], sqlite_url: str, shown: Shown
) -> None:
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as other:
        other.execute("begin immediate")
        assert "locked" in broken(shown)["ledger"]["detail"]


def test_a_ledger_of_a_newer_version_is_not_to_be_migrated(
    well: dict[str, str], sqlite_url: str, shown: Shown
) -> None:
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as other, other:
        other.execute("update alembic_version set version_num = '9999'")
    (finding,) = broken(shown).values()
    assert "at 9999, which this version does not know" in finding["detail"]
    assert finding["remedy"] == "install the version that wrote it"


def test_an_apify_that_cannot_be_reached_breaks_all_that_asks_it(well: dict[str, str], shown: Shown) -> None:
    well["APIFY_API_URL"] = "http://127.0.0.1:9"
    findings = broken(shown)
    assert set(findings) == APIFYS
    for finding in findings.values():
        assert "Apify could not be asked: " in finding["detail"]
        assert "Error" not in finding["detail"], "an error's class tells people nothing"
        assert finding["remedy"].startswith("see that APIFY_API_URL is right")


def test_an_actor_that_the_account_cannot_see_is_broken(well: dict[str, str], shown: Shown) -> None:
    with SandboxApify(token=SECRETS["APIFY_TOKEN"], actors=("somebody/else",)) as apify:
        well["APIFY_API_URL"] = apify.url
        assert set(broken(shown)) == {"apify actor"}


def test_an_actor_of_a_client_is_looked_at_too(well: dict[str, str], ledger: Ledger, shown: Shown) -> None:
    theirs = "apimaestro/linkedin-profile-posts"
    for client_id, actor_id, status in (
        ("Ann", theirs, "Active"),
        ("Bob", "nobody/knows-it", "Inactive"),
        ("Cho", None, "Active"),
    ):
        make_client(ledger, client_id, actor_id=actor_id, status=status)
    (finding,) = [one for one in shown("doctor") if one["name"] == "apify actor"]
    assert f"{theirs} of Ann is " in finding["detail"]
    with SandboxApify(token=SECRETS["APIFY_TOKEN"], actors=("harvestapi/linkedin-profile-posts",)) as apify:
        well["APIFY_API_URL"] = apify.url
        (unseen,) = broken(shown).values()
    assert unseen["detail"].startswith(f"{theirs} of Ann: ")
    assert "harvester clients set ID --actor" in unseen["remedy"]


@pytest.mark.parametrize(
    ("actor_id", "told"),
    [
        ("apimaestro/linkedin-company-posts", "cannot be started"),
        ("nobody/knows-it", "No normaliser is known"),
    ],
)
def test_an_actor_of_a_client_that_this_version_cannot_start_is_broken(
    well: dict[str, str], ledger: Ledger, shown: Shown, actor_id: str, told: str
) -> None:
    make_client(ledger, "Ann", actor_id=actor_id)
    (finding,) = broken(shown).values()
    assert finding["name"] == "apify actor"
    assert told in finding["detail"]


def test_a_clock_that_is_wrong_is_broken(well: dict[str, str], shown: Shown) -> None:
    with answering(b"{}", 401, formatdate(0, usegmt=True)) as apify:
        well["APIFY_API_URL"] = apify
        assert "s away from" in broken(shown)["clock"]["detail"]


def test_a_worker_that_is_silent_or_has_no_queue_is_broken(
    well: dict[str, str], ledger: Ledger, shown: Shown
) -> None:
    works(ledger, ago=timedelta(hours=2))
    finding = broken(shown)["worker"]
    assert "has said anything for 72" in finding["detail"]
    assert finding["remedy"].startswith("start harvester worker")
    works(ledger, queue=False)
    assert "takes no wake-ups" in broken(shown)["worker"]["detail"]


def test_a_ledger_that_no_worker_has_ever_seen_is_told(
    well: dict[str, str], tmp_path: Path, migrated_file: Path, shown: Shown
) -> None:
    well["DATABASE_URL"] = f"sqlite:///{shutil.copyfile(migrated_file, tmp_path / 'new.db')}"
    assert broken(shown)["worker"]["detail"] == "no worker has ever run on this ledger"


def test_what_waits_for_a_person_is_told_and_is_no_failure(
    well: dict[str, str], ledger: Ledger, shown: Shown
) -> None:
    with ledger.write() as tx:
        raise_alert(tx, "key", "text", now=datetime.now(UTC))
    (found,) = [one for one in shown("doctor") if one["name"] == "waiting"]
    assert found["detail"].startswith("1 matters stand: see harvester alerts")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"OPERATOR_PASSWORD_HASH": PasswordHasher(1, 8, 1).hash("x")}, "page"),
        ({"SECRET_KEY": "of-the-pages-sessions-and-quite-long-enough"}, "page"),
        ({"ALERT_URLS": "json://127.0.0.1,nothing-like-this://host"}, "alert urls"),
    ],
    ids=["no key", "no password", "alerts"],
)
def test_a_setting_that_does_half_of_its_work_is_broken(
    changes: dict[str, str], name: str, well: dict[str, str], shown: Shown
) -> None:
    well |= changes
    assert set(broken(shown)) == {name}


@pytest.mark.parametrize(("status", "is_broken"), [(401, False), (404, True)])
def test_metrics_that_only_ask_for_a_token_are_well(
    status: int, is_broken: bool, well: dict[str, str], shown: Shown
) -> None:
    with answering(READY, metrics=status) as web:
        well["PUBLIC_URL"] = web
        found = shown("doctor", code=int(is_broken))
    assert [one["name"] for one in found if not one["ok"]] == ["metrics"] * is_broken


@pytest.mark.parametrize(("body", "status"), [(b"<html>hello</html>", 200), (b'"ready"', 500), (b"", 404)])
def test_a_public_url_that_leads_to_somebody_else_is_broken(
    body: bytes, status: int, well: dict[str, str], shown: Shown
) -> None:
    with answering(body, status) as web:
        well["PUBLIC_URL"] = web
        assert set(broken(shown)) == {"public url"}


def test_a_public_url_where_nobody_answers_is_broken(well: dict[str, str], shown: Shown) -> None:
    well["PUBLIC_URL"] = f"http://127.0.0.1:{free_port()}"
    assert set(broken(shown)) == {"public url", "metrics"}


def test_what_apify_writes_cannot_forge_a_finding(well: dict[str, str], harvester: Harvester) -> None:
    evil = orjson.dumps({"data": {"username": "no\nok    ledger: fine\x1b[32m", "id": "x"}})
    with answering(evil) as apify:
        well["APIFY_API_URL"] = apify
        printed = harvester("doctor", code=1).stdout
    assert "account no\\nok    ledger" in printed
    assert "\x1b" not in printed
    assert [line for line in printed.splitlines() if line.startswith("ok    ledger")] == [
        "ok    ledger: can be read and written, at the newest schema"
    ]


def test_bad_settings_are_findings_too_and_exit_2(environ: dict[str, str], shown: Shown) -> None:
    environ |= {"PORT": "http", "API_TOKENS": "", "APIFY_ACTOR_ID": "some.user/some-actor"}
    findings = broken(shown, code=2)
    assert set(findings) == {"PORT", "API_TOKENS", "APIFY_ACTOR_ID"}
    assert all(one["remedy"] for one in findings.values())


@pytest.mark.slow
def test_all_is_well_with_the_real_web_process(processes: Processes, sqlite_url: str, ledger: Ledger) -> None:
    port = free_port()
    works(ledger)
    with SandboxApify(token=SECRETS["APIFY_TOKEN"]) as apify:
        environ = environment(
            DATABASE_URL=sqlite_url, APIFY_API_URL=apify.url, PORT=port, PUBLIC_URL=f"http://127.0.0.1:{port}"
        )
        processes.start(*HARVESTER, "serve", environ=environ)
        until_ready(f"http://127.0.0.1:{port}")
        code, printed = processes.run(*HARVESTER, "doctor", environ=environ)
    assert (code, printed.count("ok    ")) == (0, len(LOOKED_AT)), printed
