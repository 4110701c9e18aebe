"""One spelling for each LinkedIn profile URL, so that two spellings of a lead are one lead."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote

from harvester.errors import InvalidInput

MAX_LENGTH = 500  # characters; of what is given, and of its canonical form
EXPECTED = "expected something like https://www.linkedin.com/in/jane-doe"

_SECTIONS = frozenset({"in", "company", "school"})
# www, the mobile sites, and the country sites (uk., de., …), which all serve the same profiles.
_HOST = re.compile(r"(?:(?:www|m|mobile|touch|[a-z]{2})\.)?linkedin\.com\.?", re.IGNORECASE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_DEFAULT_PORTS = {"http": ("", "80"), "https": ("", "443"), "": ("", "80", "443")}
# Invisible marks that spreadsheets and chat programs leave around a pasted URL; str.strip() keeps these.
_MARKS = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_BLANK_EDGES = re.compile(rf"\A[\s{_MARKS}]+|[\s{_MARKS}]+\Z")
# Joiners belong to some scripts and to emoji; every other invisible character in a slug is a mistake.
_JOINERS = frozenset("\u200c\u200d")
_UNFIT_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zs", "Zl", "Zp"})
_UNFIT_CHARACTERS = frozenset('/\\?#@:%<>"{}|^`[]*')
# LinkedIn's member IDs stand where a slug stands but differ by case: lowered, they would lead nowhere.
_MEMBER_ID = re.compile(r"AC[A-Za-z]AA[A-Za-z0-9_-]{25,60}")


def canonical(url: object) -> str:
    """`url` as `https://www.linkedin.com/<in|company|school>/<slug>`; canonical forms are unchanged.

    The slug comes out in lower case, NFC, percent-encoded as UTF-8 with upper-case hex. Sub-pages, queries,
    fragments, country hosts and a missing scheme are folded away. Raises `InvalidInput` (code
    `invalid_profile_url`) for whatever is no profile URL, saying why.
    """
    text = _readable(url)
    # Query and fragment go first: cut after the trailing slash, they would leave one behind.
    address = re.split(r"[?#]", text, maxsplit=1)[0]
    section, _, rest = _path(address).partition("/")
    section = section.lower()
    if section == "pub":
        raise _refused("this is an old /pub/ address, which does not tell the profile's present name")
    if section not in _SECTIONS:
        raise _refused("the path is not that of a profile (/in/…, /company/… or /school/…)")
    name, *subpages = rest.split("/")
    if any(unquote(step) in {".", ".."} for step in subpages):
        raise _refused("the path holds dots that lead elsewhere")
    result = f"https://www.linkedin.com/{section}/{quote(_slug(_decoded(name)), safe='')}"
    if len(result) > MAX_LENGTH:
        raise _refused(f"it is longer than {MAX_LENGTH} characters")
    return result


def _refused(why: str) -> InvalidInput:
    return InvalidInput(f"This is no LinkedIn profile URL: {why}; {EXPECTED}.", code="invalid_profile_url")


def _readable(url: object) -> str:
    if not isinstance(url, str):
        raise _refused(f"it is not text but {type(url).__name__}")
    if len(url) > MAX_LENGTH:
        raise _refused(f"it is longer than {MAX_LENGTH} characters")
    text = _BLANK_EDGES.sub("", url)
    if not text:
        raise _refused("it is empty")
    if not text.isprintable() and any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise _refused("it holds control characters")
    if "\\" in text:
        raise _refused("it holds a backslash")
    return text


def _path(address: str) -> str:
    """The path without its leading slashes, after a check of scheme, host and port."""
    match = _SCHEME.match(address)
    scheme = match[1].lower() if match else ""
    if scheme not in _DEFAULT_PORTS:
        raise _refused("its scheme is neither http nor https")
    if not match and not address.startswith("//") and _is_bare(address):
        return address.lstrip("/")
    rest = address[match.end() :] if match else address.removeprefix("//")
    authority, _, path = rest.partition("/")
    _check_authority(authority, scheme)
    return path.lstrip("/")


def _is_bare(address: str) -> bool:
    return address.lstrip("/").partition("/")[0].lower() in _SECTIONS | {"pub"}


def _check_authority(authority: str, scheme: str) -> None:
    if "@" in authority:
        raise _refused("it holds a user name before the host")
    host, _, port = authority.partition(":")
    if not _HOST.fullmatch(host):
        raise _refused("its host is not linkedin.com")
    if port not in _DEFAULT_PORTS[scheme]:
        raise _refused("it names a port")


def _decoded(segment: str) -> str:
    """`segment` without percent-encoding, however often it was encoded: no profile's name holds a `%`."""
    while "%" in segment:
        try:
            decoded = unquote(segment, errors="strict")
        except UnicodeDecodeError:
            raise _refused("its percent-encoding is not that of UTF-8") from None
        if decoded == segment:
            raise _refused("its percent-encoding is broken")
        segment = decoded
    return segment


def _slug(segment: str) -> str:
    if not segment.strip("."):
        raise _refused("the profile's name is missing after the section")
    for character in segment:
        if character in _UNFIT_CHARACTERS or _is_unfit(character):
            raise _refused("the profile's name holds characters that no profile's name has")
    if _MEMBER_ID.fullmatch(segment):
        return segment
    return unicodedata.normalize("NFC", segment.lower())


def _is_unfit(character: str) -> bool:
    return unicodedata.category(character) in _UNFIT_CATEGORIES and character not in _JOINERS
