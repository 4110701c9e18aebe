"""Run IDs: minted once in UTC, passed on unchanged, refused with a reason where they come in."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harvester import run_ids
from harvester.errors import InvalidInput, InvalidRunId

BASE = "261122-050000"

moments = st.datetimes(
    min_value=datetime(2000, 1, 2),  # noqa: DTZ001 - hypothesis wants bounds without a zone
    max_value=datetime(2099, 12, 30),  # noqa: DTZ001
    timezones=st.one_of(
        st.just(UTC),
        st.timezones(),
        st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    ),
)
bases = moments.map(lambda moment: next(run_ids.candidates(moment)))
clients = st.one_of(
    st.from_regex(re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII), fullmatch=True),
    # short ones over few letters, so that prefixes, suffixes and doublings of each other turn up often
    st.from_regex(re.compile(r"[aG][aG-]{0,5}", re.ASCII), fullmatch=True),
    bases,
)

#: What is no run ID anywhere: formats of former systems, IDs of Apify's, what went wrong elsewhere.
STRANGERS = [
    "",
    " ",
    "SR-250922-001-S1-CGuy-Wilson-ISSUE",
    "SR-250922-001-T3-S2",
    "smart_resume_1758600000000_abc12",
    "job_post_harvesting_stream1_20250924",
    "job_post_scoring_bypass_1758600000000",
    "AeljThOnfXhim2T31",
    "8MSTBAfqMzuXPvgB3-CGuy-Wilson-CGuy-Wilson",
    "[object Object]",
    "undefined",
    "null",
    "260231-120000",
    "261301-120000",
    "260100-120000",
    "250229-120000",
    "261122-240000",
    "261122-126000",
    "261122-120060",
    "26112-050000",
    "261122050000",
    "261122_050000",
    "261122-05000",
    "261122-0500000",
    "261122-050000.0",
    "261122-050000Guy",
    "261122-050000-",
    "261122-050000--Guy",
    "261122-050000-Guy Wilson",
    "261122-050000-Guy\nWilson",
    "261122-050000\x00",
    "\x1f261122-050000",
    "261122-050000\u00a0",
    "261122-05\u200b0000",
    "٢٦١١٢٢-٠٥٠٠٠٠",
    "²61122-050000",
    "261122-050000-Gü",
    "-261122-050000",
    "250926-124530/../x",
]
NON_STRINGS = [None, 261122, 26.1122, True, b"261122-050000", {"runId": BASE}, [BASE], Ellipsis]
NO_CLIENTS = [
    "",
    " ",
    "-Guy",
    "_Guy",
    "Guy Wilson",
    "Guy\n",
    "Gü",
    "x" * 65,
    "Guy.Wilson",
    "a/b",
    "٣",
    "\x00",
]


class Warnings(logging.Handler):
    """What run_ids warned of. Hypothesis forbids `caplog`, which one property's examples would share."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def warnings() -> Iterator[list[str]]:
    handler = Warnings()
    logger = logging.getLogger(run_ids.__name__)
    logger.addHandler(handler)
    try:
        yield handler.messages
    finally:
        logger.removeHandler(handler)


@given(moments, st.integers(1, 50))
def test_candidates_are_the_next_seconds_in_utc(now: datetime, count: int) -> None:
    minted = list(islice(run_ids.candidates(now), count))
    read = [datetime.strptime(f"20{text} +0000", "%Y%m%d-%H%M%S %z") for text in minted]
    first = now.astimezone(UTC).replace(microsecond=0)
    assert read == [first + timedelta(seconds=later) for later in range(count)]
    assert [run_ids.parse_base(text) for text in minted] == minted


def test_two_kickoffs_in_one_second_get_two_ids() -> None:
    taken: set[str] = set()
    now = datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    for _ in range(3):
        taken.add(next(candidate for candidate in run_ids.candidates(now) if candidate not in taken))
    assert taken == {"261231-235959", "270101-000000", "270101-000001"}


def test_an_hour_that_comes_twice_on_the_wall_comes_once_in_ids() -> None:
    sydney = ZoneInfo("Australia/Sydney")
    twice = [datetime(2026, 4, 5, 2, 30, tzinfo=sydney, fold=fold) for fold in (0, 1)]
    assert [next(run_ids.candidates(moment)) for moment in twice] == ["260404-153000", "260404-163000"]


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 11, 22),  # noqa: DTZ001 - the point of the test
        datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2100, 1, 1, tzinfo=UTC),
    ],
)
def test_no_id_is_minted_from_a_moment_that_it_cannot_hold(now: datetime) -> None:
    with pytest.raises(ValueError, match="run ID"):
        next(run_ids.candidates(now))


def test_candidates_end_with_the_century() -> None:
    assert list(run_ids.candidates(datetime(2099, 12, 31, 23, 59, 58, tzinfo=UTC))) == [
        "991231-235958",
        "991231-235959",
    ]


@given(bases, clients)
def test_a_base_and_a_client_make_a_full_id_that_tells_both(base: str, client: str) -> None:
    full = run_ids.client_run_id(base, client)
    assert full == f"{base}-{client}"
    assert run_ids.base_of(full) == base == run_ids.base_of(base)
    assert run_ids.client_of(full) == client
    assert run_ids.client_run_id(full, client) == full
    assert run_ids.require(full) == run_ids.require(full, client) == run_ids.require(base, client) == full
    assert run_ids.require(base) == run_ids.parse_base(base) == base


@given(bases, clients)
def test_an_exactly_doubled_suffix_collapses_with_a_warning(base: str, client: str) -> None:
    with warnings() as warned:
        assert run_ids.client_run_id(f"{base}-{client}-{client}", client) == f"{base}-{client}"
    assert len(warned) == 1
    for refused in (f"{base}-{client}-{client}-{client}", f"{base}-{client}{client}", f"{base}{client}"):
        with pytest.raises(InvalidRunId):
            run_ids.client_run_id(refused, client)


@given(bases, clients, clients)
def test_another_clients_suffix_is_refused(base: str, client: str, other: str) -> None:
    assume(other not in (client, f"{client}-{client}"))
    with pytest.raises(InvalidRunId, match="not a run ID of client"):
        run_ids.client_run_id(f"{base}-{other}", client)
    with pytest.raises(InvalidRunId):
        run_ids.require(f"{base}-{other}-{client}", client)


@pytest.mark.parametrize(
    ("run_id", "client", "expected"),
    [
        ("260101-120000", "Guy-Wilson", "260101-120000-Guy-Wilson"),
        ("260101-120000-Guy-Wilson", "Guy-Wilson", "260101-120000-Guy-Wilson"),
        ("260101-120000-Guy-Wilson-Guy-Wilson", "Guy-Wilson", "260101-120000-Guy-Wilson"),
        ("260101-120000-Guy-Guy", "Guy", "260101-120000-Guy"),
        ("260101-120000-Guy-Guy", "Guy-Guy", "260101-120000-Guy-Guy"),
        ("260101-120000-Guy-Guy-Guy-Guy", "Guy-Guy", "260101-120000-Guy-Guy"),
        ("260101-120000-250101-120000", "250101-120000", "260101-120000-250101-120000"),
        ("260101-120000", "260101-120000", "260101-120000-260101-120000"),
        ("260101-120000-Guy-Wilson", "Wilson", None),
        ("260101-120000-Guy-Wilson", "Guy", None),
        ("260101-120000-Guy-Wilson", "Dean-Hobin", None),
        ("260101-120000-Guy-Wilson", "guy-wilson", None),
        ("260101-120000-Guy-Guy-Guy", "Guy", None),
        ("260101-120000-CGuy-Wilson", "Guy-Wilson", None),
        ("260101-120000-", "Guy", None),
        ("260101-120000-Guy ", "Guy", None),
    ],
)
def test_suffixes_that_look_alike(run_id: str, client: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(InvalidRunId):
            run_ids.client_run_id(run_id, client)
    else:
        assert run_ids.client_run_id(run_id, client) == expected


@given(bases, clients, st.text(" \t\r\n"), st.text(" \t\r\n"))
def test_blanks_around_an_id_from_outside_are_dropped(
    base: str, client: str, before: str, after: str
) -> None:
    assert run_ids.parse_base(f"{before}{base}{after}") == base
    assert run_ids.require(f"{before}{base}-{client}{after}", client) == f"{base}-{client}"


@pytest.mark.parametrize("given", [*STRANGERS, *NON_STRINGS], ids=ascii)
def test_what_is_no_run_id_is_refused_with_what_is_expected(given: object) -> None:
    for refuse in (
        run_ids.parse_base,
        run_ids.require,
        lambda value: run_ids.require(value, "Guy-Wilson"),
        lambda value: run_ids.client_run_id(value, "Guy-Wilson"),
    ):
        with pytest.raises(InvalidRunId, match="expected YYMMDD-HHMMSS in UTC") as caught:
            refuse(given)
        assert caught.value.code == "invalid_run_id"
        assert caught.value.permanent
        assert str(caught.value).isascii()
        assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("260231-120000", "260231-120000 is no date and time"),
        ("260231-120000-Guy", "260231-120000 is no date and time"),
        ("AeljThOnfXhim2T31", "Apify"),
        ("SR-250922-001-S1", "retired"),
        ("job_post_harvesting_stream1", "retired"),
        ({"runId": BASE}, "type dict"),
        ("x" * 10_000, r"xxx\.\.\."),
    ],
)
def test_a_refusal_says_why(given: object, reason: str) -> None:
    with pytest.raises(InvalidRunId, match=reason) as caught:
        run_ids.require(given)
    assert len(str(caught.value)) < 400


@given(bases, clients)
def test_a_full_id_is_no_base(base: str, client: str) -> None:
    with pytest.raises(InvalidRunId):
        run_ids.parse_base(f"{base}-{client}")
    with pytest.raises(InvalidRunId):
        run_ids.client_of(base)


@given(
    st.one_of(
        st.text(), st.sampled_from(STRANGERS), st.from_regex(r"\d{6}-\d{6}(-\w{0,70})?", fullmatch=True)
    )
)
def test_the_base_of_any_text_is_its_base_or_all_of_it_with_a_warning(text: str) -> None:
    with warnings() as warned:
        base = run_ids.base_of(text)
    if warned:
        assert base == text
        with pytest.raises(InvalidRunId):
            run_ids.client_of(text)
    else:
        assert (base, len(base)) == (text[:13], 13)
        assert run_ids.require(text) == text


@pytest.mark.parametrize("given", STRANGERS, ids=ascii)
def test_an_unknown_format_is_its_own_base(given: str, caplog: pytest.LogCaptureFixture) -> None:
    assert run_ids.base_of(given) == given
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "unknown format" in caplog.messages[0]


@pytest.mark.parametrize("given", NON_STRINGS, ids=repr)
def test_what_is_no_string_has_no_parts(given: object) -> None:
    for refuse in (run_ids.base_of, run_ids.client_of):
        with pytest.raises(InvalidRunId, match=type(given).__name__):
            refuse(given)


@pytest.mark.parametrize("given", [*NO_CLIENTS, None, 7, b"Guy", ["Guy"]], ids=ascii)
def test_what_is_no_client_id_is_refused_everywhere(given: object) -> None:
    with pytest.raises(InvalidInput, match="no client ID") as caught:
        run_ids.require_client_id(given)
    assert (caught.value.code, str(caught.value).isascii()) == ("invalid_client", True)
    with pytest.raises(InvalidInput, match="no client ID"):
        run_ids.client_run_id(BASE, given)


@given(clients)
def test_a_client_id_comes_back_as_it_is(client: str) -> None:
    assert run_ids.require_client_id(client) == client
