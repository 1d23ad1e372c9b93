"""What operators write about keys and consumers: checked, and brought into the form that is stored."""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from authorizer.api_key import PREFIX_PATTERN
from authorizer.identity import MAX_CONTEXT_BYTES, Identity, IdentityTooLarge
from keys.life.errors import BadInput

MAX_NAME_LENGTH: Final = 128
MAX_DESCRIPTION_LENGTH: Final = 500
MAX_SCOPES: Final = 100
MAX_TAGS: Final = 50
EARLIEST: Final = 946_684_800
LATEST: Final = 7_258_118_400
"""The beginnings of the years 2000 and 2200: no key's time is outside them."""

_KEY_ID = re.compile(r"key_[0-9A-Za-z]{16}")
_ANY_KEY_ID = f"key_{'0' * 16}"
_HINT = re.compile(r"[\x21-\x7e]{1,25}")
_HINT_BEGINNING = re.compile(r"(?:[a-z][a-z0-9]*_){0,4}")
_SCOPE = re.compile(r"[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,128}")
_TAG_NAME = re.compile(r"[\w .:/=+@-]{1,128}")
_DIGEST_NAME = re.compile(r"sha-?256[:$=-]", re.IGNORECASE)
_HEX_DIGEST = re.compile(r"(?:0x|\\x)?([0-9a-f]{64})", re.IGNORECASE)
_BASE64_DIGEST = re.compile(r"[0-9A-Za-z+/_-]{43}=?")
_UTC_NAME = re.compile(r" ?(?:UTC|GMT)\Z")
_WORDS: Final = {
    **dict.fromkeys(("true", "t", "1", "yes", "y"), True),
    **dict.fromkeys(("false", "f", "0", "no", "n"), False),
}


def check_key_id(text: str) -> str:
    """The text, when it has the form of a key id.

    :raises BadInput: it has another. A key pasted here by mistake is not repeated in the message.
    """
    if not _KEY_ID.fullmatch(text):
        raise BadInput("That is not a key id: they are like key_1a2B3c4D5e6F7g8H. `keys list` shows them.")
    return text


def check_name(text: str) -> str:
    """The text in Unicode's composed form (NFC), when it can be a consumer's name: so what looks the same is the same.

    :raises BadInput: it is empty, too long, has control characters, or a space at an end.
    """
    text = unicodedata.normalize("NFC", text)
    if not 1 <= len(text) <= MAX_NAME_LENGTH or not text.isprintable() or text != text.strip():
        raise BadInput(f"A consumer's name has 1 to {MAX_NAME_LENGTH} visible characters, and no space at its ends.")
    return text


def check_prefix(text: str) -> str:
    """The text, when keys can begin with it.

    :raises BadInput: it is of another form.
    """
    if not PREFIX_PATTERN.match(text):
        raise BadInput(
            "A key prefix is lower-case letters and digits, in parts separated by single underscores, a letter first, "
            "at most 20 characters."
        )
    return text


def check_description(text: str) -> str:
    """The text, when it can be a description.

    :raises BadInput: it is too long or has control characters.
    """
    if len(text) > MAX_DESCRIPTION_LENGTH or not text.isprintable():
        raise BadInput(f"A description or reason is one line of at most {MAX_DESCRIPTION_LENGTH} visible characters.")
    return text


def check_hint(text: str) -> str:
    """What of the text may be shown as the beginning of a key: a prefix, if it has one, and four characters.

    :raises BadInput: it has other characters than a key, or is so long that it could be more than that.
    """
    if not _HINT.fullmatch(text):
        raise BadInput("A hint has 1 to 25 visible ASCII characters.")
    beginning = _HINT_BEGINNING.match(text)
    return text[: (len(beginning[0]) if beginning else 0) + 4]


def parse_digest(text: str) -> str:
    """A SHA-256 as lower-case hexadecimal, from hexadecimal (also after `0x` or `\\x`), base64 or base64url, with or
    without `sha256:` before it.

    :raises BadInput: it is neither.
    """
    text = _DIGEST_NAME.sub("", text.strip())
    if match := _HEX_DIGEST.fullmatch(text):
        return match[1].lower()
    if not _BASE64_DIGEST.fullmatch(text):
        raise BadInput("sha256 must be the SHA-256 of the key: 64 hexadecimal digits, or base64 of its 32 bytes.")
    return base64.urlsafe_b64decode(text.rstrip("=").replace("+", "-").replace("/", "_") + "=").hex()


def parse_boolean(value: object, name: str) -> bool:
    """A truth value as files have it: `true`, `t`, `1`, `yes`, and their contraries.

    :raises BadInput: it is something else.
    """
    word = _WORDS.get(str(value).lower())
    if word is None:
        raise BadInput(f"{name} is true or false.")
    return word


def parse_time(value: object, name: str, *, utc: bool = False) -> int:
    """A time in whole seconds since 1970, from that, from milliseconds, or from ISO 8601.

    Times before 2000 and after 2200 are refused, since a date without separators, a year, or a spreadsheet's number of
    days would pass for one. `utc`: a time without an offset is in UTC.

    :raises BadInput: it is of another form, or outside these years.
    """
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,9})?", value):
        value = float(value)
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(_UTC_NAME.sub("+00:00", value.strip()))
            if moment.tzinfo is None and not utc:
                raise BadInput(
                    f"{name} has no offset, so it would be another time on another machine. Write it like "
                    "2030-01-31T00:00:00Z, or say that all such times are in UTC with --utc."
                )
            value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            value = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if EARLIEST <= value <= LATEST:
            return int(value)
        if EARLIEST * 1000 <= value <= LATEST * 1000:
            return int(value // 1000)
    raise BadInput(
        f"{name} is a time between the years 2000 and 2200, like 2030-01-31T00:00:00Z, or in seconds or milliseconds "
        "since 1970."
    )


def parse_data(text: str, consumer: str, scopes: frozenset[str] = frozenset()) -> str:
    """The JSON object in the text, as the compact text that is stored.

    :raises BadInput: it is not a JSON object, or the authorizer could not pass it on beside the consumer's name.
    """
    try:
        data = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The data is not JSON: {error}.") from None
    return data_text(data, consumer, scopes)


def data_text(data: object, consumer: str, scopes: frozenset[str] = frozenset()) -> str:
    """Data as the compact text that is stored.

    :raises BadInput: it is not a JSON object, or the authorizer could not pass it on beside the consumer's name, the
        key's id and its scopes.
    """
    if not isinstance(data, dict):
        raise BadInput('The data must be a JSON object, like {"plan": "gold"}.')
    try:
        return Identity("api_key", consumer, data, scopes, key_id=_ANY_KEY_ID).context()["data"]
    except IdentityTooLarge:
        raise BadInput(
            "The data is too large: consumer, data as compact JSON, key id and scopes together may have "
            f"{MAX_CONTEXT_BYTES} bytes."
        ) from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The data cannot be written as JSON: {error}.") from None


def parse_scopes(texts: Iterable[str]) -> frozenset[str]:
    """A set of scopes, spaces around them left out.

    :raises BadInput: one cannot be a scope (RFC 6749, section 3.3, and no comma), or there are too many.
    """
    scopes = frozenset(text.strip() for text in texts)
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            raise BadInput(
                "A scope has 1 to 128 visible ASCII characters, without space, comma, quotation mark and backslash."
            )
    if len(scopes) > MAX_SCOPES:
        raise BadInput(f"A key can have {MAX_SCOPES} scopes at most.")
    return scopes


def check_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags, when all can be.

    :raises BadInput: a name or value cannot be, or there are too many.
    """
    for name, value in tags.items():
        if not _TAG_NAME.fullmatch(name):
            raise BadInput("A tag's name has 1 to 128 letters, digits, spaces and _ . : / = + @ -")
        if not isinstance(value, str) or len(value) > 256 or not value.isprintable():
            raise BadInput("A tag's value is one line of at most 256 visible characters.")
    if len(tags) > MAX_TAGS:
        raise BadInput(f"There can be {MAX_TAGS} tags at most.")
    return dict(tags)


def parse_tags(texts: Iterable[str]) -> dict[str, str]:
    """Tags from texts like `env=prod`.

    :raises BadInput: a text is not like that, or a name comes twice.
    """
    tags: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadInput("A tag is written name=value.")
        if name in tags:
            raise BadInput(f"The tag {name!r} is given twice.")
        tags[name] = value
    return check_tags(tags)


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")
