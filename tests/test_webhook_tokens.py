"""A webhook token proves exactly one actor run; any other header proves nothing and breaks nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from harvester.webhook_tokens import MAX_HEADER_LENGTH, Claim, TokenSigner, is_one_of

parts = st.text("ABCabc012_-", min_size=1, max_size=64)
claims = st.builds(
    Claim,
    intent=parts,
    attempt=st.integers(0, 999_999_999),
    client_id=parts.filter(lambda text: text[0] not in "_-"),
)
secrets = st.text(min_size=32, max_size=80).filter(str.isprintable)
rings = st.lists(secrets, min_size=1, max_size=4, unique=True)

CLAIM = Claim("5b1f0c2e-9f7a-4a4e-8a55-6f1f3a0c7d11", 2, "Guy-Wilson")
KEY = "0123456789abcdef0123456789abcdef"


def signer(keys: Sequence[str]) -> TokenSigner:
    return TokenSigner([SecretStr(key) for key in keys])


def header(ring: TokenSigner, claim: Claim = CLAIM) -> str:
    return f"Bearer {ring.sign(claim.intent, claim.attempt, claim.client_id)}"


@given(rings, claims)
def test_a_token_proves_what_it_was_signed_for(keys: list[str], claim: Claim) -> None:
    ring = signer(keys)
    assert ring.verify(header(ring, claim)) == ring.verify(header(ring, claim).encode()) == claim


@given(rings, claims)
def test_a_token_of_any_key_in_the_ring_is_known_and_of_no_other(keys: list[str], claim: Claim) -> None:
    signed = header(signer(keys), claim)
    assert signer([*keys[1:], keys[0]]).verify(signed) == claim
    if keys[1:]:
        assert signer(keys[1:]).verify(signed) is None


@given(rings, claims, claims)
def test_a_mac_does_not_serve_another_claim(keys: list[str], claim: Claim, other: Claim) -> None:
    assume(claim != other)
    ring = signer(keys)
    mac = header(ring, claim).rpartition(".")[2]
    forged = f"{header(ring, other).rpartition('.')[0]}.{mac}"
    assert ring.verify(forged) is None


@given(claims, st.data())
def test_any_changed_character_fails(claim: Claim, data: st.DataObject) -> None:
    ring = signer([KEY])
    signed = header(ring, claim)
    at = data.draw(st.integers(len("Bearer "), len(signed) - 1), label="position")
    character = data.draw(st.characters().filter(lambda drawn: drawn != signed[at]), label="character")
    assert ring.verify(signed[:at] + character + signed[at + 1 :]) is None


@given(claims, st.integers(0, 250), st.text(max_size=5))
def test_any_cut_or_addition_fails(claim: Claim, at: int, text: str) -> None:
    ring = signer([KEY])
    signed = header(ring, claim)
    assert ring.verify(signed[:at]) == (claim if at >= len(signed) else None)
    assume(text.strip(" \t"))
    assert ring.verify(signed + text) is None


@given(
    st.one_of(st.none(), st.text(), st.binary(), st.text(max_size=5).map(lambda text: f"Bearer ph1.{text}"))
)
@example("")
@example("Bearer")
@example("Bearer ")
@example("Bearer " + "ph1." * 2000)
@example("Bearer \ud800\xff\u2028")
@example(b"\xff" * 8192)
@example(f"{header(signer([KEY]))}, {header(signer([KEY]))}")
@example(f"{header(signer([KEY]))}\n")
@example(header(signer([KEY])).replace("Bearer", "Basic"))
@example(header(signer([KEY])).replace("Bearer ", "Bearer"))
@example(header(signer([KEY])).replace("Bearer ", ""))
def test_no_other_header_proves_anything_or_raises(value: str | bytes | None) -> None:
    assert signer([KEY]).verify(value) is None
    assert not is_one_of(value, [SecretStr(KEY)])


def test_a_header_that_is_too_long_is_not_looked_at() -> None:
    signed = header(signer([KEY]))
    padded = signed.replace(" ", " " * (MAX_HEADER_LENGTH - len(signed) + 1))
    assert len(padded) == MAX_HEADER_LENGTH
    assert signer([KEY]).verify(padded) == CLAIM
    assert signer([KEY]).verify(f"{padded} ") is None


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", " bEaReR"])
def test_the_scheme_is_known_in_any_case(scheme: str) -> None:
    signed = header(signer([KEY])).replace("Bearer", scheme)
    assert signer([KEY]).verify(signed) == CLAIM
    assert is_one_of(f"{scheme} {KEY}", [SecretStr("other"), SecretStr(KEY)])


def test_the_form_of_a_token_is_fixed() -> None:
    # Tokens stand in the webhooks of actor runs that are under way while the service is updated.
    assert header(signer([KEY])) == (
        "Bearer ph1.3eb1bd43.5b1f0c2e-9f7a-4a4e-8a55-6f1f3a0c7d11.2.Guy-Wilson"
        "._R3DxmC25MoCJO9vNz9PSKHUPgBndW8XMH7GnmBBjaU"
    )


@pytest.mark.parametrize(
    ("intent", "attempt", "client_id"),
    [
        ("a.b", 1, "Guy"),
        ("", 1, "Guy"),
        ("a", -1, "Guy"),
        ("a", 1_000_000_000, "Guy"),
        ("a", True, "Guy"),
        ("a", 1, "-Guy"),
        ("a", 1, "Guy|Wilson"),
        ("a", 1, "Gü"),
        ("a", 1, "x" * 65),
        ("a\n", 1, "Guy"),
    ],
)
def test_what_no_token_can_hold_is_not_signed(intent: str, attempt: int, client_id: str) -> None:
    with pytest.raises(ValueError, match="no token can hold"):
        signer([KEY]).sign(intent, attempt, client_id)


def test_a_signer_without_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one key"):
        TokenSigner([])


@given(rings)
def test_a_signer_does_not_show_its_keys(keys: list[str]) -> None:
    ring = signer(keys)
    shown = repr(ring) + str(ring) + repr(ring._keys)
    assert not any(key in shown for key in keys)


tokens = st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1), max_size=5)


@given(tokens, st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_a_bearer_is_one_of_the_tokens_or_not(known: list[str], given_token: str) -> None:
    assert is_one_of(f"Bearer {given_token}", [SecretStr(token) for token in known]) == (given_token in known)
    assert is_one_of(f"bearer {given_token}".encode(), [SecretStr(given_token), *map(SecretStr, known)])


def test_no_bearer_is_not_an_empty_token() -> None:
    for nothing in (None, "", "Bearer", "Bearer ", b""):
        assert not is_one_of(nothing, [SecretStr("")])
