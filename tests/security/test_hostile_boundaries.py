"""Where IDs, formulas and JSON come in: only what is one gets through, and all else is a plain refusal."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import orjson
import pytest
from cli.processes import environment
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from pages.operator import Operator, page_settings
from web.asking import HOOK, STATIC, Asked, Web, opened_web

from harvester import airtable_answers, apify_answers, log, run_ids, webhook_payload
from harvester.airtable_formulas import key_is
from harvester.airtable_schema import Field
from harvester.apify_errors import BadAnswer
from harvester.cli import main
from harvester.errors import InvalidInput
from harvester.sandbox.airtable.formula_tokens import tokens

from . import corpus

FIELD: Final = "fldAAAAAAAAAAAAAA"


@pytest.fixture(scope="module")
def web(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """The application with everything that it may have set up, on a ledger of which nothing changes here."""
    file = tmp_path_factory.mktemp("boundaries") / "ledger.db"
    file.write_bytes(migrated_file.read_bytes())
    with opened_web(f"sqlite:///{file}", apify_webhook_token=STATIC, **page_settings()) as found:
        yield found


def _named(text: str) -> str | None:
    return webhook_payload.parse(orjson.dumps({"eventType": "x", "runId": text})).apify_run_id


#: What takes an ID from outside, and what alone it may give back.
TAKING: Final[dict[str, tuple[Callable[[str], str | None], str]]] = {
    "run": (run_ids.require, r"[0-9]{6}-[0-9]{6}(-[A-Za-z0-9][A-Za-z0-9_-]{0,63})?"),
    "job": (run_ids.parse_base, r"[0-9]{6}-[0-9]{6}"),
    "client": (run_ids.require_client_id, r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"),
    "webhook": (_named, r"[A-Za-z0-9_-]{1,64}"),
    "apify": (apify_answers.required_id, r"[A-Za-z0-9_-]{1,64}"),
    "airtable": (lambda text: airtable_answers.required_id("rec", text), r"rec[A-Za-z0-9]{14}"),
}


def taken(by: str, text: str) -> str | None:
    """Hand over a text as an ID; None where it is refused in the way of that place."""
    take, _ = TAKING[by]
    try:
        return take(text)
    except (InvalidInput, BadAnswer, ValueError) as error:
        told = str(error)
    assert len(told) < 1_500
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", told)
    return None


@pytest.mark.parametrize("by", TAKING)
def test_what_is_no_id_is_refused_at_every_boundary(by: str) -> None:
    allowed = re.compile(TAKING[by][1], re.ASCII)
    for text in (*corpus.IDS, *corpus.TEXTS):
        if "\ud83d" in text and by == "webhook":
            continue  # it cannot be written as JSON in this way
        found = taken(by, text)
        assert found is None or allowed.fullmatch(found), text
        assert found is None or text.strip(" \t\r\n") == found, text


@settings(deadline=None)
@given(st.sampled_from(list(TAKING)), st.text(st.characters(codec="utf-8"), max_size=80))
def test_no_text_passes_for_an_id_that_is_none(by: str, text: str) -> None:
    found = taken(by, text)
    assert found is None or re.fullmatch(TAKING[by][1], found, re.ASCII)


def _rules(web: Web) -> Iterator[tuple[str, str]]:
    for rule in web.app.url_map.iter_rules():
        if rule.arguments and not rule.rule.startswith("/static"):
            yield from ((method, rule.rule) for method in sorted((rule.methods or set()) & {"GET", "POST"}))


def test_no_path_with_what_is_no_id_is_answered_or_makes_a_line_in_the_log(web: Web) -> None:
    operator = Operator(web)
    assert operator.sign_in().status_code == 303
    stream, before = io.StringIO(), web.counts()
    log.configure("text", "DEBUG", stream)
    for method, rule in _rules(web):
        for text in (*corpus.IDS, "a%2f..%2f..", "%252e%252e"):
            path = re.sub("<[^>]+>", quote(text, safe="%"), rule)
            answer = _asked(web, operator, method, path)
            assert 400 <= answer.status_code < 500 or answer.status_code == 303, (method, path, answer.text)
    assert web.counts() == before
    assert not [line for line in stream.getvalue().splitlines() if not re.match(r"\d{4}-\d\d-\d\dT", line)]


def _asked(web: Web, operator: Operator, method: str, path: str) -> Asked:
    if path.startswith("/api"):
        return web.ask(method, path, json={} if method == "POST" else None)
    return operator.http.open(path, method=method, headers={"Accept": "text/html"})


@pytest.mark.parametrize("command", [["runs"], ["logs"], ["jobs"], ["clients", "show"]], ids=" ".join)
def test_no_command_takes_what_is_no_id(command: list[str], web: Web) -> None:
    settings = environment(DATABASE_URL=str(web.ledger.url))
    for text in [text for text in corpus.IDS if text and not text.startswith("-") and "\0" not in text]:
        told = CliRunner(env=settings).invoke(main, [*command, "--", text])
        assert told.exit_code in (1, 2), text
        assert isinstance(told.exception, SystemExit), text
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", told.output), text


@settings(deadline=None)
@given(st.sampled_from([*corpus.STRUCTURE, *corpus.FORMULAS, *corpus.TERMINAL]) | st.text(max_size=30))
def test_a_formula_is_one_comparison_with_the_very_text(text: str) -> None:
    """Read by the local Airtable's own parser, which knows nothing of how the formula was written."""
    formula = key_is(Field(FIELD, "Post Key", "singleLineText"), text)
    pieces = [(token.kind, token.text) for token in tokens(formula)]
    assert pieces == [("field", FIELD), ("sign", "="), ("text", text), ("end", "")]


def _deep(opening: str, closing: str, depth: int) -> bytes:
    return (opening * depth + "1" + closing * depth).encode()


ODD: Final = {
    "nothing": b"null",
    "a list": b"[1]",
    "a number": b"1",
    "a text": b'"x"',
    "no end": b'{"eventType": "x"',
    "two values": b"{}{}",
    "NaN": b'{"eventType": "x", "runId": NaN}',
    "endless": b'{"eventType": "x", "runId": 1e999, "maxBatchesOverride": Infinity}',
    "many digits": b'{"eventType": "x", "runId": 1' + b"0" * 5_000 + b"}",
    "many digits and half a pair": b'{"eventType": "\\ud800", "runId": 1' + b"0" * 5_000 + b"}",
    "no UTF-8": b'{"eventType": "\xff\xfe"}',
    "UTF-16": '{"eventType": "x"}'.encode("utf-16"),
    "UTF-32": '{"eventType": "x"}'.encode("utf-32"),
    "BOM": b"\xef\xbb\xbf" + b'{"eventType": "x", "clientId": "nobody"}',
    "deep lists": _deep("[", "]", 30_000),
    "deep objects": b'{"eventType": "x", "runId": ' + _deep('{"a":', "}", 8_000) + b"}",
    "deep and half a pair": b'{"eventType": "\\ud800", "a": ' + _deep("[", "]", 30_000) + b"}",
    "control characters": b'{"eventType": "a\x00\x1b"}',
    "objects for texts": b'{"eventType": {}, "clientId": {}, "runId": [], "source": {}}',
    "keys of objects": b'{"__proto__": {"x": 1}, "constructor": 1, "eventType": ""}',
}


@pytest.mark.parametrize("name", ODD)
def test_odd_json_is_refused_and_breaks_nothing(web: Web, name: str) -> None:
    before = web.counts()
    posts = sorted({rule.rule for rule in web.app.url_map.iter_rules() if _takes_json(rule)})
    assert HOOK in posts
    for path in posts:
        told = web.ask("POST", re.sub("<[^>]+>", "1", path), token=_token(path), data=ODD[name])
        # What has no body of its own passes over one; nobody is harmed by that.
        assert told.status_code < 500, (path, told.text)
        assert told.status_code >= 400 or path not in _READING_BODIES, (path, told.text)
    assert {key: web.counts()[key] for key in ("client_runs", "actor_runs", "deliveries")} == {
        key: before[key] for key in ("client_runs", "actor_runs", "deliveries")
    }


_READING_BODIES: Final = (
    HOOK,
    "/api/apify/process-client",
    "/api/apify/run",
    "/api/smart-resume/process-client",
)


def _takes_json(rule: Any) -> bool:
    return rule.rule.startswith("/api") and "POST" in (rule.methods or ())


def _token(path: str) -> str:
    return STATIC if path == HOOK else "test-api-token"


def test_of_two_equal_keys_the_last_counts_in_both_parsers() -> None:
    """Or one reader of a call could be shown another actor run than the other."""
    body = b'{"eventType": "x", "runId": "A", "runId": "B"}'
    assert webhook_payload.parse(body).apify_run_id == "B" == json.loads(body)["runId"]
    odd = b'{"eventType": "\\ud800", "runId": "A", "runId": "B"}'
    assert webhook_payload.parse(odd).apify_run_id == "B"
