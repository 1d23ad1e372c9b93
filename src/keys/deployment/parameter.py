"""What a parameter of a template accepts."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import Any, Final

_LIMITS: Final = (("MinLength", "MaxLength", len, "characters"), ("MinValue", "MaxValue", float, ""))


def refusal(declared: Mapping[str, Any], value: str) -> str | None:
    """Why AWS CloudFormation refuses this value of a declared parameter, or None if it accepts it.

    AWS CloudFormation User Guide, "Parameters section". Lists, and the existence of AWS resources, are not checked.
    """
    is_list = "List" in str(declared.get("Type"))
    why = None if is_list else _refused(declared, value)
    return None if why is None else str(declared.get("ConstraintDescription") or why).rstrip(".")


def _refused(declared: Mapping[str, Any], value: str) -> str | None:
    """What a parameter accepts, if it is not this value."""
    allowed = [as_text(each) for each in declared.get("AllowedValues") or ()]
    if allowed and value not in allowed:
        return f"it must be one of {', '.join(map(repr, allowed))}"
    if declared.get("Type") == "Number":
        try:
            float(value)
        except ValueError:
            return "it must be a number"
    pattern = declared.get("AllowedPattern")
    with contextlib.suppress(re.error):  # Some patterns of Java, such as \p{Alpha}, are none of Python.
        if pattern is not None and not re.fullmatch(pattern, value):
            return f"it must match {pattern}"
    for least, most, measure, unit in _LIMITS:
        if least in declared and measure(value) < float(declared[least]):
            return f"it must be at least {declared[least]} {unit}".rstrip()
        if most in declared and measure(value) > float(declared[most]):
            return f"it must be at most {declared[most]} {unit}".rstrip()
    return None


def as_text(value: object) -> str:
    """A value of a template as CloudFormation passes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
