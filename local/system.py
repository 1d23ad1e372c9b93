"""Run the whole local system: emulator, identity provider, deployed stack, one API key."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from authorizer.auth_file import AuthFile
from authorizer.identity import Identity
from local import environment
from local.build import HOST_WHEELS, build
from local.deployment import BUCKET, Deployment, deploy
from local.emulator import REGION, Emulator, Endpoint, running_emulator
from local.provider import Provider, access_token, make_provider
from local.rules_copy import RulesCopy
from local.session import client
from local.step import StepError, say, step

KEYS: Final = Path(".venv/bin/keys")
AUTH_FILE: Final = Path("src/authorizer/auth.toml")
CONSUMER: Final = "acme"
DATA: Final = {"plan": "gold"}
SCOPES: Final = ("reports:write",)
PREFIX: Final = "mak"
"""The template's default for `ApiKeyPrefix`, because `keys` cannot find it in an empty table."""


@dataclass(frozen=True)
class System:
    """The running system, with a credential of each kind. `rules` is what the authorizer has read."""

    emulator: Emulator
    provider: Provider
    deployment: Deployment
    api_key: str
    api_key_identity: Identity
    jwt: str
    copy: RulesCopy
    rules: AuthFile

    @property
    def api_url(self) -> str:
        return f"{self.deployment.url}/me"

    def reload(self) -> "System":
        """Copy the changed file of rules, and replace the code of the authorizer. Return the system with the new rules.

        :raises StepError: the file has mistakes. Then the authorizer keeps its rules.
        """
        rules = self.copy.write()
        bucket, key = BUCKET, "authorizer-with-changed-rules.zip"
        client(self.emulator, "s3").put_object(Bucket=bucket, Key=key, Body=self.copy.code())
        name = self.deployment.authorizer_function
        client(self.emulator, "lambda").update_function_code(FunctionName=name, S3Bucket=bucket, S3Key=key)
        return replace(self, rules=rules)

    def outputs(self) -> dict[str, str]:
        """Return the content of `.local/outputs.json`."""
        return {
            "api_url": self.api_url,
            "api_key": self.api_key,
            "jwt": self.jwt,
            "table": self.deployment.table,
            "issuer": self.provider.issuer,
            "audience": self.provider.audience,
            "jwks_url": self.provider.jwks_url,
            "endpoint_url": self.emulator.endpoint_url,
            "access_key": self.emulator.access_key,
            "user_pool": self.provider.user_pool,
            "password": self.provider.password,
            "region": REGION,
            "api_id": self.deployment.api_id,
            "authorizer_function": self.deployment.authorizer_function,
        }


@contextmanager
def running_system(
    directory: Path,
    parameters: Mapping[str, str] = MappingProxyType({}),
    others: Sequence[Mapping[str, Any]] = (),
    rules: Path = AUTH_FILE,
) -> Iterator[System]:
    """Start the system, with its logs and its copy of the build in `directory`. Stop it at the end.

    `parameters`: template parameters that differ from those of `make run`. `others`: identity providers beside the
    user pool. `rules`: the file of settings, providers and rules. The providers are written into a copy of it. Several
    systems can run at a time.

    :raises StepError: a step failed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        background = stack.enter_context(ThreadPoolExecutor(1))
        built = background.submit(build, environment.download(), directory / "sam-build.log", host_wheels=HOST_WHEELS)
        with step("start the emulator"):
            emulator = stack.enter_context(running_emulator(directory))
        with step("create the user pool and a user"):
            provider = make_provider(emulator)
        with step("sam build"):
            is_new = built.result()
        if not is_new:
            say("  (no input has changed, so the last build is reused)")
        with step("sam deploy"):
            users = provider.self_service()
            copy = RulesCopy(directory / "deployed", rules, [provider.entry(), *others], users, SCOPES)
            loaded = copy.write()
            deployment = deploy(emulator, parameters, directory / "sam-deploy.log", copy.template)
        with step("keys create"):
            given = ("--consumer", CONSUMER, "--data", json.dumps(DATA), "--scopes", ",".join(SCOPES))
            prefix = parameters.get("ApiKeyPrefix", PREFIX)
            created = create_key(emulator, deployment.table, *given, prefix=prefix)
        identity = Identity("api_key", CONSUMER, DATA, frozenset(SCOPES), created["key_id"])
        jwt = access_token(emulator, provider)
        yield System(emulator, provider, deployment, created["key"], identity, jwt, copy, loaded)


def create_key(emulator: Endpoint, table: str, *arguments: str, prefix: str = PREFIX) -> dict[str, str]:
    """Run `keys create` with these arguments, and return its JSON output.

    :raises StepError: the command failed.
    """
    answer = run_keys(emulator, table, "create", "--prefix", prefix, *arguments)
    if answer.returncode:
        raise StepError("keys create failed.", answer.stderr)
    created: dict[str, str] = json.loads(answer.stdout)
    return created


def run_keys(emulator: Endpoint, table: str, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a `keys` command on the emulator's table, with JSON output."""
    return subprocess.run(
        [KEYS, command, "--table", table, "--output", "json", *arguments],
        env=emulator.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
