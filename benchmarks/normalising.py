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
from pathlib import Path
from typing import Any, Final

import orjson
from items import SHAPES, made

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


def _measured(name: str, actor: str, items: Sequence[Any], rounds: int) -> float:
    """Print what an item of these costs, and give it in microseconds."""
    normalise = ACTORS[actor].normalise
    written = [orjson.dumps(item) for item in items]
    parsed = [orjson.loads(item) for item in written]
    reading = _least(lambda: [normalise(item) for item in parsed], rounds) / len(items)
    parsing = _least(lambda: [orjson.loads(item) for item in written], rounds) / len(items)
    print(f"{name:34} {reading:7.2f} µs   orjson.loads {parsing:6.2f} µs   ratio {reading / parsing:5.2f}")
    return reading


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
    costs = []
    for actor in SHAPES:
        items = [made(actor, at, urls[at % _LEADS]).item for at in range(given.items)]
        costs.append(_measured(actor, actor, items, given.rounds))
    for name, item in _examples() if given.examples else ():
        _measured(name, _ACTOR, [item] * 20, given.rounds)
    mean = sum(costs) / len(costs)
    print(f"mean {mean:.2f} µs an item (at most {MOST_MICROSECONDS:.0f})")
    return 0 if mean <= MOST_MICROSECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
