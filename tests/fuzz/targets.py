"""What is fuzzed: every parser of ours, fed with bytes. What is no refusal of its own kind is found.

A target raises nothing for any bytes at all; what it asserts is what the rest of the house relies on.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from pydantic import SecretStr

from harvester import (
    airtable_answers,
    airtable_errors,
    apify_answers,
    apify_json,
    cron,
    csv_rows,
    log,
    run_ids,
    search_words,
    webhook_payload,
    webhook_tokens,
)
from harvester.airtable_formulas import key_is
from harvester.airtable_schema import NOT_WRITABLE, Column, Field, Kind, Table, adapt
from harvester.apify_errors import BadAnswer
from harvester.errors import InvalidInput
from harvester.normalise import ACTORS, Outcome
from harvester.normalise.text import clean, clean_json, one_line
from harvester.profile_urls import canonical
from harvester.sandbox.airtable.formula_tokens import tokens
from services import exports
from services.post_search import Filters

Target = Callable[[bytes], None]

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_RUN: Final = re.compile(r"[0-9]{6}-[0-9]{6}(-[A-Za-z0-9][A-Za-z0-9_-]{0,63})?", re.ASCII)
_OBEYED: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SIGNER: Final = webhook_tokens.TokenSigner([SecretStr("a-key-of-the-fuzzers-that-is-long-enough")])
_FIELDS: Final = {kind: Field("fldAAAAAAAAAAAAAA", "Key", kind, ("Done",)) for kind in (
    "singleLineText", "multilineText", "url", "number", "checkbox", "dateTime", "date", "singleSelect",
    "multipleRecordLinks",
)}  # fmt: skip
#: Five times that is the longest cell that the module csv reads unless the whole process lets it.
_LONGEST_TEXT: Final = 20_000
_TABLE: Final = Table("tblAAAAAAAAAAAAAA", "Posts", {field.name: field for field in _FIELDS.values()})


def text_of(data: bytes) -> str:
    """Give any text, halves of surrogate pairs among them."""
    return data.decode("utf-8", "surrogatepass" if b"\xed" in data else "replace")


def _texts(data: bytes) -> Iterator[str]:
    with suppress(UnicodeDecodeError):
        yield text_of(data)
    yield data.decode("latin-1")


def _json(data: bytes) -> Iterator[Any]:
    with suppress(ValueError):
        yield apify_json.parse(data)


def items(data: bytes) -> None:
    """Fuzz every actor's normaliser: whatever it makes of an item can be stored and shown."""
    for value in _json(data):
        for item in value if isinstance(value, list) else [value]:
            for actor in ACTORS.values():
                assert b"\\u0000" not in orjson.dumps(_told(actor.normalise(item)))
        orjson.dumps(clean_json(value))


def _told(outcome: Outcome) -> dict[str, Any]:
    """Give what is stored as values; a companion's raw item is stored as bytes."""
    told = asdict(outcome)
    for one in (told, *told.get("companions", ())):
        one.pop("item", None)
    return told


def payloads(data: bytes) -> None:
    """Fuzz a webhook's body."""
    with suppress(InvalidInput):
        found = webhook_payload.parse(data)
        assert found.apify_run_id is None or _ID.fullmatch(found.apify_run_id)
        assert not _OBEYED.search(found.event_type + (found.created_at or ""))


def webhook_headers(data: bytes) -> None:
    """Fuzz a webhook's token: nothing but what was signed is one."""
    assert _SIGNER.verify(data) is None
    for text in _texts(data):
        assert _SIGNER.verify(text) is None
        assert not webhook_tokens.is_one_of(text, [SecretStr("a-token-of-sixteen-bytes")])


def apify(data: bytes) -> None:
    """Fuzz what Apify answers."""
    for value in _json(data):
        told = value if isinstance(value, dict) else {"id": value}
        with suppress(BadAnswer):
            run = apify_answers.run_from(told)
            assert _ID.fullmatch(run.id)
            assert _ID.fullmatch(run.dataset_id)
            assert not _OBEYED.search(run.status_message or "")
        with suppress(BadAnswer):
            apify_answers.limits_from(told)
        apify_answers.micros(value)


def airtable(data: bytes) -> None:
    """Fuzz what Airtable answers, and what becomes of any value in a cell."""
    for value in _json(data):
        for read in (
            lambda told: airtable_answers.schema_from("appAAAAAAAAAAAAAA", told),
            lambda told: airtable_answers.listed_from(told, _TABLE),
            lambda told: airtable_answers.ids_from(told, [(None, {"fldAAAAAAAAAAAAAA": "x"})], None),
        ):
            with suppress(airtable_errors.BadAnswer):
                read(value)
        airtable_errors.refusal(422, value, writing=True)
        for field in _FIELDS.values():
            cell = adapt(value, field, Column("Key", Kind.TEXT))
            assert cell is NOT_WRITABLE or orjson.dumps(clean_json(cell))


def ids(data: bytes) -> None:
    """Fuzz run IDs and profile URLs."""
    for text in _texts(data):
        with suppress(InvalidInput):
            assert _RUN.fullmatch(run_ids.require(text))
        with suppress(InvalidInput):
            assert _ID.fullmatch(run_ids.require_client_id(text))
        with suppress(InvalidInput):
            url = canonical(text)
            assert canonical(url) == url
            assert re.fullmatch(r"https://www\.linkedin\.com/(in|company|school)/[!-~]+", url)


def words(data: bytes) -> None:
    """Fuzz what people type: words, moments, cron expressions, formulas' values."""
    for text in _texts(data):
        search_words.of(text)
        for filters in (
            Filters(q=text),
            Filters(lead=text),
            Filters(posted_from=text),
            Filters(posted_to=text),
        ):
            with suppress(InvalidInput):
                filters.wanted()
        with suppress(InvalidInput):
            list(
                zip(
                    range(3),
                    cron.times(text[:40], "UTC", after=datetime(2026, 1, 1, tzinfo=UTC)),
                    strict=False,
                )
            )
        with suppress(InvalidInput):
            cron.zone_of(text)
        assert [token.kind for token in tokens(key_is(_FIELDS["url"], text))] == [
            "field",
            "sign",
            "text",
            "end",
        ]


def tables(data: bytes) -> None:
    """Fuzz tables: those that are read take no row with them, those that are written hold no formula."""
    for text in (*_texts(data), data.decode("utf-8", "surrogateescape")):
        _table(text[:_LONGEST_TEXT])


def _table(text: str) -> None:
    for row in csv_rows.read_rows(io.StringIO(text, newline="")):
        with suppress(InvalidInput):
            row.checked()
    names = ("postKey", "kind", "postedAt", "likes", "comments", "reposts", "clientId", "clientRunId")
    post = dict.fromkeys((*names, "actorRunId", "firstSeenAt", "form", "postedPrecision")) | {
        "author": {"name": text, "url": text}
    }
    post |= {
        "text": text,
        "url": text,
        "images": [text],
        "leads": [],
        "names": [{"kind": "own", "number": text}],
    }
    written = "".join(exports.csv_lines([post]))
    for separator in ",;\t":
        for cells in csv.reader(io.StringIO(written, newline=""), delimiter=separator):
            assert not [one for one in cells if re.match("[\\s\u200b\ufeff]*[-=+@＝＋－＠]", one)]


def lines(data: bytes) -> None:
    """Fuzz what is shown on one line."""
    for text in _texts(data):
        assert not _OBEYED.search(log.one_line(log.redact(text)))
        assert not _OBEYED.search(one_line(text, 200).replace("\ufffd", ""))
        clean(text)[0].encode()


TARGETS: Final[Mapping[str, Target]] = {
    found.__name__: found
    for found in (items, payloads, webhook_headers, apify, airtable, ids, words, tables, lines)
}
