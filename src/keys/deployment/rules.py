"""Access rules as an operator sees them: the file, what it means for an API, and for one identity."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import authorizer
from authorizer import auth_file
from authorizer.access import AccessRules, Condition, Rule
from authorizer.auth_file import AuthFile
from authorizer.entry import SettingsError
from authorizer.identity import Identity
from authorizer.route import Route, RouteError
from keys.life.errors import BadInput

FUNCTION_CODE: Final = Path(authorizer.__path__[0])
"""The function's own folder, which the variable `AUTH_CONFIG` is relative to."""

_ARN: Final = "arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/GET/"


def read(path: Path) -> AccessRules:
    """The rules of a file; without any, those that open every route.

    :raises BadInput: see `read_file`.
    """
    return read_file(path).rules or AccessRules.allow_all()


def read_file(path: Path) -> AuthFile:
    """All that a file says.

    :raises BadInput: it cannot be read, or is wrong; the text has each line and remedy.
    """
    try:
        return auth_file.load(path)
    except SettingsError as error:
        raise BadInput("\n".join(f"{path}, {mistake}" for mistake in error.mistakes)) from None


def parse_request(text: str) -> Route:
    """:raises BadInput: it is not a route that a request can ask for."""
    try:
        return Route.of_request(text)
    except RouteError as error:
        raise BadInput(f"The route {error}. It is written without the stage.") from None


@dataclass(frozen=True, slots=True)
class RuleFor:
    """A rule, and which of its parts refuse an identity: by their names in the file, without any value of a claim."""

    rule: Rule
    refused_by: tuple[str, ...]

    @property
    def place(self) -> str:
        return f"{self.rule.where or 'no rules file'}: {self.rule.route}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What rules mean for one identity, and for one request of it if one is named."""

    request: Route | None
    permitted: bool | None
    rules: tuple[RuleFor, ...]
    policy: dict[str, Any]

    @property
    def policy_bytes(self) -> int:
        """Of the policy as it is sent to API Gateway, but for the length of its ARNs' first parts."""
        return len(json.dumps(self.policy, separators=(",", ":")))


def explain(rules: AccessRules, identity: Identity, request: Route | None) -> Explanation:
    """For a request only the rules that it matches are told, otherwise all.

    :raises IdentityTooLarge: see `Identity.context`.
    """
    told = [rule for rule in rules.rules if request is None or rule.route.matches(request)]
    return Explanation(
        request,
        rules.compile(identity).permits(request) if request else None,
        tuple(RuleFor(rule, tuple(_refusals(rule, identity))) for rule in told),
        rules.answer(identity, _ARN)["policyDocument"],
    )


def _refusals(rule: Rule, identity: Identity) -> Iterator[str]:
    yield from _refused_parts(rule.condition, identity)
    refused = [list(_refused_parts(other, identity)) for other in rule.alternatives]
    if refused and all(refused):
        yield f"any ({' | '.join(', '.join(parts) for parts in refused)})"


def _refused_parts(condition: Condition, identity: Identity) -> Iterator[str]:
    for part in condition.refusals(identity):
        if part == "credentials":
            yield f"credentials ({', '.join(sorted(condition.credentials))}; this is {identity.kind})"
        elif part == "claims":
            lacking = (".".join(claim.path) for claim in condition.claims if not claim.is_in(identity.data))
            yield f"claims ({', '.join(lacking)})"
        else:
            yield part
    if lacking_scopes := condition.scopes - identity.scopes:
        yield f"scopes ({', '.join(sorted(lacking_scopes))})"
    if condition.any_scopes and not condition.any_scopes & identity.scopes:
        yield f"any_scopes ({', '.join(sorted(condition.any_scopes))})"
