"""What else a harvestapi post holds that people ask for. Only what is there, cleaned, every size bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harvester.normalise import harvestapi_fields as fields
from harvester.normalise.values import (
    Field,
    count,
    https_url,
    image_url,
    linkedin_url,
    name,
    objects,
    passage,
)
from harvester.posts import PostKind

MAX_MENTIONS = 100
MAX_REACTIONS = 20  # LinkedIn has about seven kinds

_ARTICLE: dict[str, Field[Any]] = {
    "title": Field(name, "article.title", "title"),
    "subtitle": Field(name, "article.subtitle", "subtitle"),
    "description": Field(passage, "article.description", "description"),
    "url": Field(https_url, "article.link", "link"),
    "image": Field(image_url, "article.image"),
}
_DOCUMENT: dict[str, Field[Any]] = {
    "title": Field(name, "document.title"),
    "pages": Field(count, "document.totalPageCount"),
    "url": Field(https_url, "document.transcribedDocumentUrl", "document.url"),
}
_VIDEO = {
    "url": Field(https_url, "postVideo.videoUrl", "postVideo.url", "postVideo"),
    "thumbnail": Field(https_url, "postVideo.thumbnailUrl"),
}
_NEWSLETTER = {"title": Field(name, "newsletterTitle"), "url": Field(linkedin_url, "newsletterUrl")}
_HEADER = Field(passage, "header.text", "header")
_MENTION: dict[str, Field[Any]] = {
    "type": Field(name, "type"),
    "name": Field(name, "profile.name", "company.name"),
    "url": Field(https_url, "profile.linkedinUrl", "company.linkedinUrl", "hyperlink", "textLink"),
}
_FULL_NAME = {"first": Field(name, "profile.firstName"), "last": Field(name, "profile.lastName")}
_QUOTED: dict[str, Field[Any]] = {
    "url": fields.URL,
    "text": Field(passage, "content", "text"),
}


def _article(item: dict[str, Any]) -> dict[str, Any]:
    article = _parts(item, _ARTICLE)
    return article if article.keys() & {"title", "url"} else {}


def _document(item: dict[str, Any]) -> dict[str, Any]:
    return _parts(item, _DOCUMENT)


def _video(item: dict[str, Any]) -> dict[str, Any]:
    return _parts(item, _VIDEO)


def _newsletter(item: dict[str, Any]) -> dict[str, Any]:
    return _parts(item, _NEWSLETTER)


def _quoted(item: dict[str, Any]) -> dict[str, Any]:
    """The post that this one quotes; only its key where the item does not carry it."""
    quoted = item.get("repost")
    if not isinstance(quoted, dict):
        quoted = {}
    key = fields.post_key(quoted)
    if key is None and fields.kind_of(item) is PostKind.QUOTE:
        key = fields.QUOTED_NUMBER.of(item)
    told = {"post_key": key, **_parts(quoted, _QUOTED), "author": _person(quoted, fields.AUTHOR)}
    return {part: value for part, value in told.items() if value}


def _mentions(item: dict[str, Any]) -> list[dict[str, str]]:
    """Who and what the text links to, each once, in the order of the text."""
    found: dict[tuple[str | None, str | None], dict[str, str]] = {}
    for attribute in objects(item.get("contentAttributes"), MAX_MENTIONS):
        mention = _parts(attribute, _MENTION)
        if "name" not in mention and (full := " ".join(_parts(attribute, _FULL_NAME).values())):
            mention["name"] = full
        if mention.keys() & {"name", "url"}:
            found.setdefault((mention.get("name"), mention.get("url")), mention)
    return list(found.values())


def _reactions(item: dict[str, Any]) -> dict[str, int]:
    engagement = item.get("engagement")
    if not isinstance(engagement, dict):
        return {}
    entries = objects(engagement.get("reactions"), MAX_REACTIONS)
    return {
        kind: number
        for entry in entries
        if (kind := name(entry.get("type"))) and (number := count(entry.get("count"))) is not None
    }


def _reposted_by(item: dict[str, Any]) -> dict[str, str]:
    return _person(item, fields.REPOSTER)


def _reposted_at(item: dict[str, Any]) -> str | None:
    moment = fields.REPOSTED_MS.of(item) or fields.REPOSTED_ISO.of(item)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None


def _person(item: dict[str, Any], person: fields.Person) -> dict[str, str]:
    urls = person.urls(item)
    author = person.author(item, urls)
    told = {"name": author.name, "url": author.url}
    return {part: value for part, value in told.items() if value}


def _parts(item: dict[str, Any], table: dict[str, Field[Any]]) -> dict[str, Any]:
    return {part: value for part, field in table.items() if (value := field.of(item)) is not None}


#: Each key of an item that an extra can come from, that extra, and how it is read.
_EXTRAS: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "article": ("article", _article),
    "link": ("article", _article),
    "document": ("document", _document),
    "postVideo": ("video", _video),
    "repost": ("quoted", _quoted),
    "repostId": ("quoted", _quoted),
    "contentAttributes": ("mentions", _mentions),
    "newsletterUrl": ("newsletter", _newsletter),
    "newsletterTitle": ("newsletter", _newsletter),
    "repostedBy": ("reposted_by", _reposted_by),
    "repostedAt": ("reposted_at", _reposted_at),
    "header": ("header", _HEADER.of),
    "engagement": ("reactions", _reactions),
}


def extras_of(item: dict[str, Any]) -> dict[str, Any]:
    """The extras of one post, ready for JSON; what the item does not hold is absent.

    `article` (title, subtitle, description, url, image), `document` (title, pages, url), `video` (url,
    thumbnail), `quoted` (post_key, url, text, author), `mentions` (each type, name, url), `newsletter`
    (title, url), `reposted_by` (name, url), `reposted_at` (ISO 8601, UTC), `header` (text), `reactions`
    (kind: number).
    """
    found: dict[str, Any] = {}
    for key, held in item.items():
        if held and key in _EXTRAS:
            extra, read = _EXTRAS[key]
            if extra not in found and (value := read(item)):
                found[extra] = value
    return found
