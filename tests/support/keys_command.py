"""The command `keys` in this process, on a test table and with a test clock."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner, Result

from keys.cli.app import App
from keys.cli.main import main
from keys.core.table import Table
from keys.deployment.target import Resolved, Target
from tests.support.changed import Changed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = 1_800_000_000


@dataclass
class Clock:
    """A clock that only changes when a test advances it."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class KeysCommand:
    """Runs commands, each with a new `App`, without waits."""

    client: "DynamoDBClient"
    table: str
    clock: Clock = field(default_factory=Clock)

    def run(self, *arguments: str, stdin: str = "") -> Result:
        """The result of the command, which raised no exception."""
        result = CliRunner().invoke(main, arguments, input=stdin, obj=self.app(), catch_exceptions=False)
        assert "Traceback" not in result.stderr
        return result

    def with_client(self, **methods: Any) -> "KeysCommand":
        """The command with a client that has these methods in the place of its own."""
        client: Any = Changed(self.client, **methods)
        return KeysCommand(client, self.table, self.clock)

    def json(self, *arguments: str, stdin: str = "") -> Any:
        """The JSON output of the command, which succeeded."""
        result = self.run(*arguments, "--output", "json", stdin=stdin)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    def create(self, *arguments: str, consumer: str = "acme") -> Any:
        """The JSON output of `keys create`."""
        return self.json("create", "--consumer", consumer, *arguments)

    def items(self) -> list[dict[str, Any]]:
        """All items of the table."""
        items: Any = self.client.scan(TableName=self.table)["Items"]
        return list(items)

    def app(self) -> App:
        return App(clock=self.clock, sleep=lambda seconds: None, env={}, resolve=self._resolve, terminal=lambda: None)  # noqa: ARG005

    def _resolve(self, target: Target, env: Mapping[str, str]) -> Resolved:
        table = Table(self.client, self.table, sleep=lambda seconds: None)  # noqa: ARG005
        return Resolved(table, target.prefix or "mak", target.accept_imported, lambda: "tester")
