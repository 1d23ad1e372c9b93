"""The keyed hash that stands for the subject of a JWT in the access log and in the table of usage."""

import hashlib
import hmac
import re
from typing import Final

KEY_PATTERN: Final = re.compile(r"[0-9a-f]{64}\Z")
"""32 random bytes in hexadecimal. A shorter key, or one that a person chose, could be found by trying: everybody knows
one subject, their own, and can find its hash in the log."""
_BYTES: Final = 16
"""HMAC can be truncated to 128 bits (RFC 2104, section 5)."""


def subject_hash(key: str, issuer: str, sub: str) -> str:
    """HMAC-SHA256 of issuer and subject, as 32 hexadecimal digits. `key` matches `KEY_PATTERN`.

    A hash without a key would not hide subjects that can be guessed, such as email addresses and numbers.
    """
    # An issuer has no NUL, so no two pairs have the same text.
    text = f"{issuer}\0{sub}".encode()
    return hmac.new(bytes.fromhex(key), text, hashlib.sha256).digest()[:_BYTES].hex()
