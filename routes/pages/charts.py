"""Bars of a chart: reckoned here, drawn as SVG by a macro, without a script, in the page's own colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

#: Lowest a bar is drawn that is not nothing, in the chart's own units.
_LEAST: Final = 1.5


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its place, what it stands for, and its value in words."""

    x: float
    y: float
    width: float
    height: float
    label: str
    shown: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A chart's bars, its size, its greatest value in words, and the whole in one sentence."""

    bars: list[Bar]
    width: int
    height: int
    most: str
    told: str


def bars(
    points: Sequence[tuple[str, float]], show: Callable[[float], str], *, width: int = 280, height: int = 64
) -> Bars:
    """Reckon the bars of values from 0 on, each with its label."""
    values = [value for _, value in points]
    most, step = max(values, default=0), width / max(1, len(points))
    drawn = []
    for place, (label, value) in enumerate(points):
        tall = max(_LEAST, value / most * height) if value > 0 else 0.0
        drawn.append(
            Bar(
                round(place * step + step * 0.1, 2),
                round(height - tall, 2),
                round(step * 0.8, 2),
                round(tall, 2),
                label,
                show(value),
            )
        )
    told = f"{show(sum(values))} in all, {show(most)} at the most, over {len(points)} days"
    return Bars(drawn, width, height, show(most), told)
