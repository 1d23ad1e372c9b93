"""Members of a DynamoDB transaction: put, update, check and delete one item."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.conditions import Attr, ConditionBase, ConditionExpressionBuilder

from keys.core.record import DIGEST, Deleted, deserialized, imported_key_id, serialized

if TYPE_CHECKING:
    from keys.core.record import Item, Record

DERIVED: Final = frozenset(["delete_after"])
"""Attributes that are computed from others. Their stored values are not part of a condition."""

Write = dict[str, dict[str, Any]]
"""One member of a transaction, without the table name."""


def put_new(record: Record) -> Write:
    """Put the item, on the condition that none with its partition key exists."""
    return {"Put": {"Item": record.to_item(), "ConditionExpression": "attribute_not_exists(pk)"}}


def update(old: Record, new: Record, unchanged: Iterable[str] = ()) -> Write:
    """Update the item of `old` to that of `new`.

    Only the attributes that differ are written. The condition is that these, and those in `unchanged`, still have the
    values that were read. So no update is lost, and concurrent changes of other attributes do not conflict.
    """
    before, after = old.attributes(), new.attributes()
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    write = _condition(old, {*changed, *unchanged} - DERIVED)
    set_ = ", ".join(f"#set_{name} = :set_{name}" for name in changed if name in after)
    remove = ", ".join(f"#set_{name}" for name in changed if name not in after)
    write["UpdateExpression"] = " ".join(
        [*([f"SET {set_}"] if set_ else []), *([f"REMOVE {remove}"] if remove else [])]
    )
    # Placeholders for all names: some are reserved words of DynamoDB.
    write["ExpressionAttributeNames"] |= {f"#set_{name}": name for name in changed}
    values = serialized({f":set_{name}": after[name] for name in changed if name in after})
    write["ExpressionAttributeValues"] = write.get("ExpressionAttributeValues", {}) | values
    return {"Update": write}


def check(record: Record, names: Iterable[str]) -> Write:
    """Check that the item exists, and that these attributes still have the values that were read."""
    return {"ConditionCheck": _condition(record, names)}


def delete(pk: str) -> Write:
    """Delete the item, if it still exists."""
    return {"Delete": {"Key": {"pk": {"S": pk}}}}


def delete_key(item: Item, now: float) -> Write:
    """Delete a key's item, if it still exists.

    An imported key is replaced by its digest, so that importing its file again does not restore it.
    """
    pk = item["pk"]["S"]
    if not DIGEST.fullmatch(pk) or item.get("key_id") != {"S": imported_key_id(pk)}:
        return delete(pk)
    return {"Put": {"Item": Deleted(digest=pk, deleted_at=int(now), created_at=None).to_item()}}


def _condition(record: Record, names: Iterable[str]) -> dict[str, Any]:
    read = deserialized(record.stored)
    exists: ConditionBase = Attr("pk").exists()
    unchanged = (Attr(name).eq(read[name]) if name in read else Attr(name).not_exists() for name in sorted(names))
    built = ConditionExpressionBuilder().build_expression(functools.reduce(operator.and_, unchanged, exists))
    condition = {
        "Key": {"pk": record.stored["pk"]},
        "ConditionExpression": built.condition_expression,
        "ExpressionAttributeNames": dict(built.attribute_name_placeholders),
    }
    values = serialized(built.attribute_value_placeholders)
    return {**condition, "ExpressionAttributeValues": values} if values else condition
