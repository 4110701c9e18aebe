"""One spelling per profile, and a clear no to everything that is no profile."""

import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from harvester.errors import InvalidInput
from harvester.profile_urls import EXPECTED, MAX_LENGTH, canonical

JANE = "https://www.linkedin.com/in/jane-doe"
ANDRE = "https://www.linkedin.com/in/andr%C3%A9-dupr%C3%A9"


@pytest.mark.parametrize(
    "spelling",
    [
        JANE,
        f"{JANE}/",
        f"{JANE}/?trk=people",  # a slash before the query must not be left behind
        f"{JANE}/#about",
        f"{JANE}?trk=a/b/",
        f"{JANE}//",
        f"  {JANE}\t\r\n",
        f"\ufeff{JANE}\u200b",
        "http://www.linkedin.com/in/jane-doe",
        "HTTPS://WWW.LinkedIn.COM/In/Jane-Doe/",
        "https://linkedin.com/in/jane-doe",
        "https://www.linkedin.com:443/in/jane-doe",
        "http://linkedin.com:80/in/jane-doe",
        "https://www.linkedin.com./in/jane-doe",
        "https://www.linkedin.com//in/jane-doe",
        "https://uk.linkedin.com/in/jane-doe",
        "https://m.linkedin.com/in/jane-doe",
        "https://mobile.linkedin.com/in/jane-doe",
        "//www.linkedin.com/in/jane-doe",
        "www.linkedin.com/in/jane-doe",
        "linkedin.com/in/jane-doe",
        "linkedin.com:443/in/jane-doe",
        "de.linkedin.com/in/jane-doe/",
        "in/jane-doe",
        "/in/jane-doe/",
        f"{JANE}/recent-activity/all/",
        f"{JANE}/recent-activity/shares",
        f"{JANE}/detail/contact-info/",
        f"{JANE}/details/experience/",
        f"{JANE}/overlay/1635/single-media-viewer/?type=DOCUMENT",
        f"{JANE}/en",
        f"{JANE}/de-de/",
        f"{JANE}?locale=de_DE",
        f"{JANE}?miniProfileUrn=urn%3Ali%3Afsd_profile%3AACoAAA8BYqEBCGLg",
        "https://www.linkedin.com/in/%6Aane%2Ddoe",
    ],
)
def test_every_spelling_of_a_profile_is_the_same(spelling: str) -> None:
    assert canonical(spelling) == JANE


@pytest.mark.parametrize(
    "spelling",
    [
        "https://www.linkedin.com/in/andré-dupré",
        "https://www.linkedin.com/in/ANDRÉ-DUPRÉ/",
        "https://fr.linkedin.com/in/andr%c3%a9-dupr%C3%A9?originalSubdomain=fr",
        "https://www.linkedin.com/in/" + unicodedata.normalize("NFD", "andré-dupré"),
        "https://www.linkedin.com/in/" + quote(unicodedata.normalize("NFD", "André-Dupré")),
        "https://www.linkedin.com/in/andr%25C3%25A9-dupré",
    ],
)
def test_letters_beyond_ascii_have_one_form(spelling: str) -> None:
    assert canonical(spelling) == ANDRE


@pytest.mark.parametrize("section", ["company", "school"])
def test_pages_of_organisations_are_profiles_too(section: str) -> None:
    url = f"https://www.linkedin.com/{section}/vell-cooperative"
    assert canonical(f"http://linkedin.com/{section}/Vell-Cooperative/posts/?feedView=all") == url


def test_member_ids_keep_their_case() -> None:
    url = "https://www.linkedin.com/in/ACoAAA8BYqEBCGLg_vT_ca6mMEqkpp9nVffJ3hc"
    assert canonical(f"{url}/?x=1") == url


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        ("https://linkedin.com.evil.example/in/x", "host"),
        ("https://evil.example/linkedin.com/in/x", "host"),
        ("https://evil.example/https://linkedin.com/in/x", "host"),
        ("https://xlinkedin.com/in/x", "host"),
        ("https://business.linkedin.com/in/x", "host"),
        ("https://a.uk.linkedin.com/in/x", "host"),
        ("https://lnkd.in/in/x", "host"),
        ("https://www.linkedin.com\u3002evil.example/in/x", "host"),
        ("https:///in/x", "host"),
        ("jane-doe", "host"),
        ("https://linkedin.com@evil.example/in/x", "user name"),
        ("https://me:pw@www.linkedin.com/in/x", "user name"),
        ("https://www.linkedin.com:8443/in/x", "port"),
        ("https://www.linkedin.com:80/in/x", "port"),
        ("ftp://www.linkedin.com/in/x", "scheme"),
        ("javascript://www.linkedin.com/in/x", "scheme"),
        ("javascript:alert(1)", "host"),
        ("https://www.linkedin.com", "path"),
        ("https://www.linkedin.com/feed/", "path"),
        ("https://www.linkedin.com/posts/jane-doe_x-activity-7401000000000000001-aB3d", "path"),
        ("https://www.linkedin.com/sales/lead/x", "path"),
        ("https://www.linkedin.com/pub/jane-doe/1/2b/3c4", "/pub/"),
        ("pub/jane-doe", "/pub/"),
        ("https://www.linkedin.com/in/", "missing"),
        ("https://www.linkedin.com/in", "missing"),
        ("https://www.linkedin.com/in//recent-activity/all/", "missing"),
        ("https://www.linkedin.com/in/?x=jane", "missing"),
        ("https://www.linkedin.com/in/../company/x", "missing"),
        ("https://www.linkedin.com/in/%2e%2e/x", "missing"),
        ("https://www.linkedin.com/in/x/../y", "dots"),
        ("https://www.linkedin.com/in/x/%2E%2e/y", "dots"),
        ("https://www.linkedin.com/in/a%2Fb", "characters"),
        ("https://www.linkedin.com/in/a%3Fb", "characters"),
        ("https://www.linkedin.com/in/jane doe", "characters"),
        ("https://www.linkedin.com/in/jane%00doe", "characters"),
        ("https://www.linkedin.com/in/jane%E2%80%AEeod", "characters"),
        ("https://www.linkedin.com/in/https://www.linkedin.com/in/x", "characters"),
        ("https://www.linkedin.com/in/andr%E9", "UTF-8"),
        ("https://www.linkedin.com/in/100%", "broken"),
        ("https://www.linkedin.com/in/x\ny", "control"),
        ("https://www.linkedin.com/in/\x00x", "control"),
        ("https://www.linkedin.com/in/\ud800", "control"),
        ("https://www.linkedin.com\\in\\x", "backslash"),
        ("", "empty"),
        (" \n\ufeff", "empty"),
        (f"https://www.linkedin.com/in/{'x' * MAX_LENGTH}", "longer"),
        (f"https://www.linkedin.com/in/{'é' * 100}", "longer"),
        (None, "NoneType"),
        (7, "int"),
        (b"https://www.linkedin.com/in/x", "bytes"),
    ],
)
def test_everything_else_is_refused_with_its_reason(refused: object, reason: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        canonical(refused)
    assert refusal.value.code == "invalid_profile_url"
    assert reason in str(refusal.value)
    assert EXPECTED in str(refusal.value)


PARTS = st.sampled_from('/?#@:%\\" .\u0301\u0345\u200d\x00ÉİẞΑΣǅ🌾') | st.sampled_from(
    [
        "https://",
        "http://",
        "www.",
        "uk.",
        "linkedin.com",
        "/in/",
        "/company/",
        "jane",
        "%C3%A9",
        "%25",
        "%2F",
        "..",
    ]
)
URLS = st.lists(PARTS | st.text(max_size=3), max_size=8).map("".join) | st.text(max_size=25).map(JANE.__add__)


@given(URLS)
@example("https://www.linkedin.com/in/İ\u0301ΑΣ")
def test_a_canonical_url_is_its_own_canonical_form(url: str) -> None:
    try:
        once = canonical(url)
    except InvalidInput:
        return
    assert canonical(once) == once
    assert once.isascii()
    assert len(once) <= MAX_LENGTH
    assert once.startswith(
        tuple(f"https://www.linkedin.com/{section}/" for section in ("in", "company", "school"))
    )
    assert once.count("/") == 4
    assert not set(once) & set("?#@\\ ")


@given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20))
def test_case_composition_encoding_and_tail_do_not_matter(name: str) -> None:
    lowered = unicodedata.normalize("NFC", name.lower())
    # Some letters have no way back from their capital (ß, ı): those are other names.
    assume(unicodedata.normalize("NFC", lowered.upper().lower()) == lowered)
    spellings = [
        name,
        lowered.upper(),
        unicodedata.normalize("NFD", lowered),
        quote(lowered),
        quote(name).lower(),
    ]
    forms = {canonical(f"linkedin.com/in/{spelling}/?trk=x") for spelling in spellings}
    assert forms == {f"https://www.linkedin.com/in/{quote(lowered, safe='')}"}
