"""Which items and which rows are one post, by the names that they share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harvester.ledger import post_names
from harvester.ledger.post_known import Known
from harvester.ledger.post_names import Names


@dataclass(slots=True, eq=False)
class One:
    """One post: the rows that are its own, none of a new one, and all its names."""

    names: Names
    rows: list[Known] = field(default_factory=list)


def settled(rows: Iterable[Known], items: Sequence[Names]) -> list[One]:
    """Give the posts that these rows and items are, each item told by its names, the first one first.

    Items are taken in order. One that would give a post names that contradict each other goes by its first
    name alone. If a later item resolves that, all are taken again: they end as they would if read anew.
    """
    by_number: dict[str, One] = {}
    for row in rows:
        by_number.update(dict.fromkeys(row.names, One(row.names, [row])))
    while _taken(by_number, items):
        pass
    return list({id(one): one for one in by_number.values()}.values())


def _taken(by_number: dict[str, One], items: Sequence[Names]) -> bool:
    """Take all items in. True if that changed something and some contradict what is known."""
    changed = contradicting = False
    for names in items:
        ones = _known_by(by_number, names)
        if len(ones) == 1 and all(ones[0].names.get(number) is kind for number, kind in names.items()):
            continue
        every = post_names.joined([*(one.names for one in ones), names]) if ones else names
        if post_names.contradict(every):
            contradicting = True
            key, kind = next(iter(names.items()))
            if key in by_number:
                continue
            ones, every = [], {key: kind}
        if len(ones) == 1 and ones[0].names == every:
            continue
        changed = True
        whole = One(every, [row for one in ones for row in one.rows])
        by_number.update(dict.fromkeys(every, whole))
    return changed and contradicting


def _known_by(by_number: dict[str, One], names: Names) -> list[One]:
    found = [one for number in names if (one := by_number.get(number)) is not None]
    return found if len(found) < 2 else list(dict.fromkeys(found))
