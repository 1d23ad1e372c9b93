"""The consumers and subjects of a table that have a plan, and the native keys that the authorizer can send."""

from __future__ import annotations

from dataclasses import dataclass, field

from keys.core.record import Consumer, Key, Subject, records
from keys.core.table import Report, Table, ignore
from keys.plans.native_key import Holder


@dataclass(slots=True)
class Holders:
    """`holders`: those with a plan, by their partition key. `in_use`: the values of native keys that items have.
    `incomplete`: the partition keys of consumers with keys that do not have the consumer's plan yet.
    """

    holders: dict[str, Holder] = field(default_factory=dict)
    in_use: set[str] = field(default_factory=set)
    incomplete: set[str] = field(default_factory=set)

    def on(self, plan: str) -> list[Holder]:
        """Those with this plan."""
        return sorted((each for each in self.holders.values() if each.plan == plan), key=lambda each: each.label)


def of_consumer(consumer: Consumer) -> Holder:
    """A consumer as the holder of a plan."""
    return Holder(consumer.pk, consumer.name, consumer.plan, consumer.usage_key)


def of_subject(subject: Subject) -> Holder:
    """A subject as the holder of a plan. Its label names nobody."""
    return Holder(subject.pk, f"subject:{subject.pk.partition('#')[2][:16]}", subject.plan, subject.usage_key)


def read(table: Table, progress: Report = ignore) -> Holders:
    """Read the whole table with consistent reads: a native key that is not in the result is in no item.

    Malformed items are left out. The authorizer refuses them, so it sends no native key for them.
    """
    found, kept = Holders(), list[tuple[str, str | None, str | None]]()
    known: dict[str, tuple[str | None, str | None]] = {}

    def add(holder: Holder) -> None:
        known[holder.pk] = holder.plan, holder.usage_key
        if holder.usage_key:
            found.in_use.add(holder.usage_key)
        if holder.plan:
            found.holders[holder.pk] = holder

    for record in records(table.scan_consistently(progress), lambda _error: None):
        if isinstance(record, Consumer):
            add(of_consumer(record))
        elif isinstance(record, Subject):
            add(of_subject(record))
        elif isinstance(record, Key):
            kept.append((record.holder_pk, record.plan, record.usage_key))
            if record.usage_key:
                found.in_use.add(record.usage_key)
    found.incomplete = {pk for pk, plan, key in kept if pk in known and known[pk] != (plan, key)}
    return found
