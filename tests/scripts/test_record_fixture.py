"""Fixtures from real datasets: nothing of anybody is left in them, and a normaliser sees no difference."""

from __future__ import annotations

import json
import runpy
import string
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.processes import environment
from gateway import TOKEN, ended, start
from hypothesis import given
from hypothesis import strategies as st

from harvester.apify import Apify
from harvester.normalise import ACTORS, Outcome
from harvester.posts import Companion, Post, Reject
from harvester.sandbox.apify import SandboxApify
from harvester.scrubbing import Scrubber, shape_of

SCRIPT = Path(__file__).parents[2] / "scripts" / "record_fixture.py"
FIXTURES = Path(__file__).parents[1] / "normalise" / "fixtures"
ITEMS = sorted(path for path in FIXTURES.rglob("*.json") if not path.stem.endswith(".expected"))
HARVESTAPI = "harvestapi/linkedin-profile-posts"

Script = Callable[..., str]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Script:
    """Run the script in this process, from a folder of its own, and give all that it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        printed = capsys.readouterr()
        assert ended.value.code == code, printed
        return printed.out + printed.err

    return run


def gone_by(outcome: Outcome) -> tuple[Any, ...]:
    """What of an outcome says nothing of anybody."""
    if isinstance(outcome, Post):
        kinds = [kind for kind, _ in outcome.names]
        counts = (outcome.likes, outcome.comments, outcome.reposts)
        lengths = (
            len(outcome.text.split()),
            len(outcome.images),
            len(outcome.companions),
            len(outcome.found_under),
        )
        told = (
            outcome.posted_at is None,
            outcome.posted_precision,
            outcome.url is None,
            outcome.author.url is None,
        )
        return (outcome.kind, outcome.form, kinds, counts, lengths, told, sorted(outcome.extras))
    if isinstance(outcome, Companion):
        return (outcome.kind, outcome.reaction, outcome.post_key is None, len(outcome.text.split()))
    return (outcome.reason,) if isinstance(outcome, Reject) else (outcome.target_url is None,)


@pytest.mark.parametrize("file", ITEMS, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_normaliser_sees_in_a_scrubbed_item_what_it_saw_before(file: Path) -> None:
    item = json.loads(file.read_text())
    scrubbed = Scrubber(b"a key").item(item)
    assert shape_of(scrubbed) == shape_of(item)
    for actor in ACTORS.values():
        before, after = actor.normalise(item), actor.normalise(scrubbed)
        assert type(after) is type(before)
        assert gone_by(after) == gone_by(before)


WORDS = st.text(string.ascii_letters, min_size=8, max_size=20) | st.text(
    "абвгдежзийклмн", min_size=8, max_size=20
)
NUMBERS = st.integers(10**18, 10**19 - 1)
PLACES = (
    "{word}",
    "Hello {word}, and #{word}!",
    "{word}.surname@example.com",
    "https://www.linkedin.com/in/{word}?miniProfileUrn=urn%3Ali%3Afsd_profile%3A{word}",
    "https://{word}.org/{word}/a?b={word}#{word}",
    "https://www.linkedin.com/posts/{word}_a-slug-activity-{number}-_gfJ",
    "urn:li:ugcPost:{number}",
    "urn:li:fsd_reaction:(urn:li:fsd_profile:{word},urn:li:ugcPost:{number},0)",
    "{number}",
)


@given(
    word=WORDS,
    number=NUMBERS,
    place=st.sampled_from(PLACES),
    key=st.sampled_from(["content", "url", "id", "name"]),
)
def test_no_word_and_no_number_of_anybody_is_left(word: str, number: int, place: str, key: str) -> None:
    item = {
        key: place.format(word=word, number=number),
        "nested": [{"deeper": place.format(word=word, number=number)}],
    }
    scrubbed = json.dumps(Scrubber().item(item | {"number": number}), ensure_ascii=False).lower()
    assert word.lower() not in scrubbed
    assert str(number) not in scrubbed


@given(word=WORDS, number=NUMBERS)
def test_what_is_the_same_before_is_the_same_after(word: str, number: int) -> None:
    scrubber = Scrubber()
    url, urn = f"https://www.linkedin.com/posts/{word}-activity-{number}-x", f"urn:li:activity:{number}"
    scrubbed = scrubber.item({"id": str(number), "url": url, "urn": urn, "number": number, "name": word})
    assert scrubbed["urn"] == f"urn:li:activity:{scrubbed['id']}"
    assert str(scrubbed["number"]) == scrubbed["id"]
    assert scrubbed["url"].endswith(f"/{scrubbed['name']}-activity-{scrubbed['id']}-" + scrubbed["url"][-1])


def test_all_times_move_by_the_same_whole_days() -> None:
    before = {
        "timestamp": 1747419119821,
        "date": "2025-05-16T18:11:59.821Z",
        "day": "2025-05-16",
        "ago": "6d",
    }
    after = Scrubber().item(before)
    days, rest = divmod(before["timestamp"] - after["timestamp"], 86_400_000)
    assert (days >= 30, rest) == (True, 0)
    assert after["date"].endswith("T18:11:59.821Z")
    assert after["date"][:10] == after["day"] != before["day"]
    assert after["ago"] == "6d"


def test_one_fixture_of_each_shape_is_written_once(script: Script, tmp_path: Path) -> None:
    items = [json.loads(file.read_text()) for file in ITEMS[:6]]
    (tmp_path / "page.json").write_text(json.dumps(items + items))
    first = script("--file", "page.json", "--to", "out", "--expect", HARVESTAPI)
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    fixtures = [name for name in written if not name.endswith(".expected.json")]
    assert len(fixtures) == len({repr(shape_of(item)) for item in items})
    assert [name.replace(".json", ".expected.json") for name in fixtures] == sorted(
        set(written) - set(fixtures)
    )
    assert first.count("wrote ") == len(written)
    contents = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    again = script("--file", "page.json", "--to", "out", "--expect", HARVESTAPI)
    assert again.count("left as it is") == len(written)
    assert contents == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}


def test_a_dataset_is_read_from_apify(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SandboxApify(token=TOKEN, time_scale=1000) as sandbox:
        for name, value in environment(APIFY_API_URL=sandbox.url, APIFY_TOKEN=TOKEN).items():
            monkeypatch.setenv(name, value)
        apify = Apify(token=TOKEN, api_url=sandbox.url, timeout_seconds=5)
        run = ended(apify, start(apify, "ann", "bob"))
        assert run.dataset_id is not None
        told = script("--dataset", run.dataset_id, "--to", "out")
    assert "wrote" in told
    assert TOKEN not in told
    assert list((tmp_path / "out").glob("post_*.json"))


@pytest.mark.parametrize(
    ("content", "arguments", "told"),
    [
        ("{", (), "is no JSON"),
        ("{}", (), "is no list"),
        ("[]", ("--expect", "some/body"), "No normaliser is known"),
        ("[]", ("--limit", "0"), "whole number from 1"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(
    script: Script, tmp_path: Path, content: str, arguments: tuple[str, ...], told: str
) -> None:
    (tmp_path / "page.json").write_text(content)
    assert told in script("--file", "page.json", "--to", "out", *arguments, code=2)
    assert not (tmp_path / "out").exists()


def test_names_in_other_alphabets_and_short_ids_are_nobodys_either() -> None:
    """A slug of another alphabet stands percent-encoded in a URL; a member's number may be a short one."""
    before: dict[str, Any] = {
        "url": "https://www.linkedin.com/in/%E5%BC%A0%E4%BC%9F?urn=urn%3Ali%3Aactivity%3A7401000000000000611",
        "author": {"id": 16355220, "memberId": 16355221, "followers": 1046},
        "said": "call ٠٣٤٥٦٧٨٩",
    }
    after = Scrubber(b"a key").item(before)
    begun, _, urn = after["url"].partition("?urn=")
    assert begun.startswith("https://www.linkedin.com/in/%")
    assert not {"%E5%BC%A0", "%E4%BC%9F"} & {begun[28:37], begun[37:]}
    assert urn.startswith("urn%3Ali%3Aactivity%3A")
    assert len(urn) == len(before["url"].partition("?urn=")[2])
    assert after["author"]["followers"] == 1046
    assert {len(str(after["author"][name])) for name in ("id", "memberId")} == {8}
    assert {after["author"]["id"], after["author"]["memberId"]}.isdisjoint({16355220, 16355221})
    assert "٠٣٤٥٦٧٨٩" not in after["said"]
    assert len(after["said"]) == len(before["said"])
