"""A provider's public key: from its JSON Web Key (RFC 7517, RFC 7518 section 6, RFC 8037), and what it verifies.

PyJWT reads the key and verifies with it. Which key goes with which algorithm is decided here, before PyJWT is asked:
by itself it takes a P-256 key for ES384, RSA of 1024 bits, and a private key.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import cryptography
import jwt

from authorizer import algorithms

if TYPE_CHECKING:
    from jwt.algorithms import Algorithm

MAX_RSA_BITS: Final = 16_384
"""OpenSSL verifies with no longer one. The shortest is PyJWT's: 2048 bits, as in RFC 7518, 3.3."""
VERSIONS: Final = {"pyjwt": jwt.__version__, "cryptography": cryptography.__version__}

_PUBLIC: Final = ("crv", "e", "kty", "n", "x", "y")
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")
# PyJWT does not know the names of RFC 9864; the key's curve decides in either case.
_NAMES_IN_PYJWT: Final = {"Ed25519": "EdDSA", "Ed448": "EdDSA"}


class UnusableKey(Exception):
    """A member of a key set that no signature is checked with. The text says why, and quotes nothing of the key."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key and the algorithms that it may be used with.

    Two are equal when they are the same key for the same algorithms. `thumbprint` is that of RFC 7638, with SHA-256
    in hexadecimal: the same for the same key, whatever its `kid`, its `alg`, and the spelling of its numbers.
    """

    kid: str | None = field(compare=False)
    algorithms: frozenset[str]
    thumbprint: str
    _verifiers: Mapping[str, tuple[Algorithm, Any]] = field(compare=False, repr=False)

    @classmethod
    def from_jwk(cls, jwk: object, uses: Collection[str] = ("sig",)) -> SigningKey:
        """`uses`: what its `use` may be, where it has one.

        :raises UnusableKey: not a public key for asymmetric signatures that is strong enough.
        """
        if not isinstance(jwk, dict):
            raise UnusableKey("not an object")
        _check_purpose(jwk, uses)
        kid = jwk.get("kid")
        if kid is not None and not (isinstance(kid, str) and kid):
            raise UnusableKey("kid is not a text")
        names = _algorithms(jwk)
        try:
            return cls(kid, names, *_read({name: jwk[name] for name in _PUBLIC if name in jwk}, names))
        except UnusableKey:
            raise
        except Exception:
            # PyJWT's errors are of many classes, and their texts quote the key.
            raise UnusableKey("its numbers are no key") from None

    def verifies(self, algorithm: str, message: bytes, signature: bytes) -> bool:
        """Whether the signature over the message is this key's, made with this algorithm, one of its own."""
        if algorithm not in self.algorithms:
            return False
        verifier, key = self._verifiers[algorithm]
        return verifier.verify(message, key, signature)


def _check_purpose(jwk: Mapping[str, Any], uses: Collection[str]) -> None:
    use, key_ops = jwk.get("use"), jwk.get("key_ops")
    if use is not None and not (isinstance(use, str) and use in uses):
        raise UnusableKey("not for signatures")
    if key_ops is not None and not (isinstance(key_ops, list) and "verify" in key_ops):
        raise UnusableKey("not for verifying")
    if not _PRIVATE.isdisjoint(jwk):
        raise UnusableKey("a secret or private key, published")


def _algorithms(jwk: Mapping[str, Any]) -> frozenset[str]:
    """Those that fit the key's type and curve, or the one of them that it names."""
    kty, crv = jwk.get("kty"), jwk.get("crv")
    if not isinstance(kty, str) or not isinstance(crv, str | None):
        raise UnusableKey("kty or crv is not a text")
    fitting = algorithms.of_key(kty, crv)
    if "alg" in jwk:
        alg = jwk["alg"]
        known = isinstance(alg, str) and alg in fitting
        fitting = frozenset(name for name in fitting if known and algorithms.is_same(name, alg, crv))
    if not fitting:
        raise UnusableKey("of no known type, curve or algorithm")
    return fitting


def _read(jwk: dict[str, Any], names: frozenset[str]) -> tuple[str, dict[str, tuple[Algorithm, Any]]]:
    """The key's thumbprint, and for each algorithm what verifies with it.

    :raises UnusableKey: it is too short or too long.
    :raises Exception: it is no key.
    """
    # PyJWT skips characters that are not base64url's.
    if not all(_BASE64URL.fullmatch(jwk[name]) for name in ("e", "n", "x", "y") if name in jwk):
        raise UnusableKey("its numbers are not base64url")
    key = jwt.PyJWK(jwk, algorithm=_name_in_pyjwt(next(iter(names)))).key
    if jwk["kty"] == "RSA" and key.key_size > MAX_RSA_BITS:
        raise UnusableKey("RSA with too many bits")
    verifiers = {}
    for name in names:
        algorithm = jwt.get_algorithm_by_name(_name_in_pyjwt(name))
        prepared = algorithm.prepare_key(key)
        if algorithm.check_key_length(prepared) is not None:
            raise UnusableKey("RSA with too few bits")
        verifiers[name] = (algorithm, prepared)
    written = algorithm.to_jwk(prepared, as_dict=True)
    required = {name: written[name] for name in _PUBLIC if name in written}
    return hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).hexdigest(), verifiers


def _name_in_pyjwt(name: str) -> str:
    return _NAMES_IN_PYJWT.get(name, name)
