"""Fuzz targets, by default all: `python -m fuzz NAME … --seconds 60`. Ends with 77 and what broke one."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import atheris

_LIMITS = ("-max_len=4096", "-timeout=20", "-rss_limit_mb=1024", "-verbosity=0", "-print_final_stats=1")
_EXAMPLES = Path(__file__).parents[1] / "normalise" / "fixtures"


def _seeds(folder: Path) -> None:
    """Write what mutation begins with: real items, and hostile texts."""
    from security import corpus

    for example in _EXAMPLES.rglob("*.json"):
        (folder / f"{example.parent.name}-{example.name}").write_bytes(example.read_bytes())
    for number, text in enumerate((*corpus.TEXTS, *corpus.IDS, *corpus.URLS)):
        (folder / f"text-{number}").write_bytes(text.encode("utf-8", "surrogatepass")[:4_000])


def one_of(targets: Sequence[Callable[[bytes], None]]) -> Callable[[bytes], None]:
    """Give a target that hands its input to one of several, by its first byte; one alone gets all of it."""
    if len(targets) == 1:
        return targets[0]
    return lambda data: targets[data[0] % len(targets)](data[1:]) if data else None


def main() -> None:
    """Fuzz until the time or the runs are used up."""
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--runs", type=int, default=-1)
    parser.add_argument("--list", action="store_true", help="show what there is to fuzz")
    given = parser.parse_args()
    with atheris.instrument_imports(include=["harvester", "services"]):
        from fuzz.targets import TARGETS
    if given.list:
        print(*TARGETS, sep="\n")
        return
    with tempfile.TemporaryDirectory() as seeds:
        _seeds(Path(seeds))
        names = given.targets or list(TARGETS)
        limits = (f"-max_total_time={given.seconds}", f"-runs={given.runs}")
        atheris.Setup([sys.argv[0], *limits, *_LIMITS, seeds], one_of([TARGETS[name] for name in names]))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
