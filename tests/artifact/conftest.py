"""The artifact of `sam build`, built once, and an interpreter that can import nothing else."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import environment
from local.build import FOLDER, build, target
from local.key_server import serving as serving_keys
from local.step import StepError
from tests.support import dynamodb
from tests.support.events import EVENTS, load
from tests.support.interpreter import Artifact, running

OTHER_FOLDER = Path(".local/build-other")


def built(folder: Path, architecture: str) -> Path:
    try:
        build(environment.download(), folder.with_suffix(".log"), folder, architecture)
    except StepError as error:
        pytest.fail(f"{error.what}\n{error.details}", pytrace=False)
    return folder / "Authorizer"


@pytest.fixture(scope="session")
def artifact() -> Path:
    """The authorizer's artifact for this Python version and machine."""
    return built(FOLDER, target()["Architecture"])


@pytest.fixture(scope="session")
def other_artifact() -> Path:
    """The artifact for the other architecture, which this machine cannot run."""
    return built(OTHER_FOLDER, {"arm64": "x86_64", "x86_64": "arm64"}[target()["Architecture"]])


@pytest.fixture(scope="session")
def authorizer(artifact: Path) -> Iterator[Artifact]:
    with running(artifact) as authorizer:
        yield authorizer


@pytest.fixture(scope="session", autouse=True)
def _linux() -> None:
    if sys.platform != "linux":
        pytest.skip("the libraries in the artifact are Linux's")


@pytest.fixture(scope="session")
def sample_environment() -> Iterator[dict[str, str]]:
    """The sample table item and the sample provider, as events/README.md describes them."""
    with (
        dynamodb.serving(load("api_key_item.json")) as table,
        serving_keys((EVENTS / "jwks.json").read_bytes()) as jwks_url,
    ):
        yield {
            "AWS_ENDPOINT_URL_DYNAMODB": table.url,
            "API_KEYS_TABLE": "keys",
            "JWT_ISSUER": "https://issuer.example/",
            "JWT_AUDIENCE": "https://api.example",
            "JWT_JWKS_URL": jwks_url,
        }
