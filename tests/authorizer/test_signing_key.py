"""The keys that are accepted, and the algorithms that each one verifies: only the diagonal of the key table."""

import logging
from typing import Any

import jwt
import pytest
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from authorizer.algorithms import ALGORITHMS, permitted
from authorizer.signing_key import SigningKey, UnusableKey
from tests.support.key_table import MAY, MESSAGE, NAMES, Row, best_signature, rows
from tests.support.tokens import base64url, jwk, private_key


def private_jwk(kind: str) -> dict[str, Any]:
    algorithm: Any = RSAAlgorithm if kind.startswith("RS") else OKPAlgorithm if kind.startswith("Ed") else ECAlgorithm
    made: dict[str, Any] = algorithm.to_jwk(private_key(kind), as_dict=True)
    return {name: value for name, value in made.items() if name != "key_ops"}


def why_unusable(member: object) -> str:
    with pytest.raises(UnusableKey) as caught:
        SigningKey.from_jwk(member)
    return str(caught.value)


@pytest.mark.parametrize("kind", MAY)
def test_only_the_diagonal_verifies(kind: str) -> None:
    def verdict(row: Row) -> bool:
        return SigningKey.from_jwk(row.jwk).verifies(row.name, row.message, row.signature)

    wrong = [(row.name, row.is_right) for row in rows() if row.kind == kind and verdict(row) != row.is_right]
    assert wrong == []


@pytest.mark.parametrize("kind", MAY)
def test_a_key_is_for_the_algorithms_of_its_type_and_curve(kind: str) -> None:
    assert SigningKey.from_jwk(jwk(kind)).algorithms == frozenset(MAY[kind])


@pytest.mark.parametrize("kind", MAY)
@pytest.mark.parametrize("name", [*filter(None, NAMES), ["ES256"], {}, 7])
def test_a_key_that_names_its_algorithm_is_for_that_one_alone_if_it_fits(kind: str, name: Any) -> None:
    member = jwk(kind) | {"alg": name}
    if name not in MAY[kind]:
        assert why_unusable(member) == "unsupported type, curve or algorithm"
        return
    key = SigningKey.from_jwk(member)
    # The two names of an Edwards curve's algorithm mean the same.
    assert key.algorithms == frozenset(MAY[kind] if kind.startswith("Ed") else [name])
    assert key.verifies(name, MESSAGE, best_signature(kind, name))


def test_every_supported_algorithm_has_a_key_type_that_it_fits() -> None:
    assert frozenset(name for names in MAY.values() for name in names) == ALGORITHMS


@pytest.mark.parametrize("kind", MAY)
def test_a_private_key_is_unusable(kind: str) -> None:
    assert why_unusable(private_jwk(kind)) == "private or secret key"


@pytest.mark.parametrize("name", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_one_member_of_a_private_key_makes_a_key_unusable(name: str) -> None:
    assert why_unusable(jwk() | {name: "AQAB"}) == "private or secret key"


@pytest.mark.parametrize("absent", [None, "", []])
@pytest.mark.parametrize("kind", MAY)
def test_members_that_are_null_or_empty_are_absent(kind: str, absent: object) -> None:
    names = ("alg", "d", "p", "q", "dp", "dq", "qi", "oth", "k", "use", "key_ops", "kid", "x5c", "x5t")
    key = SigningKey.from_jwk(jwk(kind) | dict.fromkeys(names, absent))
    expected = SigningKey.from_jwk(jwk(kind))
    assert (key.thumbprint, key.algorithms, key.kid) == (expected.thumbprint, expected.algorithms, None)


@pytest.mark.parametrize("odd", [0, "not base64url!", {}, "P-256"])
@pytest.mark.parametrize(("kind", "names"), [("RS", "crv x y"), ("ES256", "e n"), ("Ed25519", "e n y")])
def test_members_of_other_types_of_keys_are_ignored(kind: str, names: str, odd: object) -> None:
    key = SigningKey.from_jwk(jwk(kind) | dict.fromkeys(names.split(), odd))
    assert key == SigningKey.from_jwk(jwk(kind))


@pytest.mark.parametrize("kind", MAY)
def test_padding_and_the_standard_alphabet_are_read(kind: str) -> None:
    member = jwk(kind)
    written = {name: member[name] for name in ("e", "n", "x", "y") if name in member}
    other = {name: text.translate(str.maketrans("-_", "+/")) + "=" * (-len(text) % 4) for name, text in written.items()}
    assert SigningKey.from_jwk(member | other).thumbprint == SigningKey.from_jwk(member).thumbprint


@pytest.mark.parametrize("kind", MAY)
@pytest.mark.parametrize("crv", ["P-256", "P-384", "P-521", "secp256k1", "Ed25519", "Ed448", "X25519", "P-257", "", 7])
def test_a_key_that_names_another_curve_is_not_taken(kind: str, crv: object) -> None:
    member = jwk(kind)
    if kind == "RS" or member["crv"] == crv:
        return
    assert why_unusable(member | {"crv": crv})


@pytest.mark.parametrize("kind", MAY)
@pytest.mark.parametrize("kty", ["RSA", "EC", "OKP", "oct", "", "rsa", None, ["RSA"], 7])
def test_a_key_that_names_another_type_is_not_taken(kind: str, kty: object) -> None:
    member = jwk(kind)
    if member["kty"] != kty:
        assert why_unusable(member | {"kty": kty})


def test_rsa_is_taken_from_2048_bits_on() -> None:
    assert why_unusable(jwk("RS-1024")) == "RSA key too short"
    assert why_unusable(jwk() | {"n": base64url(b"\xff" * 2049)}) == "RSA key too long"


@pytest.mark.parametrize(
    "change",
    [
        {"n": "AQ=AB"},
        {"n": "="},
        {"n": " AQAB"},
        {"n": "AQAB\n"},
        {"n": "\N{LATIN SMALL LETTER E WITH ACUTE}"},
        {"n": ["AQAB"]},
        {"n": 7},
        {"n": ""},
        {"n": None},
        {"e": "AA"},
        {"e": "AQ"},
        {"e": "Ag"},
        {"e": None},
    ],
    ids=str,
)
def test_numbers_that_are_none_make_no_rsa_key(change: dict[str, Any]) -> None:
    assert "key parameters" in why_unusable(jwk() | change)


@pytest.mark.parametrize("kind", ["ES256", "ES384", "ES512", "ES256K", "Ed25519", "Ed448"])
@pytest.mark.parametrize("x", ["", "AA", base64url(bytes(32)), base64url(bytes(66)), None, 7, "A" * 100_000])
def test_a_point_that_is_not_on_the_curve_makes_no_key(kind: str, x: object) -> None:
    if kind.startswith("Ed") and x == base64url(bytes(32)):
        return  # 32 zeros encode a point of Ed25519.
    assert "key parameters" in why_unusable(jwk(kind) | {"x": x})


@pytest.mark.parametrize(
    "member",
    [None, 0, "text", [], [jwk()], {}, {"kty": "oct", "k": "AA"}, {"kty": "RSA"}, {"kty": "EC", "crv": "P-256"}],
    ids=lambda member: str(member)[:12],  # The key is another one in each worker, which must agree on the names.
)
def test_what_is_no_key_is_unusable_and_nothing_worse(member: object) -> None:
    assert why_unusable(member)


def test_whatever_the_library_raises_makes_the_key_unusable_and_its_text_is_not_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    member = jwk()

    def fail(*_arguments: object, **_options: object) -> None:
        raise NotImplementedError(f"secret {member}")

    monkeypatch.setattr(jwt, "PyJWK", fail)
    assert why_unusable(member) == "invalid key parameters"


@pytest.mark.parametrize("kind", [*MAY, "RS-1024"])
def test_neither_an_error_nor_a_log_quotes_the_key(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    member = jwk(kind) | {"kid": "Unmistakable"}
    numbers = [member[name] for name in ("n", "x", "y") if name in member]
    for change in ({"use": "enc"}, {"alg": "none"}, {"kty": "oct"}, {"x": "AA", "n": "AA"}, {"d": "AA"}):
        text = why_unusable(member | change)
        assert not [number for number in [*numbers, "Unmistakable"] if number in text]
    assert caplog.text == ""


def test_a_key_has_one_thumbprint_whatever_its_kid_and_the_spelling_of_its_numbers() -> None:
    member = jwk("RS", "k1")
    padded_with_zero = base64url(b"\0" + int_bytes(private_key("RS").public_key().public_numbers().n))
    same = [
        member,
        dict(reversed(member.items())),
        member | {"kid": "k2", "use": "sig", "x5t": "AA"},
        member | {"n": padded_with_zero},
    ]
    assert len({SigningKey.from_jwk(each).thumbprint for each in same}) == 1


def test_a_key_has_one_thumbprint_with_and_without_alg() -> None:
    bound, free = SigningKey.from_jwk(jwk() | {"alg": "RS256"}), SigningKey.from_jwk(jwk())
    assert bound.algorithms < free.algorithms
    assert bound.thumbprint == free.thumbprint


def test_different_keys_have_different_thumbprints() -> None:
    keys = [SigningKey.from_jwk(jwk(kind, "k1")) for kind in (*MAY, "RS-other")]
    assert len({key.thumbprint for key in keys}) == len(keys)


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    """The example in section 3.1 of RFC 7638."""
    member = {
        "kty": "RSA",
        "n": (
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB"
            "ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8"
            "KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"
            "xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
        ),
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    assert base64url(bytes.fromhex(SigningKey.from_jwk(member).thumbprint)) == (
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    )


@pytest.mark.parametrize(
    ("name", "allowed", "found"),
    [
        ("RS256", {"RS256"}, "RS256"),
        ("RS384", {"RS256"}, None),
        ("none", ALGORITHMS, None),
        ("EdDSA", ALGORITHMS, "EdDSA"),
        ("Ed25519", ALGORITHMS, "Ed25519"),
        ("Ed25519", {"EdDSA"}, "Ed25519"),
        ("Ed448", {"EdDSA"}, "Ed448"),
        ("EdDSA", {"Ed25519"}, "Ed25519"),
        ("EdDSA", {"Ed448", "RS256"}, "Ed448"),
        ("EdDSA", {"Ed448", "Ed25519"}, "EdDSA"),
        ("Ed448", {"Ed25519"}, None),
        ("EdDSA", {"RS256"}, None),
    ],
)
def test_the_names_of_an_edwards_curve_are_one_to_an_allow_list_and_stay_with_their_curve(
    name: str, allowed: set[str], found: str | None
) -> None:
    assert permitted(name, frozenset(allowed)) == found


def int_bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)
