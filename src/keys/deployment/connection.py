"""Which table the commands work on, and the client that reaches it."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from keys.life import fields
from keys.life.errors import BadInput, NotFound
from keys.life.table import Table

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config
    from mypy_boto3_cloudformation import CloudFormationClient

LOCAL_OUTPUTS: Final = Path(".local/outputs.json")
DEFAULT_PREFIX: Final = "mak"
MAX_CONNECTIONS: Final = 32

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(slots=True)
class Target:
    """Where the operator wants to work: what was given on the command line, None for what was not."""

    table: str | None = None
    stack: str | None = None
    region: str | None = None
    profile: str | None = None
    prefix: str | None = None
    accept_imported: bool | None = None


def aws_session(target: Target, env: Mapping[str, str]) -> Session:
    """boto3's session for the profile and region that were given."""
    import boto3

    # boto3 knows AWS_DEFAULT_REGION only; the other tools of AWS know AWS_REGION.
    return boto3.Session(profile_name=target.profile, region_name=target.region or env.get("AWS_REGION"))


def connect(
    target: Target,
    env: Mapping[str, str],
    directory: Path,
    note: Callable[[str], None],
    session: Callable[[Target, Mapping[str, str]], Session] = aws_session,
) -> Table:
    """The table of the first of: `--table`, `--stack`, `API_KEYS_TABLE`, and the local system of this directory.

    The local system is taken only when no profile is named, and `note` is told. Prefix and accepted formats are the
    stack's where one is given, also beside `--table`, and the local system's; otherwise those of `API_KEY_PREFIX` and
    `ACCEPT_IMPORTED_KEYS`, or not known.

    :raises BadInput: none of them is given, or the local system's file is not usable.
    :raises NotFound: there is no such stack, or it is not one of ours.
    """
    outputs_file = directory / LOCAL_OUTPUTS
    name = target.table or (None if target.stack else env.get("API_KEYS_TABLE"))
    if target.stack or name:
        aws: Any = session(target, env)
        client = functools.partial(aws.client, config=_config())
    elif target.profile or not outputs_file.is_file():
        raise BadInput(
            "Which table? Give --stack NAME or --table NAME, set API_KEYS_TABLE, or start the local system with "
            "`make run` and call this in its directory."
        )
    else:
        client, name = functools.partial(local_client, outputs_file), _local(outputs_file)["table"]
        note(f"Using the local system at {client('dynamodb').meta.endpoint_url} ({LOCAL_OUTPUTS}).")
    prefix = env.get("API_KEY_PREFIX") or None
    imported = {"true": True, "false": False}.get(env.get("ACCEPT_IMPORTED_KEYS", "").lower())
    if target.stack:
        outputs, parameters = describe_stack(target.stack, client("cloudformation"))
        if "ApiKeysTableName" not in outputs:
            raise NotFound(f"The stack {target.stack!r} has no output ApiKeysTableName: is it another project's?")
        name = name or outputs["ApiKeysTableName"]
        prefix = parameters.get("ApiKeyPrefix", DEFAULT_PREFIX)
        imported = parameters.get("AcceptImportedKeys") == "true"
    imported = imported if target.accept_imported is None else target.accept_imported
    who = functools.partial(_who, client, target, env)
    return Table(client("dynamodb"), name or "", prefix and fields.check_prefix(prefix), imported, who)


def describe_stack(name: str, cloudformation: CloudFormationClient) -> tuple[dict[str, str], dict[str, str]]:
    """The stack's outputs and parameters.

    :raises NotFound: there is no such stack.
    """
    try:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            raise NotFound(
                f"There is no stack {name!r} in {cloudformation.meta.region_name}: "
                "check its name, --region and --profile."
            ) from None
        raise
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    parameters = {
        parameter["ParameterKey"]: parameter.get("ParameterValue", "") for parameter in stack.get("Parameters", [])
    }
    return outputs, parameters


def local_client(outputs_file: Path, service: str, config: Config | None = None) -> Any:
    """A client that reaches the local system and nothing else: a loopback address, no proxy, its run's access key.

    Nothing of the user's AWS profile counts: it may name an account, or not be there.

    :raises BadInput: the file is not what the local system writes.
    """
    import botocore.session
    from botocore.config import Config

    outputs = _local(outputs_file)
    # By a variable's name in botocore: its name in the files and in the environment, its default and its type.
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
            f"{outputs_file} is not what `make run` writes: start it again, or give --table or --stack."
        ) from None
    return outputs


def _who(client: Callable[..., Any], target: Target, env: Mapping[str, str]) -> str:
    """Who AWS says that the caller is; where it does not answer at once, the profile, which it must not wait for."""
    from botocore.config import Config

    try:
        impatient = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})
        identity: str = client("sts", config=_config().merge(impatient)).get_caller_identity()["Arn"]
    except (BotoCoreError, ClientError):
        profile = target.profile or env.get("AWS_PROFILE")
        return f"profile {profile}" if profile else "unknown"
    return identity


def _config() -> Config:
    from botocore.config import Config

    return Config(
        connect_timeout=3,
        read_timeout=10,
        retries={"total_max_attempts": 4, "mode": "standard"},
        max_pool_connections=MAX_CONNECTIONS,
    )
