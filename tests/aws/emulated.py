"""The emulator of this machine as a place for the suite."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local import environment
from local.build import FOLDER, HOST_WHEELS, build
from local.deployment import local_parameters, rest_api_url
from local.emulator import REGION, Emulator
from local.session import client


@dataclass
class Emulated:
    emulator: Emulator
    account: str = field(default="000000000000", init=False)
    region: str = field(default=REGION, init=False)
    artifact: Path = field(default=FOLDER / "template.yaml", init=False)
    log_seconds: float = field(default=0, init=False)
    is_emulator: bool = field(default=True, init=False)

    @property
    def environment(self) -> Mapping[str, str]:
        return self.emulator.environment()

    @property
    def parameters(self) -> Mapping[str, str]:
        # Short caches: a check waits until they end.
        return {**local_parameters(), "AuthorizerCacheSeconds": "5", "ApiKeyCacheSeconds": "1"}

    def optional_artifact(self, name: str) -> Path:
        folder = Path(f".local/build-{name}")
        log = folder.with_name(f"sam-build-{name}.log")
        build(environment.download(), log, folder, host_wheels=HOST_WHEELS, template=f"stacks/{name}/template.yaml")
        return folder / "template.yaml"

    def client(self, service: str) -> Any:
        return client(self.emulator, service)

    def api_url(self, api_id: str, stage: str) -> str:
        return rest_api_url(self.emulator, api_id, stage)

    def http_api_url(self, api_id: str) -> str:
        return f"{self.emulator.endpoint_url}/_aws/execute-api/{api_id}/$default"

    def issuer_parameters(self, issuer: str, audience: str) -> Mapping[str, str]:
        pool = issuer.rpartition("/")[2]
        keys = f"{self.emulator.endpoint_url}/{pool}/.well-known/jwks.json"
        return {"JwtIssuer": issuer, "JwtAudience": audience, "JwtJwksUrl": keys}

    def complete(self, template: Path, api_id: str, stage: str, parameters: Mapping[str, str]) -> None:
        """The emulator has imported the gateway responses with the template: see local/gateway."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
