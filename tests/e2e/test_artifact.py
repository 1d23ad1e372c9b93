"""What `sam build` packs for the authorizer."""

import platform
import sys
from pathlib import Path

import pytest

from local.build import FOLDER
from local.system import System

MAX_BYTES = 40 * 1024 * 1024


@pytest.fixture
def artifact(system: System) -> Path:  # noqa: ARG001 - it has built the artifact
    return FOLDER / "Authorizer"


def test_the_artifact_is_small(artifact: Path) -> None:
    assert sum(path.stat().st_size for path in artifact.rglob("*") if path.is_file()) <= MAX_BYTES


def test_every_module_is_compiled_for_this_python_and_never_checked_against_its_source(artifact: Path) -> None:
    sources = list(artifact.rglob("*.py"))
    assert sources
    for source in sources:
        compiled = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        # PEP 552: bit 0 is set when the pyc goes by a hash, bit 1 when that hash is checked.
        assert int.from_bytes(compiled.read_bytes()[4:8], "little") == 0b01


def test_our_code_is_packed_as_it_is_here(artifact: Path) -> None:
    here = Path("src/authorizer")
    names = {path.name for path in here.iterdir() if path.is_file() and "requirements" not in path.name}
    assert {path.name for path in (artifact / "authorizer").iterdir() if path.is_file()} == names
    for name in names:
        assert (artifact / "authorizer" / name).read_bytes() == (here / name).read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="the libraries in the artifact are Linux's")
def test_libraries_are_for_the_architecture_that_was_asked_for(artifact: Path) -> None:
    machines = {"x86_64": 0x3E, "aarch64": 0xB7}
    libraries = list(artifact.rglob("*.so"))
    assert len(libraries) == 2
    for library in libraries:
        assert int.from_bytes(library.read_bytes()[18:20], "little") == machines[platform.machine()]
