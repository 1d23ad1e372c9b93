"""The fields of keys and consumers: each is validated and converted to the value that is stored."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from authorizer.api_key import PREFIX_PATTERN
from authorizer.identity import MAX_CONTEXT_BYTES, Identity
from authorizer.networks import MOST, NetworkError, Networks
from authorizer.owner import OWNER_PK
from authorizer.refusal import Refusal
from keys.core.errors import BadInput, Code

MAX_NAME_LENGTH: Final = 128
MAX_DESCRIPTION_LENGTH: Final = 500
MAX_SCOPES: Final = 100
MAX_TAGS: Final = 50
EARLIEST: Final = 946_684_800
LATEST: Final = 7_258_118_400
"""The valid times: from the start of the year 2000 to the start of the year 2200."""

MAX_SECONDS: Final = 36_500 * 86_400
"""100 years. Every time that is calculated from it fits DynamoDB's TTL and `datetime`."""

KEY_ID: Final = re.compile(r"key_[0-9A-Za-z]{16}")
_ANY_KEY_ID = f"key_{'0' * 16}"
_HINT = re.compile(r"[\x21-\x7e]{1,25}")
_HINT_BEGINNING = re.compile(r"(?:[a-z][a-z0-9]*_){0,4}")
_SCOPE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7b\x7d\x7e]{1,128}")
"""RFC 6749, section 3.3, without the characters that lists are separated by: a list must not become one scope."""
_PLAN = re.compile(r"[\w .:/=+@-]{1,128}")
_USAGE_KEY = re.compile(r"[0-9A-Za-z]{20,128}")
_TAG_NAME = re.compile(r"[\w .:/=+@-]{1,128}")
_DIGEST_NAME = re.compile(r"sha-?256[:$=-]", re.IGNORECASE)
_EMPTY: Final = hashlib.sha256(b"").hexdigest()
_HEX_DIGEST = re.compile(r"(?:0x|\\x)?([0-9a-f]{64})", re.IGNORECASE)
_BASE64_DIGEST = re.compile(r"[0-9A-Za-z+/_-]{43}=?")
_OTHER_HASHES: Final = {"$2": "a bcrypt", "$argon2": "an Argon2", "$pbkdf2": "a PBKDF2", "pbkdf2_": "a PBKDF2"}
_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"([0-9]{1,10})([smhd])")
_UTC_NAME = re.compile(r" ?(?:UTC|GMT)\Z")
_WORDS: Final = {
    **dict.fromkeys(("true", "t", "1", "yes", "y"), True),
    **dict.fromkeys(("false", "f", "0", "no", "n"), False),
}


def check_key_id(text: str) -> str:
    """The text, if it is a key ID.

    :raises BadInput: it is not. The message does not quote it, since it can be a key that was pasted by mistake.
    """
    if not KEY_ID.fullmatch(text):
        raise BadInput(Code.KEY_ID_INVALID)
    return text


def check_name(text: str) -> str:
    """The consumer name in Unicode's composed form (NFC), so that names that look the same are equal.

    :raises BadInput: it is empty, too long, or has control characters, or spaces at its start or end.
    """
    text = unicodedata.normalize("NFC", text)
    if not 1 <= len(text) <= MAX_NAME_LENGTH or not text.isprintable() or text != text.strip():
        raise BadInput(Code.NAME_INVALID, limit=MAX_NAME_LENGTH)
    if OWNER_PK.fullmatch(text):
        raise BadInput(Code.NAME_OF_OWNER)
    return text


def check_plan(text: str) -> str:
    """The text, if it is valid as the name of a usage plan: also as the value of a tag of AWS.

    :raises BadInput: it is not.
    """
    if not _PLAN.fullmatch(text) or text != text.strip():
        raise BadInput(Code.PLAN_INVALID)
    return text


def check_usage_key(text: str) -> str:
    """The text, if it can be the value of an API key of API Gateway.

    :raises BadInput: it is not 20 to 128 letters and digits. The message does not quote it.
    """
    if not _USAGE_KEY.fullmatch(text):
        raise BadInput(Code.USAGE_KEY_INVALID)
    return text


def check_claim(text: str) -> str:
    """The text, if it can be the issuer or the subject of a token.

    :raises BadInput: it is empty, or has characters that are not printable, which the authorizer refuses.
    """
    if not text.isprintable() or not 1 <= len(text.encode()) <= MAX_CONTEXT_BYTES:
        raise BadInput(Code.CLAIM_INVALID, limit=MAX_CONTEXT_BYTES)
    return text


def check_prefix(text: str) -> str:
    """The text, if it is a key prefix.

    :raises BadInput: it is not.
    """
    if not PREFIX_PATTERN.match(text):
        raise BadInput(Code.PREFIX_INVALID)
    return text


def check_description(text: str) -> str:
    """The text, if it is valid as a description or reason.

    :raises BadInput: it is too long or has control characters.
    """
    if len(text) > MAX_DESCRIPTION_LENGTH or not text.isprintable():
        raise BadInput(Code.DESCRIPTION_INVALID, limit=MAX_DESCRIPTION_LENGTH)
    return text


def check_hint(text: str) -> str:
    """The prefix, if there is one, and the next 4 characters of the text. More of a key must not be stored.

    :raises BadInput: it is longer than a hint, or has characters that a key cannot have.
    """
    if not _HINT.fullmatch(text):
        raise BadInput(Code.HINT_INVALID)
    beginning = _HINT_BEGINNING.match(text)
    return text[: (len(beginning[0]) if beginning else 0) + 4]


def parse_digest(text: str) -> str:
    """A SHA-256 in lowercase hexadecimal, from hexadecimal (with or without `0x` or `\\x`), base64 or base64url. A
    prefix such as `sha256:` is ignored.

    :raises BadInput: it is none of these, or that of an empty text: the file had no key in that place.
    """
    digest = _parse_digest(_DIGEST_NAME.sub("", text.strip()))
    if digest == _EMPTY:
        raise BadInput(Code.HASH_OF_OTHER_KIND, kind="an empty text's")
    return digest


def _parse_digest(text: str) -> str:
    if match := _HEX_DIGEST.fullmatch(text):
        return match[1].lower()
    for start, name in _OTHER_HASHES.items():
        if text.startswith(start):
            raise BadInput(Code.HASH_OF_OTHER_KIND, kind=name)
    if not _BASE64_DIGEST.fullmatch(text):
        raise BadInput(Code.DIGEST_INVALID)
    return base64.urlsafe_b64decode(text.rstrip("=").replace("+", "-").replace("/", "_") + "=").hex()


def parse_boolean(value: object, name: str) -> bool:
    """A Boolean from `true`, `t`, `1`, `yes` or `y`, or their opposites. `name`: the field, for the message.

    :raises BadInput: it is none of these.
    """
    word = _WORDS.get(str(value).lower())
    if word is None:
        raise BadInput(Code.BOOLEAN_INVALID, name=name)
    return word


def parse_time(value: object, name: str, *, utc: bool = False) -> int:
    """A time in whole seconds since 1970, from seconds or milliseconds since 1970, or from ISO 8601.

    `utc`: read times without a UTC offset as UTC. Times before 2000 and after 2200 are refused: otherwise a year, a
    date without separators and the day number of a spreadsheet would be read as seconds.

    :raises BadInput: the time is invalid, or has no UTC offset and `utc` is false.
    """
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,9})?", value):
        value = float(value)
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(_UTC_NAME.sub("+00:00", value.strip()))
            if moment.tzinfo is None and not utc:
                raise BadInput(Code.TIME_WITHOUT_OFFSET, name=name)
            value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            value = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if EARLIEST <= value <= LATEST:
            return int(value)
        if EARLIEST * 1000 <= value <= LATEST * 1000:
            return int(value // 1000)
    raise BadInput(Code.TIME_INVALID, name=name)


def data_text(given: object, consumer: str = "", scopes: frozenset[str] = frozenset()) -> str:
    """The data as compact JSON text, which is stored, from a JSON text or an object.

    :raises BadInput: it is not a JSON object, or too large for the authorizer's context, which also has the consumer
        name, the key ID and the scopes.
    """
    if isinstance(given, str):
        try:
            given = json.loads(given, parse_constant=_refuse_constant, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            raise BadInput(Code.DATA_NOT_JSON, reason=error) from None
    if not isinstance(given, Mapping):
        raise BadInput(Code.DATA_NOT_OBJECT)
    try:
        return Identity("api_key", consumer, dict(given), scopes, key_id=_ANY_KEY_ID).context()["data"]
    except Refusal:
        raise BadInput(Code.DATA_TOO_LARGE, limit=MAX_CONTEXT_BYTES) from None
    except (ValueError, RecursionError) as error:
        raise BadInput(Code.DATA_INVALID, reason=error) from None


def parse_scopes(texts: Iterable[str]) -> frozenset[str]:
    """The set of scopes, without spaces around them.

    :raises BadInput: a scope is invalid, or there are too many.
    """
    scopes = frozenset(text.strip() for text in texts)
    if not all(map(_SCOPE.fullmatch, scopes)):
        raise BadInput(Code.SCOPE_INVALID)
    if len(scopes) > MAX_SCOPES:
        raise BadInput(Code.TOO_MANY_SCOPES, limit=MAX_SCOPES)
    return scopes


def parse_networks(texts: Iterable[str]) -> frozenset[str]:
    """The CIDR blocks of the networks, as few as possible.

    :raises BadInput: a text is not a network (see `Networks.parse`), or there are too many.
    """
    try:
        blocks = Networks.parse(text.strip() for text in texts).blocks
    except NetworkError as error:
        raise BadInput(Code.NETWORK_INVALID, reason=str(error)) from None
    if len(blocks) > MOST:
        raise BadInput(Code.TOO_MANY_NETWORKS, limit=MOST)
    return frozenset(blocks)


def check_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags, if all are valid.

    :raises BadInput: a name or value is invalid, or there are too many.
    """
    for name, value in tags.items():
        if not _TAG_NAME.fullmatch(name):
            raise BadInput(Code.TAG_NAME_INVALID)
        if not isinstance(value, str) or len(value) > 256 or not value.isprintable():
            raise BadInput(Code.TAG_VALUE_INVALID)
    if len(tags) > MAX_TAGS:
        raise BadInput(Code.TOO_MANY_TAGS, limit=MAX_TAGS)
    return dict(tags)


def parse_tags(texts: Iterable[str]) -> dict[str, str]:
    """Tags from arguments such as `env=prod`.

    :raises BadInput: an argument is malformed, or a name is repeated.
    """
    tags: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadInput(Code.TAG_FORM)
        if name in tags:
            raise BadInput(Code.TAG_REPEATED, name=name)
        tags[name] = value
    return check_tags(tags)


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in members:
        if name in made:
            raise BadInput(Code.DATA_DUPLICATE, member=name)
        made[name] = value
    return made


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")


def parse_duration(text: str) -> int:
    """A duration such as `30s`, `15m`, `72h` or `90d` in seconds. `0` needs no unit.

    :raises BadInput: the text is invalid, or more than `MAX_SECONDS`.
    """
    if text == "0":
        return 0
    match = _DURATION.fullmatch(text)
    if match is None:
        raise BadInput(Code.DURATION_INVALID, text=text)
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > MAX_SECONDS:
        raise BadInput(Code.DURATION_TOO_LONG, text=text, limit=MAX_SECONDS // 86_400)
    return seconds


def duration_text(seconds: int) -> str:
    """The duration in its two largest units that are not zero: `3d 4h`."""
    parts = []
    for unit, size in _UNITS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"
