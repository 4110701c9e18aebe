"""What apimaestro's items show beside their text, how they were received, and what is said of the text."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from harvester.normalise.table import Item, parts
from harvester.normalise.values import (
    MAX_IMAGES,
    Field,
    count,
    https_url,
    image_url,
    image_urls,
    name,
    objects,
    web_url,
)
from harvester.posts import PostForm

MAX_REACTIONS: Final = 20  # LinkedIn has about seven kinds
_ARTICLE: Final[dict[str, Field[Any]]] = {
    "title": Field(name, "article.title"),
    "subtitle": Field(name, "article.subtitle"),
    "url": Field(web_url, "article.url"),
    "image": Field(image_url, "article.thumbnail"),
}
_DOCUMENT: Final[dict[str, Field[Any]]] = {
    "title": Field(name, "document.title"),
    "pages": Field(count, "document.page_count"),
    "url": Field(https_url, "document.url"),
    "cover": Field(image_url, "document.thumbnail"),
}
_LANGUAGE: Final = Field(name, "post_language_code")
_LONGEST_LANGUAGE: Final = 20  # characters
_LONGEST_WORD: Final = 40  # characters
#: LinkedIn's own words for its reactions, as other actors give them, by the words on its buttons.
_REACTIONS: Final = {
    "like": "LIKE",
    "celebrate": "PRAISE",
    "praise": "PRAISE",
    "support": "APPRECIATION",
    "appreciation": "APPRECIATION",
    "love": "EMPATHY",
    "empathy": "EMPATHY",
    "insight": "INTEREST",
    "insightful": "INTEREST",
    "interest": "INTEREST",
    "funny": "ENTERTAINMENT",
    "entertainment": "ENTERTAINMENT",
}
_FORMS: Final = (
    PostForm.POLL,
    PostForm.EVENT,
    PostForm.NEWSLETTER,
    PostForm.ARTICLE,
    PostForm.DOCUMENT,
    PostForm.VIDEO,
)


def form_named(word: object) -> PostForm | None:
    """Give the form that an actor's word for it names: `video`, `linkedinVideo`, `image`."""
    return _form_named(word[:_LONGEST_WORD]) if isinstance(word, str) else None


@lru_cache(maxsize=256)
def _form_named(word: str) -> PostForm | None:
    told = word.lower()
    for form in _FORMS:
        if form.value in told:
            return form
    return PostForm.IMAGES if "image" in told else None


def _media(item: Item) -> list[dict[str, Any]]:
    """Give what `media` shows: one object, or a list of them."""
    held = item.get("media")
    return [held] if isinstance(held, dict) else objects(held, MAX_IMAGES)


def form_of(item: Item) -> PostForm | None:
    """Give the form that the item names, as a whole or in the first of its media that names one."""
    told = form_named(item.get("type"))
    if told is None and item.get("media"):
        words = (form_named(one.get("type")) for one in _media(item))
        return next((form for form in words if form is not None), None)
    return told


def images(value: object) -> tuple[str, ...] | None:
    """Give the images of `media`: of each that shows images, its `images`, its `items` or itself."""
    found: dict[str, None] = {}
    for media in [value] if isinstance(value, dict) else objects(value, MAX_IMAGES):
        if form_named(media.get("type")) in {None, PostForm.IMAGES}:
            shown = image_urls(media.get("images") or media.get("items") or media)
            found.update(dict.fromkeys(shown or ()))
    return tuple(found)[:MAX_IMAGES] or None


def video(item: Item) -> dict[str, str]:
    """Give the first video of `media`: `url` and `thumbnail`."""
    for media in _media(item):
        if form_named(media.get("type")) is PostForm.VIDEO:
            told = {"url": https_url(media.get("url")), "thumbnail": https_url(media.get("thumbnail"))}
            return {part: link for part, link in told.items() if link}
    return {}


def article(item: Item) -> dict[str, Any]:
    """Give the article that a post shows, which has a title or a link at least."""
    told = parts(item, _ARTICLE)
    return told if told.keys() & {"title", "url"} else {}


def document(item: Item) -> dict[str, Any]:
    """Give the document that a post shows: `title`, `pages`, `url`, `cover`."""
    return parts(item, _DOCUMENT)


def edited(item: Item) -> bool:
    """Tell whether the post was edited."""
    posted = item.get("posted_at")
    return isinstance(posted, dict) and posted.get("is_edited") is True


def language(item: Item) -> str | None:
    """Give the language that LinkedIn takes the text for, as a code: `en`."""
    told = _LANGUAGE.of(item)
    return told if told is not None and len(told) <= _LONGEST_LANGUAGE else None


def reactions(item: Item) -> dict[str, int]:
    """Give how often each kind of reaction was given, by LinkedIn's own words for them."""
    stats = item.get("stats")
    if not isinstance(stats, dict):
        return {}
    held = stats.get("reactions")
    if held:
        return _by_kind(held)
    found: dict[str, int] = {}
    for word, given in stats.items():
        kind = _REACTIONS.get(word)
        if kind is not None and (number := count(given)) is not None:
            found[kind] = number
    return found


def _by_kind(held: object) -> dict[str, int]:
    """Read what stands as an object of its own, or as a list of `type` and `count`."""
    if isinstance(held, dict):
        told = list(held.items())[:MAX_REACTIONS]
    else:
        told = [(one.get("type"), one.get("count")) for one in objects(held, MAX_REACTIONS)]
    found: dict[str, int] = {}
    for word, given in told:
        if (kind := name(word)) and (number := count(given)) is not None:
            found.setdefault(_REACTIONS.get(kind.lower(), kind), number)
    return found
