"""What else an item of supreme_coder or curious_coder holds that people ask for."""

from __future__ import annotations

from typing import Any, Final

from harvester.normalise.apimaestro_media import form_named
from harvester.normalise.table import Item, parts
from harvester.normalise.values import (
    Field,
    image_url,
    linkedin_url,
    name,
    objects,
    passage,
    web_url,
)
from harvester.posts import PostForm

MAX_MENTIONS: Final = 100
_ARTICLE: Final[dict[str, Field[Any]]] = {
    "title": Field(name, "article.title"),
    "subtitle": Field(name, "article.subtitle"),
    "description": Field(passage, "article.description"),
    "url": Field(web_url, "article.url", "article.link"),
    "image": Field(image_url, "article.image"),
}
_MENTION: Final[dict[str, Field[Any]]] = {
    "type": Field(name, "type"),
    "name": Field(name, "profile.name", "company.name"),
    "url": Field(
        linkedin_url, "profile.url", "company.url", "profile.linkedinUrl", "company.linkedinUrl", "link"
    ),
}
_FULL_NAME: Final = (Field(name, "profile.firstName"), Field(name, "profile.lastName"))


def form_of(item: Item) -> PostForm | None:
    """Give the form that `type` names: `text`, `image`, `linkedinVideo`, `article`, `document`, `poll`."""
    return form_named(item.get("type"))


def article(item: Item) -> dict[str, Any]:
    """Give the article that a post shows; none without title and link."""
    told = parts(item, _ARTICLE)
    return told if told.keys() & {"title", "url"} else {}


def mentions(item: Item) -> list[dict[str, str]]:
    """Give who and what the text links to, each once, in the order of the text."""
    found: dict[tuple[str | None, str | None], dict[str, str]] = {}
    for attribute in objects(item.get("attributes"), MAX_MENTIONS):
        mention = parts(attribute, _MENTION)
        if "name" not in mention and (full := " ".join(p for f in _FULL_NAME if (p := f.of(attribute)))):
            mention["name"] = full
        if mention.keys() & {"name", "url"}:
            found.setdefault((mention.get("name"), mention.get("url")), mention)
    return list(found.values())
