"""What strangers wrote goes everywhere as text, to tables, logs, pages and terminals, and does nothing."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from cli.processes import environment
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pages.operator import Operator, page_settings
from web.asking import Web, opened_web

from harvester import log
from harvester.cli import main
from harvester.normalise.text import clean
from harvester.posts import Post
from services import exports

from . import corpus
from .hostile_ledger import client_of, stock

#: What a spreadsheet begins a formula with, also after what it passes over.
_BEGINS_FORMULA = re.compile("[\\s\u200b\ufeff]*[-=+@\uff1d\uff0b\uff0d\uff20]")
#: What a terminal obeys, or what turns the direction of reading; line ends are for each place to allow.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture(scope="module")
def stocked(
    migrated_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Web, list[Post]]]:
    """The application on a ledger that is full of them, and the posts that came of them."""
    file = tmp_path_factory.mktemp("hostile") / "ledger.db"
    file.write_bytes(migrated_file.read_bytes())
    with opened_web(f"sqlite:///{file}", **page_settings()) as web:
        yield web, stock(web.ledger)


def rows_of(web: Web) -> list[dict[str, Any]]:
    """Give all posts, as they are exported to the letter."""
    return [json.loads(line) for line in web.get("/api/posts.jsonl").data.splitlines()]


def test_the_corpus_is_large() -> None:
    assert len(set(corpus.TEXTS)) >= 60
    assert len(set(corpus.URLS)) >= 20


def test_a_text_comes_back_as_it_was_from_both_databases(ledger_url: str) -> None:
    with opened_web(ledger_url) as web:
        stock(web.ledger, corpus.STRUCTURE)
        told = {row["clientId"]: row["text"] for row in rows_of(web)}
        assert told == {client_of(n): clean(text)[0] for n, text in enumerate(corpus.STRUCTURE)}
        before = web.counts()
        for text in corpus.STRUCTURE:
            short = clean(text)[0][:2_000].replace("\0", "")
            for path in ("/api/posts?q", "/api/runs?status", "/api/posts?lead", "/api/activity?operation"):
                where, _, name = path.partition("?")
                answer = web.get(where, query_string={name: short})
                assert answer.status_code in (200, 400), (path, text, answer.text)
                assert answer.status_code == 400 or _is_empty_or_found(answer.json, name), (path, text)
        assert web.counts() == before


def _is_empty_or_found(answer: dict[str, Any], name: str) -> bool:
    """Say whether no condition was widened: only a search by words finds something."""
    (rows,) = (value for value in answer.values() if isinstance(value, list))
    return name == "q" or not rows


def test_only_addresses_of_linkedin_are_a_posts_addresses(stocked: tuple[Web, list[Post]]) -> None:
    _, posts = stocked
    for post in posts:
        for url in (post.url, post.author.url, *post.found_under):
            assert url is None or re.match(r"(?i)https?://(?:[\w-]+\.)*linkedin\.com(?:[:/?#]|$)", url), url


class Marks(HTMLParser):
    """Gathers what a page holds that could act: elements, attributes and where they lead."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _NEVER or (tag == "script" and not (given.get("src") or "").startswith("/static/")):
            self.wrong.append(f"<{tag} {attrs}>")
        for name, value in attrs:
            if name.startswith("on") or name in ("style", "srcdoc", "autofocus"):
                self.wrong.append(f"<{tag} {name}={value!r}>")
            if name in ("href", "src", "action", "formaction") and not _LEADS_WELL.match(value or ""):
                self.wrong.append(f"<{tag} {name}={value!r}>")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


_NEVER = {"iframe", "object", "embed", "style", "base", "math", "animate", "video"}
_LEADS_WELL = re.compile(
    r"(?:/(?![/\\])|\?|#|$|https://(?:[a-z0-9-]+\.)*linkedin\.com/|https://console\.apify\.com/)"
)


def test_no_text_is_more_than_text_on_any_page(stocked: tuple[Web, list[Post]]) -> None:
    web, _ = stocked
    operator = Operator(web)
    assert operator.sign_in().status_code == 303
    shown = ""
    for path in _paths(web):
        page = operator.get(path)
        marks = Marks()
        marks.feed(page)
        marks.close()
        assert not marks.wrong, path
        shown += "".join(marks.text)
    assert not [text for text in corpus.MARKUP if _squeezed(text) not in _squeezed(shown)]


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _paths(web: Web) -> Iterator[str]:
    """Give the pages that show what came from outside: each list, and one page of each kind for each text."""
    lists = ("/", "/clients", "/runs", "/posts", "/deliveries", "/dead-letters", "/activity", "/jobs")
    yield from (f"{path}?limit=100" if path != "/" else path for path in lists)
    marked = {client_of(number) for number, text in enumerate(corpus.TEXTS) if text in corpus.MARKUP}
    for number, row in enumerate(row for row in rows_of(web) if row["clientId"] in marked):
        client, run = f"/clients/{row['clientId']}", f"/runs/{row['clientRunId']}"
        others = (client, f"{client}/leads", *(f"{run}/{part}" for part in ("rejects", "story", "coverage")))
        yield from (run, f"/posts/{row['id']}", others[number % len(others)])
    calls = web.get("/api/deliveries").json["deliveries"]
    yield from (f"/deliveries/{row['id']}" for row in calls if row["clientId"] in marked)


def test_no_address_but_linkedins_becomes_a_link() -> None:
    from routes.pages.filters import linkedin

    assert [url for url in corpus.URLS if linkedin(url) is not None] == []
    assert linkedin("https://www.linkedin.com/in/ann") is not None


def cells_of(table: str, separator: str) -> Iterator[str]:
    """Give the cells of a table as a spreadsheet has them that splits lines there."""
    with _long_cells():
        for row in csv.reader(io.StringIO(table, newline=""), delimiter=separator):
            yield from row


@contextmanager
def _long_cells() -> Iterator[None]:
    before = csv.field_size_limit(10_000_000)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def exported(texts: list[str]) -> str:
    """Export posts of these texts, with authors of the same."""
    names = ("postKey", "kind", "postedAt", "likes", "comments", "reposts", "clientId", "clientRunId")
    rest = ("actorRunId", "firstSeenAt", "form", "postedPrecision")
    rows = [
        {**dict.fromkeys((*names, *rest), "x"), "author": {"name": text, "url": text}}
        | {
            "text": text,
            "url": text,
            "images": [text],
            "leads": [],
            "names": [{"kind": "own", "number": text}],
        }
        for text in texts
    ]
    return "".join(exports.csv_lines(rows))


@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
def test_no_cell_of_the_table_is_a_formula_wherever_it_is_split(
    stocked: tuple[Web, list[Post]], separator: str
) -> None:
    table = stocked[0].get("/api/posts.csv").data.decode()
    assert not [cell for cell in cells_of(table, separator) if _BEGINS_FORMULA.match(cell)]


_PARTS = st.sampled_from(
    ["=1+1", "-", "+", "@", ";", "\t", "\r", "\n", " ", '"', "'", ",", "a", "\ufeff", "\uff1d"]
)


@settings(deadline=None)
@given(st.lists(_PARTS, max_size=9).map("".join), st.sampled_from(",;\t"))
@example("a\n- one\n- two", ";")
def test_no_text_at_all_gets_a_formula_into_a_table(text: str, separator: str) -> None:
    table = exported([text])
    assert not [cell for cell in cells_of(table, separator) if _BEGINS_FORMULA.match(cell)]
    (row,) = csv.DictReader(io.StringIO(table, newline=""))
    assert row["text"].replace("'", "") == text.replace("'", "")  # nothing but apostrophes is added


@pytest.mark.parametrize("format", ["text", "json"])
def test_no_text_gets_a_line_or_a_command_into_the_log(format: str) -> None:
    for text in corpus.TEXTS:
        stream = io.StringIO()
        log.configure(format, "DEBUG", stream)
        log.get_logger("x").warning("It said %s", text, clientId=text, error=text)
        (line,) = stream.getvalue().splitlines()
        assert not _OBEYED.search(line), text
        assert not line.startswith(("ERROR", "forged", "2026-11-22T05:00:00Z"))


def _commands() -> Iterator[list[str]]:
    yield from (["clients", "list"], ["runs"], ["deliveries", "--limit", "1000"], ["alerts"], ["status"])
    yield from (["posts", "--limit", "1000", "--format", kind] for kind in ("table", "jsonl", "csv", "json"))
    yield from (["clients", "list", "--json"], ["deliveries", "--json"], ["alerts", "--json"])


class Screen(io.TextIOWrapper):
    """What is written to a terminal."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", newline="")

    def isatty(self) -> bool:
        """Be one."""
        return True

    @property
    def shown(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode()


@pytest.fixture
def on_screen(
    stocked: tuple[Web, list[Post]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., str]:
    """Call a command on a terminal without colours, and give what it shows."""
    monkeypatch.chdir(tmp_path)
    settings = environment(DATABASE_URL=str(stocked[0].ledger.url), TERM="dumb", COLUMNS="200")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> str:
        screen = Screen()
        monkeypatch.setattr(sys, "stdout", screen)
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        assert not ended.value.code, arguments
        return screen.shown

    return call


def test_no_command_lets_a_text_command_the_terminal(on_screen: Callable[..., str]) -> None:
    shown = {" ".join(command): on_screen(*command) for command in _commands()}
    shown |= {
        f"{name} {n}": on_screen(*name.split(), f"261122-0500{n:02}-{client_of(n)}")
        for n, text in enumerate(corpus.TEXTS[:59])
        if text in corpus.TERMINAL
        for name in ("runs", "logs", "logs --json")
    }
    assert {name: _OBEYED.findall(told) for name, told in shown.items() if _OBEYED.search(told)} == {}
    assert "all is well" in shown["posts --limit 1000 --format table"]


def test_what_a_file_takes_is_to_the_letter(stocked: tuple[Web, list[Post]]) -> None:
    """A terminal alone is guarded by escapes: JSON says the same with them."""
    settings = environment(DATABASE_URL=str(stocked[0].ledger.url))
    told = CliRunner(env=settings).invoke(main, ["posts", "--limit", "1000", "--format", "jsonl"])
    texts = {json.loads(line)["text"] for line in told.stdout.split("\n") if line}
    assert texts == {clean(text)[0] for text in corpus.TEXTS}
