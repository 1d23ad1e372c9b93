"""The stacks of the suite in the emulator, deployed once for all tests of this folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from local import environment
from local.build import HOST_WHEELS, build
from local.emulator import running_emulator
from tests.aws.deployed import Deployed
from tests.aws.emulated import Emulated
from tests.aws.stacks import Stacks

DIRECTORY = Path(".local") / f"test-acceptance-{uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def emulated() -> Iterator[Emulated]:
    DIRECTORY.mkdir(parents=True)
    build(environment.download(), DIRECTORY / "sam-build.log", host_wheels=HOST_WHEELS)
    with running_emulator(DIRECTORY) as emulator:
        yield Emulated(emulator)
    shutil.rmtree(DIRECTORY)


@pytest.fixture(scope="session")
def deployed(emulated: Emulated) -> Deployed:
    return Deployed(emulated, Stacks(emulated, "multi-auth-accept-0", DIRECTORY))
