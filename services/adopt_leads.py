"""Leads and posts of a client's base, read as what an earlier harvest made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from harvester.errors import InvalidInput
from harvester.ledger.adopting import LeadState
from harvester.models import LeadStatus
from harvester.normalise.text import clean, one_line
from harvester.normalise.values import (
    count,
    https_url,
    iso_time,
    linkedin_url,
    name,
    post_number,
    profile_link,
)
from harvester.posts import Author, Post, PostKind
from harvester.profile_urls import canonical
from services.adopt_rows import Left
from services.posts_content import Unreadable, parse
from services.record_marks import Record, is_marked

#: The columns of Leads that tell of an earlier harvest, and who it is.
LEAD_COLUMNS: Final = (
    "LinkedIn Profile URL",
    "Posts Harvest Status",
    "Posts Harvest Run ID",
    "Last Post Check At",
    "Posts Found (Last Run)",
    "Posts Actioned",
    "Date Posts Scored",
    "Date Created",
    "Name",
    "Full Name",
    "First Name",
    "Last Name",
)
CONTENT: Final = "Posts Content"
_STATUSES: Final = {status.value: status for status in LeadStatus}
_CELL_CHARS: Final = 500


def lead_state(record: Record, client_id: str, *, now: datetime) -> LeadState | Left | None:
    """Read one row of Leads. None: it has no address, so it is nobody's."""
    given = record.fields.get("LinkedIn Profile URL")
    if not isinstance(given, str) or not given.strip():
        return None
    told = str(record.fields.get("Posts Harvest Status") or "").strip()
    try:
        if told and told not in _STATUSES:
            raise InvalidInput(f"its Posts Harvest Status {one_line(told, 60)!a} is not known")
        profile_url = canonical(given)
    except InvalidInput as error:
        return Left("Leads", record.id, one_line(given, 100), str(error), client_id)
    actioned = record.fields.get("Posts Actioned")
    return LeadState(
        profile_url=profile_url,
        given_url=given.strip(),
        name=_name(record.fields),
        created_at=iso_time(record.fields.get("Date Created")) or record.created_at or now,
        status=_STATUSES.get(told),
        client_run_id=_short(record.fields.get("Posts Harvest Run ID")),
        last_check_at=iso_time(record.fields.get("Last Post Check At")),
        posts_found=count(record.fields.get("Posts Found (Last Run)")),
        posts_actioned=None if actioned in (None, False, 0) else _short(str(actioned)),
        posts_scored_at=iso_time(record.fields.get("Date Posts Scored")),
    )


def _name(fields: Mapping[str, Any]) -> str | None:
    parts = " ".join(filter(None, (_short(fields.get(one)) for one in ("First Name", "Last Name"))))
    return _short(fields.get("Name")) or _short(fields.get("Full Name")) or parts or None


def _short(value: object) -> str | None:
    return one_line(value, _CELL_CHARS) or None if isinstance(value, str) else None


def post_of_row(record: Record, client_id: str) -> Post | Left:
    """Read one row of Posts. The key is that of the row, or the number in its address."""
    fields = record.fields
    key = _key(fields.get("Post Key"), fields.get("Post URL"))
    shown = one_line(str(fields.get("Post Key") or fields.get("Post URL") or ""), 100)
    if is_marked(fields, "Post Key"):
        return Left("Posts", record.id, shown, "it is marked as a duplicate", client_id)
    if key is None:
        return Left("Posts", record.id, shown, "it has neither a Post Key nor a Post URL with one", client_id)
    images = str(fields.get("Image URLs") or "").split()
    return _post(
        key,
        url=fields.get("Post URL"),
        text=fields.get("Post Text"),
        posted_at=iso_time(fields.get("Post Date")),
        author=Author(name(fields.get("Author Name")), profile_link(fields.get("Author URL"))),
        counts=tuple(count(fields.get(one)) for one in ("Like Count", "Comment Count", "Share Count")),
        images=images,
        kind=str(fields.get("Kind") or ""),
        found_under=fields.get("Profile URL"),
    )


def posts_of_content(record: Record, client_id: str) -> Iterator[Post | Left]:
    """Read the posts in a lead's Posts Content, as far as they can be."""
    try:
        entries = parse(record.fields.get(CONTENT))
    except Unreadable as error:
        yield Left("Leads", record.id, CONTENT, str(error), client_id)
        return
    for number, entry in enumerate(entries, start=1):
        key = _key(entry.get("postKey"), entry.get("postUrl"))
        if key is None:
            yield Left("Leads", record.id, f"{CONTENT}, post {number}", "no number in its postUrl", client_id)
            continue
        yield _of_entry(key, entry)


def _of_entry(key: str, entry: Mapping[str, Any]) -> Post:
    posted = entry.get("postedAt")
    if isinstance(posted, dict):  # the Actor's own object, as an older writer left it
        posted = posted.get("date")
    images = entry.get("postImages")
    meta = entry.get("pbMeta")
    label = str(meta.get("originLabel", "")) if isinstance(meta, dict) else ""
    return _post(
        key,
        url=entry.get("postUrl"),
        text=entry.get("postContent"),
        posted_at=iso_time(posted),
        author=Author(name(entry.get("author")), profile_link(entry.get("authorUrl"))),
        counts=(None, None, None),
        images=[one.get("url") if isinstance(one, dict) else one for one in images]
        if isinstance(images, list)
        else [],
        kind="repost" if label.startswith("REPOST") else "",
        found_under=None,
    )


def _key(key: object, url: object) -> str | None:
    if isinstance(key, str) and key.strip():
        return post_number(key) or one_line(key, 200)
    return post_number(url) if isinstance(url, str) else None


def _post(
    key: str,
    *,
    url: object,
    text: object,
    posted_at: datetime | None,
    author: Author,
    counts: Sequence[int | None],
    images: Sequence[object],
    kind: str,
    found_under: object,
) -> Post:
    kept, cut = clean(text if isinstance(text, str) else "")
    likes, comments, reposts = counts
    return Post(
        post_key=key,
        kind=PostKind(kind) if kind in list(PostKind) else PostKind.ORIGINAL,
        url=linkedin_url(url),
        text=kept,
        text_truncated=cut,
        posted_at=posted_at,
        author=author,
        likes=likes,
        comments=comments,
        reposts=reposts,
        images=tuple(one for one in map(https_url, images) if one),
        target_url=None,
        found_under=(found_under,) if isinstance(found_under, str) else (),
    )


def address(url: str | None) -> str | None:
    """Give a profile's canonical address, or None if it is none."""
    try:
        return canonical(url) if url else None
    except InvalidInput:
        return None
