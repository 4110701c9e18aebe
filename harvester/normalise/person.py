"""Who wrote, reposted or said something, as an item tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from harvester.normalise.values import Field, name
from harvester.posts import Author

Item = dict[str, Any]
_SITE: Final = "https://www.linkedin.com/"


@dataclass(frozen=True, slots=True)
class Person:
    """Where a person or a company stands in an item: parts of the name, links to the profile, and slugs.

    A slug comes with the section of LinkedIn that it is of, `in` or `company`. `whole`: where the name stands
    in one piece, if it stands in parts as well.
    """

    names: tuple[Field[str], ...]
    links: tuple[Field[str], ...]
    slugs: tuple[tuple[str, Field[str]], ...] = ()
    whole: Field[str] | None = None

    def urls(self, item: Item) -> tuple[str, ...]:
        """Give every profile URL that the item tells of this person, the actor's own links first."""
        found = [link for one in self.links if (link := one.of(item))]
        for section, part in self.slugs:
            if (value := part.of(item)) and (profile := f"{_SITE}{section}/{value}") not in found:
                found.append(profile)
        return tuple(found)

    def author(self, item: Item, urls: tuple[str, ...] | None = None) -> Author:
        """Give this person as an author; `urls` is what `urls()` found, if it was asked already."""
        known = self.urls(item) if urls is None else urls
        told = self.whole.of(item) if self.whole is not None else None
        if told is None and len(self.names) == 1:
            told = self.names[0].of(item)
        elif told is None:
            told = name(" ".join(part for one in self.names if (part := one.of(item))))
        return Author(told, known[0] if known else None)

    def told(self, item: Item, urls: tuple[str, ...] | None = None) -> dict[str, str]:
        """Give this person as an extra: `name` and `url`, as far as they are known; `urls` as in `author`."""
        author = self.author(item, urls)
        found = {"name": author.name, "url": author.url}
        return {part: value for part, value in found.items() if value}


def parts(item: Item, fields: Mapping[str, Field[Any]]) -> dict[str, Any]:
    """Read several fields; what the item does not hold is absent."""
    return {part: value for part, one in fields.items() if (value := one.of(item)) is not None}
