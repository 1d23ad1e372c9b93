"""A provider's public key: read from a JSON Web Key (RFC 7517, RFC 7518 section 6, RFC 8037), and used to verify.

PyJWT reads the key and verifies with it. This module first checks that the key fits the algorithm, because PyJWT alone
accepts a P-256 key for ES384, an RSA key of 1024 bits, and a private key.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import cryptography
import jwt

from authorizer import algorithms

if TYPE_CHECKING:
    from jwt.algorithms import Algorithm

MAX_RSA_BITS: Final = 16_384
"""OpenSSL's maximum. The minimum is PyJWT's: 2048 bits (RFC 7518, section 3.3)."""
VERSIONS: Final = {"pyjwt": jwt.__version__, "cryptography": cryptography.__version__}

_PUBLIC: Final = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
"""The members of a public key, by its type (RFC 7638, section 3.2). A key can have those of other types as well."""
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_NUMBERS: Final = ("e", "n", "x", "y")
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")
_TO_BASE64URL: Final = str.maketrans("+/", "-_")
# PyJWT does not have the names of RFC 9864. It selects the curve by the key.
_NAMES_IN_PYJWT: Final = {"Ed25519": "EdDSA", "Ed448": "EdDSA"}


class UnusableKey(Exception):
    """A member of a key set cannot be used. The text says why, and contains no part of the key."""


class SigningKey(NamedTuple):
    """A public key and the algorithms that it can be used with.

    `thumbprint` is the SHA-256 thumbprint of RFC 7638 in hexadecimal. It does not depend on `kid`, on `alg`, or on how
    the key's parameters are written. `verifiers` has what PyJWT verifies each algorithm with.
    """

    kid: str | None
    algorithms: frozenset[str]
    thumbprint: str
    verifiers: Mapping[str, tuple[Algorithm, Any]]

    @classmethod
    def from_jwk(cls, jwk: object, uses: Collection[str] = ("sig",)) -> SigningKey:
        """`uses`: the accepted values of `use`. A key without `use` is accepted.

        A member that is null or empty counts as absent: some publishers write all members that they know.

        :raises UnusableKey: it is not a public key for asymmetric signatures, or it is too weak.
        """
        if not isinstance(jwk, dict):
            raise UnusableKey("not an object")
        jwk = {name: value for name, value in jwk.items() if value not in (None, "", [])}
        _check_purpose(jwk, uses)
        kid = jwk.get("kid")
        if not isinstance(kid, str | None):
            raise UnusableKey("kid is not a string")
        names = _algorithms(jwk)
        try:
            return cls(kid, names, *_read({name: jwk[name] for name in _PUBLIC[jwk["kty"]] if name in jwk}, names))
        except UnusableKey:
            raise
        except Exception:
            # PyJWT raises many classes of errors, and their texts quote the key.
            raise UnusableKey("invalid key parameters") from None

    def verifies(self, algorithm: str, message: bytes, signature: bytes) -> bool:
        """Whether this key signed the message with this algorithm."""
        if algorithm not in self.algorithms:
            return False
        verifier, key = self.verifiers[algorithm]
        return verifier.verify(message, key, signature)


def _check_purpose(jwk: Mapping[str, Any], uses: Collection[str]) -> None:
    use, key_ops = jwk.get("use"), jwk.get("key_ops")
    if use is not None and not (isinstance(use, str) and use in uses):
        raise UnusableKey("use is not for signatures")
    if key_ops is not None and not (isinstance(key_ops, list) and "verify" in key_ops):
        raise UnusableKey("key_ops has no verify")
    if not _PRIVATE.isdisjoint(jwk):
        raise UnusableKey("private or secret key")


def _algorithms(jwk: Mapping[str, Any]) -> frozenset[str]:
    """The algorithms that fit the key's type and curve, or only the one that its `alg` names."""
    kty = jwk.get("kty")
    crv = jwk.get("crv") if kty != "RSA" else None
    if not isinstance(kty, str) or not isinstance(crv, str | None):
        raise UnusableKey("kty or crv is not a string")
    fitting = algorithms.of_key(kty, crv, jwk.get("alg"))
    if not fitting:
        raise UnusableKey("unsupported type, curve or algorithm")
    return fitting


def _read(jwk: dict[str, Any], names: frozenset[str]) -> tuple[str, dict[str, tuple[Algorithm, Any]]]:
    """The key's thumbprint, and a verifier for each algorithm.

    :raises UnusableKey: the key is too short or too long.
    :raises Exception: the JWK is not a valid key.
    """
    # Some publishers write padding, or the standard alphabet.
    jwk |= {name: jwk[name].rstrip("=").translate(_TO_BASE64URL) for name in _NUMBERS if name in jwk}
    # PyJWT ignores characters that are not base64url.
    if not all(_BASE64URL.fullmatch(jwk[name]) for name in _NUMBERS if name in jwk):
        raise UnusableKey("key parameters are not base64url")
    name = next(iter(names))
    key = jwt.PyJWK(jwk, algorithm=_NAMES_IN_PYJWT.get(name, name)).key
    if jwk["kty"] == "RSA" and key.key_size > MAX_RSA_BITS:
        raise UnusableKey("RSA key too long")
    verifiers = {}
    for name in names:
        algorithm = jwt.get_algorithm_by_name(_NAMES_IN_PYJWT.get(name, name))
        prepared = algorithm.prepare_key(key)
        if algorithm.check_key_length(prepared) is not None:
            raise UnusableKey("RSA key too short")
        verifiers[name] = (algorithm, prepared)
    written = algorithm.to_jwk(prepared, as_dict=True)
    required = {name: written[name] for name in _PUBLIC[jwk["kty"]]}
    return hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).hexdigest(), verifiers
