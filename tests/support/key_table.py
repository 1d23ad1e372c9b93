"""The expected result of a signature for every kind of key and every algorithm name.

The rows are plain data, so that another interpreter can go through them too.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

from tests.support.tokens import jwk, private_key

MESSAGE: Final = b"eyJhbGciOiJub25lIn0.e30"

RSA_NAMES: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
MAY: Final[dict[str, tuple[str, ...]]] = {
    "RS": RSA_NAMES,
    "ES256": ("ES256",),
    "ES384": ("ES384",),
    "ES512": ("ES512",),
    "ES256K": ("ES256K",),
    "Ed25519": ("EdDSA", "Ed25519"),
    "Ed448": ("EdDSA", "Ed448"),
}
"""The diagonal: the algorithm names that each kind of key of `tokens.private_key` accepts."""

NAMES: Final = (
    *RSA_NAMES,
    *("ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448"),
    # Unsupported: PyJWT's misspelling of ES512, symmetric algorithms, none, other spellings, encryption.
    *("ES521", "HS256", "HS384", "HS512", "none", "None", "", "es256", "RS1", "ESP256", "RSA-OAEP", "dir"),
)

_HASHES: Final = {"ES256": SHA256(), "ES256K": SHA256(), "ES384": SHA384(), "ES512": SHA512(), "ES521": SHA512()}


class Row(NamedTuple):
    kind: str
    name: str
    jwk: dict[str, Any]
    message: bytes
    signature: bytes
    is_right: bool


def rows() -> Iterator[Row]:
    """For each kind and name, the best possible signature. For valid pairs, also a forged and a random one."""
    for kind, may in MAY.items():
        for name in NAMES:
            signature = best_signature(kind, name)
            yield Row(kind, name, jwk(kind), MESSAGE, signature, name in may)
            if name in may:
                forged = bytes([signature[0] ^ 1]) + signature[1:]
                for wrong in (forged, bytes(len(signature)), b"\xff" * len(signature), signature[:-1], b"", b"x" * 64):
                    yield Row(kind, name, jwk(kind), MESSAGE, wrong, False)
                yield Row(kind, name, jwk(kind), MESSAGE + b"x", signature, False)


def best_signature(kind: str, name: str) -> bytes:
    """A signature of the key with the algorithm's hash, even if they do not fit, such as ES384 with a P-256 key."""
    key = private_key(kind)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(MESSAGE, ec.ECDSA(_HASHES.get(name, SHA256()))))
        size = (key.curve.key_size + 7) // 8
        return r.to_bytes(size) + s.to_bytes(size)
    if kind.startswith("RS"):
        algorithm: Any = jwt.get_algorithm_by_name(name if name in RSA_NAMES else "RS256")
        signature: bytes = algorithm.sign(MESSAGE, key)
        return signature
    edwards: bytes = key.sign(MESSAGE)
    return edwards
