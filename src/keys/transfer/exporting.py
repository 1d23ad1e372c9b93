"""The content of a table, in an order that can be imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from authorizer.key_record import is_deleted
from keys.core.database import Database
from keys.core.record import CONSUMER_PK, Consumer, Deleted, Item, Key, consumer_pk, parsed


def records(
    database: Database, consumer: str | None, report_malformed: Callable[[str], None]
) -> Iterator[Consumer | Key | Deleted]:
    """Consumers, then keys and the digests of deleted keys: of the whole table, or the keys of one consumer.

    The whole table is read consistently, one consumer eventually consistently.
    """
    if consumer is None:
        owners, others = database.all_consumers(), database.all_items()
    else:
        owner = database.get(consumer_pk(consumer))
        owners, others = iter([owner] if owner else []), database.keys_of_consumer(consumer)
    yield from parsed(Consumer.from_item, owners, report_malformed)
    others = (item for item in others if not item["pk"].get("S", "").startswith(CONSUMER_PK))
    yield from parsed(_key_or_deleted, others, report_malformed)


def _key_or_deleted(item: Item) -> Key | Deleted:
    return Deleted.from_item(item) if is_deleted(item) else Key.from_item(item)
