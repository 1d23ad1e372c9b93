"""All that a table holds, in an order in which it can be imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from authorizer.key_record import is_deleted
from keys.life.database import Database
from keys.life.errors import MalformedItem
from keys.life.record import CONSUMER_PK, Consumer, Deleted, Item, Key, consumer_pk


def records(
    database: Database, consumer: str | None, left_out: Callable[[MalformedItem], None]
) -> Iterator[Consumer | Key | Deleted]:
    """Consumers, then their keys and the digests of deleted ones: of the whole table as it is now, or of one consumer.

    `left_out` is told of items that are none of these.
    """
    if consumer is None:
        owners, others = database.all_consumers(), database.all_items()
    else:
        owner = database.get(consumer_pk(consumer))
        owners, others = iter([owner] if owner else []), database.of_consumer(consumer)
    for item in owners:
        yield from _read(Consumer.from_item, item, left_out)
    for item in others:
        if not item["pk"].get("S", "").startswith(CONSUMER_PK):
            yield from _read(Deleted.from_item if is_deleted(item) else Key.from_item, item, left_out)


def _read(
    read: Callable[[Item], Consumer | Key | Deleted], item: Item, left_out: Callable[[MalformedItem], None]
) -> Iterator[Consumer | Key | Deleted]:
    try:
        yield read(item)
    except MalformedItem as error:
        left_out(error)
