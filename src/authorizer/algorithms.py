"""Which keys may be used with which signature algorithm, by the names of JSON Object Signing (JOSE).

RFC 7518, 3.1 (RSA and the NIST curves); RFC 8812, 3.1 (secp256k1); RFC 8037, 3.1 and RFC 9864, 2.2 (Edwards curves).
RFC 9864 gives each Edwards curve a name of its own, `Ed25519` and `Ed448`, for what `EdDSA` names together.
"""

from collections.abc import Mapping
from typing import Final

EDDSA: Final = "EdDSA"

_RSA: Final = frozenset({("RSA", None)})
_ED25519: Final = ("OKP", "Ed25519")
_ED448: Final = ("OKP", "Ed448")

_KEYS: Final[Mapping[str, frozenset[tuple[str, str | None]]]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), _RSA),
    "ES256": frozenset({("EC", "P-256")}),
    "ES256K": frozenset({("EC", "secp256k1")}),
    "ES384": frozenset({("EC", "P-384")}),
    "ES512": frozenset({("EC", "P-521")}),
    "Ed25519": frozenset({_ED25519}),
    "Ed448": frozenset({_ED448}),
    EDDSA: frozenset({_ED25519, _ED448}),
}

ALGORITHMS: Final = frozenset(_KEYS)
"""All that are accepted: asymmetric ones only."""


def of_key(kty: str, crv: str | None) -> frozenset[str]:
    """The names of the algorithms that a key of this type and curve may be used with; none for an unknown one.

    `kty` and `crv` are the members of the key's JWK; RSA has no curve.
    """
    key = (kty, None if kty == "RSA" else crv)
    return frozenset(name for name, keys in _KEYS.items() if key in keys)


def is_same(one: str, other: str, crv: str | None) -> bool:
    """Whether two names mean the same algorithm, for a key of this curve that may be used with both."""
    return (crv if one == EDDSA else one) == (crv if other == EDDSA else other)


def permitted(name: str, allowed: frozenset[str]) -> str | None:
    """Under which name a token's algorithm is among the allowed ones, or None when it is not.

    Where one Edwards curve alone is allowed, `EdDSA` is that curve's algorithm and never the other's.
    """
    if name in allowed:
        return name
    if name in ("Ed25519", "Ed448") and EDDSA in allowed:
        return name
    if name == EDDSA:
        curves = allowed & {"Ed25519", "Ed448"}
        return EDDSA if len(curves) > 1 else next(iter(curves), None)
    return None
