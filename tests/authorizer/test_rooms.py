"""The permitted imports of the packages in src/; see docs/architecture.md."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path("src")
MODULES = sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py"))
ROOMS = {path.name for path in SOURCE.iterdir() if path.is_dir()}
MAY_IMPORT = {"authorizer": {"authorizer"}, "keys": {"authorizer", "keys"}, "me": set[str](), "artifact": set[str]()}
NAMED_IN = {
    "jwt": {"signing_key.py"},
    "cryptography": {"signing_key.py"},
    "boto3": {"dynamodb.py"},
    "botocore": {"dynamodb.py"},
    "aws_lambda_powertools": {"telemetry.py"},
    # Lambda's runtime provides it.
    "snapshot_restore_py": {"handler.py"},
}


def imported(module: str) -> Iterator[str]:
    """The packages that a module imports, except those for the type checker only."""
    tree = ast.parse((SOURCE / module).read_text(encoding="utf-8"))
    for_types = [
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    ]
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_a_room_imports_no_other_than_it_may(module: str) -> None:
    room = Path(module).parts[0]
    assert set(imported(module)) & ROOMS <= MAY_IMPORT[room]


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith("keys/")])
def test_a_library_is_named_in_one_module_alone(module: str) -> None:
    others = set(imported(module)) - ROOMS - sys.stdlib_module_names
    assert all(Path(module).parts[0] == "authorizer" and Path(module).name in NAMED_IN.get(name, ()) for name in others)
