"""How numbers stand in sentences."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """Say how many there are: `1 post`, `2 posts`. `many` is for what does not just take an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
