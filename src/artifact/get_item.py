"""Writes the part of botocore's description of DynamoDB that one read needs, to be parsed in each cold start.

Run by `make lock`, with the newest botocore. A test compares the two.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session

FILE = Path("src/authorizer/get_item.json")


def description() -> dict[str, Any]:
    """A service description with the one operation and the shapes that it leads to, without documentation."""
    loader: Any = botocore.session.Session().get_component("data_loader")
    model = _bare(loader.load_service_model("dynamodb", "service-2"))
    operation = model["operations"]["GetItem"]
    shapes: dict[str, Any] = {}
    ahead = list(_named(operation))
    while ahead:
        name = ahead.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            ahead += _named(shapes[name])
    return {**model, "operations": {"GetItem": operation}, "shapes": dict(sorted(shapes.items()))}


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _bare(member) for name, member in value.items() if name != "documentation"}
    return [_bare(member) for member in value] if isinstance(value, list) else value


def _named(value: Any) -> Iterator[str]:
    """The shapes that a description names."""
    if isinstance(value, dict):
        if isinstance(value.get("shape"), str):
            yield value["shape"]
        for member in value.values():
            yield from _named(member)
    elif isinstance(value, list):
        for member in value:
            yield from _named(member)


if __name__ == "__main__":
    FILE.write_text(json.dumps(description(), indent=1) + "\n", encoding="utf-8")
