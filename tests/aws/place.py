"""Where the suite runs: an AWS account, or the emulator of this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from local import environment
from local.build import build, target


class Place(Protocol):
    """Read-only. `log_seconds`: how long it can take until a log line can be read."""

    @property
    def is_emulator(self) -> bool: ...

    @property
    def account(self) -> str: ...

    @property
    def region(self) -> str: ...

    @property
    def log_seconds(self) -> float: ...

    @property
    def artifact(self) -> Path:
        """The template that `sam build` made."""

    def optional_artifact(self, name: str) -> Path:
        """The template of an optional stack, such as `events`, that `sam build` made.

        :raises StepError: the build failed.
        """

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of `sam` and `keys`."""

    @property
    def parameters(self) -> Mapping[str, str]:
        """The parameters of every authorizer in this place."""

    def client(self, service: str) -> Any:
        """A boto3 client."""

    def api_url(self, api_id: str, stage: str) -> str:
        """The URL of the stage of a REST API, without a slash at the end."""

    def http_api_url(self, api_id: str) -> str:
        """The URL of the stage `$default` of an HTTP API, without a slash at the end."""

    def issuer_parameters(self, issuer: str, audience: str) -> Mapping[str, str]:
        """The authorizer's parameters for a user pool."""

    def complete(self, template: Path, api_id: str, stage: str, parameters: Mapping[str, str]) -> None:
        """Set what this place ignored in the template's REST API."""

    def now(self) -> float:
        """Seconds, of which only differences have a meaning."""

    def sleep(self, seconds: float) -> None: ...


class WrongAccount(Exception):
    """The suite would not run in the account that was named. The text has the remedy."""


@dataclass
class Account:
    """An AWS account, with the caller's own credentials."""

    session: Any
    account: str
    artifact: Path
    boundary: str = ""
    log_seconds: float = 20
    is_emulator: bool = field(default=False, init=False)

    @property
    def region(self) -> str:
        return str(self.session.region_name)

    @property
    def environment(self) -> Mapping[str, str]:
        tools = str(environment.ROOT / ".venv" / "bin")
        given = {"PATH": os.pathsep.join((tools, os.environ.get("PATH", os.defpath))), "SAM_CLI_TELEMETRY": "0"}
        return {**os.environ, **given, "AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region}

    @property
    def parameters(self) -> Mapping[str, str]:
        role = self.client("apigateway").get_account().get("cloudwatchRoleArn")
        return {
            **target(),
            "PermissionsBoundary": self.boundary,
            "ApiGatewayLogRole": "Existing" if role else "None",
            "LogRetentionDays": "1",
        }

    def optional_artifact(self, name: str) -> Path:
        folder = Path(f".local/build-lambda-{name}")
        log = folder.with_name(f"sam-build-{name}.log")
        build(environment.download(), log, folder, template=f"stacks/{name}/template.yaml")
        return folder / "template.yaml"

    def client(self, service: str) -> Any:
        return self.session.client(service)

    def api_url(self, api_id: str, stage: str) -> str:
        return f"{self.http_api_url(api_id)}/{stage}"

    def http_api_url(self, api_id: str) -> str:
        suffix = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        return f"https://{api_id}.execute-api.{self.region}.{suffix}"

    def issuer_parameters(self, issuer: str, audience: str) -> Mapping[str, str]:
        return {"JwtIssuer": issuer, "JwtAudience": audience}

    def complete(self, template: Path, api_id: str, stage: str, parameters: Mapping[str, str]) -> None:
        """AWS applies the whole template."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def check_account(session: Any, wanted: str) -> None:
    """Check that the session's credentials are of the account, and that its requests go to AWS.

    :raises WrongAccount: they are not.
    :raises botocore.exceptions.BotoCoreError: there are no credentials.
    """
    if not session.region_name:
        raise WrongAccount("No Region is configured. Set AWS_REGION.")
    for service in ("sts", "cloudformation", "apigateway", "dynamodb", "lambda"):
        host = urlsplit(session.client(service).meta.endpoint_url).hostname or ""
        if not host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
            raise WrongAccount(
                f"The requests to {service} would go to {host}, which is not AWS. Unset AWS_ENDPOINT_URL, and "
                "endpoint_url in the AWS configuration. `make test` runs the same checks on the emulator."
            )
    account = session.client("sts").get_caller_identity()["Account"]
    if account != wanted:
        raise WrongAccount(
            f"The credentials are of account {account}, not of ACCOUNT={wanted}. Nothing was made. Select the right "
            "profile with AWS_PROFILE, or name the account."
        )
