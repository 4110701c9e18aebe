"""Logs: one line per event whatever it holds, whoever wrote it, with the IDs at hand and without tokens."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harvester import log

FORMATS = ["text", "json"]
NASTY = "a\nb\r\x00\x1b[31mred\x85\u2028\u2029\u202e\ud800\x7f\\ \"'=é😀"
MISSING = "ERROR: Client run record not found for 261122-050000-Guy-Wilson (Guy-Wilson)"

#: Every kind of token that must not come out; each holds "canary" in what has to vanish.
TOKENS = [
    "Bearer canary0123456789",
    "bearer\tcanary-._~+/=0123",
    "Authorization: BEARER canary",
    "Bearer%20canary",
    "bearer Bearer canary0123456789",
    "apify_api_canary0123456789ABCDEF",
    "patABCDEFGHIJKLMN.canary0123456789abcdef",
    "https://api.apify.com/v2/users/me?token=canary&x=1",
    "https://api.apify.com/v2/users/me?x=1&token=canary",
    "?access_token=canary",
    "token%3Dcanary",
    '{"token": "canary"}',
    "{'token': 'canary'}",
    "token='canary'",
    'token="canary"',
    "ph1.01234567.intent.1.Guy-Wilson.canary",
    "postgresql+psycopg://harvester:canary@db.example.org/x",
    "postgresql://db.example.org/x?user=a&password=canary",
]
ORDINARY = [
    "http://127.0.0.1:8000/api/runs?limit=10",
    "patternrecognition and pathological.cases",
    "2026-11-22T05:00:00Z",
    "token ids: 3",
    "mail to a@example.org: sent",
    MISSING,
]

texts = st.one_of(st.text(), st.text(st.sampled_from(NASTY)))


@pytest.fixture(autouse=True)
def _root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def written(format: str, write: Callable[[], object], level: str = "DEBUG") -> str:
    stream = io.StringIO()
    log.configure(format, level, stream)
    write()
    return stream.getvalue()


def entry(write: Callable[[], object]) -> dict[str, Any]:
    found = json.loads(written("json", write))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("format", FORMATS)
@given(texts, texts, texts)
@example(NASTY, NASTY, NASTY)
def test_one_event_is_one_line(format: str, message: str, value: str, argument: str) -> None:
    def write() -> None:
        log.get_logger("a").info(message, value=value)
        log.get_logger("a").info("%s", argument)
        logging.getLogger("b").warning("%s", argument)
        with log.bound(runId=value):
            try:
                raise RuntimeError(message)
            except RuntimeError:
                log.get_logger("a").exception("failed")

    lines = written(format, write)
    assert lines.endswith("\n")
    assert len(lines.splitlines()) == 4
    assert lines.replace("\n", "").isprintable() or format == "text"
    assert not set(lines) & set("\x00\x1b\r\t\x7f\x85\u2028\u2029\u202e\ud800")


@given(texts, st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.one_of(texts, st.integers())))
@example(NASTY, {"value": NASTY})
def test_json_gives_back_what_was_logged(message: str, values: dict[str, Any]) -> None:
    reserved = {"timestamp", "level", "logger", "message", "event", "self", "token"}
    values = {name: value for name, value in values.items() if name not in reserved}
    found = entry(lambda: log.get_logger("harvester.x").warning(message, **values))
    moment = datetime.fromisoformat(found.pop("timestamp"))
    assert moment.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)
    redacted = {
        name: log.redact(value) if isinstance(value, str) else value for name, value in values.items()
    }
    assert found == {"level": "WARNING", "logger": "harvester.x", "message": log.redact(message), **redacted}


@pytest.mark.parametrize("format", FORMATS)
def test_the_lines_that_others_search_for_stand_word_for_word(format: str) -> None:
    def write() -> None:
        found = ("261122-050000-Guy-Wilson", "Guy-Wilson")
        log.get_logger("services.run_records").error("ERROR: Client run record not found for %s (%s)", *found)

    (line,) = written(format, write).splitlines()
    assert MISSING in line
    assert "ERROR" in line.replace(MISSING, "")


def test_text_reads_from_left_to_right() -> None:
    def write() -> None:
        with log.bound(runId="261122-050000", clientId="Guy-Wilson"):
            log.get_logger("services.kickoff").info(
                "Started %d actor runs: %s", 2, "ü", note="two words", cost=0.5
            )

    moment, rest = written("text", write).split(" ", 1)
    assert datetime.fromisoformat(moment).utcoffset() == timedelta(0)
    assert rest == (
        "INFO     services.kickoff Started 2 actor runs: ü"
        ' runId=261122-050000 clientId=Guy-Wilson note="two words" cost=0.5\n'
    )


def test_bound_ids_are_on_every_event_within_and_on_none_after() -> None:
    found = {}

    def write() -> None:
        with log.bound(runId="r", clientId="c"):
            with log.bound(actorRunId="a", dispatchId="d", clientId="other"):
                logging.getLogger("gunicorn.error").info("inner")
            log.get_logger("x").info("outer", clientId="given")
            thread = threading.Thread(target=lambda: log.get_logger("x").info("thread"))
            thread.start()
            thread.join()
        log.get_logger("x").info("after")

    for line in written("json", write).splitlines():
        event = json.loads(line)
        found[event["message"]] = {name: event[name] for name in event if name.endswith("Id")}
    assert found == {
        "inner": {"runId": "r", "clientId": "other", "actorRunId": "a", "dispatchId": "d"},
        "outer": {"runId": "r", "clientId": "given"},
        "thread": {},
        "after": {},
    }


@pytest.mark.parametrize("name", ["gunicorn.error", "gunicorn.access", "apify_client", "sqlalchemy.pool"])
def test_loggers_of_libraries_take_the_same_path(name: str) -> None:
    own = io.StringIO()
    library = logging.getLogger(name)
    handlers, propagate, level = library.handlers[:], library.propagate, library.level
    try:
        if name.startswith("gunicorn"):
            library.addHandler(logging.StreamHandler(own))
            library.propagate = False
        library.setLevel("INFO")
        found = entry(lambda: library.warning("%s of %s", 1, 2, extra={"ignored": True}))
    finally:
        library.handlers[:], library.propagate = handlers, propagate
        library.setLevel(level)
    assert (found["level"], found["logger"], found["message"]) == ("WARNING", name, "1 of 2")
    assert own.getvalue() == ""


def test_configuring_again_replaces_the_last_time() -> None:
    first, second = io.StringIO(), io.StringIO()
    log.configure("json", "INFO", first)
    log.configure("text", "ERROR", second)
    logger = log.get_logger("x")
    logger.warning("hidden")
    logger.error("shown")
    assert (first.getvalue(), second.getvalue().count("\n")) == ("", 1)
    assert "ERROR" in second.getvalue()


def test_without_a_stream_logs_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("text", "INFO")
    log.get_logger("x").info("here")
    out, err = capsys.readouterr()
    assert (out, err.endswith("INFO     x here\n")) == ("", True)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("token", TOKENS)
def test_no_token_comes_out_wherever_it_stands(format: str, token: str) -> None:
    def write() -> None:
        logger = log.get_logger("x")
        logger.info(token)
        logger.info("%s", token)
        logger.info("value", value=token)
        logger.info("nested", headers={"deep": [token]})
        logging.getLogger("apify_client").info("stdlib %s", token)
        with log.bound(runId=token):
            logger.info("context")
        try:
            raise RuntimeError(token)
        except RuntimeError:
            logger.exception("raised")

    lines = written(format, write)
    assert lines.count("\n") == 7
    assert "canary" not in lines
    assert lines.count("***") >= 7
    if format == "json":
        assert all(json.loads(line) for line in lines.splitlines())


@pytest.mark.parametrize("format", FORMATS)
def test_a_key_named_token_hides_its_value(format: str) -> None:
    assert "canary" not in written(
        format, lambda: log.get_logger("x").info("set", token="canary", api_token="canary")
    )


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert log.redact(text) == text


@given(st.text(), st.sampled_from(TOKENS), st.text())
def test_masking_twice_is_masking_once(before: str, token: str, after: str) -> None:
    once = log.redact(f"{before} {token} {after}")
    assert "canary" not in once
    assert log.redact(once) == once


class Rude:
    """An object that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("canary")


#: Whatever somebody may log: values in values, under keys of any kind, with secrets anywhere among them.
secretive = st.one_of(
    st.text().filter(lambda text: "canary" not in text),
    st.builds("{} {} {}".format, texts, st.sampled_from(TOKENS), texts),
)
leaves = st.one_of(
    secretive, st.none(), st.booleans(), st.integers(), st.floats(), st.binary(), st.builds(Rude)
)
keys = st.one_of(secretive, st.integers(), st.tuples(st.integers()), st.none())
anything = st.recursive(
    leaves, lambda inner: st.one_of(st.lists(inner), st.tuples(inner), st.dictionaries(keys, inner))
)


@pytest.mark.parametrize("format", FORMATS)
@given(message=secretive, value=anything)
@example('say "token', {'a "token': {'": "x': 1, "token": ["canary"]}})
def test_whatever_is_logged_a_line_comes_out_that_parses_and_holds_no_secret(
    format: str, message: str, value: Any
) -> None:
    lines = written(format, lambda: log.get_logger("x").warning(message, value=value))
    assert (lines.count("\n"), lines[-1:]) == (1, "\n")
    assert "canary" not in lines
    if format == "json":
        assert json.loads(lines, parse_constant=pytest.fail)["logger"] == "x"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "key", ["token", "api_token", "password", "client_secret", "Authorization", "Cookie"]
)
def test_the_key_of_a_secret_hides_its_value_whatever_that_is(format: str, key: str) -> None:
    def write() -> None:
        log.get_logger("x").info("set", **{key: "canary and more"})
        log.get_logger("x").info("set", headers=[{key: ["canary"]}])

    assert "canary" not in written(format, write)


@pytest.mark.parametrize("format", FORMATS)
def test_the_id_of_a_client_run_brings_those_of_its_job_run_and_its_client(format: str) -> None:
    def write() -> None:
        log.get_logger("x").info("known", clientRunId="261122-050000-Guy-Wilson")
        log.get_logger("x").info("unknown", clientRunId="SR-1")

    lines = written(format, write)
    assert (lines.count("261122-050000-Guy-Wilson"), lines.count("SR-1")) == (1, 1)
    assert (lines.count("runId"), lines.count("clientId")) == (1, 1)


def test_no_nesting_is_too_deep_to_be_logged() -> None:
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    assert "…" in json.dumps(entry(lambda: log.get_logger("x").info("deep", value=deep)), ensure_ascii=False)


@pytest.mark.parametrize("format", FORMATS)
def test_an_exception_is_told_with_its_place(format: str) -> None:
    def write() -> None:
        try:
            raise ValueError("broken")
        except ValueError:
            log.get_logger("x").exception("Could not %s", "ingest")

    line = written(format, write)
    assert all(part in line for part in ("Could not ingest", "ValueError: broken", "test_log.py", "ERROR"))


@pytest.mark.parametrize("format", FORMATS)
def test_a_badly_written_call_is_logged_all_the_same(format: str) -> None:
    endless: dict[str, Any] = {}
    endless["itself"] = endless

    def write() -> None:
        logger = log.get_logger("x")
        logger.info("only %s %s", "one")
        logger.info("none", 1)
        logger.info("100%")
        logger.info("odd", value=float("nan"))
        logger.info("odd", value={("a", 1): object()})
        logger.info("odd", value=endless)
        logger.info(
            "odd", name="n", message="m", args="a", level="l", logger="l", timestamp="t", msg="m", extra=1
        )

    lines = written(format, write).splitlines()
    assert ["only %s %s" in lines[0], "none" in lines[1], "100%" in lines[2]] == [True] * 3
    assert len(lines) == 7
    if format == "json":
        assert [json.loads(line, parse_constant=pytest.fail)["message"] for line in lines[3:]] == ["odd"] * 4


@pytest.mark.parametrize("format", FORMATS)
def test_a_stream_without_the_character_gets_an_escape(format: str) -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii", write_through=True) as stream:
        log.configure(format, "INFO", stream)
        log.get_logger("x").info("é😀")
        line = raw.getvalue().decode("ascii")
    assert (r"\xe9\U0001f600" if format == "text" else r"\u00e9\ud83d\ude00") in line


def test_tests_see_messages_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        log.get_logger("x").info("Kept %d of %d", 1, 2, runId="r")
    assert caplog.messages == ["Kept 1 of 2"]


def test_an_unknown_format_is_an_error() -> None:
    with pytest.raises(KeyError):
        log.configure("xml", "INFO")


def test_a_hidden_value_is_masked_whatever_it_looks_like() -> None:
    log.hide(["Zebra-Crossing-42", "short"])
    assert log.redact("a Zebra-Crossing-42, and a short one") == "a ***, and a short one"


def test_hidden_values_are_masked_longest_first_and_however_they_are_escaped() -> None:
    log.hide(["rotated-secret", "rotated-secret-and-more", 'quoted"secret', "geheimnis-ü-42"])
    shown = log.redact('rotated-secret-and-more {"a": "quoted\\"secret"} geheimnis-\\u00fc-42 geheimnis-ü-42')
    assert shown == '*** {"a": "***"} *** ***'
