"""Write values and tables as TOML, for files of settings that the local system and the tests make."""

import json
from collections.abc import Iterable, Mapping
from typing import Any


def array_of_tables(name: str, tables: Iterable[Mapping[str, Any]]) -> str:
    """Return the tables under headers such as `[[provider]]`."""
    return "".join(f"\n[[{name}]]\n{''.join(map(_pair, table.items()))}" for table in tables)


def _pair(member: tuple[str, Any]) -> str:
    name, given = member
    return f"{_string(name)} = {value(given)}\n"


def value(given: Any) -> str:
    """Return a value that JSON could hold too, except null."""
    if isinstance(given, Mapping):
        return "{ " + ", ".join(f"{_string(name)} = {value(member)}" for name, member in given.items()) + " }"
    if isinstance(given, list | tuple):
        return "[" + ", ".join(map(value, given)) + "]"
    return _string(given) if isinstance(given, str) else json.dumps(given)


def _string(text: str) -> str:
    # A JSON string is a TOML string, except for escapes of surrogates and for DEL (TOML 1.0, "String").
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
