"""The packages of `keys` import each other in one direction only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import keys

ROOT = Path(keys.__path__[0])
MAY_IMPORT = {
    "core": {"core"},
    "transfer": {"core", "transfer"},
    "leak": {"core", "leak"},
    "plans": {"core", "plans"},
    "deployment": {"core", "plans", "deployment"},
    "cli": {"core", "transfer", "leak", "plans", "deployment", "cli"},
}
MODULES = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if path.parent != ROOT)


def imported(module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("module", MODULES)
def test_a_package_imports_only_itself_and_those_below_it(module: str) -> None:
    rooms = {name.split(".")[1] for name in imported(module) if name.startswith("keys.")}
    assert rooms <= MAY_IMPORT[module.split("/", maxsplit=1)[0]]


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith(("cli/", "deployment/"))])
def test_only_the_command_line_uses_the_terminal(module: str) -> None:
    assert not {name.split(".")[0] for name in imported(module)} & {"click", "rich", "sys"}
    calls = (node for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))))
    assert not [node for node in calls if isinstance(node, ast.Name) and node.id in ("print", "input")]


def test_every_module_is_in_a_package() -> None:
    assert [path.name for path in ROOT.glob("*.py")] == ["__init__.py"]
