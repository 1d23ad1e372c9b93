"""What the parameters of a template accept, as CloudFormation checks it and the emulator does not."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from keys.deployment.intrinsics import Case, Undecided
from keys.deployment.template import Template

_LIMITS: Final = (("MinLength", "MaxLength", len, "characters"), ("MinValue", "MaxValue", float, ""))


def mistakes(template: Mapping[str, Any], given: Mapping[str, str]) -> Iterator[str]:
    """Yield what CloudFormation would refuse: each value that a parameter does not accept, and each broken rule.

    `template` is decoded, with its intrinsic functions in their long form. AWS CloudFormation User Guide, "Parameters
    section" and "Rules section". Lists, and rules with other functions than those of conditions, are not checked.
    """
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    for name, value in given.items():
        if name in declared and (why := _refused(declared[name], value)):
            described = str(declared[name].get("ConstraintDescription") or why)
            yield f"{name}={value!r}: {described.rstrip('.')}."
    for rule in (template.get("Rules") or {}).values():
        case = Case(_with(template, declared, given))
        with suppress(Undecided):
            if "RuleCondition" in rule and not case.holds(rule["RuleCondition"]):
                continue
            for assertion in rule.get("Assertions", ()):
                with suppress(Undecided):
                    if not case.holds(assertion["Assert"]):
                        yield str(assertion.get("AssertDescription") or "A rule of the template is not satisfied.")


def _refused(declared: Mapping[str, Any], value: str) -> str | None:
    """Return what a parameter accepts, if it is not this value."""
    allowed = [_text(each) for each in declared.get("AllowedValues") or ()]
    if allowed and value not in allowed:
        return f"it must be one of {', '.join(map(repr, allowed))}"
    if declared.get("Type") == "Number":
        try:
            float(value)
        except ValueError:
            return "it must be a number"
    pattern = declared.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(pattern, value):
        return f"it must match {pattern}"
    for least, most, measure, unit in _LIMITS:
        if least in declared and measure(value) < float(declared[least]):
            return f"it must be at least {declared[least]} {unit}".rstrip()
        if most in declared and measure(value) > float(declared[most]):
            return f"it must be at most {declared[most]} {unit}".rstrip()
    return None


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _with(template: Mapping[str, Any], declared: Mapping[str, Any], given: Mapping[str, str]) -> Template:
    """Return the template with these values, and with the defaults of the other parameters."""
    values = {name: _text(parameter["Default"]) for name, parameter in declared.items() if "Default" in parameter}
    values |= {name: value for name, value in given.items() if name in declared}
    parameters = {name: {"Default": value} for name, value in values.items()}
    return Template(
        folder=Path(),
        given=values,
        bodies={},
        unread={},
        resources={},
        parameters=parameters,
        conditions=template.get("Conditions") or {},
        mappings=template.get("Mappings") or {},
    )
