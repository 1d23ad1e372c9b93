"""Keys and consumers, and the DynamoDB items that they are stored as. Each field is declared in one line."""

from __future__ import annotations

import dataclasses
import functools
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self

from authorizer import api_key
from authorizer.api_key import ALPHABET
from authorizer.attributes import MalformedRecord
from authorizer.key_record import KeyRecord, is_deleted, refusal
from authorizer.owner import OWNER_PK, owner_pk
from authorizer.refusal import Reason
from authorizer.subject_record import SubjectRecord, subject_pk
from keys.core import schema
from keys.core.errors import MalformedItem
from keys.core.fields import KEY_ID
from keys.core.history import Event, History, appended
from keys.core.schema import Declaration, declared

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Item = Mapping[str, "AttributeValueTypeDef"]

RETENTION_SECONDS: Final = 30 * 86_400
"""How long the item of a revoked or expired key is kept."""

DIGEST: Final = re.compile(r"[0-9a-f]{64}")
DERIVED: Final = frozenset(["delete_after", "end_day"])
"""Attributes that are computed from others whenever a record is written."""

_CONSUMER: Final = "consumer"
_SUBJECT: Final = "subject"
_ID_LENGTH = 16
_HINT_CHARACTERS = 4
_PREFIXED_HINT = re.compile(rf"(.+)_[0-9A-Za-z]{{{_HINT_CHARACTERS}}}")


class State(StrEnum):
    """The state of a key. The authorizer only accepts active keys."""

    ACTIVE = "active"
    DISABLED = "disabled"
    EXPIRED = "expired"
    REVOKED = "revoked"


_STATES: Final = {
    None: State.ACTIVE,
    Reason.REVOKED_KEY: State.REVOKED,
    Reason.DISABLED_KEY: State.DISABLED,
    Reason.EXPIRED_KEY: State.EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One item of the table. `stored`: the item that was read, empty for a new record.

    A new record is made by `changed` with its first event, so that it has version 1. None and empty values are not
    stored. Times are in seconds since 1970.
    """

    created_at: int | None = declared(schema.TIME, None, label="Created")
    """When it was created. All times are in seconds since 1970."""
    history: History = declared(schema.HISTORY, (), shown=False)
    """The creation and the last nine changes: number (`n`), action, time, caller, command, reason."""
    version: int = declared(schema.NUMBER, 0, shown=False, compare=False)
    """Grows with each change: the number of the last entry of `history`."""
    stored: Item = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    @functools.cache
    def fields(cls) -> tuple[Declaration, ...]:
        """The declarations of the stored fields."""
        return schema.declarations(cls)

    @classmethod
    def from_item(cls, item: Item) -> Self:
        """:raises MalformedItem: the item is not of this kind, or the authorizer refuses it."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, members: Mapping[str, Any], **known: Any) -> Self:
        """The record of an object as in an export. `known`: fields that the object does not have.

        :raises BadInput: a member is invalid.
        """
        given = {
            each.name: each.form.parse(members[each.name])
            for each in cls.fields()
            if members.get(each.name) is not None and each.name not in known
        }
        return cls(**given, **known)

    def to_json(self) -> dict[str, Any]:
        """The fields that are shown. Each is always present."""
        return {
            each.name: None if (value := getattr(self, each.name)) is None else each.form.json(value)
            for each in self.fields()
            if each.shown
        }

    def changed(self, event: Event, **changes: Any) -> Self:
        """The record with these fields changed, and with the event added to its history."""
        number = self._number + 1
        return dataclasses.replace(self, version=number, history=appended(self.history, event, number), **changes)

    def to_item(self) -> dict[str, AttributeValueTypeDef]:
        """The item in DynamoDB's format. None and empty values are omitted."""
        number = self._number
        values = ((each, number if each.name == "version" else getattr(self, each.name)) for each in self.fields())
        return {
            each.attribute: each.form.store(value)
            for each, value in values
            if value is not None and (value or each.form.keeps_empty)
        }

    @property
    def _number(self) -> int:
        """The version. Versions of the product before 0.3.0, and their exports, have none, but a history."""
        return max([self.version, len(self.history), *(event.n or 0 for event in self.history)])

    @classmethod
    def _read(cls, item: Item, **known: Any) -> Self:
        """The record of an item. A malformed attribute counts as absent, unless it restricts a key.

        :raises MalformedItem: an attribute that restricts a key is malformed. Without it, a key could do more.
        """
        for each in cls.fields():
            if each.since and each.attribute in item and each.form.read(item[each.attribute]) is None:
                raise MalformedItem(f"{each.attribute} is malformed", item["pk"].get("S", ""))
        found = {
            each.name: value
            for each in cls.fields()
            if each.name not in known
            and each.attribute in item
            and (value := each.form.read(item[each.attribute])) is not None
        }
        return cls(stored=item, **known, **found)


@dataclass(frozen=True, slots=True)
class LiveKey:
    """A key as its owner's item lists it. `digest`: its partition key. `end`: when it expires, in seconds since 1970.

    `replaced`: it was rolled, and still works until then.
    """

    digest: str
    end: int
    replaced: bool = False


def _live(stored: Mapping[str, Any]) -> dict[str, LiveKey]:
    """The live keys of an item. A malformed member is left out, so its key counts no more, and still is what it is."""
    found = {}
    for key_id, member in stored.items():
        match member:
            case {"digest": str(digest), "end": int(end), **more}:
                found[key_id] = LiveKey(digest, end, more.get("replaced") is True)
    return found


_LIVE: Final = schema.Form(
    dict,
    from_stored=_live,
    to_stored=lambda live: {key_id: dataclasses.asdict(each) for key_id, each in live.items()},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(Record):
    """One API key. Only the digest of the secret is stored. docs/table.md has the text below each field too."""

    digest: str = declared(schema.TEXT, attribute="pk", shown=False)
    """The SHA-256 of the key in hexadecimal."""
    key_id: str = declared(schema.KEY_ID, label="Key ID")
    """The public ID, `key_...`, for commands and logs."""
    consumer: str = declared(schema.NAME)
    """The consumer that holds the key: the `sub` of its requests. For an owner's key: the `pk` of the owner."""
    description: str = declared(schema.TEXT, "", given="A description of the key.")
    """For operators. Functions do not receive it."""
    data: str = declared(schema.DATA, "{}", given="A JSON object for the backends.")
    """A JSON object as compact text, which functions receive."""
    scopes: frozenset[str] = declared(schema.SCOPES, frozenset(), given="The scopes of the key.")
    """What the key can be used for."""
    networks: frozenset[str] = declared(
        schema.NETWORKS, frozenset(), since="0.3.0", given='The networks from which the key is accepted. "": any.'
    )
    """CIDR blocks: the key is accepted from these alone, and only from `consumer_networks`. Empty: no limit."""
    consumer_networks: frozenset[str] = declared(
        schema.NETWORKS, frozenset(), since="0.3.0", label="Consumer's networks"
    )
    """A copy of the `networks` of its consumer."""
    plan: str | None = declared(schema.PLAN, None, since="0.3.0")
    """A copy of the plan of its consumer: the name of its usage plans."""
    usage_key: str | None = declared(schema.USAGE_KEY, None, since="0.3.0", shown=False, compare=False)
    """A copy of that of its consumer: the API key of API Gateway that counts its requests. No command shows it."""
    tags: Mapping[str, str] = declared(schema.TAGS, {}, given="A tag. Repeatable.")
    """For operators. Functions do not receive them."""
    enabled: bool = declared(schema.FLAG, True)
    """Whether the key works."""
    disabled_with_consumer: bool = declared(schema.MARK, False)
    """The key is disabled because its consumer is."""
    expires_at: int | None = declared(schema.TIME, None, label="Expires")
    """When the key expires."""
    revoked_at: int | None = declared(schema.TIME, None, label="Revoked")
    """When the key was revoked."""
    rolled_from: str | None = declared(schema.KEY_ID, None)
    """The ID of the key before it."""
    rolled_to: str | None = declared(schema.KEY_ID, None)
    """The ID of the key after it."""
    unrolled_expires_at: int | None = declared(schema.TIME, None, shown=False)
    """The expiry before the roll, which `keys roll --undo` restores."""
    hint: str | None = declared(schema.HINT, None, label="Begins with")
    """The prefix and the first four random characters. `keys` shows it as "Begins with"."""
    owner: str | None = declared(schema.TEXT, None, since="0.3.0")
    """Of a key that a signed-in user made: the `sub` of its requests."""
    owner_issuer: str | None = declared(schema.TEXT, None, since="0.3.0", label="Owner's issuer")
    """The issuer of the owner."""
    made_by: str | None = declared(schema.TEXT, None)
    """The `sub` of the user who made the key."""

    @property
    def ref(self) -> str:
        """The argument that identifies this key in every command: its ID, or its digest if the ID is malformed."""
        return self.key_id if KEY_ID.fullmatch(self.key_id) else self.digest

    @property
    def holder_pk(self) -> str:
        """The partition key of its consumer's item."""
        return consumer_pk(self.consumer)

    @property
    def format_prefix(self) -> str | None:
        """The prefix of a key in the product's key format, as its hint shows it; None for other keys."""
        match = _PREFIXED_HINT.fullmatch(self.hint or "")
        return match[1] if match and not self.is_imported else None

    @property
    def is_imported(self) -> bool:
        """Whether the key was imported, so that importing the same file again must not restore it."""
        return self.key_id == imported_key_id(self.digest)

    def is_looked_up(self, prefix: str, *, accept_imported: bool) -> bool:
        """Whether an authorizer with these settings looks up keys of this format. True if the format is not known."""
        return accept_imported or self.hint is None or api_key.has_prefix(self.hint, prefix)

    def state(self, now: float) -> State:
        """The state at this time."""
        ends = {"expires_at": self.expires_at, "revoked_at": self.revoked_at}
        return _STATES[refusal(enabled=self.enabled, **ends, now=now)]

    def expires_within(self, seconds: int, now: float) -> bool:
        """Whether the key is active now and expires within this time."""
        return self.state(now) is State.ACTIVE and self.expires_at is not None and self.expires_at <= now + seconds

    @property
    def delete_after(self) -> int | None:
        """The TTL of the item, or None. The item of an imported key is kept: without it, importing the same file again
        would restore the key.
        """
        end = self.revoked_at if self.revoked_at is not None else self.expires_at
        return None if end is None or self.is_imported else end + RETENTION_SECONDS

    @property
    def end_day(self) -> str | None:
        """The day in UTC on which the key expires, for the index `by_end_day`; None if it does not, or is revoked."""
        text = schema.iso(self.expires_at) if self.revoked_at is None else None
        return text[:10] if text and "T" in text else None

    def to_item(self) -> dict[str, AttributeValueTypeDef]:
        found = Record.to_item(self)
        if (delete_after := self.delete_after) is not None:
            found["delete_after"] = {"N": str(delete_after)}
        if (end_day := self.end_day) is not None:
            found["end_day"] = {"S": end_day}
        return found

    @classmethod
    def from_item(cls, item: Item) -> Key:
        """Every item that the authorizer can accept is a key. Malformed attributes that it does not read are ignored.

        :raises MalformedItem: the authorizer refuses the item, whatever the token.
        """
        digest = item["pk"].get("S", "")
        try:
            record = KeyRecord.from_item(item)
        except MalformedRecord as error:
            raise MalformedItem(str(error), digest) from None
        if not DIGEST.fullmatch(digest):
            raise MalformedItem("pk is not a SHA-256", digest)
        key = cls._read(
            item, digest=digest, key_id=record.identity.key_id or "", consumer=item["consumer"].get("S", ""),
            scopes=record.identity.scopes, enabled=record.enabled,
            expires_at=record.expires_at, revoked_at=record.revoked_at,
        )  # fmt: skip
        if key.hint is not None and api_key.digest(key.hint) == digest:
            # Another program can have stored the whole key as the hint.
            return dataclasses.replace(key, hint=None)
        return key


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer(Record):
    """The holder of keys. Its keys have copies of what restricts them, which is all that the authorizer reads."""

    name: str = declared(schema.NAME)
    """The name, which is the `sub` of its keys."""
    description: str = declared(schema.TEXT, "", given="A description of the consumer.")
    enabled: bool = declared(schema.FLAG, True)
    data: str = declared(schema.DATA, "{}", given="A JSON object for the backends, which new keys get.")
    """The data that new keys get."""
    networks: frozenset[str] = declared(
        schema.NETWORKS, frozenset(), since="0.3.0", given='The networks from which its keys are accepted. "": any.'
    )
    """The networks of all its keys, which have a copy."""
    plan: str | None = declared(schema.PLAN, None, since="0.3.0")
    """The plan of all its keys, which have a copy."""
    usage_key: str | None = declared(schema.USAGE_KEY, None, since="0.3.0", shown=False, compare=False)
    """The API key of API Gateway that counts its requests. Its keys have a copy."""
    tags: Mapping[str, str] = declared(schema.TAGS, {}, given="A tag. Repeatable.")

    @property
    def pk(self) -> str:
        return consumer_pk(self.name)

    def to_item(self) -> dict[str, AttributeValueTypeDef]:
        # Without `consumer` and `key_id`, the item is in no index.
        return {"pk": {"S": self.pk}, **Record.to_item(self)}

    @classmethod
    def from_item(cls, item: Item) -> Consumer:
        """:raises MalformedItem: the item is not a consumer's."""
        pk = item["pk"].get("S", "")
        name = item.get("name", {}).get("S")
        if not name or pk != consumer_pk(name):
            raise MalformedItem("name is missing, or differs from pk", pk)
        # What is not a Boolean cannot be relied on as enabled.
        enabled = item.get("enabled", {"BOOL": True}).get("BOOL") is True
        return cls._read(item, name=name, enabled=enabled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner(Consumer):
    """Whose keys signed-in users make. `name`: the partition key. `live`: see `LiveKey`."""

    issuer: str = declared(schema.TEXT)
    """The issuer of the users."""
    owner: str = declared(schema.TEXT)
    """What the claim of the owner says."""
    live: Mapping[str, LiveKey] = declared(_LIVE, {}, shown=False)
    """The keys that might be accepted now, by key ID, with their ends."""
    made_on: str = declared(schema.TEXT, "", shown=False)
    """The day in UTC on which the last key was made."""
    made: int = declared(schema.NUMBER, 0, shown=False)
    """How many keys were made on that day."""

    @classmethod
    def of(cls, issuer: str, owner: str, **known: Any) -> Owner:
        """A new owner."""
        return cls(name=owner_pk(issuer, owner), issuer=issuer, owner=owner, **known)

    def live_at(self, now: int) -> dict[str, LiveKey]:
        """The keys that might be accepted at this time."""
        return {key_id: each for key_id, each in self.live.items() if each.end > now}

    def counting(self, **changes: Any) -> Owner:
        """The owner with these fields changed, without an entry in the history: the keys have theirs."""
        return dataclasses.replace(self, version=self._number + 1, **changes)

    @classmethod
    def from_item(cls, item: Item) -> Owner:
        """:raises MalformedItem: the item is not an owner's."""
        pk = item["pk"].get("S", "")
        issuer, owner = (item.get(name, {}).get("S", "") for name in ("issuer", "owner"))
        if pk != owner_pk(issuer, owner):
            raise MalformedItem("issuer or owner is missing, or differs from pk", pk)
        enabled = item.get("enabled", {"BOOL": True}).get("BOOL") is True
        return cls._read(item, name=pk, issuer=issuer, owner=owner, enabled=enabled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject(Record):
    """The subject of JWTs of one issuer."""

    issuer: str = declared(schema.CLAIM)
    """The issuer of the tokens."""
    subject: str = declared(schema.CLAIM)
    """Their `sub`."""
    enabled: bool = declared(schema.FLAG, True)
    """Whether its tokens are accepted."""
    not_before: int | None = declared(schema.TIME, None, since="0.3.0", label="Ended")
    """Tokens that were issued up to then are refused."""
    plan: str | None = declared(schema.PLAN, None, since="0.3.0")
    """The name of its usage plans."""
    usage_key: str | None = declared(schema.USAGE_KEY, None, since="0.3.0", shown=False, compare=False)
    """The API key of API Gateway that counts its requests."""

    @property
    def pk(self) -> str:
        return subject_pk(self.issuer, self.subject)

    def to_item(self) -> dict[str, AttributeValueTypeDef]:
        # Without `consumer` and `key_id`, the item is in no index.
        return {"pk": {"S": self.pk}, **Record.to_item(self)}

    @classmethod
    def from_item(cls, item: Item) -> Subject:
        """:raises MalformedItem: the item is not a subject's, or the authorizer cannot read it."""
        pk = item["pk"].get("S", "")
        issuer, subject = (schema.CLAIM.read(item.get(name, {})) for name in ("issuer", "subject"))
        if not issuer or not subject or pk != subject_pk(issuer, subject):
            raise MalformedItem("issuer or subject is missing, or differs from pk", pk)
        try:
            enabled = SubjectRecord.from_item(item).enabled
        except MalformedRecord as error:
            raise MalformedItem(str(error), pk) from None
        return cls._read(item, issuer=issuer, subject=subject, enabled=enabled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted(Record):
    """The digest of a deleted imported key. It prevents that importing the same file again restores the key."""

    digest: str = declared(schema.TEXT, attribute="pk")
    """The SHA-256 of an imported key."""
    deleted_at: int = declared(schema.TIME)
    """When it was deleted. The key must not be imported again. A key that has it is refused."""

    def to_item(self) -> dict[str, AttributeValueTypeDef]:
        # Without `consumer` and `key_id`, the item is in no index, and the authorizer takes it for no key.
        return {"pk": {"S": self.digest}, "deleted_at": schema.TIME.store(self.deleted_at)}

    @classmethod
    def from_item(cls, item: Item) -> Deleted:
        """:raises MalformedItem: the item is not that of a deleted key."""
        digest, deleted_at = item["pk"].get("S", ""), schema.TIME.read(item.get("deleted_at", {}))
        if deleted_at is None or not DIGEST.fullmatch(digest):
            raise MalformedItem("deleted_at is not a time", digest)
        return cls(digest=digest, deleted_at=deleted_at, stored=item)


KINDS: Final[Mapping[str, type[Record]]] = {_CONSUMER: Consumer, "owner": Owner, _SUBJECT: Subject}
"""The kinds of items other than keys, by what stands before the `#` of their partition key."""


def read_item(item: Item) -> Record | None:
    """The record of an item; None if its kind is not known to this version, which then leaves it alone.

    :raises MalformedItem: it is of a known kind, and malformed.
    """
    pk = item["pk"].get("S", "")
    if DIGEST.fullmatch(pk):
        return Deleted.from_item(item) if is_deleted(item) else Key.from_item(item)
    kind = KINDS.get(pk.partition("#")[0]) if "#" in pk else None
    return kind.from_item(item) if kind else None


def keys_in(items: Iterable[Item]) -> list[Item]:
    """The items that are keys, also malformed ones. Items of other kinds can have the same attributes."""
    return [item for item in items if DIGEST.fullmatch(item["pk"].get("S", ""))]


def records(items: Iterable[Item], report: Callable[[MalformedItem], object]) -> Iterator[Record]:
    """The records of items of known kinds. `report` is called for each malformed item, which is left out."""
    for item in items:
        try:
            record = read_item(item)
        except MalformedItem as error:
            report(error)
        else:
            if record is not None:
                yield record


def consumer_pk(name: str) -> str:
    """The partition key of a consumer's item. Those of keys are 64 hexadecimal digits, so they never collide.

    `name`: as in the attribute `consumer` of a key, so it can also be the partition key of an owner.
    """
    return name if OWNER_PK.fullmatch(name) else f"{_CONSUMER}#{name}"


def new_key_id() -> str:
    """A new key ID, with 95 random bits."""
    return "key_" + "".join(secrets.choice(ALPHABET) for _ in range(_ID_LENGTH))


@functools.lru_cache(maxsize=1_000)
def imported_key_id(digest: str) -> str:
    """The key ID of an imported key. It is derived from the digest, so that an import can be repeated."""
    number = int(digest, 16) % len(ALPHABET) ** _ID_LENGTH
    characters = []
    for _ in range(_ID_LENGTH):
        number, position = divmod(number, len(ALPHABET))
        characters.append(ALPHABET[position])
    return "key_" + "".join(characters)


def make_hint(key: str, prefix: str) -> str:
    """The part of a key that can be shown, so that its holder recognizes it: the prefix and the next 4 characters."""
    start = f"{prefix}_"
    shown = len(start) if key.startswith(start) else 0
    return key[: shown + _HINT_CHARACTERS]
