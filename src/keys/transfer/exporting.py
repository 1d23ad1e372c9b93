"""The content of a table, in an order that can be imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from keys.core.errors import MalformedItem
from keys.core.record import Consumer, Deleted, Key, consumer_pk, records
from keys.core.table import Table


def exported(
    table: Table, consumer: str | None, report: Callable[[MalformedItem], object]
) -> Iterator[Consumer | Key | Deleted]:
    """Consumers, then keys and the digests of deleted keys: of the whole table, or the keys of one consumer.

    The whole table is read consistently, one consumer eventually consistently.
    """
    if consumer is None:
        owners, others = table.all_of_kind("consumer"), table.all_items()
    else:
        owner = table.get(consumer_pk(consumer))
        owners, others = iter([owner] if owner else []), table.keys_of_consumer(consumer)
    yield from (record for record in records(owners, report) if isinstance(record, Consumer))
    yield from (record for record in records(others, report) if isinstance(record, (Key, Deleted)))
