"""The command `keys` in this process, on a test table and with a test clock."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner, Result

from keys.cli.app import App
from keys.cli.main import main
from keys.core.table import Table
from keys.deployment.stack import Deployment
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
    """Runs commands, each with a new `App`, without waits.

    `gateway`: a client for API Gateway. With it, the table is that of the stack `prod`, whose function has the
    variables `environment`, and `version` is its output. `waits`: how long commands waited, in seconds.
    """

    client: "DynamoDBClient"
    table: str
    clock: Clock = field(default_factory=Clock)
    gateway: Any = None
    environment: Mapping[str, str] = field(default_factory=lambda: {"DEFAULT_USAGE_KEY": "D" * 32})
    version: str = "0.3.0"
    waits: list[float] = field(default_factory=list)

    def run(self, *arguments: str, stdin: str = "") -> Result:
        """The result of the command, which raised no exception."""
        result = CliRunner().invoke(main, arguments, input=stdin, obj=self.app(), catch_exceptions=False)
        assert "Traceback" not in result.stderr
        return result

    def with_client(self, **methods: Any) -> "KeysCommand":
        """The command with a client that has these methods in the place of its own."""
        client: Any = Changed(self.client, **methods)
        return replace(self, client=client)

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
        app = App(clock=self.clock, sleep=self.waits.append, env={}, resolve=self._resolve, terminal=lambda: None)
        if self.gateway is not None:
            app.find_deployment = lambda resolved: Deployment(
                "prod", "arn:function", self.environment, {}, resolved.client
            )
        return app

    def _resolve(self, target: Target, env: Mapping[str, str]) -> Resolved:
        table = Table(self.client, self.table, sleep=lambda seconds: None)  # noqa: ARG005
        resolved = Resolved(table, target.prefix or "mak", target.accept_imported, lambda: "tester")
        if self.gateway is None:
            return resolved
        resolved = replace(resolved, client=lambda _service: self.gateway, stack="prod")
        resolved.__dict__["described"] = ({"Version": self.version}, {})
        return resolved
