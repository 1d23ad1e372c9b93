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

_ABSENT: Final = object()
_VARIABLE: Final = re.compile(r"\$\{([^!{}][^{}]*)\}")


class Undecided(Exception):
    """The comparison `name` can have either outcome. `usual`: its outcome with the default values of parameters."""

    def __init__(self, name: str, usual: bool) -> None:
        super().__init__(name)
        self.name = name
        self.usual = usual


@dataclass(frozen=True)
class Case:
    """One outcome of the comparisons that depend on parameters, or on what only AWS knows."""

    template: Template
    outcomes: Mapping[str, bool] = field(default_factory=dict)

    def resolve(self, value: Any) -> Any:
        """The value without what does not exist in this case. What only AWS knows stays an intrinsic function.

        :raises Undecided: it depends on a comparison without an outcome.
        """
        found = self._resolve(value)
        return None if found is _ABSENT else found

    def exists(self, resource: Mapping[str, Any]) -> bool:
        """Whether the condition of a resource is satisfied."""
        return "Condition" not in resource or self._holds({"Condition": resource["Condition"]})

    def text(self, value: Any) -> str:
        """A resolved value as text, in which `${...}` stands for what only AWS knows."""
        if isinstance(value, Mapping) and len(value) == 1:
            name, argument = next(iter(value.items()))
            if name in ("Ref", "Fn::GetAtt"):
                return f"${{{'.'.join(map(str, argument)) if isinstance(argument, list) else argument}}}"
            if name == "Fn::ImportValue":
                return f"${{import {self.text(argument)}}}"
        if isinstance(value, Mapping | list):
            return "${?}"
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [found for each in value if (found := self._resolve(each)) is not _ABSENT]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            parts = argument if isinstance(argument, list) else []
            if name == "Ref":
                return self._ref(argument)
            if name == "Fn::If" and len(parts) == 3:
                return self._resolve(parts[1 if self._holds({"Condition": parts[0]}) else 2])
            if name == "Fn::Sub":
                return self._sub(*(parts if len(parts) == 2 else (argument, {})))
            if name == "Fn::Join" and len(parts) == 2 and isinstance(parts[1], list):
                return str(parts[0]).join(self.text(each) for each in self._resolve(parts[1]))
            if name == "Fn::FindInMap" and (found := self._find_in_map(self._resolve(parts))) is not None:
                return found
        members = ((name, self._resolve(member)) for name, member in value.items())
        return {name: member for name, member in members if member is not _ABSENT}

    def _ref(self, name: object) -> Any:
        if name == "AWS::NoValue":
            return _ABSENT
        declared = self.template.parameters.get(str(name))
        return declared["Default"] if isinstance(declared, Mapping) and "Default" in declared else {"Ref": name}

    def _sub(self, text: object, variables: object) -> str:
        def replaced(variable: re.Match[str]) -> str:
            name = variable[1].strip()
            known = isinstance(variables, Mapping) and name in variables
            return self.text(self._resolve(variables[name] if known else {"Ref": name}))  # type: ignore[index]

        return _VARIABLE.sub(replaced, text) if isinstance(text, str) else "${?}"

    def _find_in_map(self, names: list[Any]) -> Any:
        found: Any = self.template.mappings
        for name in names:
            found = found.get(name) if isinstance(found, Mapping) and isinstance(name, str) else None
        return found

    def _holds(self, condition: Any, within: tuple[str, ...] = ()) -> bool:
        """Whether a condition is satisfied. `within`: the names of the conditions that it is a part of."""
        name, argument = next(iter(condition.items())) if isinstance(condition, Mapping) and condition else ("", None)
        parts = argument if isinstance(argument, list) else []
        if name == "Condition" and isinstance(argument, str) and argument not in within:
            return self._holds(self.template.conditions.get(argument), (*within, argument))
        if name == "Fn::Not" and len(parts) == 1:
            return not self._holds(parts[0], within)
        if name in ("Fn::And", "Fn::Or") and parts:
            return (all if name == "Fn::And" else any)(self._holds(part, within) for part in parts)
        equal = len(parts) == 2 and self.text(self._resolve(parts[0])) == self.text(self._resolve(parts[1]))
        if name == "Fn::Equals" and not self._is_open(parts):
            return equal
        comparison = (
            within[-1] if within and name == "Fn::Equals" and self._is_named(within[-1]) else json.dumps(condition)
        )
        if comparison not in self.outcomes:
            raise Undecided(comparison, equal)
        return self.outcomes[comparison]

    def _is_named(self, condition: str) -> bool:
        """Whether the condition of this name is a comparison, so that its name can stand for it."""
        return "Fn::Equals" in (self.template.conditions.get(condition) or {})

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
