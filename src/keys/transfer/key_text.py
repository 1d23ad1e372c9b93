"""What stands in files in place of keys: hashes, masks, references to a secret, placeholders, spreadsheet formulas."""

from __future__ import annotations

import re
from typing import Final

from authorizer import api_key
from keys.core.errors import BadInput

_KEY: Final = re.compile(r"[\x21-\x7e]{16,512}")
_DIGEST: Final = re.compile(r"[0-9a-fA-F]{64}|[0-9A-Za-z+/_-]{43}=?")

_NOT_KEYS: Final = {
    # Modular crypt format, Django, passlib, LDAP (RFC 2307) and Werkzeug.
    "a password hash": r"\$[0-9a-z][0-9a-z-]{0,20}\$|\$2[abxy]?\$"
    r"|(pbkdf2|scrypt|argon2|bcrypt|sha1|sha224|sha256|sha384|sha512|md5|hmac)[a-z0-9_-]*[$:]"
    r"|\{(ssha|sha|smd5|md5|crypt|bcrypt|pbkdf2|argon2)[^}]*\}",
    "masked": r".*(\*{3}|[xX]{6}|\.{3}|#{4}|_{5}|-{5}|\?{4})",
    "a reference to a secret, not its value": r".*(\$\{|\$\(|\{\{|<%)|%\w+%|\$[A-Z_][A-Z0-9_]*$|\{vault|arn:aws"
    r"|<[^>]*>$|(op|vault|env|secret|secrets|ssm|keyring|file|https?)://|(env|secret|secretref|ssm|vault):|enc\[|!\w+",
    "a placeholder": r".*(your[-_]?(api|access|secret|own)?[-_]?(key|token|secret)|change[-_]?me|placeholder|redacted"
    r"|replace[-_]?(me|with|this)|insert[-_]|(key|token|secret)[-_]?(goes)?[-_]?here|not[-_]?(set|shown|available))",
    "in quotation marks, or a formula of a spreadsheet": r"=|[\"'`].*|.*\"$",
    "a number that a spreadsheet has shortened": r"[0-9](\.[0-9]+)?E\+[0-9]+$",
}
_PATTERNS: Final = {what: re.compile(pattern, re.IGNORECASE) for what, pattern in _NOT_KEYS.items()}
# Names of environment variables are in capitals.
_PATTERNS["a reference to a secret, not its value"] = re.compile(_NOT_KEYS["a reference to a secret, not its value"])


def check_key(key: str, prefix: str) -> str:
    """The text, if it can be a key of the stack with this prefix.

    :raises BadInput: it cannot be a key, or stands for one. The message does not quote it.
    """
    for what, pattern in _PATTERNS.items():
        if pattern.match(key):
            raise BadInput(f"The key is {what}.")
    if not _KEY.fullmatch(key):
        raise BadInput("A key must have 16 to 512 visible ASCII characters, without spaces.")
    if api_key.has_prefix(key, prefix) and not api_key.is_well_formed(key, prefix):
        raise BadInput(
            f"The key begins with {prefix}_ but is not in the product's key format. The authorizer would refuse it."
        )
    return key


def looks_like_digest(key: str) -> bool:
    """Whether the text has the form of a SHA-256: 64 hexadecimal digits, or the base64 of 32 bytes."""
    return bool(_DIGEST.fullmatch(key))


def hint_of(hint: str, prefix: str) -> str:
    """The part of a hint that can be stored: four characters after a short word and `_`, or after the stack's prefix.

    :raises BadInput: it is not the beginning of a key.
    """
    if not re.fullmatch(r"[\x21-\x7e]{1,100}", hint):
        raise BadInput("A hint must have 1 to 100 visible ASCII characters.")
    word = re.match(r"(?:[a-z][a-z0-9]*_)*", hint[:8])
    shown = len(prefix) + 1 if api_key.has_prefix(hint, prefix) else len(word[0]) if word else 0
    return hint[: shown + 4]
