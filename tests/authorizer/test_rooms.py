"""The permitted imports of the packages in src/; see docs/architecture.md."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path("src")
MODULES = sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py"))
ROOMS = {path.name for path in SOURCE.iterdir() if path.is_dir()}
MAY_IMPORT = {
    "authorizer": {"authorizer"},
    "keys": {"authorizer", "keys"},
    "key_events": {"keys", "key_events"},
    "usage": {"keys", "usage"},
    "self_service": {"authorizer", "keys", "self_service"},
    "me": set[str](),
    "artifact": set[str](),
}
OTHER_FUNCTIONS = {"key_events/handler.py", "usage/handler.py", "self_service/handler.py"}
NAMED_IN = {
    "jwt": {"authorizer/signing_key.py"},
    "cryptography": {"authorizer/signing_key.py"},
    "boto3": {"authorizer/dynamodb.py", *OTHER_FUNCTIONS},
    "botocore": {"authorizer/dynamodb.py", *OTHER_FUNCTIONS},
    "aws_lambda_powertools": {"authorizer/telemetry.py", "self_service/app.py", *OTHER_FUNCTIONS},
    "pydantic": {"self_service/app.py", "self_service/models.py"},
    # Lambda's runtime provides it.
    "snapshot_restore_py": {"authorizer/handler.py"},
}


def imported(module: str) -> Iterator[str]:
    """The full names that a module imports, except those for the type checker only."""
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
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages(module: str) -> set[str]:
    return {name.split(".")[0] for name in imported(module)}


@pytest.mark.parametrize("module", MODULES)
def test_a_room_imports_no_other_than_it_may(module: str) -> None:
    room = Path(module).parts[0]
    assert packages(module) & ROOMS <= MAY_IMPORT[room]


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith("keys/")])
def test_a_library_is_named_in_one_module_alone(module: str) -> None:
    others = packages(module) - ROOMS - sys.stdlib_module_names
    assert [name for name in others if module not in NAMED_IN.get(name, ())] == []


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith("keys/")])
def test_a_function_imports_only_the_core_of_keys(module: str) -> None:
    assert [name for name in imported(module) if name.startswith("keys.") and not name.startswith("keys.core.")] == []
