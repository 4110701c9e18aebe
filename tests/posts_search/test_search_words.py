"""The words of a text: whatever is asked for in any spelling of them is among them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester import search_words

LETTERS = st.characters(categories=["Lu", "Ll", "Lt", "Lo", "Nd"])
WORDS = st.text(LETTERS, min_size=1, max_size=12)
BETWEEN = st.sampled_from(
    [" ", ", ", "\n", " 🚀", "… ", "-", "/", "'", '"', "\0", " & ", "\u200b", "_", "。"]
)
SPELLINGS = st.sampled_from(
    [
        str.casefold,
        str.upper,
        str.title,
        lambda word: unicodedata.normalize("NFD", word),
        lambda word: unicodedata.normalize("NFC", word),
    ]
)


def holds(text: str, query: str) -> bool:
    there = search_words.of(text).split(" ")
    words, prefix = search_words.asked(query)
    return set(words) <= set(there) and (prefix is None or any(word.startswith(prefix) for word in there))


@given(st.data(), st.lists(st.tuples(WORDS, BETWEEN), min_size=1, max_size=8))
def test_a_text_is_found_by_any_of_its_words_in_any_order_and_spelling(
    data: st.DataObject, parts: list[tuple[str, str]]
) -> None:
    text = "".join(word + between for word, between in parts)
    wanted = data.draw(st.lists(st.sampled_from([word for word, _ in parts]), min_size=1))
    respelt = [data.draw(SPELLINGS)(word) for word in wanted]
    asked = [
        new if new.casefold() == old.casefold() else old for new, old in zip(respelt, wanted, strict=True)
    ]
    assert holds(text, " ".join(asked))
    beginning = wanted[0][: data.draw(st.integers(3, 12))]
    if search_words.asked(beginning)[1] is not None:
        assert holds(text, " ".join([*asked, beginning]))


@given(st.text())
def test_words_are_such_that_both_databases_take_each_for_one(text: str) -> None:
    words = [word for word in search_words.of(text).split(" ") if word]
    assert words == sorted(set(words))
    assert all(
        len(word) <= 64 and word.isprintable() and not set("\"'\\*:&|!()<>") & set(word) for word in words
    )
    assert set(search_words.asked(text)[0]) <= set(words)


@pytest.mark.parametrize(
    ("text", "query", "found"),
    [
        ("Café in İstanbul", "cafe istanbul", True),
        ("STRASSE", "straße", True),
        ("東京で働く", "京東", True),
        ("state-of-the-art", "art state", True),
        ("Series B funding", "series fund", True),
        ("Series B funding", "fund series", False),
        ("Series B funding", "series fund ", False),
        ("a b c", "b", True),
        ("bcd", "b", False),
        ("ﬁnance ２０２６", "finance 2026", True),
    ],
)
def test_what_counts_as_a_word(text: str, query: str, found: bool) -> None:
    assert holds(text, query) is found


def test_what_is_endless_is_cut_alike() -> None:
    long = "x" * 5_000
    assert holds(f"a {long} b", long)
    assert len(search_words.of(" ".join(f"w{number}" for number in range(200_000)))) <= 200_000
    assert len(search_words.asked(" ".join(f"w{number}" for number in range(500)))[0]) == 32
