"""What the parameters of a template accept, as CloudFormation checks it and the emulator does not."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from keys.deployment.intrinsics import Case, Undecided
from keys.deployment.parameter import as_text, refusal
from keys.deployment.template import Template


def mistakes(template: Mapping[str, Any], given: Mapping[str, str]) -> Iterator[str]:
    """Yield what CloudFormation would refuse: each value that a parameter does not accept, and each broken rule.

    `template` is decoded, with its intrinsic functions in their long form. AWS CloudFormation User Guide, "Rules
    section". Rules with other functions than those of conditions are not checked.
    """
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    for name, value in given.items():
        if name in declared and (why := refusal(declared[name], value)):
            yield f"{name}={value!r}: {why}."
    for rule in (template.get("Rules") or {}).values():
        case = Case(_with(template, declared, given))
        with suppress(Undecided):
            if "RuleCondition" in rule and not case.holds(rule["RuleCondition"]):
                continue
            for assertion in rule.get("Assertions", ()):
                with suppress(Undecided):
                    if not case.holds(assertion["Assert"]):
                        yield str(assertion.get("AssertDescription") or "A rule of the template is not satisfied.")


def _with(template: Mapping[str, Any], declared: Mapping[str, Any], given: Mapping[str, str]) -> Template:
    """Return the template with these values, and with the defaults of the other parameters."""
    values = {name: as_text(parameter["Default"]) for name, parameter in declared.items() if "Default" in parameter}
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
