"""A consumer with a thousand keys."""

from typing import Any

import pytest

from keys.core.consumers import BATCH
from tests.support.keys_command import KeysCommand

COUNT = 1000
GOLD = {"plan": "gold", "usage_key": "G" * 20}


class OneByOne:
    """Applies the writes of a transaction one after the other, and counts the transactions.

    The time of moto's own transactions grows with the square of their number: each copies the whole table.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.transactions = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, *, TransactItems: Any, **_others: Any) -> None:  # noqa: N803
        self.transactions += 1
        for write in TransactItems:
            ((action, arguments),) = write.items()
            if action != "ConditionCheck":
                {"Put": self._client.put_item, "Update": self._client.update_item}[action](
                    **{key: value for key, value in arguments.items() if key != "ReturnValuesOnConditionCheckFailure"}
                )


@pytest.mark.long
def test_a_plan_reaches_a_thousand_keys_in_transactions_of_many(keys: KeysCommand) -> None:
    client: Any = OneByOne(keys.client)
    store = KeysCommand(client, keys.table).app().store
    for _ in range(COUNT):
        store.create(consumer="acme", prefix="mak")
    client.transactions = 0
    assert store.consumers.update("acme", GOLD).keys == COUNT
    assert {(key.plan, key.usage_key) for key in store.all("acme")} == {tuple(GOLD.values())}
    # One for the consumer, and no more for its keys than they fill.
    assert client.transactions == 1 + -(-COUNT // BATCH)
