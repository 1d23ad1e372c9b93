"""The format of our API keys: make one, recognise one, and the digest that the table knows it by.

``<prefix>_<random>_<checksum>``: 32 random base62 characters (190 bits) and the CRC-32 of all that stands before
the checksum, as 6 base62 characters. The checksum keeps a mistyped or invented key from costing a read, and lets a
secret scanner tell a key from other text; it protects nothing against an attacker, who can compute it as well.
"""

import hashlib
import re
import secrets
import zlib
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_LENGTH: Final = 32
CHECKSUM_LENGTH: Final = 6
PREFIX_PATTERN: Final = re.compile(r"(?=.{1,20}\Z)[a-z][a-z0-9]*(?:_[a-z0-9]+)*\Z")

_BODY = re.compile(rf"[0-9A-Za-z]{{{RANDOM_LENGTH}}}_[0-9A-Za-z]{{{CHECKSUM_LENGTH}}}")


def generate(prefix: str) -> str:
    """A new key, from the operating system's secure random source.

    :raises ValueError: the prefix does not fit `PREFIX_PATTERN`.
    """
    if not PREFIX_PATTERN.match(prefix):
        raise ValueError(
            f"A key prefix is lower-case letters and digits in parts separated by single underscores, "
            f"at most 20 characters, first a letter; not {prefix!r}."
        )
    stem = f"{prefix}_{''.join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))}_"
    return stem + _checksum(stem)


def has_prefix(token: str, prefix: str) -> bool:
    """Whether the token claims to be a key of ours. Then nothing else may accept it."""
    return token.startswith(f"{prefix}_")


def is_well_formed(token: str, prefix: str) -> bool:
    """Whether the token has the shape of a key with this prefix, and its checksum is right."""
    start = len(prefix) + 1
    if not (has_prefix(token, prefix) and _BODY.fullmatch(token, start)):
        return False
    return _checksum(token[:-CHECKSUM_LENGTH]) == token[-CHECKSUM_LENGTH:]


def digest(token: str) -> str:
    """SHA-256 of the whole token in lower-case hexadecimal: all that is ever stored of a key.

    A plain hash is enough because a key holds 190 random bits: there is nothing to guess that salt or slowness
    would protect.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def _checksum(stem: str) -> str:
    number = zlib.crc32(stem.encode())
    digits = []
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
