"""Which table and which stack a command means, and the AWS clients for them. It is decided here, once."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from keys.core import fields
from keys.core.errors import BadInput, NotFound
from keys.core.table import Table

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config

LOCAL_OUTPUTS: Final = Path(".local/outputs.json")
LOCAL_CODE: Final = Path(".local/deployed/Authorizer/authorizer")
"""The authorizer's code in the local system, with the rules of `make run RULES=FILE` and its user pool."""
LOCAL_STACK: Final = "multi-auth-local"
DEFAULT_PREFIX: Final = "mak"
MAX_CONNECTIONS: Final = 32

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(slots=True)
class Target:
    """The options that select the table. None: the option was not given."""

    table: str | None = None
    stack: str | None = None
    region: str | None = None
    profile: str | None = None
    prefix: str | None = None
    accept_imported: bool | None = None


class Source(Enum):
    """What names the table."""

    STACK = "--stack"
    TABLE = "--table"
    ENVIRONMENT = "API_KEYS_TABLE"
    LOCAL = "the local system"
    NOTHING = "nothing"


def source(target: Target, env: Mapping[str, str], directory: Path) -> Source:
    """The first of `--stack`, `--table`, `API_KEYS_TABLE` and the local system of this directory that is given.

    The local system is used only if no profile is given.
    """
    if target.stack:
        return Source.STACK
    if target.table:
        return Source.TABLE
    if env.get("API_KEYS_TABLE"):
        return Source.ENVIRONMENT
    return Source.LOCAL if not target.profile and (directory / LOCAL_OUTPUTS).is_file() else Source.NOTHING


@dataclass(frozen=True)
class Resolved:
    """A table, and what is known of the authorizer that reads it; None if it is not known.

    `who` returns the identity of the caller, such as an IAM ARN. `client` creates an AWS client for a service.
    `stack`: the name of the stack; None if only a table was named.
    """

    table: Table
    prefix: str | None
    accept_imported: bool | None
    who: Callable[[], str] = lambda: "unknown"
    client: Callable[..., Any] = field(default=lambda _service: None, repr=False)
    stack: str | None = None

    @functools.cached_property
    def described(self) -> tuple[dict[str, str], dict[str, str]]:
        """The outputs and the parameters of the stack; empty without a stack.

        :raises NotFound: there is no such stack.
        """
        return describe_stack(self.stack, self.client("cloudformation")) if self.stack else ({}, {})

    @property
    def version(self) -> str | None:
        """The version of the product that the stack has; None if it is not known."""
        return self.described[0].get("Version")


class NoStack(NotFound):
    """There is no stack of this name in the Region."""


def is_at_least(version: str | None, least: str) -> bool:
    """Whether a version, such as `0.3.0`, is the same as another or newer. False if it is not known."""
    numbers = [tuple(map(int, re.findall(r"[0-9]+", text)[:3])) for text in (version or "0", least)]
    return numbers[0] >= numbers[1]


def aws_session(target: Target, env: Mapping[str, str]) -> Session:
    """The boto3 session for the given profile and Region."""
    import boto3

    # boto3 reads only AWS_DEFAULT_REGION. Other AWS tools read AWS_REGION.
    return boto3.Session(profile_name=target.profile, region_name=target.region or env.get("AWS_REGION"))


def resolve(
    target: Target,
    env: Mapping[str, str],
    directory: Path,
    note: Callable[[str], None],
    session: Callable[[Target, Mapping[str, str]], Session] = aws_session,
    sleep: Callable[[float], None] | None = None,
) -> Resolved:
    """The table that `source` names. The use of the local system is reported to `note`.

    If a stack is given, its parameters set the prefix and the accepted key formats. Otherwise `API_KEY_PREFIX` and
    `ACCEPT_IMPORTED_KEYS` set them; without these they are unknown.

    :raises BadInput: nothing names a table, `--table` is not the stack's, or the local system's file is invalid.
    :raises NotFound: the stack does not exist, or is no stack of this product.
    """
    named = source(target, env, directory)
    if named is Source.NOTHING:
        raise BadInput(
            "No table is specified. Specify --stack NAME or --table NAME, set API_KEYS_TABLE, or run `make run` and "
            "use this command in the same directory."
        )
    client: Callable[..., Any]
    stack: str | None
    if named is Source.LOCAL:
        file = directory / LOCAL_OUTPUTS
        name, stack, client = _local(file)["table"], LOCAL_STACK, functools.partial(local_client, file)
        note(f"Using the local system at {client('dynamodb').meta.endpoint_url} ({LOCAL_OUTPUTS}).")
    else:
        aws: Any = session(target, env)
        name, stack = target.table or env.get("API_KEYS_TABLE", ""), target.stack
        client = functools.partial(aws.client, config=_config())
    prefix = env.get("API_KEY_PREFIX") or None
    imported = {"true": True, "false": False}.get(env.get("ACCEPT_IMPORTED_KEYS", "").lower())
    described = None
    if named is Source.STACK and stack:
        described = outputs, parameters = describe_stack(stack, client("cloudformation"))
        if "ApiKeysTableName" not in outputs:
            raise NotFound(f"The stack {stack!r} has no output ApiKeysTableName. Specify a stack of this product.")
        name = outputs["ApiKeysTableName"]
        if target.table not in (None, name):
            raise BadInput(
                f"--table {target.table}: the stack {stack!r} uses the table {name}. Omit --table or --stack."
            )
        prefix = parameters.get("ApiKeyPrefix", DEFAULT_PREFIX)
        imported = parameters.get("AcceptImportedKeys") == "true"
    found = Resolved(
        # `keys.core` writes by its own types. botocore's check of them takes a quarter of the time of an import.
        Table(client("dynamodb", config=_config(parameter_validation=False)), name, *([sleep] if sleep else [])),
        prefix and fields.check_prefix(prefix),
        imported if target.accept_imported is None else target.accept_imported,
        functools.partial(_who, client, target.profile or env.get("AWS_PROFILE")),
        client,
        stack,
    )
    if described:
        found.__dict__["described"] = described
    return found


def describe_stack(name: str, cloudformation: Any) -> tuple[dict[str, str], dict[str, str]]:
    """The stack's outputs and parameters.

    :raises NoStack: there is no such stack.
    """
    try:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            raise NoStack(
                f"The stack {name!r} does not exist in {cloudformation.meta.region_name}. "
                "Check its name, --region and --profile."
            ) from None
        raise
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    return outputs, {each["ParameterKey"]: each.get("ParameterValue", "") for each in stack.get("Parameters", [])}


def local_client(outputs_file: Path, service: str, config: Config | None = None) -> Any:
    """A client for the local system only: a loopback address, no proxy, the access key of its run.

    The user's AWS configuration is not read: it can name a real account, or be missing.

    :raises BadInput: the file is not an outputs file of the local system.
    """
    import botocore.session
    from botocore.config import Config

    outputs = _local(outputs_file)
    # Each value: name in the configuration file, name in the environment, default, type. The names are removed.
    known = botocore.session.Session.SESSION_VARIABLES.items()
    unread = {variable: (None, None, default, convert) for variable, (_, _, default, convert) in known}
    unread |= dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    session: Any = botocore.session.Session(unread)
    return session.create_client(
        service,
        endpoint_url=outputs["endpoint_url"],
        region_name=outputs["region"],
        aws_access_key_id=outputs["access_key"],
        aws_secret_access_key=outputs["access_key"],
        config=(config or _config()).merge(Config(proxies={})),
    )


def _local(outputs_file: Path) -> dict[str, str]:
    try:
        written = json.loads(outputs_file.read_text(encoding="utf-8"))
        outputs = {member: str(written[member]) for member in ("endpoint_url", "region", "table", "access_key")}
        if urlsplit(outputs["endpoint_url"]).hostname not in _LOOPBACK:
            raise ValueError(outputs["endpoint_url"])
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(
            f"{outputs_file} is not a valid outputs file of `make run`. "
            "Run `make run` again, or specify --table or --stack."
        ) from None
    return outputs


def _who(client: Callable[..., Any], profile: str | None) -> str:
    """The ARN of the caller; the profile if AWS STS does not answer within 2 seconds."""
    try:
        config = _config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})
        return str(client("sts", config=config).get_caller_identity()["Arn"])
    except (BotoCoreError, ClientError):
        return f"profile {profile}" if profile else "unknown"


def _config(**changes: Any) -> Config:
    """The settings of a client for interactive use."""
    from botocore.config import Config

    retries = {"total_max_attempts": 6, "mode": "adaptive"}
    usual: dict[str, Any] = {"connect_timeout": 3, "read_timeout": 10, "retries": retries}
    return Config(max_pool_connections=MAX_CONNECTIONS, **{**usual, **changes})
