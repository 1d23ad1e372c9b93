"""Conditional writes of one item: a new one, the update that turns one into another, and its removal."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.conditions import Attr, ConditionBase, ConditionExpressionBuilder

from keys.life.record import DIGEST, Deleted, deserialized, key_id_of_digest, serialized

if TYPE_CHECKING:
    from keys.life.record import Item, Record

DERIVED: Final = frozenset(["delete_after"])
"""Follows from other attributes: what it was does not matter, so no change may fail because of it."""

Write = dict[str, dict[str, Any]]
"""One member of a transaction, without the table's name."""


def put_new(record: Record) -> Write:
    """The write of an item that must not be there yet."""
    return {"Put": {"Item": record.to_item(), "ConditionExpression": "attribute_not_exists(pk)"}}


def update(old: Record, new: Record, unchanged: Iterable[str] = ()) -> Write:
    """The write that makes the item of `old`, as it was read, that of `new`.

    Only the attributes that differ are written, and only if they, and those in `unchanged`, are still as they were
    read: so two changes that have nothing to do with each other both come through, and no update is lost.
    """
    before, after = old.attributes(), new.attributes()
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    guard = _guard(old, {*changed, *unchanged} - DERIVED)
    set_ = ", ".join(f"#set_{name} = :set_{name}" for name in changed if name in after)
    remove = ", ".join(f"#set_{name}" for name in changed if name not in after)
    guard["UpdateExpression"] = " ".join(
        [*([f"SET {set_}"] if set_ else []), *([f"REMOVE {remove}"] if remove else [])]
    )
    # Placeholders throughout, because some of the names are reserved words of DynamoDB.
    guard["ExpressionAttributeNames"] |= {f"#set_{name}": name for name in changed}
    values = serialized({f":set_{name}": after[name] for name in changed if name in after})
    guard["ExpressionAttributeValues"] = guard.get("ExpressionAttributeValues", {}) | values
    return {"Update": guard}


def check(record: Record, names: Iterable[str]) -> Write:
    """A check that these attributes of the item are still as they were read."""
    return {"ConditionCheck": _guard(record, names)}


def delete(pk: str) -> Write:
    """The removal of an item, which may be gone already."""
    return {"Delete": {"Key": {"pk": {"S": pk}}}}


def removal(item: Item, now: float) -> Write:
    """The removal of a key's item, which may be gone already. Of an imported key its digest stays, so that importing
    its file again does not bring it back.
    """
    pk = item["pk"]["S"]
    if not DIGEST.fullmatch(pk) or item.get("key_id") != {"S": key_id_of_digest(pk)}:
        return delete(pk)
    return {"Put": {"Item": Deleted(digest=pk, deleted_at=int(now), created_at=None).to_item()}}


def _guard(record: Record, names: Iterable[str]) -> dict[str, Any]:
    read = deserialized(record.stored)
    is_there: ConditionBase = Attr("pk").exists()
    as_read = (Attr(name).eq(read[name]) if name in read else Attr(name).not_exists() for name in sorted(names))
    built = ConditionExpressionBuilder().build_expression(functools.reduce(operator.and_, as_read, is_there))
    guard = {
        "Key": {"pk": record.stored["pk"]},
        "ConditionExpression": built.condition_expression,
        "ExpressionAttributeNames": dict(built.attribute_name_placeholders),
    }
    values = serialized(built.attribute_value_placeholders)
    return {**guard, "ExpressionAttributeValues": values} if values else guard
