"""The key types that each signature algorithm accepts, by JOSE algorithm name.

Sources: RFC 7518, 3.1 (RSA and the NIST curves); RFC 8812, 3.1 (secp256k1); RFC 8037, 3.1 and RFC 9864, 2.2 (Edwards
curves). `EdDSA` stands for both Edwards curves. RFC 9864 adds one name for each curve: `Ed25519` and `Ed448`.
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

_EDWARDS: Final = frozenset({"Ed25519", "Ed448"})

ALGORITHMS: Final = frozenset(_KEYS)
"""All supported algorithms. They are all asymmetric."""


def of_key(kty: str, crv: str | None, alg: object = None) -> frozenset[str]:
    """The algorithms for a key of this type and curve, from its JWK; only the one that `alg` names, if it is not None.

    Empty for an unknown type, and for an `alg` that does not fit. RSA has no curve.
    """
    key = (kty, None if kty == "RSA" else crv)
    fitting = frozenset(name for name, keys in _KEYS.items() if key in keys)
    if alg is None:
        return fitting
    if not isinstance(alg, str) or alg not in fitting:
        return frozenset()
    # Both names mean the same algorithm for a key of this curve.
    return fitting & {EDDSA, crv} if alg in (EDDSA, crv) else frozenset({alg})


def permitted(name: str, allowed: frozenset[str]) -> str | None:
    """The allowed algorithm that the `alg` of a token stands for, or None if it is not allowed.

    If only one Edwards curve is allowed, `EdDSA` stands for the algorithm of that curve only.
    """
    if name in allowed or (name in _EDWARDS and EDDSA in allowed):
        return name
    curves = allowed & _EDWARDS if name == EDDSA else frozenset[str]()
    return EDDSA if len(curves) > 1 else next(iter(curves), None)
