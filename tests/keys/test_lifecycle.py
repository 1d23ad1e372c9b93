"""Every change of keys and consumers in any order: the command and the authorizer agree with a simple model."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from moto import mock_aws

from authorizer.identity import Identity
from authorizer.key_store import ApiKeyAuthenticator, KeyStore
from authorizer.refusal import Refusal
from tests.support.keys_command import Clock, KeysCommand
from tests.support.table_schema import create_table_arguments, dynamodb_client, load_template

HOUR = 3600
CONSUMERS = st.sampled_from(["acme", "beta"])


@dataclass(frozen=True)
class Expected:
    """The expected state of a key."""

    secret: str
    consumer: str
    plan: int
    created_at: float
    expires_at: float | None
    unrolled_expires_at: float | None = None
    enabled: bool = True
    with_consumer: bool = False
    revoked: bool = False
    rolled_to: str | None = None

    def state(self, now: float) -> str:
        if self.revoked:
            return "revoked"
        if not self.enabled:
            return "disabled"
        return "expired" if self.expires_at is not None and now >= self.expires_at else "active"


class KeyLifecycle(RuleBasedStateMachine):
    key_ids = Bundle("key_ids")

    def __init__(self) -> None:
        super().__init__()
        self.aws = mock_aws()
        self.aws.start()
        client = dynamodb_client()
        client.create_table(TableName="ApiKeys", **create_table_arguments(load_template()))
        self.clock = Clock()
        self.keys = KeysCommand(client, "ApiKeys", self.clock)
        store = KeyStore(client, "ApiKeys", cache_seconds=0, clock=self.clock)
        self.authenticator = ApiKeyAuthenticator(store, "mak", accept_imported=True, clock=self.clock)
        self.expected: dict[str, Expected] = {}
        self.gone: list[str] = []
        self.plans = {"acme": 0, "beta": 0}
        self.closed: set[str] = set()
        self.imported = 0

    def teardown(self) -> None:
        self.aws.stop()

    @initialize()
    def make_consumers(self) -> None:
        for name in self.plans:
            assert self.keys.run("consumer", "create", name, "--data", '{"plan": 0}').exit_code == 0

    @rule(target=key_ids, consumer=CONSUMERS, hours=st.none() | st.integers(1, 5))
    def create(self, consumer: str, hours: int | None) -> Any:
        lifetime = [] if hours is None else ["--expires-in", f"{hours}h"]
        if consumer in self.closed:
            assert self.keys.run("create", "--consumer", consumer, *lifetime).exit_code == 4
            return multiple()
        made = self.keys.create(*lifetime, consumer=consumer)
        return self.add(made, None if hours is None else self.clock.now + hours * HOUR)

    @rule(target=key_ids, consumer=CONSUMERS, hours=st.none() | st.integers(1, 5))
    def import_one(self, consumer: str, hours: int | None) -> Any:
        self.imported += 1
        secret = f"legacy-key-{self.imported:08}"
        expires_at = None if hours is None else int(self.clock.now + hours * HOUR)
        self.import_line(f"{secret},{consumer},{expires_at or ''}", exit_code=6 if consumer in self.closed else 0)
        if consumer in self.closed:
            return multiple()
        (key_id,) = {key["key_id"] for key in self.keys.json("list")} - self.expected.keys()
        return self.add({"key": secret, "key_id": key_id, "consumer": consumer}, expires_at)

    @rule(key_id=key_ids)
    def import_again(self, key_id: str) -> None:
        """An existing key is not changed, and neither is one whose consumer is disabled."""
        if key_id in self.expected:
            key = self.expected[key_id]
            self.import_line(f"{key.secret},{key.consumer},")

    @rule(key_id=key_ids)
    def disable(self, key_id: str) -> None:
        self.change("disable", key_id, refused_for={"revoked"}, enabled=False, with_consumer=False)

    @rule(key_id=key_ids)
    def enable(self, key_id: str) -> None:
        key = self.expected.get(key_id)
        if key and key.consumer in self.closed and not key.revoked and not key.enabled:
            assert self.keys.run("enable", key_id).exit_code == 4
        else:
            self.change("enable", key_id, refused_for={"revoked"}, enabled=True, with_consumer=False)

    @rule(key_id=key_ids)
    def revoke(self, key_id: str) -> None:
        self.change("revoke", key_id, "--yes", refused_for=set(), revoked=True)

    @rule(key_id=consumes(key_ids))
    def delete(self, key_id: str) -> None:
        result = self.keys.run("delete", key_id, "--yes")
        assert result.exit_code == (0 if key_id in self.expected else 3)
        if key_id in self.expected:
            self.gone.append(self.expected.pop(key_id).secret)

    @rule(target=key_ids, key_id=key_ids, grace=st.integers(0, 5))
    def roll(self, key_id: str, grace: int) -> Any:
        old = self.expected.get(key_id)
        arguments = ("roll", key_id, "--grace", f"{grace}h", "--yes")
        if old is None or old.rolled_to or old.state(self.clock.now) != "active":
            assert self.keys.run(*arguments).exit_code == (3 if old is None else 4)
            return multiple()
        made = self.keys.json(*arguments)
        end = self.clock.now + grace * HOUR
        self.expected[key_id] = replace(
            old,
            rolled_to=made["key_id"],
            unrolled_expires_at=old.expires_at,
            expires_at=end if old.expires_at is None else min(end, old.expires_at),
        )
        lifetime = None if old.expires_at is None else old.expires_at - old.created_at
        return self.add(made, None if lifetime is None else self.clock.now + lifetime)

    @rule(key_id=key_ids)
    def undo_roll(self, key_id: str) -> None:
        old = self.expected.get(key_id)
        successor = self.expected.get((old and old.rolled_to) or "")
        possible = old and old.rolled_to and old.state(self.clock.now) == "active"
        possible = possible and not (successor and successor.rolled_to)
        result = self.keys.run("roll", key_id, "--undo", "--yes")
        assert result.exit_code == (3 if old is None else 0 if possible else 4)
        if old and old.rolled_to and possible:
            self.expected[key_id] = replace(old, rolled_to=None, expires_at=old.unrolled_expires_at)
            if successor:
                self.expected[old.rolled_to] = replace(successor, revoked=True)

    @rule(consumer=CONSUMERS)
    def change_data(self, consumer: str) -> None:
        self.plans[consumer] += 1
        plan = self.plans[consumer]
        assert self.keys.run("consumer", "update", consumer, "--data", f'{{"plan": {plan}}}').exit_code == 0
        for key_id, key in self.expected.items():
            if key.consumer == consumer:
                self.expected[key_id] = replace(key, plan=plan)

    @rule(consumer=CONSUMERS)
    def disable_consumer(self, consumer: str) -> None:
        is_so = consumer in self.closed and not self.of(consumer, enabled=True)
        assert self.keys.run("consumer", "disable", consumer, "--yes").exit_code == (8 if is_so else 0)
        self.closed.add(consumer)
        for key_id, key in self.of(consumer, enabled=True).items():
            self.expected[key_id] = replace(key, enabled=False, with_consumer=True)

    @rule(consumer=CONSUMERS)
    def enable_consumer(self, consumer: str) -> None:
        result = self.keys.run("consumer", "enable", consumer)
        assert result.exit_code == (0 if consumer in self.closed else 8)
        self.closed.discard(consumer)
        for key_id, key in self.of(consumer, with_consumer=True).items():
            self.expected[key_id] = replace(key, enabled=True, with_consumer=False)

    @rule(seconds=st.sampled_from([1, HOUR - 1, HOUR]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @invariant()
    def the_list_is_as_expected(self) -> None:
        listed = {key["key_id"]: (key["consumer"], key["state"], key["rolled_to"]) for key in self.keys.json("list")}
        now = self.clock.now
        assert listed == {id_: (key.consumer, key.state(now), key.rolled_to) for id_, key in self.expected.items()}

    @invariant()
    def the_authorizer_accepts_the_active_keys_and_no_other(self) -> None:
        for key_id, key in self.expected.items():
            state = key.state(self.clock.now)
            accepted = Identity("api_key", key.consumer, {"plan": key.plan}, key_id=key_id)
            assert self.decision(key.secret) == (accepted if state == "active" else f"{state}_key")

    @invariant()
    def the_authorizer_does_not_know_deleted_keys(self) -> None:
        assert {self.decision(secret) for secret in self.gone} <= {None, "unknown_key"}

    def of(self, consumer: str, **fields: bool) -> dict[str, Expected]:
        """The consumer's keys that are not revoked and have these fields."""
        return {
            key_id: key
            for key_id, key in self.expected.items()
            if key.consumer == consumer
            and not key.revoked
            and all(getattr(key, name) is value for name, value in fields.items())
        }

    def decision(self, secret: str) -> Identity | str | None:
        """The authorizer's decision: the identity, or the reason of the refusal."""
        try:
            return self.authenticator.authenticate(secret)
        except Refusal as refusal:
            return refusal.reason.value

    def add(self, made: Any, expires_at: float | None) -> str:
        consumer = made["consumer"]
        self.expected[made["key_id"]] = Expected(
            made["key"], consumer, self.plans[consumer], created_at=self.clock.now, expires_at=expires_at
        )
        key_id: str = made["key_id"]
        return key_id

    def import_line(self, line: str, exit_code: int = 0) -> None:
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "keys.csv"
            file.write_text(f"key,consumer,expires_at\n{line}\n", encoding="utf-8")
            assert self.keys.run("import", str(file)).exit_code == exit_code

    def change(self, command: str, key_id: str, *more: str, refused_for: set[str], **changes: bool) -> None:
        key = self.expected.get(key_id)
        refused = key is not None and key.state(self.clock.now) in refused_for
        result = self.keys.run(command, key_id, *more)
        has_effect = key is not None and any(getattr(key, name) is not value for name, value in changes.items())
        assert result.exit_code == (3 if key is None else 4 if refused else 0 if has_effect else 8)
        if key is not None and not refused:
            self.expected[key_id] = replace(key, **changes)  # type: ignore[arg-type]


KeyLifecycle.TestCase.settings = settings(
    max_examples=settings().max_examples // 20, stateful_step_count=20, suppress_health_check=[HealthCheck.too_slow]
)
TestKeyLifecycle = KeyLifecycle.TestCase
