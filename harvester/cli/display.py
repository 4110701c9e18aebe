"""How commands show things: tables for people, JSON for scripts."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import click
import orjson
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harvester.normalise.text import one_line

as_json = click.option("--json", "json_", is_flag=True, help="Show JSON, for scripts.")

_CELL_CHARS = 200
_LINE_CHARS = 2_000
_PIPED_WIDTH = 140
#: A column of no more characters is short; a longer one gets by on so many, in several lines.
_WHOLE_CHARS, _LEAST_CHARS = 40, 10
#: Characters beside a column's own.
_PADDING = 3
_DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_OBEYED = (*range(0x7F, 0xA0), *_DIRECTIONS)
_ESCAPED = {code: f"\\u{code:04x}" for code in _OBEYED}
#: In a text of several lines, that is.
_ESCAPED_IN_TEXT = {code: f"\\u{code:04x}" for code in range(0x20) if chr(code) not in "\t\n"} | _ESCAPED


def show_json(value: Any) -> None:
    """Print a value as indented JSON, with everything escaped that a terminal might obey."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode().translate(_ESCAPED))


def show_json_line(line: bytes) -> None:
    """Print a JSON object on one line, escaped likewise: it says the same to who parses it."""
    click.echo(line.decode().rstrip("\n").translate(_ESCAPED))


def show_csv(lines: str) -> None:
    """Print CSV to the letter into a file or pipe; on a terminal with escapes for what it might obey."""
    if sys.stdout.isatty():
        lines = lines.replace("\r\n", "\n").translate(_ESCAPED_IN_TEXT)
    click.echo(lines, nl=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Make a table of rows. What came from outside is shown as text, on one line, whatever it holds."""
    made = Table(title=Text(cell(title)), box=box.SIMPLE_HEAD, title_justify="left")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell(value)) for value in row))
    return made


def show_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, spare: Sequence[str] = ()
) -> None:
    """Print a table. On a terminal that is too narrow for it columns are left out, those of `spare` in turn.

    What is short, such as the ID that the next command needs, is broken only where nothing else helps.
    """
    console = console_for_output()
    cells = [[cell(value) for value in row] for row in rows]
    left_out: list[str] = []
    if sys.stdout.isatty():
        for name in spare:
            if _needed(columns, cells, left_out) > console.width:
                left_out.append(name)
    kept = [place for place, name in enumerate(columns) if name not in left_out]
    shown = [[row[place] for place in kept] for row in cells]
    made = table(title, [columns[place] for place in kept], shown)
    # What may not be wrapped is cut instead: only where there is room for it.
    whole = _whole([_width(columns, cells, place) for place in kept], console.width)
    for column, is_whole in zip(made.columns, whole, strict=True):
        column.no_wrap = is_whole
    console.print(made)


def _whole(widths: Sequence[int], room: int) -> list[bool]:
    """Say which columns are shown unbroken: the first, then the narrowest, while the others still have room.

    So amounts, counts and times stay whole, and what is wrapped is text.
    """
    left = room - 1 - _PADDING * len(widths) - sum(min(one, _LEAST_CHARS) for one in widths)
    whole = [False] * len(widths)
    for place in sorted(range(len(widths)), key=lambda place: (place > 0, widths[place])):
        more = widths[place] - min(widths[place], _LEAST_CHARS)
        if widths[place] <= _WHOLE_CHARS and more <= left:
            whole[place] = True
            left -= more
    return whole


def _needed(columns: Sequence[str], cells: Sequence[Sequence[str]], left_out: Sequence[str]) -> int:
    """Say how wide a table is in which short columns are whole, and long ones get by on some characters."""
    places = [place for place, name in enumerate(columns) if name not in left_out]
    widths = [_width(columns, cells, place) for place in places]
    return (
        sum(one if one <= _WHOLE_CHARS else 2 * _LEAST_CHARS for one in widths) + _PADDING * len(widths) + 1
    )


def _width(columns: Sequence[str], cells: Sequence[Sequence[str]], place: int) -> int:
    return max(len(columns[place]), *(len(row[place]) for row in cells), 0)


def console_for_output() -> Console:
    """Give a console for stdout: as wide as its terminal, or wide enough for our tables in a file or pipe."""
    return Console() if sys.stdout.isatty() else Console(width=_PIPED_WIDTH)


def show_line(text: str, *, indent: int = 0, err: bool = False) -> None:
    """Print one line that may hold what came from outside, `indent` blanks from the margin."""
    click.echo(" " * indent + one_line(text, _LINE_CHARS), err=err)


def show_wrapped(text: str, *, indent: int = 0) -> None:
    """Print a text that may hold what came from outside in as many lines as it takes."""
    lines = textwrap.wrap(one_line(text, _LINE_CHARS), console_for_output().width - indent)
    click.echo(textwrap.indent("\n".join(lines), " " * indent))


def cell(value: object) -> str:
    """Show one value: nothing for None, and no control characters."""
    return "" if value is None else one_line(str(value), _CELL_CHARS)


def moment(time: str | None) -> str:
    """Show a time of the API's for people: to the second, in UTC."""
    return "" if time is None else time[:19].replace("T", " ")


def usd(amount: float | None) -> str:
    """Show an amount of USD; a dash while it is not known."""
    return "-" if amount is None else f"${amount:.4f}"
