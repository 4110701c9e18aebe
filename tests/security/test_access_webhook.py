"""Forged webhooks: whatever is changed of a good token, nothing is asked of the ledger, and nothing kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from factories import on_one_ledger
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.engine import Engine
from web.asking import Asked, Web, ended
from web.conftest import MakeWeb
from web.conftest import make_web as make_web
from web.conftest import web as web

_RUN = "AbCdEfGhIjKlMnOpQ"
_KEYS = tuple(f"the-{nth}-key-of-more-than-32-bytes-long" for nth in ("first", "second", "third"))


@contextmanager
def _statements() -> Iterator[list[str]]:
    """Take down every statement that any database of this process is asked."""
    seen: list[str] = []

    def take_down(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", take_down)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", take_down)


def _hook(web: Web, header: str) -> Asked:
    return web.ask("POST", "/api/apify-webhook", token=None, json=ended(), headers={"Authorization": header})


@on_one_ledger
@given(part=st.integers(0, 5), at=st.integers(0, 42), text=st.text("aZ9_-.é\xa0=", min_size=1, max_size=600))
@example(part=5, at=0, text="A" * 43)
@example(part=2, at=0, text="0")
def test_a_forged_webhook_is_refused_before_any_query(web: Web, part: int, at: int, text: str) -> None:
    """Any part of the token changed, cut or made longer: version, key, run, attempt, client, proof."""
    run = web.row(1) if web.count("actor_runs") else web.at_work(apify_run_id=_RUN)
    parts = web.sign(run).split(".")
    for changed in (
        text,
        parts[part][:at] + text + parts[part][at + 1 :],
        parts[part] + text,
        parts[part][:at],
    ):
        forged = ".".join([*parts[:part], changed, *parts[part + 1 :]])
        if changed == parts[part]:
            continue
        before = web.counts()
        with _statements() as seen:
            answer = _hook(web, f"Bearer {forged}")
        assert (answer.status_code, answer.json["code"]) == (401, "unauthorized"), forged
        assert seen == []
        assert web.counts() == before


def test_a_webhook_with_anothers_token_leaves_no_trace(web: Web) -> None:
    """Of another run, of another client, of both: proved all right, and not for this."""
    own, other = (web.at_work(name, f"{name * 17}"[:17]) for name in ("A", "B"))
    body = ended(own.apify_run_id or "")
    with sqlite3.connect(f"file:{web.ledger.url.database}?mode=ro", uri=True) as seen:
        version = seen.execute("pragma data_version").fetchone()
        for token in (web.sign(other), web.sign(own, client_id="B"), web.sign(other, client_id="A")):
            assert web.hook(body, token=token).status_code == 401
        assert seen.execute("pragma data_version").fetchone() == version, "nothing at all was written"
    seen.close()
    assert web.hook(body, token=web.sign(own)).json["outcome"] == "accepted"


def test_a_key_that_was_taken_out_proves_nothing(make_web: MakeWeb) -> None:
    first, both, last = (
        make_web(webhook_secrets=",".join(keys)) for keys in (_KEYS[:1], _KEYS[1::-1], _KEYS[1:])
    )
    old = first.sign(first.at_work())
    assert both.hook(ended(), token=old, dispatch="a").status_code == 200
    assert both.hook(ended(), token=both.sign(both.row(1)), dispatch="b").status_code == 200
    assert last.hook(ended(), token=old, dispatch="c").status_code == 401
    assert last.count("deliveries") == 2
