"""Read SAM and CloudFormation templates as data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keys.core.errors import BadInput


def load(path: Path) -> dict[str, Any]:
    """Read a template, with its short forms expanded: `!Ref Name` becomes `{"Ref": "Name"}`.

    :raises BadInput: the file cannot be read, or is not a template.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    def short_form(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
        if tag in ("Ref", "Condition"):
            return {tag: node.value}
        if isinstance(node, yaml.SequenceNode):
            return {f"Fn::{tag}": loader.construct_sequence(node, deep=True)}
        if isinstance(node, yaml.MappingNode):
            return {f"Fn::{tag}": loader.construct_mapping(node, deep=True)}
        return {f"Fn::{tag}": node.value}

    Loader.add_multi_constructor("!", short_form)
    try:
        template = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} cannot be read: it is not in UTF-8.") from None
    except yaml.YAMLError as error:
        raise BadInput(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise BadInput(f"{path} is not a template: it has no Resources.")
    return template


def value(template: Mapping[str, Any], given: Any) -> str:
    """Return a text, or the default of the parameter that it refers to. Empty: only a deployment has the value."""
    if not isinstance(given, Mapping):
        return str(given)
    return str(template.get("Parameters", {}).get(given.get("Ref"), {}).get("Default", ""))
