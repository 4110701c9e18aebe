"""Runs several commands of ours in one process, for each takes seconds to start: an argument is one.

What they print goes to stdout and stderr as ever; after each stands its line and exit code.
"""

from __future__ import annotations

import shlex
import sys

from harvester.cli import main


def run(line: str) -> int:
    """Run one command as a shell would; give its exit code."""
    try:
        main.main(shlex.split(line), prog_name="harvester")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(f"== {argument}: {run(argument)}", flush=True)
