"""An invented post as other actors see it: a repost is a post of its own, with the original within."""

from dataclasses import dataclass
from typing import Any, Literal, Self
from urllib.parse import unquote

from harvester.sandbox.apify.people import Scene, Target, author
from harvester.sandbox.apify.posts import age_of

_URN = "miniProfileUrn=urn:li:fsd_profile:"


@dataclass(frozen=True)
class Person:
    """Who writes: a member, or a company, which has no last name."""

    first: str
    last: str
    handle: str
    headline: str
    url: str
    picture: str
    company: bool
    #: A member's opaque identifier.
    opaque: str

    @classmethod
    def of(cls, told: dict[str, Any]) -> Self:
        """Read an `author`, as `people.author` makes them."""
        company = told["type"] == "company"
        first, _, last = (told["name"], "", "") if company else told["name"].partition(" ")
        handle = told["universalName"] if company else told["publicIdentifier"]
        url = f"https://www.linkedin.com/{'company' if company else 'in'}/{handle}"
        opaque = unquote(told["linkedinUrl"]).partition(_URN)[2]
        return cls(first, last, handle, told["info"], url, told["avatar"]["url"], company, opaque)

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.first} {self.last}".strip()


@dataclass(frozen=True)
class Retold:
    """One post. `number` is its activity's; `item` is what it was made as, where it shows more than text."""

    number: str
    how: Literal["regular", "quote", "repost"]
    author: Person
    text: str
    url: str
    #: `timestamp` in milliseconds, `date` and `postedAgoShort`.
    moment: dict[str, Any]
    item: dict[str, Any]
    engagement: dict[str, Any]
    inner: "Retold | None" = None


def retold(scene: Scene, target: Target, number: int, post: dict[str, Any]) -> Retold:
    """See a target's post, as `posts.build_post` makes it."""
    original = _seen(post)
    if "repostId" not in post:
        return original
    by = Person.of(author(scene, target.handle, target.kind))
    return Retold(
        number=post["repostId"],
        how="repost",
        author=by,
        text="",
        url=f"https://www.linkedin.com/feed/update/urn:li:activity:{post['repostId']}",
        moment=scene.ago(age_of(scene, target.handle, number)),
        item={},
        engagement={"likes": 0, "comments": 0, "shares": 0, "reactions": []},
        inner=original,
    )


def _seen(post: dict[str, Any]) -> Retold:
    quoted = post.get("repost")
    return Retold(
        number=post["id"],
        how="quote" if quoted else "regular",
        author=Person.of(post["author"]),
        text=post["content"],
        url=post["linkedinUrl"],
        moment=post["postedAt"],
        item=post,
        engagement=post["engagement"],
        inner=_seen(quoted) if quoted else None,
    )
