"""The product's API key format: ``<prefix>_<random>_<checksum>``.

The random part has 32 base62 characters (190 bits). The checksum is the CRC-32 of everything before it, as 6 base62
characters. It saves a read of the table for a mistyped or invalid key, and secret scanners can use it to recognize a
key. It is not a protection: an attacker can compute it.
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

BODY_PATTERN: Final = rf"[0-9A-Za-z]{{{RANDOM_LENGTH}}}_[0-9A-Za-z]{{{CHECKSUM_LENGTH}}}"
"""What follows the prefix and its underscore, as a regular expression that is valid in all common dialects."""

_BODY = re.compile(BODY_PATTERN)


def generate(prefix: str) -> str:
    """Generate a key from the operating system's secure random source.

    :raises ValueError: the prefix does not match `PREFIX_PATTERN`.
    """
    if not PREFIX_PATTERN.match(prefix):
        raise ValueError(
            "A key prefix must be at most 20 lower-case letters and digits, starting with a letter, in parts "
            f"separated by single underscores, not {prefix!r}."
        )
    stem = f"{prefix}_{''.join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))}_"
    return stem + _checksum(stem)


def has_prefix(token: str, prefix: str) -> bool:
    """Whether the token has the product's key prefix. Such a token can only be accepted as an API key."""
    return token.startswith(f"{prefix}_")


def is_well_formed(token: str, prefix: str) -> bool:
    """Whether the token has the format of a key with this prefix, and a correct checksum."""
    return (
        has_prefix(token, prefix)
        and _BODY.fullmatch(token, len(prefix) + 1) is not None
        and _checksum(token[:-CHECKSUM_LENGTH]) == token[-CHECKSUM_LENGTH:]
    )


def digest(token: str) -> str:
    """The SHA-256 of the whole token in lower-case hexadecimal. Only this value is stored.

    A salt or a slow hash is not needed: 190 random bits cannot be guessed.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def _checksum(stem: str) -> str:
    number, base = zlib.crc32(stem.encode()), len(ALPHABET)
    return "".join(ALPHABET[number // base**place % base] for place in reversed(range(CHECKSUM_LENGTH)))
