"""What local/gateway adds to the emulator."""

from pathlib import Path

import pytest

from local.gateway import WRAPPERS
from local.gateway.wrapping import Wrapper, source_sha256


@pytest.mark.parametrize("wrapper", WRAPPERS, ids=lambda wrapper: f"{wrapper.module}.{wrapper.name}")
def test_a_wrapped_function_of_the_emulator_has_not_changed(wrapper: Wrapper) -> None:
    (packages,) = Path(".tools/emulator").glob("lib/python3*/site-packages")
    file = packages / f"{wrapper.module.replace('.', '/')}.py"
    found = source_sha256(file, wrapper.name)
    assert found == wrapper.source_sha256, f"Read {wrapper.name} in {file}, adapt its wrapper, and then its SHA-256."
