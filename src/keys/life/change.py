"""The update that turns one item into another, unless somebody else has changed it meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from keys.life.record import Item

DERIVED: Final = frozenset(["delete_after"])
"""Follows from other attributes: what it was does not matter, so no change may fail because of it."""


def update(old: Item, new: Item, unchanged: Iterable[str] = ()) -> dict[str, Any]:
    """What UpdateItem takes, but for the table's name, to make the item `old` the item `new`.

    Only the attributes that differ are written, and only if they, and those in `unchanged`, are still as in `old`:
    so two changes that have nothing to do with each other both come through, and no update is lost.
    """
    changed = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    guarded = sorted({"pk", *changed, *unchanged} - DERIVED)
    sets = [f"#{name} = :new_{name}" for name in changed if name in new]
    removes = [f"#{name}" for name in changed if name not in new]
    conditions = [f"#{name} = :old_{name}" if name in old else f"attribute_not_exists(#{name})" for name in guarded]
    return {
        "Key": {"pk": old["pk"]},
        "UpdateExpression": " ".join(
            [*(["SET " + ", ".join(sets)] if sets else []), *(["REMOVE " + ", ".join(removes)] if removes else [])]
        ),
        "ConditionExpression": " AND ".join(conditions),
        # Placeholders throughout, because some of the names are reserved words of DynamoDB.
        "ExpressionAttributeNames": {f"#{name}": name for name in {*guarded, *changed}},
        "ExpressionAttributeValues": {
            **{f":old_{name}": old[name] for name in guarded if name in old},
            **{f":new_{name}": new[name] for name in changed if name in new},
        },
    }
