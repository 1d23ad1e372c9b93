"""Access rules for operators: read a rules file, and explain it for one identity."""

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
from authorizer.claims import write_path
from authorizer.entry import SettingsError
from authorizer.identity import Identity
from authorizer.policy import Responder
from authorizer.route import Route, RouteError
from keys.core.errors import BadInput

FUNCTION_CODE: Final = Path(authorizer.__path__[0])
"""The function's code directory, which `AUTH_CONFIG` is relative to."""

EVERY_ROUTE: Final = "Every accepted credential can call every route: the only rule is * /* without a condition"

_ARN: Final = "arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/GET/"


def read_file(path: Path) -> AuthFile:
    """The settings, providers and rules of a file.

    :raises BadInput: the file cannot be read or is invalid. The message has one line per mistake, with the remedy.
    """
    try:
        return auth_file.load(path)
    except SettingsError as error:
        raise BadInput("\n".join(f"{path}, {mistake}" for mistake in error.mistakes)) from None


def parse_request(text: str) -> Route:
    """:raises BadInput: it is not a route of one request."""
    try:
        return Route.of_request(text)
    except RouteError as error:
        raise BadInput(f"The route {error}. Omit the stage from the path.") from None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The effect of rules on one identity, and on one request if `request` is set.

    `rules`: each with the names of its parts that refuse the identity. Values of claims are not included.
    """

    request: Route | None
    permitted: bool | None
    rules: tuple[tuple[Rule, tuple[str, ...]], ...]
    policy: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The explanation as a JSON object.

        `policy_bytes`: the size of the policy that API Gateway gets, with placeholders for Region, account and API.
        """
        rules = [
            {"where": rule.where, "route": str(rule.route), "satisfied": not refused_by, "refused_by": list(refused_by)}
            for rule, refused_by in self.rules
        ]
        return {
            "route": str(self.request) if self.request else None,
            "permitted": self.permitted,
            "rules": rules,
            "policy": self.policy,
            "policy_bytes": len(json.dumps(self.policy, separators=(",", ":"))),
        }


def explain(rules: AccessRules, identity: Identity, request: Route | None) -> Explanation:
    """Explain the rules that match the request; all rules if it is None.

    :raises Refusal: see `Identity.context`.
    """
    return Explanation(
        request,
        rules.permissions(identity)[0].permits(request) if request else None,
        tuple(
            (rule, tuple(_refusals(rule, identity)))
            for rule in rules.rules
            if request is None or rule.route.matches(request)
        ),
        Responder(rules).respond(identity, _ARN)["policyDocument"],
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
            lacking = (write_path(claim.path) for claim in condition.claims if not claim.is_in(identity.data))
            yield f"claims ({', '.join(lacking)})"
        else:
            yield part
    if lacking_scopes := condition.scopes - identity.scopes:
        yield f"scopes ({', '.join(sorted(lacking_scopes))})"
    if condition.any_scopes and not condition.any_scopes & identity.scopes:
        yield f"any_scopes ({', '.join(sorted(condition.any_scopes))})"
