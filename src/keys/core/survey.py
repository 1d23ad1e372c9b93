"""Checks of all items, each with one consistent scan, and their repair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from keys.core.change import update
from keys.core.errors import MalformedItem
from keys.core.record import Consumer, Key, State, records
from keys.core.table import Report, Table, WriteConflict, ignore


@dataclass(slots=True)
class Survey:
    """The state of a table. `disabled` and `missing`: active keys whose consumer is disabled or does not exist.

    `without_end_day`: keys whose attribute `end_day` is missing or wrong. `malformed`: items that the authorizer
    refuses.
    """

    keys: int = 0
    active: int = 0
    consumers: int = 0
    disabled: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    without_end_day: int = 0
    malformed: list[str] = field(default_factory=list)


def survey(
    table: Table,
    now: float,
    progress: Report = ignore,
    active: Callable[[Key], object] = lambda _key: None,
) -> Survey:
    """Read the whole table. The lists have the `ref` of keys, and the partition keys of malformed items.

    `active` is called for each active key.
    """
    found = Survey()
    enabled: dict[str, bool] = {}
    holders: list[tuple[str, str]] = []

    def malformed(error: MalformedItem) -> None:
        found.malformed.append(error.data["pk"])

    for record in records(table.scan_consistently(progress), malformed):
        if isinstance(record, Consumer):
            found.consumers += 1
            enabled[record.pk] = record.enabled
        elif isinstance(record, Key):
            found.keys += 1
            found.without_end_day += needs_end_day(record)
            if record.state(now) is State.ACTIVE:
                found.active += 1
                holders.append((record.ref, record.holder_pk))
                active(record)
    found.missing = [ref for ref, holder in holders if holder not in enabled]
    found.disabled = [ref for ref, holder in holders if enabled.get(holder) is False]
    return found


def needs_end_day(key: Key) -> bool:
    """Whether the stored `end_day` differs from the one that the key should have."""
    return key.stored.get("end_day") != ({"S": key.end_day} if key.end_day else None)


def upgrade(table: Table, progress: Report = ignore, checking: Report = ignore) -> int:
    """Add `end_day` to the keys that need it. Returns their number.

    It can be interrupted and repeated: a key that is complete is left alone. It adds nothing to the history.
    """
    done = 0
    for key in records(table.scan_consistently(checking), lambda _error: None):
        if isinstance(key, Key) and needs_end_day(key):
            done += table.retry_conflicts(lambda key=key: _complete(table, key))  # type: ignore[misc]
            progress(done, None)
    return done


def _complete(table: Table, key: Key) -> bool:
    try:
        table.write([update(key, key, only=frozenset(["end_day"]))])
    except WriteConflict as conflict:
        if not conflict.failed:
            raise
        # Whoever changed the key has set the attribute, or the next run does.
        return False
    return True
