"""The table that the commands use."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from keys.core.errors import BadInput, NotFound
from keys.deployment.target import Resolved, Target
from keys.deployment.target import resolve as resolve_target

ENV = {"AWS_REGION": "eu-central-1"}


def resolve(directory: Path, target: Target, env: Mapping[str, str] = ENV) -> tuple[Resolved, list[str]]:
    notes: list[str] = []
    return resolve_target(target, env, directory, notes.append), notes


class SessionWithStack:
    """A session with one stack, `prod`."""

    def __init__(self, outputs: Mapping[str, str]) -> None:
        self._outputs = outputs

    def client(self, service: str, **arguments: Any) -> Any:
        client: Any = boto3.client(service, region_name="eu-central-1", **arguments)  # type: ignore[call-overload]
        if service == "cloudformation":
            stack = {
                "StackName": "prod",
                "CreationTime": "2026-01-01T00:00:00Z",
                "StackStatus": "CREATE_COMPLETE",
                "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in self._outputs.items()],
                "Parameters": [
                    {"ParameterKey": "ApiKeyPrefix", "ParameterValue": "acme"},
                    {"ParameterKey": "AcceptImportedKeys", "ParameterValue": "true"},
                ],
            }
            stubber = Stubber(client)
            stubber.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "prod"})
            stubber.activate()
        return client


class SessionWithoutStack:
    """A session without stacks."""

    def client(self, service: str, **arguments: Any) -> Any:
        client: Any = boto3.client(service, region_name="eu-central-1", **arguments)  # type: ignore[call-overload]
        stubber = Stubber(client)
        stubber.add_client_error("describe_stacks", "ValidationError", "Stack with id prod does not exist", 400)
        stubber.activate()
        return client


def resolve_stack(directory: Path, session: Any) -> Resolved:
    env = {**ENV, "API_KEYS_TABLE": "other"}
    return resolve_target(Target(stack="prod"), env, directory, list[str]().append, lambda target, env: session)  # noqa: ARG005


def write_outputs(directory: Path, **changes: object) -> None:
    outputs: dict[str, object] = {
        "endpoint_url": "http://127.0.0.1:4599",
        "access_key": "LOCAL1",
        "region": "us-east-1",
        "table": "local-keys",
    }
    outputs |= changes
    (directory / ".local").mkdir()
    (directory / ".local/outputs.json").write_text(json.dumps(outputs), encoding="utf-8")


def test_a_table_that_is_named_comes_first(tmp_path: Path) -> None:
    write_outputs(tmp_path)
    table, notes = resolve(tmp_path, Target(table="mine"), {**ENV, "API_KEYS_TABLE": "other"})
    assert (table.table.name, table.prefix, table.accept_imported, notes) == ("mine", None, None, [])


def test_a_stack_gives_its_table_and_the_settings_of_its_authorizer(tmp_path: Path) -> None:
    table = resolve_stack(tmp_path, SessionWithStack({"ApiKeysTableName": "prod-keys"}))
    assert (table.table.name, table.prefix, table.accept_imported) == ("prod-keys", "acme", True)


def test_a_table_that_is_not_the_one_of_the_stack_is_refused(tmp_path: Path) -> None:
    session: Any = SessionWithStack({"ApiKeysTableName": "prod-keys"})
    for table in ("prod-keys", None):
        target = Target(table=table, stack="prod")
        assert resolve_target(target, ENV, tmp_path, list[str]().append, lambda *_: session).table.name == "prod-keys"
    with pytest.raises(BadInput, match="--table other: the stack 'prod' uses the table prod-keys"):
        resolve_target(Target(table="other", stack="prod"), ENV, tmp_path, list[str]().append, lambda *_: session)


def test_a_stack_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="stack 'prod' does not exist in eu-central-1"):
        resolve_stack(tmp_path, SessionWithoutStack())


def test_a_stack_without_our_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="ApiKeysTableName"):
        resolve_stack(tmp_path, SessionWithStack({"Name": "x"}))


def test_the_environment_comes_before_the_local_system(tmp_path: Path) -> None:
    write_outputs(tmp_path)
    env = {**ENV, "API_KEYS_TABLE": "other", "API_KEY_PREFIX": "acme", "ACCEPT_IMPORTED_KEYS": "true"}
    table, notes = resolve(tmp_path, Target(), env)
    assert (table.table.name, table.prefix, table.accept_imported, notes) == ("other", "acme", True, [])


def test_the_local_system_is_used_last_and_says_so(tmp_path: Path) -> None:
    write_outputs(tmp_path)
    table, notes = resolve(tmp_path, Target())
    assert (table.table.name, table.table.client.meta.endpoint_url) == ("local-keys", "http://127.0.0.1:4599")
    assert len(notes) == 1
    assert "local system" in notes[0]


@pytest.mark.parametrize("endpoint", ["https://dynamodb.eu-central-1.amazonaws.com", "http://10.0.0.1:4599", "", 1])
def test_the_local_system_is_never_another_machine(tmp_path: Path, endpoint: object) -> None:
    write_outputs(tmp_path, endpoint_url=endpoint)
    with pytest.raises(BadInput, match="make run"):
        resolve(tmp_path, Target())


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "\xff"])
def test_a_broken_file_of_the_local_system_is_named(tmp_path: Path, text: str) -> None:
    write_outputs(tmp_path)
    (tmp_path / ".local/outputs.json").write_text(text, encoding="latin-1")
    with pytest.raises(BadInput, match=r"outputs\.json"):
        resolve(tmp_path, Target())


def test_whoever_names_a_profile_means_aws(tmp_path: Path) -> None:
    write_outputs(tmp_path)
    with pytest.raises(BadInput, match="No table is specified"):
        resolve(tmp_path, Target(profile="prod"))


def test_without_any_table_the_ways_to_name_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"--stack.*--table.*API_KEYS_TABLE.*make run"):
        resolve(tmp_path, Target())


def test_an_impossible_prefix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="prefix"):
        resolve(tmp_path, Target(table="mine"), {**ENV, "API_KEY_PREFIX": "Not good"})


def test_the_local_client_uses_the_runs_key_whatever_the_users_aws_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("AWS_PROFILE", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE", "AWS_DEFAULTS_MODE", "AWS_USE_FIPS_ENDPOINT"):
        monkeypatch.setenv(variable, "nonsense")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    write_outputs(tmp_path)
    client: Any = resolve(tmp_path, Target())[0].table.client
    assert client.meta.endpoint_url == "http://127.0.0.1:4599"
    assert client.meta.config.proxies == {}
    signed: list[str] = []

    def refuse(request: Any, **_more: object) -> None:
        signed.append(request.headers["Authorization"].decode())
        raise ConnectionError

    client.meta.events.register("before-send.dynamodb", refuse)
    with pytest.raises(ConnectionError):
        client.list_tables()
    assert "Credential=LOCAL1/" in signed[0]
