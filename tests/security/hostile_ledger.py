"""A ledger in which every text that came from outside is a stranger's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from factories import NOW, end_run, make_client, make_leads, make_run

from harvester import run_ids
from harvester.ledger import Ledger, activity, deliveries, leads, posts
from harvester.ledger.posts import Found, Refused
from harvester.models import ActorRun, ActorRunState, DeliveryOutcome, Lead
from harvester.normalise.harvestapi import normalise
from harvester.normalise.text import clean, one_line
from harvester.posts import Post, Reject, RejectReason
from services.alerts import raise_alert

from .corpus import TEXTS, URLS

_FIRST_KEY: Final = 7_329_207_003_942_000_000
_NAME_CHARS: Final = 200


def item(number: int, text: str, url: str) -> dict[str, Any]:
    """Give an item of an actor's dataset, every text and address in which is this one."""
    author = {"type": "profile", "name": text, "publicIdentifier": text, "linkedinUrl": url, "info": text}
    return {
        "type": "post",
        "id": str(_FIRST_KEY + number),
        "linkedinUrl": url,
        "content": text,
        "author": author,
        "postedAt": {"timestamp": 1_763_700_000_000, "date": text},
        "postImages": [{"url": url}, {"url": text}],
        "engagement": {"likes": text, "comments": 2, "shares": 10**30, "reactions": [text]},
        "article": {"title": text, "link": url, "subtitle": text},
        "header": {"text": text},
        "repost": None,
        "query": {"targetUrl": url},
    }


def client_of(number: int) -> str:
    """Give the ID of the client that got this text."""
    return f"Hostile-{number}"


def stock(ledger: Ledger, texts: tuple[str, ...] = TEXTS) -> list[Post]:
    """Give each text a client whose name, lead, post, errors, calls and alert it is. Gives the posts."""
    return [_one(ledger, number, text) for number, text in enumerate(texts)]


def _one(ledger: Ledger, number: int, text: str) -> Post:
    client_id, storable = client_of(number), clean(text)[0]
    make_client(ledger, client_id, name=one_line(text, _NAME_CHARS) or client_id)
    (lead,) = make_leads(ledger, client_id, name=one_line(text, _NAME_CHARS), extra={storable[:50]: storable})
    run_id = next(run_ids.candidates(NOW + timedelta(seconds=number)))
    (run,) = make_run(ledger, [[lead]], client_id=client_id, run_id=run_id)
    post = normalise(item(number, text, URLS[number % len(URLS)]))
    assert isinstance(post, Post)
    _tell(ledger, run, lead, storable, post)
    failed: dict[str, Any] = {"error_code": "actor_run_failed", "error": storable, "apify_status": "FAILED"}
    end_run(ledger, run, ActorRunState.FAILED, now=NOW, **failed)
    return post


def _tell(ledger: Ledger, run: ActorRun, lead: Lead, text: str, post: Post) -> None:
    with ledger.write() as tx:
        leads.claim(tx, [lead.id], client_run_id=run.client_run_id, now=NOW)
        posts.store(tx, run, [Found(_as_before(post, run.id), lead.id, raw=b"{}")], now=NOW)
        reject = Reject(RejectReason.DAMAGED, one_line(text, 300) or "-")
        posts.store_rejects(tx, run, [Refused(1, reject, lead.id, text)])
        deliveries.store(
            tx,
            dispatch_key=run.client_run_id,
            dispatch_id=text[:200],
            event_type=text[:200],
            apify_run_id=text[:200],
            actor_run_id=run.id,
            client_id=run.client_id,
            outcome=DeliveryOutcome.UNKNOWN_RUN,
            headers={text[:50]: text},
            body=text,
            now=NOW,
        )
        named = {"client_run_id": run.client_run_id, "client_id": run.client_id}
        activity.record(tx, "kickoff", source=text[:50], ok=False, detail=text, now=NOW, **named)
        raise_alert(tx, f"{run.client_id} {text[:50]}", text, now=NOW)


def _as_before(post: Post, number: int) -> Post:
    """Give a post with addresses that no normaliser lets through: what is shown must not rely on it."""
    url = URLS[number % len(URLS)]
    return replace(post, url=url, author=replace(post.author, url=url))
