"""The functions a harvester's formulas use. Any other is refused where the formula is read."""

import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from harvester.sandbox.airtable.cells import read_moment
from harvester.sandbox.airtable.formula_values import ERROR, Value, number, text, truth
from harvester.sandbox.clock import utc_now


class Function(NamedTuple):
    """A function of values: it never sees an error, and how many arguments it takes."""

    run: Callable[..., Value]
    least: int
    most: int


def _all(*given: Value) -> Value:
    return all(truth(one) for one in given)


def _any(*given: Value) -> Value:
    return any(truth(one) for one in given)


def _of_text(run: Callable[..., Value]) -> Callable[..., Value]:
    def applied(*given: Value) -> Value:
        texts = [text(one) for one in given]
        return ERROR if ERROR in texts else run(*texts)

    return applied


def _find(wanted: Value, within: Value, start: Value = 0) -> Value:
    if start not in (0, 1) or wanted in (None, ""):
        return ERROR
    return _of_text(lambda small, large: large.find(small) + 1)(wanted, within)


def _search(wanted: Value, within: Value, start: Value = 0) -> Value:
    small, large = text(wanted), text(within)
    if not isinstance(small, str) or not isinstance(large, str):
        return ERROR
    return _absent(_find(small.lower(), large.lower(), start))


def _absent(place: Value) -> Value:
    return None if place == 0 else place


def _substitute(whole: Value, old: Value, new: Value, which: Value = None) -> Value:
    texts = [text(one) for one in (whole, old, new)]
    if ERROR in texts or texts[1] == "":
        return ERROR
    within, small, large = (str(one) for one in texts)
    if which is None:
        return within.replace(small, large)
    parts = within.split(small)
    if not isinstance(which, int) or which < 1:
        return ERROR
    return small.join(parts[:which]) + large + small.join(parts[which:]) if which < len(parts) else within


def _value(given: Value) -> Value:
    if isinstance(given, (int, float)):
        return given
    found = re.fullmatch(r"\s*[-+]?\d+(\.\d+)?\s*", given) if isinstance(given, str) else None
    return float(found[0]) if found else ERROR


def _parsed(given: Value) -> Value:
    if isinstance(given, datetime):
        return given
    return (read_moment(given, "utc") or ERROR) if isinstance(given, str) else ERROR


def _moments(run: Callable[..., Value]) -> Callable[..., Value]:
    def applied(left: Value, right: Value, *more: Value) -> Value:
        # A text that a person wrote is read like DATETIME_PARSE; a blank date is not documented.
        first, second = _parsed(left), _parsed(right)
        return ERROR if ERROR in (first, second) else run(first, second, *more)

    return applied


def _same(left: datetime, right: datetime, unit: Value = None) -> Value:
    kept_fields = {"year": 1, "month": 2, "day": 3, "hour": 4, "minute": 5, "second": 6}
    if unit is not None:
        size = kept_fields.get(unit) if isinstance(unit, str) else None
        return ERROR if size is None else left.timetuple()[:size] == right.timetuple()[:size]
    if left == right or left.date() != right.date():
        return left == right
    # The unit that holds where none is given is not known.
    return ERROR


def _difference(left: datetime, right: datetime, unit: Value) -> Value:
    sizes = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
    size = sizes.get(unit) if isinstance(unit, str) else None
    return ERROR if size is None else math.trunc((left - right) / timedelta(seconds=size))


def _today() -> Value:
    return utc_now().replace(hour=0, minute=0, second=0, microsecond=0)


def _blank() -> Value:
    return None


_MANY = 10_000
FUNCTIONS: dict[str, Function] = {
    "AND": Function(_all, 1, _MANY),
    "OR": Function(_any, 1, _MANY),
    "NOT": Function(lambda one: not truth(one), 1, 1),
    "BLANK": Function(_blank, 0, 0),
    "TRUE": Function(lambda: True, 0, 0),
    "FALSE": Function(lambda: False, 0, 0),
    "LEN": Function(_of_text(len), 1, 1),
    "LOWER": Function(_of_text(str.lower), 1, 1),
    "UPPER": Function(_of_text(str.upper), 1, 1),
    "TRIM": Function(_of_text(str.strip), 1, 1),
    "FIND": Function(_find, 2, 3),
    "SEARCH": Function(_search, 2, 3),
    "SUBSTITUTE": Function(_substitute, 3, 4),
    "CONCATENATE": Function(_of_text(lambda *all_of_them: "".join(all_of_them)), 1, _MANY),
    "NOW": Function(utc_now, 0, 0),
    "TODAY": Function(_today, 0, 0),
    "DATETIME_PARSE": Function(_parsed, 1, 1),
    "IS_BEFORE": Function(_moments(lambda left, right: left < right), 2, 2),
    "IS_AFTER": Function(_moments(lambda left, right: left > right), 2, 2),
    "IS_SAME": Function(_moments(_same), 2, 3),
    "VALUE": Function(_value, 1, 1),
    "T": Function(lambda one: one if isinstance(one, str) else None, 1, 1),
}
#: For formula fields alone; nobody filters by it.
FIELD_FUNCTIONS: dict[str, Function] = FUNCTIONS | {"DATETIME_DIFF": Function(_moments(_difference), 3, 3)}


def arithmetic(sign: str, left: Value, right: Value) -> Value:
    """`+ - * /` of numbers; division by zero is an error."""
    first, second = number(left), number(right)
    if isinstance(first, (int, float)) and isinstance(second, (int, float)):
        if sign == "/":
            return first / second if second else ERROR
        return {"+": first + second, "-": first - second, "*": first * second}[sign]
    return ERROR
