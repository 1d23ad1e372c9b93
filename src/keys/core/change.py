"""Members of a DynamoDB transaction: put, update, check and delete one item."""

from __future__ import annotations

from collections.abc import Set
from typing import Any, Final

from keys.core.record import DERIVED, DIGEST, Consumer, Deleted, Item, Record, imported_key_id

Write = dict[str, dict[str, Any]]
"""One member of a transaction, without the table name."""

GUARD: Final = ("version", "history")
"""An item that was changed has another version. Versions before 0.3.0 leave `version`, and change `history`."""


def put_new(record: Record) -> Write:
    """Put the item, on the condition that none with its partition key exists."""
    return {
        "Put": {
            "Item": record.to_item(),
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def update(old: Record, new: Record, *, alive: bool = False, only: Set[str] = frozenset()) -> Write:
    """Update the item of `old` to that of `new`, on the condition that it was not changed since it was read.

    Only the attributes that differ are written; with `only`, no others than these. `alive`: the write makes the key
    usable, or for longer, so it is also a condition that the key is not revoked, whoever revoked it.
    """
    derived = {name: old.stored[name] for name in DERIVED if name in old.stored}
    before = {name: value for name, value in old.to_item().items() if name not in DERIVED} | derived
    after = new.to_item()
    names = only or before.keys() | after.keys()
    changed = sorted(name for name in names if before.get(name) != after.get(name))
    write = _unchanged(old.stored, ["attribute_not_exists(revoked_at)"] if alive else [])
    set_ = ", ".join(f"#{name} = :{name}" for name in changed if name in after)
    remove = ", ".join(f"#{name}" for name in changed if name not in after)
    write["UpdateExpression"] = " ".join([*[f"SET {set_}"] * bool(set_), *[f"REMOVE {remove}"] * bool(remove)])
    # Placeholders for all names: some are reserved words of DynamoDB.
    write["ExpressionAttributeNames"] |= {f"#{name}": name for name in changed}
    write["ExpressionAttributeValues"] |= {f":{name}": after[name] for name in changed if name in after}
    return {"Update": {name: value for name, value in write.items() if value}}


def check(consumer: Consumer) -> Write:
    """Check that the consumer exists, is enabled, and was not changed since it was read."""
    write = _unchanged(consumer.stored, ["(attribute_not_exists(#enabled) OR #enabled = :enabled)"])
    write["ExpressionAttributeNames"] |= {"#enabled": "enabled"}
    write["ExpressionAttributeValues"] |= {":enabled": {"BOOL": True}}
    return {"ConditionCheck": write}


def check_unchanged(pk: str, stored: Item | None) -> Write:
    """Check that the item was not changed since it was read, or that there still is none."""
    if stored is None:
        return {"ConditionCheck": {"Key": {"pk": {"S": pk}}, "ConditionExpression": "attribute_not_exists(pk)"}}
    return {"ConditionCheck": {name: value for name, value in _unchanged(stored, []).items() if value}}


def remove(old: Record) -> Write:
    """Delete the item, on the condition that it was not changed since it was read."""
    write = _unchanged(old.stored, [])
    return {"Delete": {name: value for name, value in write.items() if value}}


def remove_key(item: Item, now: float) -> Write:
    """Delete a key's item, if it still exists.

    An imported key is replaced by its digest, so that importing its file again does not restore it.
    """
    pk = item["pk"]["S"]
    if DIGEST.fullmatch(pk) and item.get("key_id") == {"S": imported_key_id(pk)}:
        return {"Put": {"Item": Deleted(digest=pk, deleted_at=int(now)).to_item()}}
    return {"Delete": {"Key": {"pk": item["pk"]}}}


def _unchanged(stored: Item, conditions: list[str]) -> dict[str, Any]:
    equal = [f"#{name} = :read_{name}" if name in stored else f"attribute_not_exists(#{name})" for name in GUARD]
    return {
        "Key": {"pk": stored["pk"]},
        "ConditionExpression": " AND ".join(["attribute_exists(pk)", *equal, *conditions]),
        "ExpressionAttributeNames": {f"#{name}": name for name in GUARD},
        "ExpressionAttributeValues": {f":read_{name}": stored[name] for name in GUARD if name in stored},
    }
