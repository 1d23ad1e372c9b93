"""The values of a template, with its intrinsic functions resolved for one outcome of its conditions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from keys.core.errors import BadInput
from keys.deployment.template import Template

T = TypeVar("T")

MOST_CASES: Final = 256

_VARIABLE: Final = re.compile(r"\$\{([^!{}][^{}]*)\}")


class Undecided(Exception):
    """The comparison `name` can have either outcome. `usual`: its outcome with the default values of parameters."""

    def __init__(self, name: str, usual: bool) -> None:
        super().__init__(name)
        self.name = name
        self.usual = usual


def as_text(value: Any) -> str:
    """A resolved value as text, in which `${...}` stands for what only AWS knows."""
    if isinstance(value, Mapping | list):
        name, argument = _function(value)
        if name in ("Ref", "Fn::GetAtt"):
            return f"${{{'.'.join(map(str, argument)) if isinstance(argument, list) else argument}}}"
        return f"${{import {as_text(argument)}}}" if name == "Fn::ImportValue" else "${?}"
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Case:
    """One outcome of the comparisons that depend on parameters, or on what only AWS knows."""

    template: Template
    outcomes: Mapping[str, bool] = field(default_factory=dict)

    def exists(self, resource: Mapping[str, Any]) -> bool:
        """Whether the condition of a resource is satisfied."""
        return "Condition" not in resource or self.holds({"Condition": resource["Condition"]})

    def resolve(self, value: Any) -> Any:
        """The value without what does not exist in this case. What only AWS knows stays an intrinsic function.

        None if it does not exist: a template cannot have null.

        :raises Undecided: it depends on a comparison without an outcome.
        """
        if isinstance(value, list):
            return [found for each in value if (found := self.resolve(each)) is not None]
        if not isinstance(value, Mapping):
            return value
        name, argument = _function(value)
        parts = argument if isinstance(argument, list) else []
        if name == "Ref":
            return self._ref(argument)
        if name == "Fn::If" and len(parts) == 3:
            return self.resolve(parts[1 if self.holds({"Condition": parts[0]}) else 2])
        if name == "Fn::Sub":
            return self._sub(*(parts if len(parts) == 2 else (argument, {})))
        if name == "Fn::Join" and len(parts) == 2 and isinstance(parts[1], list):
            return str(parts[0]).join(map(as_text, self.resolve(parts[1])))
        if name == "Fn::FindInMap" and (found := self._find_in_map(self.resolve(parts))) is not None:
            return found
        return {name: found for name, member in value.items() if (found := self.resolve(member)) is not None}

    def _ref(self, name: object) -> Any:
        declared = self.template.parameters.get(str(name))
        if isinstance(declared, Mapping) and "Default" in declared:
            return declared["Default"]
        return None if name == "AWS::NoValue" else {"Ref": name}

    def _sub(self, text: object, variables: object) -> str:
        def replaced(variable: re.Match[str]) -> str:
            name = variable[1].strip()
            known = variables if isinstance(variables, Mapping) else {}
            return as_text(self.resolve(known.get(name, {"Ref": name})))

        return _VARIABLE.sub(replaced, text) if isinstance(text, str) else "${?}"

    def _find_in_map(self, names: list[Any]) -> Any:
        found: Any = self.template.mappings
        for name in names:
            found = found.get(name) if isinstance(found, Mapping) and isinstance(name, str) else None
        return found

    def holds(self, condition: Any, within: tuple[str, ...] = ()) -> bool:
        """Whether a condition is satisfied. `within`: the names of the conditions that it is a part of.

        :raises Undecided: it depends on a comparison without an outcome.
        """
        name, argument = _function(condition)
        parts = argument if isinstance(argument, list) else []
        if name == "Condition" and isinstance(argument, str) and argument not in within:
            return self.holds(self.template.conditions.get(argument), (*within, argument))
        if name == "Fn::Not" and len(parts) == 1:
            return not self.holds(parts[0], within)
        if name in ("Fn::And", "Fn::Or") and parts:
            return (all if name == "Fn::And" else any)(self.holds(part, within) for part in parts)
        equal = len(parts) == 2 and as_text(self.resolve(parts[0])) == as_text(self.resolve(parts[1]))
        if name == "Fn::Equals" and not self._is_open(parts):
            return equal
        # The name of a condition stands for it, if it is this comparison alone.
        is_named = within and self.template.conditions.get(within[-1]) == condition
        comparison = within[-1] if is_named else json.dumps(condition)
        if comparison not in self.outcomes:
            raise Undecided(comparison, equal)
        return self.outcomes[comparison]

    def _is_open(self, value: Any) -> bool:
        """Whether a value depends on a parameter that was not specified, or on what only AWS knows."""
        if isinstance(value, list):
            return any(map(self._is_open, value))
        if not isinstance(value, Mapping):
            return False
        name, argument = next(iter(value.items()), ("", None))
        if name == "Ref":
            return argument not in self.template.given
        return name != "Fn::FindInMap" or self._is_open(argument)


def cases(template: Template, read: Callable[[Case], T]) -> list[tuple[Case, T]]:
    """What `read` makes of each outcome of the comparisons that it meets. The first case has the default values.

    The comparisons count as independent of each other, so some cases might be impossible.

    :raises BadInput: there are more than `MOST_CASES`.
    """
    waiting, found = [Case(template)], list[tuple[Case, T]]()
    while waiting:
        case = waiting.pop()
        try:
            found.append((case, read(case)))
        except Undecided as undecided:
            outcomes = (not undecided.usual, undecided.usual)
            waiting += [Case(template, {**case.outcomes, undecided.name: outcome}) for outcome in outcomes]
        if len(found) + len(waiting) > MOST_CASES:
            raise BadInput(
                f"The routes depend on more than {MOST_CASES} combinations of parameters. Specify the values that you "
                "deploy with, as --parameter NAME=VALUE."
            )
    return found


def _function(value: Any) -> tuple[str, Any]:
    """The name and the argument of an intrinsic function; no name for any other value."""
    name, argument = next(iter(value.items())) if isinstance(value, Mapping) and len(value) == 1 else ("", None)
    return name, argument
