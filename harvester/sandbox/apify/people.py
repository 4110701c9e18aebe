"""Who posts: targets read from their URLs, and the invented person or firm behind each."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from random import Random
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from harvester.sandbox.apify import texts
from harvester.sandbox.clock import epoch_millis

Kind = Literal["profile", "company", "post", "other"]
_PATHS: dict[str, Kind] = {
    "in": "profile",
    "company": "company",
    "school": "company",
    "posts": "post",
    "feed": "post",
}
_NUMBER = re.compile(r"(?:activity|ugcPost|share)[-:](\d{10,})")


@dataclass(frozen=True)
class Target:
    """One of an input's `targetUrls`, exactly as given, and what it points at."""

    url: str
    kind: Kind
    #: The name in the URL, in lower case; for a single post its number.
    handle: str


def read_target(url: str) -> Target:
    """Understand a LinkedIn URL as the actor does: scheme, host, query and trailing slash do not matter."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    path = [unquote(piece) for piece in parts.path.split("/") if piece]
    linkedin = (parts.hostname or "").lower().endswith("linkedin.com")
    kind = _PATHS.get(path[0].lower(), "other") if linkedin and len(path) > 1 else "other"
    if kind == "post":
        number = _NUMBER.search(unquote(url))
        return Target(url, "post" if number else "other", number.group(1) if number else "")
    return Target(url, kind, path[1].lower() if kind != "other" else "")


@dataclass(frozen=True)
class Scene:
    """What all items of a run share: the seed, the moment they are dated back from, what was asked for."""

    seed: int
    anchor: datetime
    #: None: not asked for; 0: all there are.
    max_comments: int | None = None
    max_reactions: int | None = None

    def chance(self, *about: object) -> Random:
        """Chance that falls the same way each time for the same things."""
        return Random("/".join(map(str, (self.seed, *about))))  # nosec B311 # repeatable chance, no cryptography

    def quiet(self) -> "Scene":
        """The same without comments and reactions."""
        return Scene(self.seed, self.anchor)

    def number(self, *about: object) -> int:
        """A 19-digit number as LinkedIn gives its posts, the same each time."""
        digest = blake2b("/".join(map(str, (self.seed, *about))).encode(), digest_size=7).digest()
        return 7_000_000_000_000_000_000 + int.from_bytes(digest) * 5

    def ago(self, seconds: float) -> dict[str, Any]:
        """A moment as posts carry it."""
        moment = self.anchor - timedelta(seconds=seconds)
        date = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        days = int(seconds // 86400)
        text = f"{days} days ago • Visible to anyone on or off LinkedIn"
        return {
            "timestamp": epoch_millis(moment),
            "date": date,
            "postedAgoShort": f"{days}d",
            "postedAgoText": text,
        }

    def media(self, chance: Random, name: str) -> str:
        """A media URL that expires, on a host that never exists."""
        until = epoch_millis(self.anchor + timedelta(days=60)) // 1000
        return (
            f"https://media.licdn.example/dms/image/v2/{name}/{chance.getrandbits(64):016x}?e={until}&v=beta"
        )


@lru_cache(maxsize=4096)
def author(scene: Scene, handle: str, kind: str) -> dict[str, Any]:
    """The `author` object of a post. Shared between items: not to be changed."""
    chance = scene.chance("person", handle)
    avatar = {"url": scene.media(chance, "avatar"), "width": 800, "height": 800, "expiresAt": _expiry(scene)}
    if kind == "company":
        return {
            "universalName": handle,
            "publicIdentifier": None,
            "type": "company",
            "name": texts.firm_name(chance),
            "linkedinUrl": f"https://www.linkedin.com/company/{handle}/posts",
            "info": f"{chance.randint(200, 90_000):,} followers",
            "website": None,
            "websiteLabel": None,
            "avatar": avatar,
        }
    urn = f"urn%3Ali%3Afsd_profile%3A{profile_id(chance)}"
    return {
        "universalName": None,
        "publicIdentifier": handle,
        "type": "profile",
        "name": texts.person_name(chance),
        "linkedinUrl": f"https://www.linkedin.com/in/{handle}?miniProfileUrn={urn}",
        "info": texts.headline(chance),
        "website": f"https://{handle}.example/",
        "websiteLabel": "My website",
        "avatar": avatar,
    }


def profile_id(chance: Random) -> str:
    """A member's opaque identifier."""
    return f"ACoAA{chance.getrandbits(128):032x}"


def thread_of(post_id: str) -> str:
    """The URN under which a post is talked about: LinkedIn numbers it differently from its activity.

    Some are a ugcPost there and some a share, never both.
    """
    number = int(post_id)
    return f"urn:li:{'share' if number % 3 == 0 else 'ugcPost'}:{number - 965_126_144}"


def onlooker(scene: Scene, chance: Random) -> dict[str, Any]:
    """Somebody who comments or reacts."""
    member = profile_id(chance)
    actor: dict[str, Any] = {
        "id": member,
        "name": texts.person_name(chance),
        "linkedinUrl": f"https://www.linkedin.com/in/{member}",
        "position": texts.headline(chance) if chance.random() < 0.8 else "--",
    }
    if chance.random() < 0.6:
        url = scene.media(chance, "onlooker")
        picture = {"url": url, "width": 600, "height": 600, "expiresAt": _expiry(scene)}
        actor |= {"pictureUrl": url, "picture": picture}
    return actor


def _expiry(scene: Scene) -> int:
    return epoch_millis(scene.anchor + timedelta(days=60))
