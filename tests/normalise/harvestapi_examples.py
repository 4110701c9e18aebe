"""Items in the shapes of harvestapi's actor, of invented people; beside each, what it must become."""

import json
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parent / "fixtures" / "harvestapi"
EXAMPLES = sorted(path.stem for path in FIXTURES.glob("*.json") if not path.stem.endswith(".expected"))


def load(name: str) -> Any:
    # Not orjson: one example holds half a surrogate pair, as real datasets do.
    return json.loads((FIXTURES / f"{name}.json").read_text())
