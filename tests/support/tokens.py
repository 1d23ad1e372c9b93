"""Signing keys, key sets and tokens for tests, both valid and invalid."""

import base64
import functools
import json
from collections.abc import Mapping
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

NOW: Final = 1_790_000_000
ISSUER: Final = "https://issuer.example/"
AUDIENCE: Final = "https://api.example"
CURVES: Final = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
    "ES256K": ec.SECP256K1(),
}


@functools.cache
def private_key(kind: str) -> Any:
    """The key of this kind: `RS`, `RS-1024`, `RS-other`, an ECDSA algorithm, `Ed25519` or `Ed448`."""
    if kind.startswith("RS"):
        return rsa.generate_private_key(65537, 1024 if kind == "RS-1024" else 2048)
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "Ed448":
        return ed448.Ed448PrivateKey.generate()
    return ec.generate_private_key(CURVES[kind])


def jwk(kind: str = "RS", kid: str | None = "k1", **members: Any) -> dict[str, Any]:
    """The public key as a JWK, with these members added or, if None, removed."""
    public = private_key(kind).public_key()
    algorithm: Any = RSAAlgorithm if kind.startswith("RS") else OKPAlgorithm if kind.startswith("Ed") else ECAlgorithm
    made = {n: v for n, v in algorithm.to_jwk(public, as_dict=True).items() if n != "key_ops"}
    if kid is not None:
        made["kid"] = kid
    return {name: value for name, value in (made | members).items() if value is not None}


def key_set(*keys: object) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


def claims(**changes: Any) -> dict[str, Any]:
    """Claims that are accepted, with these changed or, if None, removed."""
    made = {"iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "iat": NOW - 60, "exp": NOW + 600} | changes
    return {name: value for name, value in made.items() if value is not None}


def token(
    payload: Mapping[str, Any] | bytes | None = None,
    header: Mapping[str, Any] | bytes | None = None,
    *,
    alg: str = "RS256",
    kind: str | None = None,
) -> str:
    """A signed token. `payload` and `header` may be raw bytes; a header's members replace the usual ones."""
    kind = kind or ("RS" if alg[:2] in ("RS", "PS") else alg)
    usual: dict[str, Any] = {"alg": alg if not alg.startswith("Ed") else "EdDSA", "typ": "JWT", "kid": "k1"}
    if not isinstance(header, bytes):
        merged = {name: value for name, value in (usual | dict(header or {})).items() if value is not None}
        header = json.dumps(merged).encode()
    if not isinstance(payload, bytes):
        payload = json.dumps(claims() if payload is None else payload).encode()
    signed = f"{base64url(header)}.{base64url(payload)}"
    return f"{signed}.{base64url(sign(signed.encode(), alg, kind))}"


def sign(message: bytes, alg: str, kind: str) -> bytes:
    algorithm: Any = jwt.get_algorithm_by_name("EdDSA" if alg.startswith("Ed") else alg)
    signature: bytes = algorithm.sign(message, private_key(kind))
    return signature


def base64url(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


ALGORITHMS: Final = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RS"),
    **{name: name for name in ("ES256", "ES256K", "ES384", "ES512", "Ed25519", "Ed448")},
}
"""Each algorithm, and the kind of its key."""
KINDS: Final = sorted(set(ALGORITHMS.values()))
ALL_TYPES: Final = [jwk(kind, kid=f"the {kind} key") for kind in KINDS]
"""A key of each kind."""
