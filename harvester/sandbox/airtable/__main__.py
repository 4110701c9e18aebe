"""The sandbox as a process: `python -m harvester.sandbox.airtable --port 0 --token T --seed-file F`."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from harvester.sandbox.airtable.options import Options
from harvester.sandbox.airtable.sandbox import SandboxAirtable
from harvester.sandbox.airtable.seeds import read_seed


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the first line of output says where."""
    given = vars(_parser().parse_args(arguments))
    file: Path | None = given.pop("seed_file")
    bases = read_seed(json.loads(file.read_text("utf-8"))) if file else []
    stop = threading.Event()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, lambda *_: stop.set())
    with SandboxAirtable(bases=bases, **given) as sandbox:
        print(f"Sandbox Airtable on {sandbox.url}", flush=True)
        stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    defaults = Options()
    parser = argparse.ArgumentParser(prog="python -m harvester.sandbox.airtable", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--token", default=defaults.token, help="the personal access token that is let in")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="same seed, same order of lists")
    parser.add_argument(
        "--time-scale", type=float, default=defaults.time_scale, help="divides Airtable's waits"
    )
    parser.add_argument("--seed-file", type=Path, help="JSON with the bases that exist: see seeds.py")
    parser.add_argument("--workspace-calls", type=int, help="calls of a month; no cap unless given")
    parser.add_argument("--base-records", type=int, help="most records of a base; no cap unless given")
    return parser


if __name__ == "__main__":
    sys.exit(main())
