"""The contents of the artifact: the authorizer, and the unaltered libraries of requirements.txt without unused data."""

import base64
import csv
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from local.build import target

MAX_BYTES = 40 * 1024 * 1024
SOURCE = Path("src/authorizer")
MAY_BE_LEFT_OUT = (
    r"(botocore|boto3)/data/(?!dynamodb/)[^/]+/.*",  # Descriptions of other AWS services.
    r"boto3/examples/.*\.rst",
    r".*\.pyi",
    r".*\.h",
    r"\.\./\.\./bin/[^/]+",  # Command-line scripts.
)
MACHINES = {"x86_64": 0x3E, "arm64": 0xB7}


def files(artifact: Path) -> set[str]:
    return {str(path.relative_to(artifact)) for path in artifact.rglob("*") if path.is_file()}


def records(artifact: Path) -> Iterator[tuple[str, str]]:
    """Each file of each library with its hash, from the RECORD file of its wheel (PEP 376)."""
    for record in artifact.glob("*.dist-info/RECORD"):
        with record.open(encoding="utf-8", newline="") as lines:
            yield from ((path, digest) for path, digest, _size in csv.reader(lines))


def described(metadata: Path) -> tuple[str, str]:
    """The normalized name (PEP 503) and the version of a library."""
    fields = dict(re.findall(r"^(Name|Version): (.+)$", metadata.read_text(encoding="utf-8"), re.MULTILINE))
    return re.sub(r"[-_.]+", "-", fields["Name"]).lower(), fields["Version"]


def test_the_artifact_is_small_enough(artifact: Path) -> None:
    assert sum(path.stat().st_size for path in artifact.rglob("*") if path.is_file()) <= MAX_BYTES


def test_all_libraries_that_are_locked_are_packed_each_with_its_metadata_and_licence(artifact: Path) -> None:
    lock = (SOURCE / "requirements.txt").read_text(encoding="utf-8")
    packed = {described(path): path.parent for path in artifact.glob("*.dist-info/METADATA")}
    assert packed.keys() == set(re.findall(r"^([a-z0-9-]+)==([^ ]+) ", lock, re.MULTILINE))
    assert {name for name, _version in packed} >= {"pyjwt", "cryptography", "aws-lambda-powertools", "boto3"}
    for folder in packed.values():
        assert [path for path in folder.rglob("*") if re.match("(?i)(licen[cs]e|copying)", path.name)]


def test_no_file_of_a_library_is_altered(artifact: Path) -> None:
    compared = 0
    for path, recorded in records(artifact):
        algorithm, _, expected = recorded.partition("=")
        if algorithm and (artifact / path).is_file():
            digest = hashlib.new(algorithm, (artifact / path).read_bytes()).digest()
            assert (path, base64.urlsafe_b64encode(digest).decode().rstrip("=")) == (path, expected)
            compared += 1
    assert compared > 500


def test_nothing_of_a_library_is_left_out_but_data_that_no_code_reads(artifact: Path) -> None:
    listed = {path for path, _digest in records(artifact)}
    left_out = listed - files(artifact)
    assert {path for path in left_out if not any(re.fullmatch(pattern, path) for pattern in MAY_BE_LEFT_OUT)} == set()
    assert {path for path in left_out if path.endswith((".py", ".so")) and not path.startswith("../../bin/")} == set()
    assert any(path.startswith("botocore/data/ec2/") for path in left_out)


def test_there_is_nothing_but_the_libraries_files_our_code_and_the_bytecode_of_both(artifact: Path) -> None:
    listed = {path for path, _digest in records(artifact)}
    others = files(artifact) - listed
    ours = {path for path in others if path.startswith("authorizer/")}
    sources = {f"authorizer/{path.name}" for path in SOURCE.iterdir() if path.is_file() and not is_for_building(path)}
    assert {path for path in ours if "__pycache__" not in path} == sources
    for path in sources:
        assert (artifact / path).read_bytes() == (SOURCE.parent / path).read_bytes()
    assert {path for path in others - ours if "__pycache__" not in path} == set()


def is_for_building(path: Path) -> bool:
    return path.name.startswith("requirements.")


def test_every_module_is_compiled_for_this_python_and_never_checked_against_its_source(artifact: Path) -> None:
    sources = list(artifact.rglob("*.py"))
    assert len(sources) > 500
    for source in sources:
        compiled = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        content = compiled.read_bytes()
        # PEP 552: bit 0 is set if the pyc is based on a hash, bit 1 if the hash is checked.
        assert int.from_bytes(content[4:8], "little") == 0b01
        assert str(Path.cwd()).encode() not in content
    assert len(list(artifact.rglob("*.pyc"))) == len(sources)


def machines(artifact: Path) -> set[int]:
    libraries = list(artifact.rglob("*.so"))
    assert len(libraries) == 2
    return {int.from_bytes(library.read_bytes()[18:20], "little") for library in libraries}


def test_compiled_libraries_are_for_the_architecture_that_was_asked_for(artifact: Path, other_artifact: Path) -> None:
    here = target()["Architecture"]
    assert machines(artifact) == {MACHINES[here]}
    assert machines(other_artifact) == set(MACHINES.values()) - {MACHINES[here]}


def test_both_architectures_have_the_same_files(artifact: Path, other_artifact: Path) -> None:
    def without_architecture(path: str) -> str:
        return re.sub(r"x86_64|aarch64", "*", path)

    assert {without_architecture(path) for path in files(artifact)} == {
        without_architecture(path) for path in files(other_artifact)
    }
