"""Run the whole local system: emulator, identity provider, deployed stack, one API key."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from local import environment, toml
from local.build import FOLDER, HOST_WHEELS, build
from local.deployment import Deployment, deploy
from local.emulator import REGION, Emulator, Endpoint, running_emulator
from local.provider import Provider, make_provider, sign_in
from local.step import StepError, say, step

KEYS: Final = Path(".venv/bin/keys")
CONSUMER: Final = "acme"
PREFIX: Final = "mak"
"""The template's default for `ApiKeyPrefix`, because `keys` cannot find it in an empty table."""


@dataclass(frozen=True)
class System:
    """The running system, with a credential of each kind."""

    emulator: Emulator
    provider: Provider
    deployment: Deployment
    api_key: str
    jwt: str

    @property
    def api_url(self) -> str:
        return f"{self.deployment.url}/me"

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
    directory: Path, parameters: Mapping[str, str] = MappingProxyType({}), others: Sequence[Mapping[str, Any]] = ()
) -> Iterator[System]:
    """Start the system, with its logs and its copy of the build in `directory`. Stop it at the end.

    `parameters`: template parameters that differ from those of `make run`. `others`: identity providers beside the
    user pool. The providers are written into the copy's `auth.toml`. Several systems can run at a time.

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
            copy = directory / "deployed"
            copy_with_providers(copy, [provider.entry(), *others])
            deployment = deploy(emulator, parameters, directory / "sam-deploy.log", copy / "template.yaml")
        with step("keys create"):
            arguments = ("--consumer", CONSUMER, "--data", '{"plan": "gold"}', "--scopes", "reports:write")
            created = create_key(emulator, deployment.table, *arguments)
        jwt = sign_in(emulator, provider)["IdToken"]
        yield System(emulator, provider, deployment, created["key"], jwt)


def copy_with_providers(folder: Path, providers: Sequence[Mapping[str, Any]]) -> None:
    """Copy the build to `folder`, and add these identity providers to its `auth.toml`."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(FOLDER, folder, copy_function=os.link)
    file = folder / "Authorizer" / "authorizer" / "auth.toml"
    text = file.read_text(encoding="utf-8") + toml.array_of_tables("provider", providers)
    file.unlink()  # A link to the build, which must not change.
    file.write_text(text, encoding="utf-8")


def create_key(emulator: Endpoint, table: str, *arguments: str) -> dict[str, str]:
    """Run `keys create` with these arguments, and return its JSON output.

    :raises StepError: the command failed.
    """
    answer = run_keys(emulator, table, "create", "--prefix", PREFIX, *arguments)
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
