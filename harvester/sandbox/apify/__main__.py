"""The sandbox as a process: `python -m harvester.sandbox.apify --port 0 --token T`."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from harvester.sandbox.apify.options import KNOWN_ACTORS, Options
from harvester.sandbox.apify.sandbox import SandboxApify


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the first line of output says where."""
    given = vars(_parser().parse_args(arguments))
    given["actors"] = tuple(given["actors"] or KNOWN_ACTORS)
    stop = threading.Event()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, lambda *_: stop.set())
    with SandboxApify(**given) as sandbox:
        print(f"Sandbox Apify on {sandbox.url}", flush=True)
        stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    defaults = Options()
    parser = argparse.ArgumentParser(prog="python -m harvester.sandbox.apify", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--token", default=defaults.token, help="the API token that is let in")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="same seed, same people and posts")
    parser.add_argument("--time-scale", type=float, default=defaults.time_scale, help="divides Apify's waits")
    parser.add_argument("--run-seconds", type=float, default=defaults.run_seconds, help="duration of a run")
    parser.add_argument("--actor", dest="actors", action="append", help="an actor that exists, as user/name")
    return parser


if __name__ == "__main__":
    sys.exit(main())
