"""Any sequence of commands on keys gives exactly the events that their histories have, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from key_events.outlet import Outlet
from key_events.stream import Stream
from keys.core import Author, Conflict, Store, Table
from tests.stacks.key_events.images import SCHEMA
from tests.stacks.key_events.test_stream import Bus

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from keys.core.history import History

# The table in moto is slow. `make test-long` tries a thousand histories.
EXAMPLES = 1000 if settings().max_examples > 100 else 15
CONSUMER = "acme"
OPERATIONS: dict[str, Callable[[Store, str], object]] = {
    "disable": lambda store, key_id: store.disable(key_id, "a reason"),
    "enable": lambda store, key_id: store.enable(key_id),
    "update": lambda store, key_id: store.update(key_id, {"description": "new"}),
    "revoke": lambda store, key_id: store.revoke(key_id),
    "leak": lambda store, key_id: store.revoke(key_id, "found in a log", leaked=True),
    "roll": lambda store, key_id: store.roll(key_id, prefix="mak", grace=3600),
    "undo the roll": lambda store, key_id: store.undo_roll(key_id),
    "create": lambda store, _key_id: store.create(consumer=CONSUMER, prefix="mak"),
    "disable the consumer": lambda store, _key_id: store.consumers.set_enabled(CONSUMER, False),
    "enable the consumer": lambda store, _key_id: store.consumers.set_enabled(CONSUMER, True),
}


class Streaming:
    """A client that gives each write to the table as a record of its stream, with the images before and after it."""

    def __init__(self, client: DynamoDBClient) -> None:
        self._client = client
        self.records: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]], **rest: Any) -> Any:  # noqa: N803
        members = [next(iter(member.values())) for member in TransactItems]
        places = [(member["TableName"], member.get("Item", member.get("Key", {}))["pk"]) for member in members]
        before = [self._image(*place) for place in places]
        answer = self._client.transact_write_items(TransactItems=TransactItems, **rest)  # type: ignore[arg-type]
        for place, old in zip(places, before, strict=True):
            if (new := self._image(*place)) != old:
                images = {name: image for name, image in (("OldImage", old), ("NewImage", new)) if image}
                number = {"SequenceNumber": f"{len(self.records):021}", "ApproximateCreationDateTime": 1_790_000_000}
                self.records.append({"dynamodb": {**images, **number}})
        return answer

    def _image(self, table: str, pk: Any) -> Any:
        return self._client.get_item(TableName=table, Key={"pk": pk}, ConsistentRead=True).get("Item")


def told(records: list[dict[str, Any]]) -> dict[str, list[tuple[Any, ...]]]:
    """The events of these records by key ID or consumer: name, actor, via, reason."""
    lines: list[tuple[str, dict[str, Any]]] = []
    aside: list[str] = []
    outlet = Outlet(Bus(), "bus", "multi-auth.x", lambda name, detail: lines.append((name, detail)))
    stream = Stream(outlet, lambda number, _reason: aside.append(number))
    for record in records:
        stream.handle(record)
    assert aside == []
    ids = [detail["event_id"] for _, detail in lines]
    assert ids == sorted(set(ids))
    found: dict[str, list[tuple[Any, ...]]] = {}
    for name, detail in lines:
        SCHEMA.validate(detail)
        subject = detail["key_id"] or f"consumer {detail['consumer']}"
        found.setdefault(subject, []).append((name, detail["actor"], detail["via"], detail["reason"]))
    return found


def expected(kind: str, entries: History) -> list[tuple[Any, ...]]:
    return [(f"{kind}.{entry.what}", entry.by, entry.how, entry.reason) for entry in entries]


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), st.integers(0, 3)), max_size=9))
def test_the_events_are_the_entries_of_the_histories(
    dynamodb: DynamoDBClient, table_name: str, operations: list[tuple[str, int]]
) -> None:
    client = Streaming(dynamodb)
    for item in dynamodb.scan(TableName=table_name)["Items"]:
        dynamodb.delete_item(TableName=table_name, Key={"pk": item["pk"]})
    table: Any = client
    store = Store(Table(table, table_name, lambda _seconds: None), Author("arn:jo", "keys"))
    key_ids = [store.create(consumer=CONSUMER, prefix="mak").key.key_id]
    for operation, position in operations:
        try:
            OPERATIONS[operation](store, key_ids[position % len(key_ids)])
        except Conflict:
            continue
        key_ids = sorted(key.key_id for key in store.all())
    histories = {key.key_id: expected("key", key.history) for key in store.all()}
    histories[f"consumer {CONSUMER}"] = expected("consumer", store.consumers.find(CONSUMER).history)
    assert told(client.records) == histories
    for key_id in key_ids:
        store.delete(key_id, "no longer used")
        histories[key_id].append(("key.deleted", "arn:jo", "keys", "no longer used"))
    assert told(client.records) == histories
