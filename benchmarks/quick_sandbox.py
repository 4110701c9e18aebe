"""The local Apify in a process of its own, without delay, with room for many: `quick_sandbox.py TOKEN`."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

from harvester.sandbox.apify.sandbox import SandboxApify


def main(token: str) -> None:
    """Serve until SIGTERM; the first line of output says where."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    room: dict[str, Any] = {"max_concurrent_runs": 1_000, "max_memory_gbytes": 4_000}
    with SandboxApify(token=token, time_scale=1_000, run_seconds=0, **room) as sandbox:
        print(f"Sandbox Apify on {sandbox.url}", flush=True)
        stop.wait()


if __name__ == "__main__":
    main(sys.argv[1])
