"""One page of a list, as the API and the commands show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list and the cursor of the next, None at the end."""

    rows: list[dict[str, Any]]
    next_cursor: str | None
