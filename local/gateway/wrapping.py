"""Wrap private functions of the emulator: the only place that changes its modules.

A wrapper names the SHA-256 of the function's source, because a private function can change with each version of the
emulator. tests/e2e/test_gateway.py compares it with the installed one.
"""

import ast
import hashlib
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

Function = Callable[..., Any]


@dataclass(frozen=True)
class Wrapper:
    """A function of the emulator, and what replaces it.

    `replacement` takes the original function and returns the one that is called instead.
    """

    module: str
    name: str
    source_sha256: str
    replacement: Callable[[Function], Function]


def wrap(wrapper: Wrapper) -> None:
    """Replace a function wherever the emulator's loaded modules refer to it.

    :raises AttributeError: the emulator has no such function.
    """
    module = importlib.import_module(wrapper.module)
    original = getattr(module, wrapper.name)
    replacement = wrapper.replacement(original)
    setattr(module, wrapper.name, replacement)
    for loaded in [module for name, module in sys.modules.items() if name.startswith("ministack.")]:
        _replace(loaded, original, replacement)


def source_sha256(file: Path, name: str) -> str | None:
    """Return the SHA-256 of the source of a function in a file, or None if the file does not define it."""
    text = file.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return hashlib.sha256((ast.get_source_segment(text, node) or "").encode()).hexdigest()
    return None


def _replace(module: ModuleType, original: Function, replacement: Function) -> None:
    """Replace the names that a module imported, and the members of its tables of functions, two levels deep."""
    for name, value in list(vars(module).items()):
        if value is original:
            setattr(module, name, replacement)
        for table in (value, *value.values()) if isinstance(value, dict) else ():
            for key, member in list(table.items()) if isinstance(table, dict) else ():
                if member is original:
                    table[key] = replacement
