"""The owner of a key that a signed-in user made: an issuer, and what its claim says, such as the user's `sub`.

The attribute `consumer` of such a key is the partition key of the owner's item. So a version that does not know owners
takes the key for that of a consumer whom no rule names.
"""

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from authorizer import attributes
from authorizer.attributes import MalformedRecord

if TYPE_CHECKING:
    from authorizer.attributes import Item

OWNER_PK: Final = re.compile(r"owner#[0-9a-f]{64}")


class Holder(NamedTuple):
    """Whose key it is: the `sub` of its requests, and the issuer if a signed-in user made it."""

    sub: str
    issuer: str | None


def owner_pk(issuer: str, owner: str) -> str:
    """The partition key of the owner's item."""
    return attributes.pk_of("owner", issuer, owner)


def holder(item: "Item", consumer: str) -> Holder:
    """The holder of the key with this item. `consumer`: its attribute of this name.

    :raises MalformedRecord: its attributes contradict each other. A key must not change its holder.
    """
    owner, issuer = attributes.value(item, "owner", "S"), attributes.value(item, "owner_issuer", "S")
    if owner is None and issuer is None and not OWNER_PK.fullmatch(consumer):
        return Holder(consumer, None)
    if not owner or not issuer or not (owner + issuer).isprintable() or consumer != owner_pk(issuer, owner):
        raise MalformedRecord("owner and owner_issuer do not belong to consumer")
    return Holder(owner, issuer)
