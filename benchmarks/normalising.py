"""What it costs to read an item: each shape of each actor, beside what it costs to parse the item's JSON.

The least of many short rounds counts, since other work of the machine only ever adds to it.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson
from items import SHAPES, made
from measured import at_most, shown_only, tell

from harvester.normalise import ACTORS

#: What is asked for: microseconds an item, over the items of all actors together.
MOST_MICROSECONDS: Final = 15.0
_EXAMPLES: Final = Path(__file__).parents[1] / "tests" / "normalise" / "fixtures" / "harvestapi"
_ACTOR: Final = "harvestapi/linkedin-profile-posts"
_LEADS: Final = 20


def _least(work: Callable[[], object], rounds: int) -> float:
    """Give the microseconds that the quickest round took."""
    gc.disable()
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    gc.enable()
    return min(took) * 1e6


def _measured(actor: str, items: Sequence[Any], rounds: int) -> tuple[float, float]:
    """Give what an item of these costs, and what parsing it does, in microseconds."""
    normalise = ACTORS[actor].normalise
    written = [orjson.dumps(item) for item in items]
    parsed = [orjson.loads(item) for item in written]
    reading = _least(lambda: [normalise(item) for item in parsed], rounds) / len(items)
    parsing = _least(lambda: [orjson.loads(item) for item in written], rounds) / len(items)
    return reading, parsing


def _examples() -> list[tuple[str, Any]]:
    """Give the examples of the default actor that orjson can write."""
    found = []
    for path in sorted(_EXAMPLES.glob("*.json")):
        item = json.loads(path.read_text())
        if not path.stem.endswith(".expected") and path.stem != "unstorable_text":
            found.append((path.stem, item))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure mixed items of each actor (one in twenty damaged). Exit code 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=200, help="of each actor (200)")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--examples", action="store_true", help="each example of the default actor, too")
    given = parser.parse_args(arguments)
    urls = [f"https://www.linkedin.com/in/lead-{number}" for number in range(_LEADS)]
    costs = {}
    for actor in SHAPES:
        items = [made(actor, at, urls[at % _LEADS]).item for at in range(given.items)]
        costs[actor] = _measured(actor, items, given.rounds)
    means = [sum(each) / len(costs) for each in zip(*costs.values(), strict=True)]
    for name, item in _examples() if given.examples else ():
        costs[name] = _measured(_ACTOR, [item] * 20, given.rounds)
    lines = [
        shown_only(f"an item of {name}", f"{ours:.1f} µs", f"{parsed:.1f} µs", f"{ours / parsed:.1f}")
        for name, (ours, parsed) in costs.items()
    ]
    mean = at_most(means[0], MOST_MICROSECONDS, what="an item on average", unit=" µs")
    return tell([*lines, replace(mean, floor=f"{means[1]:.1f} µs", ratio=f"{means[0] / means[1]:.1f}")])


if __name__ == "__main__":
    sys.exit(main())
