"""How an import writes: transactions for each consumer, conditions, conflicts, interruptions."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from keys.core.change import Write
from keys.core.errors import Code, KeysError
from keys.core.history import Author
from keys.core.record import Consumer, Item, Key, consumer_pk, imported_key_id
from keys.core.table import WriteConflict
from keys.transfer.dry_run import DryRunTable
from keys.transfer.importing import Importer, Outcome, Summary
from keys.transfer.rows import Line
from tests.support.keys_command import NOW

TESTER = Author("tester", "test")


class Table:
    """A table in memory with DynamoDB's conditions. `before_write`: called before each transaction is decided."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.transactions: list[Sequence[Write]] = []
        self.before_write: Callable[[Sequence[Write]], None] = lambda _writes: None
        self._lock = threading.Lock()

    def get(self, pk: str) -> Item | None:
        return self.items.get(pk)

    def get_many(self, pks: Any) -> dict[str, Item]:
        return {pk: self.items[pk] for pk in pks if pk in self.items}

    def write(self, writes: Sequence[Write]) -> None:
        assert len(writes) <= 100
        self.before_write(writes)
        with self._lock:
            if failed := [number for number, write in enumerate(writes) if not self._holds(write)]:
                raise WriteConflict({number: self._item(writes[number]) for number in failed})
            self.transactions.append(writes)
            self.items |= {write["Put"]["Item"]["pk"]["S"]: write["Put"]["Item"] for write in writes if "Put" in write}

    def _item(self, write: Write) -> Item | None:
        key = write["Put"]["Item"]["pk"] if "Put" in write else write["ConditionCheck"]["Key"]["pk"]
        return self.items.get(key["S"])

    def _holds(self, write: Write) -> bool:
        item = self._item(write)
        if "Put" in write or item is None:
            return "Put" in write and item is None
        read = write["ConditionCheck"]["ExpressionAttributeValues"].items()
        unchanged = all(item.get(name[6:]) == value for name, value in read if name.startswith(":read_"))
        return unchanged and item["enabled"] == {"BOOL": True}

    def add(self, *records: Key | Consumer) -> None:
        self.items |= {item["pk"]["S"]: item for record in records if (item := record.to_item())}

    def keys(self) -> dict[str, Key]:
        return {pk: Key.from_item(item) for pk, item in self.items.items() if "consumer" in item}


def digest(number: int) -> str:
    return f"{number:064x}"


def file_key(number: int, consumer: str, **given: Any) -> Line:
    """A line of a file that has these fields of a key."""
    return Line(
        0,
        Key(digest=digest(number), key_id=imported_key_id(digest(number)), consumer=consumer, **given),
        given=given.keys(),
    )


def lines(*rows: tuple[int, str] | Line | Key | Consumer) -> list[Line]:
    """Lines of keys, each from a number and a consumer, or of records of an export."""
    made = [file_key(*row) if isinstance(row, tuple) else row for row in rows]
    return [
        replace(row, number=number) if isinstance(row, Line) else Line(number, row)
        for number, row in enumerate(made, 1)
    ]


def run(table: Any, given: Any, **more: Any) -> tuple[Summary, list[Any]]:
    """The summary, and the outcome of each line in the order in which they were reported."""
    summary, outcomes = Summary(), []
    importer = Importer(table, summary, author=TESTER, clock=lambda: NOW, sleep=lambda _seconds: None, **more)
    importer.run(given, lambda line, outcome: outcomes.append((line.number, outcome)))
    return summary, [outcome for _number, outcome in outcomes]


def consumer(name: str, *, enabled: bool = True, data: str = "{}") -> Consumer:
    event = TESTER.event("created", NOW)
    return Consumer(name=name, data=data, enabled=enabled, created_at=NOW).changed(event)


@pytest.fixture
def table() -> Table:
    return Table()


def test_the_keys_of_one_consumer_share_transactions_with_one_check(table: Table) -> None:
    summary, _ = run(table, lines(*((number, "ab"[number % 2]) for number in range(300))))
    sizes = sorted(len(writes) for writes in table.transactions)
    assert sizes == [52, 52, 100, 100]
    assert (summary.imported, summary.new_consumers) == (300, {"a", "b"})
    for writes in table.transactions:
        holders = [write for write in writes if "ConditionCheck" in write or "name" in write["Put"]["Item"]]
        assert len(holders) == 1
        assert len({write["Put"]["Item"]["consumer"]["S"] for write in writes if write not in holders}) == 1
    assert {item["enabled"]["BOOL"] for item in table.items.values()} == {True}


def test_the_transactions_of_one_consumer_follow_one_another_and_consumers_are_parallel(table: Table) -> None:
    running: set[str] = set()
    both = threading.Barrier(2, timeout=10)

    def before_write(writes: Sequence[Write]) -> None:
        name = writes[-1]["Put"]["Item"]["consumer"]["S"]
        assert name not in running
        running.add(name)
        both.wait()
        running.remove(name)

    table.before_write = before_write
    summary, _ = run(table, lines(*((number, "ab"[number % 2]) for number in range(400))))
    assert summary.imported == 400


def test_a_new_consumer_gets_the_data_of_its_first_key_and_others_inherit(table: Table) -> None:
    first = file_key(1, "new", data='{"plan":"gold"}')
    table.add(consumer("old", data='{"plan":"free"}'))
    run(table, lines(first, (2, "new"), (3, "old")))
    assert [table.keys()[digest(number)].data for number in (1, 2, 3)] == ['{"plan":"gold"}'] * 2 + ['{"plan":"free"}']
    assert Consumer.from_item(table.items[consumer_pk("new")]).data == '{"plan":"gold"}'


def test_a_cancelled_transaction_is_taken_apart(table: Table) -> None:
    run(table, lines(*((number, "a") for number in range(5))))
    other = file_key(1, "a", scopes=frozenset(["read"]))
    summary, outcomes = run(table, lines((0, "a"), other, *((number, "a") for number in range(4, 8))))
    assert outcomes[0] is outcomes[2] is Outcome.ALREADY_THERE
    assert "another scopes" in str(outcomes[1])
    assert outcomes[3:] == [Outcome.IMPORTED] * 3
    assert (summary.imported, summary.already_there, summary.failed) == (3, 2, 1)


def test_of_two_lines_with_the_same_key_the_first_one_is_imported(table: Table) -> None:
    summary, outcomes = run(table, lines(*((1, f"c{number}") for number in range(5))))
    assert outcomes[0] is Outcome.IMPORTED
    assert all("another consumer" in str(outcome) for outcome in outcomes[1:])
    assert table.keys()[digest(1)].consumer == "c0"
    assert summary.failed == 4


def test_a_disabled_consumer_gets_no_active_key(table: Table) -> None:
    table.add(consumer("off", enabled=False))
    active = Key(digest=digest(2), key_id="key_" + "0" * 16, consumer="off", data="{}", created_at=NOW)
    revoked = file_key(3, "off", revoked_at=NOW)
    disabled = file_key(4, "off", enabled=False)
    expired = file_key(5, "off", expires_at=NOW)
    _, outcomes = run(table, lines((1, "off"), active, revoked, disabled, expired))
    assert [outcome.code for outcome in outcomes if isinstance(outcome, KeysError)] == ["consumer_disabled"] * 2
    assert table.keys().keys() == {digest(3), digest(4), digest(5)}


def test_a_consumer_that_is_disabled_during_the_import_gets_no_further_key(table: Table) -> None:
    table.add(consumer("a"))

    def disable(_writes: Sequence[Write]) -> None:
        if len(table.transactions) == 1:
            table.add(consumer("a", enabled=False).changed(TESTER.event("disabled", NOW)))

    table.before_write = disable
    summary, outcomes = run(table, lines(*((number, "a") for number in range(150))))
    assert (summary.imported, summary.failed) == (99, 51)
    assert {outcome.problem for outcome in outcomes[99:]} == {Code.CONSUMER_DISABLED}


def test_a_consumer_that_is_changed_or_created_meanwhile_is_read_again(table: Table) -> None:
    changes = iter([consumer("a"), consumer("a", data='{"plan":"new"}').changed(TESTER.event("updated", NOW))])

    def change(_writes: Sequence[Write]) -> None:
        if (changed := next(changes, None)) is not None:
            table.add(changed)

    table.before_write = change
    summary, _ = run(table, lines((1, "a")))
    assert (summary.imported, summary.new_consumers, list(summary.existing_consumers)) == (1, set(), ["a"])
    assert table.keys()[digest(1)].data == '{"plan":"new"}'


def test_a_throttled_transaction_is_sent_again_until_it_is_given_up(table: Table) -> None:
    left = [3]

    def throttle(_writes: Sequence[Write]) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise WriteConflict(throttled="ProvisionedThroughputExceeded")

    table.before_write = throttle
    assert run(table, lines((1, "a")))[0].imported == 1
    left[0] = 100
    with pytest.raises(KeysError, match="throttles"):
        run(table, lines((2, "a")))


@pytest.mark.parametrize("end", ["revoked", "deleted"])
def test_a_key_that_has_ended_in_the_table_is_not_restored(table: Table, end: str) -> None:
    run(table, lines((1, "a")))
    key = table.keys()[digest(1)]
    table.items[digest(1)] = (
        {"pk": {"S": digest(1)}, "deleted_at": {"N": "1"}}
        if end == "deleted"
        else key.changed(TESTER.event("revoked", NOW), revoked_at=NOW).to_item()
    )
    before = dict(table.items)
    summary, (outcome,) = run(table, lines((1, "a")))
    assert outcome is Outcome(end)
    assert (summary.ended, summary.restorable, summary.ended_lines) == (1, end == "deleted", [(1, outcome)])
    assert table.items == before


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (file_key(1, "a", enabled=False), "the file says disabled"),
        (file_key(1, "a", revoked_at=NOW), "the file says revoked"),
        (file_key(1, "a", expires_at=NOW + 1), "another expires_at"),
    ],
)
def test_a_line_that_would_end_an_active_key_is_refused(table: Table, row: Line, told: str) -> None:
    run(table, lines((1, "a")))
    assert told in str(run(table, lines(row))[1][0])


def test_the_consumers_of_an_export_are_written_before_its_keys(table: Table) -> None:
    key = Key(digest=digest(1), key_id="key_" + "0" * 16, consumer="a", data="{}", created_at=NOW)
    key_is_written = threading.Event()

    def before_write(writes: Sequence[Write]) -> None:
        if any("consumer" in write.get("Put", {}).get("Item", {}) for write in writes):
            key_is_written.set()
        else:
            assert not key_is_written.wait(0.2)

    table.before_write = before_write
    summary, _ = run(table, lines(consumer("a"), consumer("b"), key))
    assert (summary.imported, summary.new_consumers) == (3, {"a", "b"})
    assert [len(writes) for writes in table.transactions] == [2, 2]


def test_a_dry_run_reports_what_the_import_does_and_writes_nothing(table: Table) -> None:
    table.add(consumer("off", enabled=False), consumer("old"))
    run(table, lines((1, "old"), (2, "old")))
    before = dict(table.items)
    given = [*lines((1, "old"), (2, "new"), (3, "new"), (3, "new"), (3, "other"), (4, "off"), (5, "old"), (6, "new"))]
    dry_table = DryRunTable(table.get_many)
    dry, dry_outcomes = run(dry_table, given)
    dry_table.close()
    assert table.items == before
    real, outcomes = run(table, given)
    assert list(map(str, dry_outcomes)) == list(map(str, outcomes))
    assert (dry.imported, dry.new_consumers) == (real.imported, real.new_consumers) == (3, {"new"})


def test_what_was_read_before_the_file_broke_off_is_imported(table: Table) -> None:
    def broken() -> Iterator[Line]:
        yield from lines((1, "a"), (2, "b"))
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        run(table, broken())
    assert table.keys().keys() == {digest(1), digest(2)}


@pytest.mark.parametrize("stop", ["interrupt", "failure"])
def test_an_import_that_is_stopped_counts_what_is_in_the_table_and_can_be_repeated(table: Table, stop: str) -> None:
    asked = threading.Event()

    def before_write(_writes: Sequence[Write]) -> None:
        if len(table.transactions) >= 5:
            if stop == "failure":
                raise OSError("the network is down")
            asked.wait(10)

    def is_interrupted() -> bool:
        if stop == "interrupt" and len(table.transactions) >= 5:
            asked.set()
        return asked.is_set()

    table.before_write = before_write
    summary = Summary()
    given = lines(*((number, f"c{number % 3}") for number in range(3_000)))
    importer = Importer(
        table, summary, author=TESTER, clock=lambda: NOW, sleep=lambda _seconds: None,
        is_interrupted=is_interrupted,
    )  # fmt: skip
    with pytest.raises((OSError, KeyboardInterrupt)):
        importer.run(given, lambda _line, _outcome: None)
    assert 0 < summary.imported == len(table.keys()) < 3_000
    table.before_write = lambda _writes: None
    again, _ = run(table, given)
    assert (again.already_there, again.imported) == (summary.imported, 3_000 - summary.imported)
