"""Items of real people as items of nobody: the same shape, other words, numbers and days.

What an item says is replaced by something of the same form that a secret key decides: a word by an invented
one of the same length and case, a number of a post by another of as many digits, wherever they stand. What a
normaliser goes by stays: keys, types, URNs, LinkedIn's paths, words that name a kind, counts, punctuation.
All times move by the same number of whole days.
"""

from __future__ import annotations

import hmac
import re
import secrets
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, unquote

_CONSONANTS: Final = "bdfgklmnprstvz"
_VOWELS: Final = "aeiou"
_KIND_KEYS: Final = frozenset(
    {"type", "kind", "post_type", "posttype", "reactiontype", "authortype", "sortby", "post_language_code"}
)
_KIND_WORD: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,30}")
#: Keys whose numbers count something, also where they are written as text, and keys of relative times.
_COUNTED: Final = re.compile(r"count|num|like|comment|share|repost|reaction|total|page|width|height", re.I)
_AGO: Final = re.compile(r"ago|relative|timesince", re.I)
#: An actor's own word that there is nothing.
_NOTHING: Final = re.compile(r"no (?:posts|results|items|data)(?: found)?\.?", re.I)
_FIELD_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.-]{0,80}")
_ISO: Final = re.compile(r"[12][0-9]{3}-[01][0-9]-[0-3][0-9](?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?")
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"]+|urn:li:[^\s\"]+")
_MEMBER: Final = re.compile(r"AC[A-Za-z]AA[A-Za-z0-9_-]{25,60}")
_TOKEN: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+|AC[A-Za-z]AA[A-Za-z0-9_-]{25,60}|[^\W\d_]+|\d+")
_ENCODED: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
#: Keys of numbers that name somebody: a member's may have fewer digits than a post's.
_NAMING: Final = re.compile(r"(?:^|_)(?:id|urn)$|(?:Id|ID|Urn)$|phone", re.I)
_HOST: Final = re.compile(r"(https?://)([^/?#]*)")
_OURS: Final = re.compile(r"(?:[a-z0-9-]+\.)*(?:linkedin\.com|licdn\.com)", re.I)
#: What stands in LinkedIn's URLs and URNs, and says nothing of anybody.
_STRUCTURE: Final = frozenset(
    [
        *("urn", "li", "activity", "ugcPost", "share", "comment", "commentUrn", "reaction", "fsd", "profile"),
        *("member", "person", "organization", "miniProfileUrn", "posts", "in", "company", "school", "feed"),
        *("update", "pulse", "newsletters", "events", "embed", "detail", "dms", "image", "images", "video"),
        *("document", "playlist", "vid", "article", "media", "v", "e", "t", "beta"),
    ]
)
#: Milliseconds, and seconds, of the years in which posts are made.
_TIMES: Final = ((range(10**12, 4 * 10**12), 1000), (range(10**9, 4 * 10**9), 1))
_LONG: Final = 10**9


class Scrubber:
    """Scrubs items that belong together: what is the same in them before is the same after."""

    def __init__(self, key: bytes | None = None) -> None:
        """Take a key, or a new one that nobody will know."""
        self._key = key or secrets.token_bytes(32)
        self._days = timedelta(days=30 + self._number("days", 600))

    def item(self, value: Any, key: str = "") -> Any:
        """Scrub any JSON value; `key` is the one that it stands under."""
        if isinstance(value, dict):
            return {self._field_name(name): self.item(held, str(name)) for name, held in value.items()}
        if isinstance(value, list):
            return [self.item(held, key) for held in value]
        if isinstance(value, str):
            return self._text(value, key)
        if isinstance(value, int) and not isinstance(value, bool):
            return self._integer(value, key)
        return value

    def _field_name(self, name: str) -> str:
        return name if _FIELD_NAME.fullmatch(name) else self._words(name)

    def _text(self, text: str, key: str) -> str:
        if _is_kept(text, key):
            return text
        if _ISO.fullmatch(text.strip()):
            return self._iso(text)
        found, at = "", 0
        for match in _ADDRESS.finditer(text):
            found += self._words(text[at : match.start()]) + self._address(match[0])
            at = match.end()
        return found + self._words(text[at:])

    def _address(self, text: str) -> str:
        host = _HOST.match(text)
        begins = ""
        if host is not None:
            begins = (
                host[0]
                if _OURS.fullmatch(host[2])
                else f"{host[1]}{self._words(host[2].split('.')[0])}.example"
            )
            text = text[host.end() :]
        return begins + _TOKEN.sub(self._in_address, text)

    def _in_address(self, match: re.Match[str]) -> str:
        return match[0] if match[0] in _STRUCTURE else self._token(match)

    def _words(self, text: str) -> str:
        return _TOKEN.sub(self._token, text)

    def _token(self, match: re.Match[str]) -> str:
        token = match[0]
        if _ENCODED.fullmatch(token):
            return self._encoded(token)
        if token.isdecimal():
            return self._digits(token) if token.isascii() else self._other_digits(token)
        if _MEMBER.fullmatch(token):
            return token[:5] + self._letters(token, len(token) - 5, "abcdefghijkmnopqrstuvwxyz")
        return self._word(token)

    def _encoded(self, token: str) -> str:
        """Scrub what stands percent-encoded in an address: a name may, and so may the signs of a URN."""
        try:
            told = unquote(token, errors="strict")
        except UnicodeDecodeError:
            told = unquote(token, encoding="latin-1")
        scrubbed = self._words(told)
        return token if scrubbed == told else quote(scrubbed, safe="")

    def _other_digits(self, digits: str) -> str:
        """Invent a number in the digits of another alphabet."""
        drawn = self._bytes(digits, len(digits))
        return "".join(
            chr(ord(digit) - unicodedata.decimal(digit) + byte % 10)
            for digit, byte in zip(digits, drawn, strict=True)
        )

    def _word(self, word: str) -> str:
        """Invent a word of the same length and case; each letter of another alphabet stays in its own."""
        drawn = self._bytes(word.lower(), len(word))
        starts = drawn[0] % 2
        found = ""
        for at, letter in enumerate(word):
            if letter.isascii():
                alphabet = _VOWELS if (at + starts) % 2 else _CONSONANTS
                invented = alphabet[drawn[at] % len(alphabet)]
                found += invented.upper() if letter.isupper() else invented
            else:
                found += _neighbour(letter, drawn[at])
        return found

    def _integer(self, number: int, key: str) -> int:
        for times, per_second in _TIMES:
            if number in times:
                return number - int(self._days.total_seconds()) * per_second
        if abs(number) < _LONG and not (_NAMING.search(key) and number):
            return number
        return (-1 if number < 0 else 1) * int(self._digits(str(abs(number))))

    def _iso(self, text: str) -> str:
        """Move the day, and leave everything else as it is written."""
        try:
            day = datetime.fromisoformat(text.strip()[:10]).replace(tzinfo=UTC)
        except ValueError:
            return self._words(text)
        return text.replace(text.strip()[:10], f"{day - self._days:%Y-%m-%d}", 1)

    def _digits(self, digits: str) -> str:
        first = self._letters(f"first {digits}", 1, "123456789")
        return first + self._letters(digits, len(digits) - 1, "0123456789")

    def _letters(self, said: str, length: int, alphabet: str) -> str:
        return "".join(alphabet[one % len(alphabet)] for one in self._bytes(said, length))

    def _number(self, said: str, below: int) -> int:
        return int.from_bytes(self._bytes(said, 8)) % below

    def _bytes(self, said: str, length: int) -> bytes:
        """Draw so many bytes that the key decides."""
        drawn, part = b"", 0
        while len(drawn) < length:
            drawn += hmac.digest(self._key, f"{part} {said}".encode("utf-8", "surrogatepass"), "sha256")
            part += 1
        return drawn[:length]


def _is_kept(text: str, key: str) -> bool:
    """Say whether a text is a kind, a count, a relative time or a "nothing": a normaliser goes by these."""
    if key.lower() in _KIND_KEYS and _KIND_WORD.fullmatch(text):
        return True
    if (_AGO.search(key) and len(text) <= 80) or _NOTHING.fullmatch(text.strip()):
        return True
    return bool(_COUNTED.search(key)) and text.strip().isdecimal() and len(text) < 10


def _neighbour(letter: str, drawn: int) -> str:
    """Give another letter of the same alphabet: the same 32 places of Unicode, and the same case."""
    start = ord(letter) & ~0x1F
    is_like: tuple[Callable[[str], bool], ...] = (
        str.isalpha,
        str.isupper if letter.isupper() else str.isalpha,
    )
    like = [chr(one) for one in range(start, start + 32) if all(test(chr(one)) for test in is_like)]
    return like[drawn % len(like)] if like else letter


def shape_of(value: Any) -> Any:
    """Give what two items of one shape have in common: their keys, all the way down, and the types."""
    if isinstance(value, dict):
        return tuple(sorted((name, shape_of(held)) for name, held in value.items()))
    if isinstance(value, list):
        return ("list", *sorted({repr(shape_of(held)) for held in value}))
    return type(value).__name__
