"""What else a harvestapi post holds that people ask for. Only what is there, cleaned, every size bounded."""

from __future__ import annotations

from typing import Any

from harvester.normalise import harvestapi_fields as fields
from harvester.normalise.table import Extra, parts, quoted
from harvester.normalise.values import (
    Field,
    count,
    https_url,
    image_url,
    linkedin_url,
    name,
    objects,
    own_name,
    passage,
    web_url,
)
from harvester.posts import PostForm, PostKind

MAX_MENTIONS = 100
MAX_REACTIONS = 20  # LinkedIn has about seven kinds
MAX_LINE = 500  # characters

_ARTICLE: dict[str, Field[Any]] = {
    "title": Field(name, "article.title", "title"),
    "subtitle": Field(name, "article.subtitle", "subtitle"),
    "description": Field(passage, "article.description", "description"),
    "url": Field(web_url, "article.link", "link"),
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
    "url": Field(web_url, "profile.linkedinUrl", "company.linkedinUrl", "hyperlink", "textLink"),
}
_FULL_NAME = {"first": Field(name, "profile.firstName"), "last": Field(name, "profile.lastName")}
_EDITED = "edited"
_EVENTS = "linkedin.com/events/"
#: A post that another one quotes, as far as an extra tells of it.
_QUOTED = fields.PostTable(
    names=(*fields.NAMES, Field(own_name, "id")),
    url=fields.URL,
    text=("content", "text"),
    posted=fields.POSTED,
    author=fields.AUTHOR,
    target=fields.TARGET,
    likes=fields.LIKES,
    comments=fields.COMMENTS,
    reposts=fields.REPOSTS,
)


def _article(item: dict[str, Any]) -> dict[str, Any]:
    article = parts(item, _ARTICLE)
    return article if article.keys() & {"title", "url"} else {}


def _document(item: dict[str, Any]) -> dict[str, Any]:
    told = parts(item, _DOCUMENT)
    if cover := _cover(item["document"]):
        told["cover"] = cover
    return told


def _cover(document: object) -> str | None:
    """The link to the first image of a document's cover."""
    pages = document.get("coverPages") if isinstance(document, dict) else None
    page = pages[0] if isinstance(pages, list) and pages else None
    images = page.get("imageUrls") if isinstance(page, dict) else None
    return image_url(images[0]) if isinstance(images, list) and images else None


def _video(item: dict[str, Any]) -> dict[str, Any]:
    return parts(item, _VIDEO)


def _newsletter(item: dict[str, Any]) -> dict[str, Any]:
    return parts(item, _NEWSLETTER)


def _quoted(item: dict[str, Any]) -> dict[str, Any]:
    """The post that this one quotes; only its key where the item does not carry it."""
    told = quoted(item.get("repost"), _QUOTED)
    if "post_key" not in told and fields.kind_of(item) is PostKind.QUOTE:
        key = fields.OTHER_NUMBER.of(item)
        return {"post_key": key, **told} if key else told
    return told


def _mentions(item: dict[str, Any]) -> list[dict[str, str]]:
    """Who and what the text links to, each once, in the order of the text."""
    found: dict[tuple[str | None, str | None], dict[str, str]] = {}
    for attribute in objects(item.get("contentAttributes"), MAX_MENTIONS):
        mention = parts(attribute, _MENTION)
        if "name" not in mention and (full := " ".join(parts(attribute, _FULL_NAME).values())):
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


def _edited(item: dict[str, Any]) -> bool:
    """Whether LinkedIn's line above the post says that it was edited: `6d • Edited • Visible to anyone`."""
    told = item["postedAt"].get("postedAgoText") if isinstance(item["postedAt"], dict) else None
    if not isinstance(told, str) or "dited" not in told:
        return False
    return any(part.strip().lower() == _EDITED for part in told[:MAX_LINE].split("\u2022"))


def form_of(item: dict[str, Any]) -> PostForm | None:
    """An event comes as an article whose link leads to it; what else a post shows is seen in its extras."""
    article = item.get("article")
    link = article.get("link") if isinstance(article, dict) else None
    if not isinstance(link, str) or _EVENTS not in link[:MAX_LINE]:
        return None
    return PostForm.EVENT if linkedin_url(link) else None


#: Of each key of an item that an extra can come from, that extra, and how it is read: `article` (title,
#: subtitle, description, url, image), `document` (title, pages, url, cover), `video` (url, thumbnail),
#: `quoted` (post_key, url, text, author), `mentions` (each type, name, url), `newsletter` (title, url),
#: `header` (text), `reactions` (kind: number), `edited` (true).
EXTRAS: dict[str, Extra] = {
    "article": ("article", _article),
    "link": ("article", _article),
    "document": ("document", _document),
    "postVideo": ("video", _video),
    "repost": ("quoted", _quoted),
    "repostId": ("quoted", _quoted),
    "contentAttributes": ("mentions", _mentions),
    "newsletterUrl": ("newsletter", _newsletter),
    "newsletterTitle": ("newsletter", _newsletter),
    "header": ("header", _HEADER.of),
    "engagement": ("reactions", _reactions),
    "postedAt": ("edited", _edited),
}
