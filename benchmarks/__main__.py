"""Run the benchmarks, one after the other, and write what they measured into docs/performance.md.

make bench                   all of them
make bench ONLY=webhook      one, and its table alone is written anew
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from measured import COLUMNS, TOLD_TO, Measured

_HERE: Final = Path(__file__).parent
_PAGE: Final = _HERE.parent / "docs" / "performance.md"
#: Each benchmark by its file's name, as the page has them, and the arguments that keep it short.
BENCHMARKS: Final[dict[str, Sequence[str]]] = {
    "webhook": (),
    "ingest": (),
    "airtable_mirror": (),
    "airtable_lockout": (),
    "end_to_end": (),
    "webhook_to_posts": (),
    "kickoff": (),
    "waiting": (),
    "operations_page": (),
    "startup": (),
    "throughput": (),
    "normalising": (),
}
_MOST_SECONDS: Final = 900


def main(names: Sequence[str]) -> int:
    """Run the named ones, or all. Exit code 1 if any target is missed, 2 for a name that there is not."""
    if unknown := sorted(set(names) - set(BENCHMARKS)):
        print(f"No such benchmark: {', '.join(unknown)}. There are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    chosen = [name for name in BENCHMARKS if not names or name in names]
    codes = [_run(name, f"{at} of {len(chosen)}") for at, name in enumerate(chosen, 1)]
    return 1 if any(codes) else 0


def _run(name: str, place: str) -> int:
    print(f"\n{name} ({place})", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        command = [sys.executable, str(_HERE / f"{name}.py"), *BENCHMARKS[name]]
        environ = {**os.environ, TOLD_TO: str(told)}
        try:
            code = subprocess.run(command, env=environ, timeout=_MOST_SECONDS, check=False).returncode  # noqa: S603  # nosec B603 # ours
        except subprocess.TimeoutExpired:
            print(f"{name} took more than {_MOST_SECONDS} s", file=sys.stderr)
            return 1
        if told.exists():
            _write(name, [Measured(**line) for line in orjson.loads(told.read_bytes())])
    return code


def _write(name: str, lines: Sequence[Measured]) -> None:
    """Put a benchmark's table between its marks on the page."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(line.cells() for line in lines)]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    block = f"<!-- {name} -->\n{_machine()}\n\n{table}\n<!-- end of {name} -->"
    marks = re.compile(f"<!-- {name} -->.*<!-- end of {name} -->", re.DOTALL)
    page, found = marks.subn(lambda _: block, _PAGE.read_text())
    if not found:
        page += f"\n## `benchmarks/{name}.py`\n\n{block}\n"
    _PAGE.write_text(page)


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    day = datetime.now(UTC).date().isoformat()
    told: list[Any] = [
        f"{os.cpu_count()} cores of {_processor()}",
        f"{memory:.0f} GB",
        f"{platform.system()} {platform.release().split('-')[0]}",
        f"Python {platform.python_version()}",
        f"measured on {day}",
    ]
    return "*" + ", ".join(told) + "*"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
