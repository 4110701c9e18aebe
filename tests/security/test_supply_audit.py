"""An audit that looked at nothing is no success, and a bill of materials leaves nothing out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import audit
import bill
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from . import supply

HOLE = {"id": "PYSEC-2018-28", "fix_versions": ["2.20.0"], "aliases": [], "description": "…"}
KNOWING = [{"name": "requests", "version": "2.19.0", "vulns": [HOLE]}]
PACKAGES = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["1.0", "2.0"]))
REPORTS = st.none() | st.lists(
    st.one_of(
        st.builds(
            lambda name, version, bad: {"name": name, "version": version, "vulns": [HOLE] * bad},
            st.sampled_from("abcdefgh"),
            st.sampled_from(["1.0", "2.0"]),
            st.booleans(),
        ),
        st.builds(lambda name: {"name": name, "skip_reason": "unknown"}, st.sampled_from("abcdefgh")),
    )
)


def clean(packages: dict[str, str]) -> list[dict[str, Any]]:
    """What pip-audit reports of packages without holes."""
    return [{"name": name, "version": version, "vulns": []} for name, version in packages.items()]


@example(probe=KNOWING, report=[], found={"a": "1.0"}, whole=False, required=False)
@example(probe=[], report=[], found={"a": "1.0"}, whole=True, required=True)
@given(probe=REPORTS, report=REPORTS, found=PACKAGES, whole=st.booleans(), required=st.booleans())
def test_an_audit_succeeds_only_if_all_was_looked_at_by_a_feed_that_knows(
    probe: list[dict[str, Any]] | None,
    report: list[dict[str, Any]] | None,
    found: dict[str, str],
    whole: bool,
    required: bool,
) -> None:
    answer = clean(found) + (report or []) if whole else report
    judged = audit.verdict(audit.Answer(probe, "why"), audit.Answer(answer, "why"), found, required)
    knows = any(one.get("vulns") for one in probe or [])
    looked_at = {(one["name"], one["version"]) for one in answer or [] if "vulns" in one}
    sound = bool(found) and set(found.items()) <= looked_at
    sound = sound and not any(one.get("vulns") for one in answer or [])
    assert ("not evaluated" in judged.text) is (not knows)
    assert (judged.code == 0) is (sound if knows else not required)
    assert not (judged.code == 0 and knows) or f"audited {len(found)} of {len(found)}" in judged.text


def test_a_bill_lists_each_package_with_its_licence() -> None:
    licence = [{"license": {"id": "MIT"}}]
    listed = {"metadata": {"component": {}}, "components": [{"name": "Huey", "version": "3"}]}
    whole = bill.complete(listed, "0.1.0")
    assert (whole["components"][0]["licenses"], bill.lacking(whole, {"huey": "3"})) == (licence, [])
    assert bill.lacking(whole, {"huey": "4"}) == ["huey 4 is not listed"]
    assert bill.lacking({"components": [{"name": "a", "version": "1"}]}, {}) == ["a has no licence"]


@dataclass
class Feed:
    """An advisory feed on loopback that speaks OSV, and what it says of each package."""

    holes: dict[str, list[dict[str, Any]]]
    status: int = 200
    asked: list[str] = field(default_factory=list)


@contextmanager
def serving(feed: Feed) -> Iterator[str]:
    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = f"{query['package']['name']} {query['version']}"
            feed.asked.append(name)
            body = json.dumps({"vulns": feed.holes[name]} if name in feed.holes else {}).encode()
            self.send_response(feed.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query"
        finally:
            server.shutdown()
            thread.join()


def hole(package: str) -> dict[str, Any]:
    """A hole as OSV tells of it, that the next version mends."""
    affected = {"package": {"name": package, "ecosystem": "PyPI"}}
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99"}]}]
    return {"id": "PYSEC-1-1", "summary": "…", "affected": [affected | {"ranges": ranges}]}


def make(target: str, url: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """Run make as a person does, with the feed at this address."""
    osv = {"PIP_AUDIT_VULNERABILITY_SERVICE": "osv", "PIP_AUDIT_OSV_URL": url}
    command = ["make", "--no-print-directory", target, f"PYTHON={sys.executable}"]
    outer = {name: value for name, value in os.environ.items() if "MAKE" not in name}  # another make's
    env = {**outer, **(osv if url else {}), **settings}
    return subprocess.run(command, cwd=supply.ROOT, env=env, capture_output=True, text=True, timeout=240)


KNOWN = " ".join(*audit.KNOWN_HOLE.items())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_make_writes_a_whole_bill_and_audits_what_it_lists() -> None:
    """Real tools, with feeds on loopback of which the first knows all, the others too much or too little."""
    made = make("sbom")
    assert made.returncode == 0, made.stdout + made.stderr
    components = json.loads((supply.ROOT / "build/sbom.json").read_text())["components"]
    names = {one["name"].lower() for one in components}
    assert names >= {"flask", "gunicorn", "psycopg", "redis", "opentelemetry-sdk"}
    assert not names & {"pytest", "ruff", "pip-audit", "pip", "post-harvester"}
    with serving(Feed({KNOWN: [hole("requests")]})) as url:
        assert f"audited {len(components)} of {len(components)} packages" in make("audit", url).stdout
    werkzeug = next(one for one in components if one["name"] == "Werkzeug")
    ours = {KNOWN: [hole("requests")], f"werkzeug {werkzeug['version']}": [hole("werkzeug")]}
    with serving(Feed(ours)) as url:
        told = make("audit", url)
    assert told.returncode
    assert f"werkzeug {werkzeug['version']}: PYSEC-1-1, mended in 99" in told.stdout
    for feed in (Feed({}), Feed({KNOWN: [hole("requests")]}, status=503)):
        with serving(feed) as url:
            silent = make("audit", url)
            failed = make("audit", url, AUDIT="required")
        assert (silent.returncode, "not evaluated" in silent.stdout) == (0, True)
        assert (bool(failed.returncode), feed.asked) == (True, [KNOWN, KNOWN])
    assert "not evaluated" in make("audit", url).stdout  # nobody listens there any more
