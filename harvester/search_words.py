"""The words by which a text is found: one definition for both databases, whose own notions of them differ.

Case, accents and the shapes of characters do not matter (Unicode's NFKD, case-folded). Scripts that are
written without blanks are taken character by character.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import filterfalse
from typing import Final

#: PostgreSQL keeps no lexeme of more than 2,046 bytes; nobody types a longer word.
_WORD_CHARS: Final = 64
#: PostgreSQL holds a megabyte of lexemes for a row: a character has at most four bytes.
_MOST_CHARS: Final = 200_000
#: Words of a query that are heeded: more narrow nothing down that anybody would notice.
_MOST_ASKED: Final = 32
#: A word's beginning is looked for from so many characters on: shorter ones are those of half the words.
_PREFIX_CHARS: Final = 3

_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|[^\W_{_IDEOGRAPHS}]+")
#: What ASCII's letters and digits become: lower case. All else becomes a blank.
_ASCII_WORDS = b"".join(chr(code).lower().encode() if chr(code).isalnum() else b" " for code in range(128))
_ASCII_WORDS += bytes(128)
_ACCENTS = re.compile("[\u0300-\u036f]+")


def of(*texts: str | None) -> str:
    """Give the words of these texts, each once, sorted, with blanks between, up to 200,000 characters."""
    joined = " ".join(sorted(_distinct(" ".join(filter(None, texts)))))
    return joined if len(joined) <= _MOST_CHARS else joined[:_MOST_CHARS].rpartition(" ")[0]


def asked(query: str) -> tuple[list[str], str | None]:
    """Give the words that a text must hold to be found, and the beginning of one more.

    That is the last word, which may not have been typed to its end. Words that are too many are left out.
    """
    found = _words(query)
    prefix = None
    if found and len(found[-1]) >= _PREFIX_CHARS and query[-1:].isalnum():
        prefix = found.pop()
    return list(dict.fromkeys(found))[:_MOST_ASKED], prefix


def _distinct(text: str) -> set[str]:
    """Give the words of a text. What has blanks around it is looked at by itself: most of it is ASCII."""
    if text.isascii():
        found = set(_ascii_words(text))
    else:
        pieces = text.split()
        found = set(_ascii_words(" ".join(filter(str.isascii, pieces))))
        found.update(_any_words(" ".join(filterfalse(str.isascii, pieces))))
    if max(map(len, found), default=0) <= _WORD_CHARS:
        return found
    return {word[:_WORD_CHARS] for word in found}


def _words(text: str) -> list[str]:
    return [word[:_WORD_CHARS] for word in _any_words(text)]


def _ascii_words(text: str) -> list[str]:
    return text.encode("ascii").translate(_ASCII_WORDS).decode("ascii").split()


def _any_words(text: str) -> list[str]:
    return _WORD.findall(_ACCENTS.sub("", unicodedata.normalize("NFKD", text).casefold()))
