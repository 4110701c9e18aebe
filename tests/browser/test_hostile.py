"""Hostile texts in front of a real browser: they are read, and nothing of them runs, loads or leads away."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from security import corpus
from security.hostile_ledger import client_of, stock

from .house import House, house_in
from .screen import Screen, screen_of

_TEXTS = (*corpus.MARKUP, *corpus.TERMINAL[:3], corpus.FORMULAS[0])
_ELEMENTS = ("script", "img", "style", "iframe", "animate", "base", "meta", "link", "math")
#: What a page must not have got from a text: the frame around it has an image of its own.
_FOREIGN = ", ".join(f"main {name}" for name in _ELEMENTS)
_LEADS_AWAY = """() => [...document.querySelectorAll('[href], [src], [action], [formaction]')]
    .flatMap(one => ['href', 'src', 'action', 'formaction'].map(name => one[name]))
    .filter(value => typeof value === 'string' && value)
    .filter(value => new URL(value, document.baseURI).origin !== location.origin)"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[House]:
    """A house of its own, in which every text is a stranger's."""
    folder = tmp_path_factory.mktemp("hostile")
    ledger = shutil.copyfile(migrated_file, folder / "ledger.db")
    with house_in(folder, f"sqlite:///{ledger}") as found:
        stock(found.ledger, _TEXTS)
        yield found


@pytest.fixture
def window(chromium: Browser, hostile: House) -> Iterator[Screen]:
    """A window of an operator; whatever it complained of fails the test."""
    with screen_of(chromium, hostile.url) as screen:
        screen.open("/")
        screen.sign_in()
        screen.page.wait_for_url(hostile.url + "/")
        screen.never_refreshes()
        yield screen


def _paths(house: House) -> Iterator[str]:
    yield from ("/", "/clients", "/runs", "/posts", "/deliveries", "/dead-letters", "/activity")
    rows = {row["clientId"]: row for row in house.rows("/api/posts?limit=100", "posts")}
    assert len(rows) == len(_TEXTS)
    for number in range(len(_TEXTS)):
        row = rows[client_of(number)]
        client, run = f"/clients/{row['clientId']}", f"/runs/{row['clientRunId']}"
        places = (
            f"/posts/{row['id']}",
            run,
            client,
            f"{client}/leads",
            f"{client}/kickoff",
            f"{run}/rejects",
        )
        yield from (places[number % len(places)], places[(number + 1) % len(places)])


def test_no_text_acts_on_any_page(window: Screen, hostile: House) -> None:
    """Dialogs, errors of the console, what the policy refused and requests to elsewhere are complaints."""
    seen = ""
    for path in _paths(hostile):
        window.open(path)
        assert window.page.evaluate("() => typeof window.__xss") == "undefined", path
        assert window.page.locator(_FOREIGN).count() == 0, path
        away = [url for url in window.page.evaluate(_LEADS_AWAY) if not _LINKEDIN.match(url)]
        assert not away, path
        seen += window.page.locator("body").text_content() or ""
    assert window.complaints == []
    squeezed = "".join(seen.split())
    assert not [text for text in corpus.MARKUP if "".join(text.split()) not in squeezed]


_LINKEDIN = re.compile(r"https://(?:(?:[a-z0-9-]+\.)*linkedin\.com|console\.apify\.com)/")
