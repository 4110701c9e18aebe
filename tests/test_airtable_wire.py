"""The gateway to Airtable on the wire: what becomes of every answer that there may be, or of none."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airtable_doubles import BASE, KEY, TABLE, TOKEN, Answers, Heard, asking, fixed, rec, serving
from gateway import unused_url

import harvester.airtable_wire
from harvester.airtable import Airtable
from harvester.airtable_errors import (
    AirtableError,
    BadAnswer,
    Capped,
    Denied,
    NotAllowed,
    OutcomeUnknown,
    Refused,
    RowGone,
    SeveralMatch,
    TooFast,
    Unavailable,
    UnknownField,
)

RATE = "Rate limit exceeded. Please try again later"
CAP = "PUBLIC_API_BILLING_LIMIT_EXCEEDED"
SPENT = (
    "API billing plan limit exceeded. You've reached the maximum number of requests allowed for this month."
)
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


def error(type: str, message: str | None = None) -> dict[str, Any]:
    return {"error": {"type": type} if message is None else {"type": type, "message": message}}


#: Every shape of an error that is documented or was seen: status, body, and what a read and a write become.
SHAPES: list[tuple[int, Any, type[AirtableError], type[AirtableError]]] = [
    (400, b"could not parse", Refused, Refused),
    (401, error("AUTHENTICATION_REQUIRED", "Authentication required"), NotAllowed, NotAllowed),
    (
        403,
        error("INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", "Invalid permissions, or …"),
        NotAllowed,
        NotAllowed,
    ),
    (403, error("INVALID_PERMISSIONS", "You are not permitted to perform …"), NotAllowed, NotAllowed),
    (404, {"error": "NOT_FOUND"}, NotAllowed, RowGone),
    (404, error("NOT_FOUND"), NotAllowed, RowGone),
    (404, error("MODEL_ID_NOT_FOUND", "Record not found"), RowGone, RowGone),
    (408, b"", Unavailable, OutcomeUnknown),
    (413, b"", Refused, Refused),
    (422, error("INVALID_REQUEST_UNKNOWN", "Invalid request: parameter validation …"), Refused, Refused),
    (422, error("UNKNOWN_FIELD_NAME", 'Unknown field name: "X"'), UnknownField, UnknownField),
    (422, error("INVALID_VALUE_FOR_COLUMN", 'Field "X" cannot accept the provided value'), Refused, Refused),
    (422, error("INVALID_MULTIPLE_CHOICE_OPTIONS", "Insufficient permissions to …"), Refused, Refused),
    (422, error("INVALID_RECORDS", "You must provide an array of up to 10 …"), Refused, Refused),
    (422, error("ROW_DOES_NOT_EXIST", f"Record ID {rec(2)} does not exist in this table"), RowGone, RowGone),
    (
        422,
        error("INVALID_FILTER_BY_FORMULA", "The formula for filtering records is invalid: Invalid formula."),
        Refused,
        Refused,
    ),
    (
        422,
        error("INVALID_FILTER_BY_FORMULA", "The formula … is invalid: Unknown field names: x, b"),
        UnknownField,
        UnknownField,
    ),
    (422, error("LIST_RECORDS_ITERATOR_NOT_AVAILABLE"), Refused, Refused),
    (422, error("INVALID_OFFSET_VALUE"), Refused, Refused),
    (422, error("VIEW_NAME_NOT_FOUND"), Refused, Refused),
    (
        422,
        error("INVALID_RECORDS", "Cannot update more than one record with this key"),
        SeveralMatch,
        SeveralMatch,
    ),
    (422, b"no JSON", Refused, Refused),
    (429, error("RATE_LIMIT_REACHED", RATE), TooFast, TooFast),
    (429, {"errors": [{"error": "RATE_LIMIT_REACHED", "message": RATE}]}, TooFast, TooFast),
    (429, error(CAP, SPENT), Capped, Capped),
    (429, {"errors": [{"error": CAP, "message": SPENT}]}, Capped, Capped),
    (429, {"errors": [{"type": CAP, "message": SPENT}]}, Capped, Capped),
    (429, HTML, TooFast, TooFast),
    (500, error("SERVER_ERROR"), Unavailable, OutcomeUnknown),
    (502, HTML, Unavailable, OutcomeUnknown),
    (503, error("RETRIABLE_ERROR", "server could not process it in time"), Unavailable, OutcomeUnknown),
    (504, b"", Unavailable, OutcomeUnknown),
    # What no document describes, but a proxy or a bad day may send.
    (301, b"", BadAnswer, OutcomeUnknown),
    (418, [1, 2], Refused, Refused),
    (422, {"errors": []}, Refused, Refused),
    (422, {"error": None}, Refused, Refused),
    (422, {"error": {"type": 7, "message": [7]}}, Refused, Refused),
    (200, b"", BadAnswer, OutcomeUnknown),
    (200, HTML, BadAnswer, OutcomeUnknown),
    (200, [], BadAnswer, OutcomeUnknown),
    (200, {"records": "none"}, BadAnswer, OutcomeUnknown),
    (200, {"records": [{"id": "rec1", "fields": {}}]}, BadAnswer, OutcomeUnknown),
    (200, b'{"records":' + b"[" * 100_000, BadAnswer, OutcomeUnknown),
]

Call = Callable[[Airtable], Any]


def read(gateway: Airtable) -> object:
    return list(gateway.pages(BASE, TABLE, fields=["Post Key"]))


def write(gateway: Airtable) -> None:
    gateway.update(BASE, TABLE, [(rec(1), {"Post Text": "a"}), (rec(2), {"Post Text": "b"})])


def upsert(gateway: Airtable) -> object:
    return gateway.upsert(BASE, TABLE, "Post Key", [(None, {"Post Key": "k"}), (rec(2), {"Post Text": "b"})])


WRITES = [write, upsert]


def came_of(answers: Answers, call: Call, **options: Any) -> tuple[AirtableError, Heard]:
    """Make a call that must fail, in one request, and give the error and what the gate heard."""
    with asking(answers, **options) as (gateway, heard, came):
        found = failure_of(gateway, call)
        assert len(came) == 1
    return found, heard


def failure_of(gateway: Airtable, call: Call) -> AirtableError:
    with pytest.raises(AirtableError) as caught:
        call(gateway)
    assert_secret(caught.value)
    return caught.value


def assert_secret(error: BaseException) -> None:
    told = "".join(traceback.format_exception(error))
    assert TOKEN not in told
    assert TOKEN not in repr(vars(error))
    assert error.__cause__ is None


@pytest.mark.parametrize(("status", "body", "of_read", "of_write"), SHAPES, ids=lambda value: str(value)[:40])
def test_every_answer_means_one_thing(
    status: int, body: Any, of_read: type[AirtableError], of_write: type[AirtableError]
) -> None:
    with asking(fixed(body, status, Location="/elsewhere")) as (gateway, heard, came):
        for call, expected in ((read, of_read), (write, of_write), (upsert, of_write)):
            found = failure_of(gateway, call)
            assert type(found) is expected
            assert found.permanent == isinstance(found, Denied)
            word = {TooFast: "too fast", Capped: "capped"}.get(expected, "worked")
            if expected in (Unavailable, OutcomeUnknown, BadAnswer):
                word = "failed"
            assert [told.split(f" {BASE}")[0] for told in heard.told] == ["turn", word]
            assert len(came) == 1
            heard.told.clear()
            came.clear()


class TestWhatAnErrorTells:
    def test_airtables_own_words(self) -> None:
        found, _ = came_of(fixed(error("INVALID_VALUE_FOR_COLUMN", 'Field "X"\ncannot'), 422), write)
        assert isinstance(found, Denied)
        assert (found.type, found.told) == ("INVALID_VALUE_FOR_COLUMN", 'Field "X" cannot')
        assert str(found) == 'Airtable refused: INVALID_VALUE_FOR_COLUMN: Field "X" cannot'

    @pytest.mark.parametrize(
        ("body", "gone"),
        [
            (error("ROW_DOES_NOT_EXIST", f"Record ID {rec(7)} does not exist in this table"), rec(7)),
            (error("MODEL_ID_NOT_FOUND", "Record not found"), None),
        ],
    )
    def test_which_record_is_gone(self, body: Any, gone: str | None) -> None:
        found, _ = came_of(fixed(body, 404), write)
        assert isinstance(found, RowGone)
        assert found.record_id == gone

    def test_of_one_that_was_sent_it_is_that_one(self) -> None:
        answers = fixed(error("MODEL_ID_NOT_FOUND", "Record not found"), 404)
        found, _ = came_of(
            answers, lambda gateway: gateway.update(BASE, TABLE, [(rec(3), {"Post Text": "a"})])
        )
        assert isinstance(found, RowGone)
        assert found.record_id == rec(3)

    @pytest.mark.parametrize(
        ("message", "name"),
        [('Unknown field name: "Post Text"', "Post Text"), ("Unknown field names: a b, c", "a b"), ("?", "")],
    )
    def test_which_field_is_unknown(self, message: str, name: str) -> None:
        found, _ = came_of(fixed(error("UNKNOWN_FIELD_NAME", message), 422), write)
        assert isinstance(found, UnknownField)
        assert found.name == name

    def test_no_more_than_fits_and_no_token(self) -> None:
        found, _ = came_of(fixed(error("T" * 5_000, f"{TOKEN} " + "x" * 10_000), 422), write)
        assert len(str(found)) < 500


class TestAConnection:
    @pytest.mark.parametrize("call", [read, *WRITES])
    def test_that_was_never_made_did_nothing(self, call: Call) -> None:
        heard = Heard()
        gateway = Airtable(token=TOKEN, api_url=unused_url(), gate=heard, timeout=(2.0, 2.0))
        with pytest.raises(Unavailable) as caught:
            call(gateway)
        gateway.close()
        assert_secret(caught.value)
        assert heard.told[1].startswith(f"failed {BASE}")

    @pytest.mark.parametrize(
        ("call", "expected"), [(read, Unavailable), *((one, OutcomeUnknown) for one in WRITES)]
    )
    def test_that_is_reset_leaves_a_write_unknown(self, call: Call, expected: type[AirtableError]) -> None:
        found, _ = came_of(lambda _: None, call)
        assert type(found) is expected

    @pytest.mark.parametrize(("call", "expected"), [(read, Unavailable), (write, OutcomeUnknown)])
    def test_that_stays_silent_leaves_a_write_unknown(
        self, call: Call, expected: type[AirtableError]
    ) -> None:
        def late(_: object) -> tuple[int, dict[str, str], bytes]:
            time.sleep(0.6)
            return 200, {}, b"{}"

        found, _ = came_of(late, call, timeout=(1.0, 0.15))
        assert type(found) is expected

    @pytest.mark.parametrize(("call", "expected"), [(read, Unavailable), (write, OutcomeUnknown)])
    def test_that_ends_in_mid_answer_leaves_a_write_unknown(
        self, call: Call, expected: type[AirtableError]
    ) -> None:
        found, _ = came_of(lambda _: (200, {"Content-Length": "100"}, iter([b'{"records":'])), call)
        assert type(found) is expected

    @pytest.mark.parametrize(("call", "expected"), [(read, Unavailable), (write, OutcomeUnknown)])
    def test_that_drips_is_given_up(self, call: Call, expected: type[AirtableError]) -> None:
        def drops() -> Iterator[bytes]:
            for _ in range(100):
                time.sleep(0.05)
                yield b" " * 70_000

        began = time.monotonic()
        found, _ = came_of(lambda _: (200, {}, drops()), call, timeout=(0.2, 0.3))
        assert type(found) is expected
        assert time.monotonic() - began < 4

    def test_is_used_again(self) -> None:
        with asking(fixed({"id": "usr1"})) as (gateway, _, came):
            assert {gateway.whoami() for _ in range(3)} == {"usr1"}
        assert len(came) == 3


class TestAnAnswer:
    def test_that_is_too_large_is_not_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(harvester.airtable_wire, "_MOST_BYTES", 200_000)
        found, _ = came_of(lambda _: (200, {}, iter([b" " * 100_000] * 50)), read)
        assert type(found) is BadAnswer

    @pytest.mark.parametrize("call", [read, write])
    def test_that_leads_elsewhere_is_not_followed(self, call: Call) -> None:
        with serving(fixed({"records": []})) as (other, asked_there):
            found, _ = came_of(fixed(b"", 307, Location=f"{other}/v0/x"), call)
            assert type(found) in (BadAnswer, OutcomeUnknown)
            assert asked_there == []

    @pytest.mark.parametrize(
        "records",
        [
            [],
            [{"id": rec(9), "fields": {KEY: "other"}}, {"id": rec(2), "fields": {}}],
            [{"id": rec(9), "fields": {KEY: "k"}}, {"id": rec(3), "fields": {}}],
            [{"id": rec(9), "fields": {KEY: "k"}}],
            [{"id": rec(2), "fields": {KEY: "k"}}, {"id": rec(2), "fields": {KEY: "k"}}],
            [{"id": rec(number), "fields": {KEY: "k"}} for number in (9, 2, 4)],
        ],
    )
    def test_to_an_upsert_that_fits_not_what_was_sent_leaves_it_unknown(self, records: list[Any]) -> None:
        found, _ = came_of(fixed({"records": records}), upsert)
        assert type(found) is OutcomeUnknown

    def test_to_an_upsert_may_be_in_any_order(self) -> None:
        records = [{"id": rec(2), "fields": {KEY: "z"}}, {"id": rec(9), "fields": {KEY: "k"}}]
        with asking(fixed({"records": records})) as (gateway, _, came):
            assert upsert(gateway) == [rec(9), rec(2)]
        assert came[0].json == {
            "records": [{"fields": {KEY: "k"}}, {"id": rec(2), "fields": {"fldXXXXXXXXXXXXXX": "b"}}],
            "performUpsert": {"fieldsToMergeOn": [KEY]},
            "returnFieldsByFieldId": True,
            "typecast": False,
        }

    def test_with_what_no_database_stores_is_cleaned(self) -> None:
        body = b'{"records":[{"id":"%s","fields":{"%s":"a\\ud800b\\u0000"}}]}' % (
            rec(1).encode(),
            KEY.encode(),
        )
        with asking(fixed(body)) as (gateway, _, _came):
            ((record,),) = gateway.pages(BASE, TABLE, fields=["Post Key"])
        assert record.fields == {"Post Key": "a\ufffdb\ufffd"}
        assert record.created_at is None

    def test_list_that_never_moves_on_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(harvester.airtable, "_MOST_PAGES", 20)
        with asking(fixed({"records": [], "offset": "itr/rec"})) as (gateway, _, came):
            with pytest.raises(BadAnswer, match="does not end"):
                read(gateway)
            assert len(came) == 20


class TestTheToken:
    def test_goes_with_every_request_and_nowhere_else(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password else\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        with caplog.at_level(logging.DEBUG), asking(fixed({"records": []})) as (gateway, _, came):
            read(gateway)
            with pytest.raises(OutcomeUnknown):
                write(gateway)
            assert TOKEN not in repr(gateway)
        assert [asked.headers["Authorization"] for asked in came] == [f"Bearer {TOKEN}"] * 2
        assert not any(TOKEN in asked.path for asked in came)
        assert caplog.text
        assert TOKEN not in caplog.text


class TestWhatIsNeverSent:
    @pytest.mark.parametrize(
        "changes",
        [
            [],
            [(rec(number), {}) for number in range(11)],
            [(rec(1), {}), (rec(1), {})],
            [("rec1/../../meta", {})],
            [(rec(1) + "\n", {})],
            [(None, {"Post Text": "no key"})],
            [(None, {"Post Key": "k"}), (None, {"Post Key": "k"})],
            [(None, {"Post Key": ""})],
            [(rec(1), {"Post Text": float("nan")})],
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_a_write_that_is_no_one_request(self, changes: Any) -> None:
        with asking(fixed({})) as (gateway, _, came):
            with pytest.raises(ValueError, match=r"\w") as caught:
                gateway.upsert(BASE, TABLE, "Post Key", changes)
            assert came == []
        assert_secret(caught.value)

    def test_a_field_that_the_table_has_not(self) -> None:
        with asking(fixed({})) as (gateway, heard, came):
            for call in (
                lambda: gateway.update(BASE, TABLE, [(rec(1), {"Pots Text": "a"})]),
                lambda: gateway.upsert(BASE, TABLE, "Key", [(None, {"Key": "a"})]),
                lambda: list(gateway.pages(BASE, TABLE, fields=["Post Key", "Likes"])),
                lambda: list(gateway.pages(BASE, TABLE, fields=["Post Key"], sort=["-Likes"])),
            ):
                with pytest.raises(UnknownField, match="the table Posts has no field"):
                    call()
            assert (heard.told, came) == ([], [])

    @pytest.mark.parametrize(
        "base", ["", "app", "appAAAAAAAAAAAAA/", "meta", "appAAAAAAAAAAAAAAA", "appÄÄÄÄÄÄÄÄÄÄÄÄÄÄ"]
    )
    def test_a_base_that_is_no_id(self, base: str) -> None:
        with asking(fixed({})) as (gateway, heard, came):
            for call in (
                lambda: gateway.schema(base),
                lambda: gateway.update(base, TABLE, [(rec(1), {})]),
                lambda: list(gateway.pages(base, TABLE, fields=["Post Key"])),
                lambda: gateway.create_table(base, "T", []),
                lambda: gateway.create_field(base, TABLE, "F", "number"),
            ):
                with pytest.raises(ValueError, match="no ID of Airtable"):
                    call()
            assert (heard.told, came) == ([], [])
