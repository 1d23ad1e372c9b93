"""A provider's public key: from its JSON Web Key (RFC 7517, RFC 7518 section 6, RFC 8037), and what it verifies.

The mathematics is OpenSSL's, through `cryptography`. Here it is only decided which keys and algorithms go together.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256K1,
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 16_384

_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_HASHES: Final = {"256": SHA256(), "384": SHA384(), "512": SHA512()}
_CURVES: Final = {
    "P-256": ("ES256", SECP256R1(), SHA256()),
    "P-384": ("ES384", SECP384R1(), SHA384()),
    "P-521": ("ES512", SECP521R1(), SHA512()),
    "secp256k1": ("ES256K", SECP256K1(), SHA256()),
}
_EDWARDS: Final[Mapping[str, Any]] = {"Ed25519": Ed25519PublicKey, "Ed448": Ed448PublicKey}
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")

Verify = Callable[[str, bytes, bytes], None]
"""``verify(algorithm, signature, message)``. :raises InvalidSignature: it is not the key's."""


class UnusableKey(Exception):
    """A member of a key set that no signature is checked with. The text says why, and quotes nothing of the key."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key and the algorithms that it may be used with."""

    kid: str | None
    algorithms: frozenset[str]
    _verify: Verify

    @classmethod
    def from_jwk(cls, jwk: object) -> SigningKey:
        """:raises UnusableKey: not a public key for asymmetric signatures that is strong enough."""
        if not isinstance(jwk, dict):
            raise UnusableKey("not an object")
        _check_purpose(jwk)
        kid = jwk.get("kid")
        if kid is not None and not (isinstance(kid, str) and kid):
            raise UnusableKey("kid is not a text")
        algorithms = _algorithms(jwk)
        try:
            verify = _READERS[jwk["kty"]](jwk)
        except (ValueError, TypeError, KeyError):
            raise UnusableKey("its numbers are no key") from None
        return cls(kid, algorithms, verify)

    def verifies(self, algorithm: str, message: bytes, signature: bytes) -> bool:
        """Whether the signature over the message is this key's, made with this algorithm, one of its own."""
        if algorithm not in self.algorithms:
            return False
        try:
            self._verify(algorithm, signature, message)
        except InvalidSignature:
            return False
        return True


def _check_purpose(jwk: Mapping[str, Any]) -> None:
    use, key_ops = jwk.get("use"), jwk.get("key_ops")
    if use is not None and use != "sig":
        raise UnusableKey("not for signatures")
    if key_ops is not None and not (isinstance(key_ops, list) and "verify" in key_ops):
        raise UnusableKey("not for verifying")
    if "d" in jwk:
        raise UnusableKey("a private key, published")


def _algorithms(jwk: Mapping[str, Any]) -> frozenset[str]:
    """Those that fit the key's type and curve, or the one of them that it names."""
    kty, crv = jwk.get("kty"), jwk.get("crv")
    if not isinstance(kty, str) or not isinstance(crv, str | None):
        raise UnusableKey("kty or crv is not a text")
    fitting = frozenset[str]()
    if kty == "RSA":
        fitting = _RSA
    elif kty == "EC" and crv in _CURVES:
        fitting = frozenset({_CURVES[crv][0]})
    elif kty == "OKP" and crv in _EDWARDS:
        fitting = frozenset({"EdDSA"})
    if "alg" in jwk:
        fitting = fitting & ({jwk["alg"]} if isinstance(jwk["alg"], str) else frozenset())
    if not fitting:
        raise UnusableKey("of no known type, curve or algorithm")
    return fitting


def _rsa(jwk: Mapping[str, Any]) -> Verify:
    key = RSAPublicNumbers(_integer(jwk["e"]), _integer(jwk["n"])).public_key()
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        raise UnusableKey(f"RSA with {key.key_size} bits")

    def verify(algorithm: str, signature: bytes, message: bytes) -> None:
        hashed = _HASHES[algorithm[2:]]
        # RFC 7518, 3.5: the salt is as long as the hash.
        padding = PKCS1v15() if algorithm.startswith("RS") else PSS(MGF1(hashed), hashed.digest_size)
        key.verify(signature, message, padding, hashed)

    return verify


def _ec(jwk: Mapping[str, Any]) -> Verify:
    _algorithm, curve, hashed = _CURVES[jwk["crv"]]
    size = (curve.key_size + 7) // 8
    x, y = _bytes(jwk["x"]), _bytes(jwk["y"])
    # RFC 7518, 6.2.1.2: with all their leading zeros.
    if len(x) != size or len(y) != size:
        raise ValueError("a coordinate is not as long as the curve's")
    key = EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), curve).public_key()

    def verify(_algorithm: str, signature: bytes, message: bytes) -> None:
        # RFC 7518, 3.4: r and s one after the other; OpenSSL takes them as ASN.1.
        if len(signature) != 2 * size:
            raise InvalidSignature
        r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
        key.verify(encode_dss_signature(r, s), message, ECDSA(hashed))

    return verify


def _okp(jwk: Mapping[str, Any]) -> Verify:
    key = _EDWARDS[jwk["crv"]].from_public_bytes(_bytes(jwk["x"]))

    def verify(_algorithm: str, signature: bytes, message: bytes) -> None:
        key.verify(signature, message)

    return verify


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Verify]]] = {"RSA": _rsa, "EC": _ec, "OKP": _okp}


def _bytes(text: object) -> bytes:
    if not isinstance(text, str) or not _BASE64URL.fullmatch(text):
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _integer(text: object) -> int:
    return int.from_bytes(_bytes(text))
