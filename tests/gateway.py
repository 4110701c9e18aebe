"""Ways to try the gateway to Apify: a start with known secrets, and a server that answers anything."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from harvester.apify import Apify
from harvester.apify_answers import ApifyRun
from harvester.normalise import Ask, harvestapi
from harvester.sandbox.apify import SandboxApify

ACTOR = "harvestapi/linkedin-profile-posts"
TOKEN = "apify_api_NobodyMayEverReadThisOne0"
HOOK_TOKEN = "ph1.0a1b2c3d.intent.1.Guy-Wilson.NobodyMayEverReadThisEither"
STARTS = "POST /v2/actors/<actor>/runs"
TO_START: dict[str, Any] = {"method": "POST", "path": "/v2/actors/*/runs"}


def start(apify: Apify, *handles: str, marker: str = "m.1") -> ApifyRun:
    urls = [f"https://www.linkedin.com/in/{handle}" for handle in handles or ("ann", "bob")]
    ask = Ask(
        urls, max_posts=3, posted_limit="month", max_comments=0, max_reactions=0, today=date(2026, 11, 22)
    )
    asked = harvestapi.PROFILE_POSTS.input_for(ask)
    return apify.start(
        ACTOR,
        asked,
        marker=marker,
        max_charge_usd=Decimal("0.75"),
        run_timeout_seconds=90,
        webhook_url="http://127.0.0.1:9/api/apify-webhook",
        webhook_token=HOOK_TOKEN,
    )


def ended(apify: Apify, run: ApifyRun) -> ApifyRun:
    deadline = time.monotonic() + 5
    while not run.ended:
        assert time.monotonic() < deadline, f"the run is still {run.status}"
        time.sleep(0.02)
        run = apify.run(run.id)
    return run


def asked_of(sandbox: SandboxApify, path: str) -> Any:
    """Ask the local Apify by plain HTTP, past the gateway and its client."""
    request = urllib.request.Request(f"{sandbox.url}/v2/{path}", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())["data"]


Answers = Callable[[str], tuple[int, dict[str, str], bytes]]


@contextmanager
def server(answers: Answers) -> Iterator[str]:
    """Serve whatever `answers` gives for a path; lend the base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, body = answers(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            return

    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=serving.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{serving.server_address[1]}"
    finally:
        serving.shutdown()
        thread.join()
        serving.server_close()


def of(url: str) -> Apify:
    return Apify(token=TOKEN, api_url=url, timeout_seconds=2)


def fixed(body: bytes, status: int = 200, **headers: str) -> Answers:
    return lambda _: (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def unused_url() -> str:
    """Where nobody listens: a port that was free a moment ago."""
    with server(fixed(b"")) as url:
        return url
