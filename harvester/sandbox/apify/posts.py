"""What people post: every kind of post that real datasets hold, the same for the same person and number."""

import re
from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any

from harvester.sandbox.apify import texts
from harvester.sandbox.apify.people import Scene, author

#: A person's posts go through these in turn, from a place of its own.
KINDS = (
    "text", "images", "repost", "emoji", "document", "quote", "right-to-left", "article", "long", "video",
    "image-only", "newsletter", "mention",
)  # fmt: skip
#: Posts on one page of a profile.
PAGE = 20
_REACTIONS = ("LIKE", "APPRECIATION", "EMPATHY", "PRAISE", "INTEREST", "ENTERTAINMENT")
_DAY = 86400.0
_WORD = re.compile(r"[a-z0-9]+")


def kind_of(scene: Scene, handle: str, number: int) -> str:
    """Which kind a person's post is, 0 being the newest. `shared` in the name: a repost comes first."""
    if "shared" in handle and number == 0:
        return "repost"
    return KINDS[(scene.number("kinds", handle) + number) % len(KINDS)]


def age_of(scene: Scene, handle: str, number: int) -> float:
    """Seconds before the anchor. Newest within three days; the `prolific` post every eight seconds."""
    if "prolific" in handle:
        return (number + 1) * 8.0
    newest, gap = _rhythm(scene, handle)
    return (newest + number * gap) * _DAY


@lru_cache(maxsize=4096)
def _rhythm(scene: Scene, handle: str) -> tuple[float, float]:
    chance = scene.chance("rhythm", handle)
    return chance.uniform(0.05, 3.0), chance.uniform(1.0, 25.0)


def build_post(
    scene: Scene, handle: str, author_kind: str, number: int, kind: str | None = None
) -> dict[str, Any]:
    """One post without its comments, reactions and query."""
    chance = scene.chance("post", handle, number)
    kind = kind or kind_of(scene, handle, number)
    if kind == "repost":
        return _repost(scene, handle, author_kind, number)
    text = _TEXTS.get(kind, texts.post_text)(chance)
    post = _frame(scene, handle, author_kind, number, text, chance)
    post |= _ATTACHMENTS[kind](scene, chance) if kind in _ATTACHMENTS else {}
    return post


def post_of_number(scene: Scene, post_id: str) -> dict[str, Any]:
    """The post behind the URL of a single post."""
    return build_post(scene, f"author-of-{post_id}", "profile", 0, "text") | {"id": post_id}


def _frame(scene: Scene, handle: str, kind: str, number: int, text: str, chance: Random) -> dict[str, Any]:
    post_id = str(scene.number("post", handle, number))
    url = f"https://www.linkedin.com/posts/{handle}_{_slug(text)}-activity-{post_id}-{chance.getrandbits(16):04x}"
    return {
        "type": "post",
        "id": post_id,
        "linkedinUrl": url,
        "content": text,
        "author": author(scene, handle, kind),
        "postedAt": scene.ago(age_of(scene, handle, number)),
        "postImages": [],
        "socialContent": _social(url),
        "engagement": _engagement(chance),
    }


def _slug(text: str) -> str:
    return "-".join(_WORD.findall(text[:60].lower())[:6]) or "post"


def _social(url: str) -> dict[str, Any]:
    hidden = ("Comments", "Reactions", "Reposts", "Views")
    return {
        **{f"hide{what}Count": False for what in hidden},
        "hideSocialActivityCounts": False,
        "hideShareAction": True,
        "hideSendAction": True,
        "hideReactAction": False,
        "hideCommentAction": False,
        "trustInterventionBanner": None,
        "shareUrl": f"{url}?utm_source=social_share_send&utm_medium=member_desktop_web",
        "showContributionExperience": False,
        "showSocialDetail": True,
    }


def _engagement(chance: Random) -> dict[str, Any]:
    counts = [int(chance.paretovariate(1.1)) * (6 - place) for place in range(chance.randint(0, 6))]
    reactions = [{"type": kind, "count": count} for kind, count in zip(_REACTIONS, counts, strict=False)]
    return {
        "likes": sum(counts),
        "comments": chance.randint(6, 90),
        "shares": chance.randint(0, 30),
        "reactions": reactions,
    }


def _repost(scene: Scene, handle: str, author_kind: str, number: int) -> dict[str, Any]:
    """Somebody else's post. Few are popular, so that two people often repost the same one."""
    chance = scene.chance("repost", handle, number)
    famous = 0 if "shared" in handle and number == 0 else chance.randrange(3)
    original = build_post(scene, f"the-often-quoted-{famous}", "company", 5, "text")
    by = author(scene, handle, author_kind)
    moment = scene.ago(age_of(scene, handle, number))
    return original | {
        "header": {"text": f"{by['name']} reposted this", "linkedinUrl": by["linkedinUrl"], "image": None},
        "repostId": str(scene.number("repost", handle, number)),
        "repostedBy": {key: by[key] for key in ("name", "publicIdentifier", "universalName", "linkedinUrl")},
        "repostedAt": {"timestamp": moment["timestamp"], "date": moment["date"]},
    }


def _no_text(_: Random) -> str:
    return ""


def _images(scene: Scene, chance: Random) -> dict[str, Any]:
    count = chance.randint(1, 4)
    images = [{"url": scene.media(chance, "feedshare"), "width": 1280, "height": 720} for _ in range(count)]
    return {"postImages": [image | {"expiresAt": scene.ago(-60 * _DAY)["timestamp"]} for image in images]}


def _document(scene: Scene, chance: Random) -> dict[str, Any]:
    pages = chance.randint(2, 12)
    cover = {"width": 1921, "height": 1243, "imageUrls": [scene.media(chance, "cover") for _ in range(2)]}
    url = scene.media(chance, "document")
    title = "What we learnt: a short deck"
    document = {"title": title, "transcribedDocumentUrl": url, "coverPages": [cover], "totalPageCount": pages}
    return {"document": document}


def _article(scene: Scene, chance: Random) -> dict[str, Any]:
    image = scene.media(chance, "article")
    article = {
        "title": "The long road to fewer meetings",
        "subtitle": "ferrywheel.example",
        "link": f"https://ferrywheel.example/essays/{chance.getrandbits(24)}",
        "linkLabel": None,
        "description": "An essay in four parts.",
        "image": image if chance.random() < 0.5 else {"url": image, "width": 1200, "height": 627},
    }
    return {"article": article}


def _video(scene: Scene, chance: Random) -> dict[str, Any]:
    return {
        "postVideo": {
            "videoUrl": scene.media(chance, "video"),
            "thumbnailUrl": scene.media(chance, "thumbnail"),
        }
    }


def _newsletter(scene: Scene, chance: Random) -> dict[str, Any]:
    url = f"https://www.linkedin.com/newsletters/the-ninth-lantern-{chance.getrandbits(60)}/"
    return _article(scene, chance) | {"newsletterUrl": url, "newsletterTitle": "The Ninth Lantern"}


def _mention(scene: Scene, chance: Random) -> dict[str, Any]:
    who = author(scene, f"friend-{chance.randrange(50)}", "profile")
    first, _, last = who["name"].partition(" ")
    profile = {"id": None, "firstName": first, "lastName": last, "publicIdentifier": who["publicIdentifier"]}
    attribute = {"start": 0, "length": 5, "type": "PROFILE_MENTION", "profile": profile, "hyperlink": None}
    return {"contentAttributes": [attribute]}


def _quote(scene: Scene, chance: Random) -> dict[str, Any]:
    quoted = build_post(scene, f"friend-{chance.randrange(50)}", "profile", chance.randrange(9), "text")
    return {"repost": {key: value for key, value in quoted.items() if key != "type"}}


_TEXTS: dict[str, Callable[[Random], str]] = {
    "emoji": texts.emoji_text,
    "right-to-left": texts.right_to_left_text,
    "long": texts.long_text,
    "image-only": _no_text,
    # Never the words of what is quoted: then it would be a repost to whoever goes by its words.
    "quote": texts.remark,
}
_ATTACHMENTS: dict[str, Callable[[Scene, Random], dict[str, Any]]] = {
    "images": _images,
    "image-only": _images,
    "document": _document,
    "article": _article,
    "video": _video,
    "newsletter": _newsletter,
    "mention": _mention,
    "quote": _quote,
}
