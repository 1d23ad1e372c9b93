"""Access rules for operators: read a rules file, and explain it for one identity."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import authorizer
from authorizer import auth_file, glob
from authorizer.access import AccessRules, Rule
from authorizer.auth_file import AuthFile
from authorizer.conditions import Conditions, FromNetworks
from authorizer.entry import SettingsError
from authorizer.identity import Identity
from authorizer.networks import is_address
from authorizer.policy import Responder
from authorizer.route import Route, RouteError
from keys.core.errors import BadInput

FUNCTION_CODE: Final = Path(authorizer.__path__[0])
"""The function's code directory, which `AUTH_CONFIG` is relative to."""

EVERY_ROUTE: Final = "Every accepted credential can call every route: the only rule is * /* without a condition"

_ANY_SOURCE: Final = "192.0.2.1"
"""An address: the policy is the same for each of them."""

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
    """Parse the method and path of a request, such as ``GET /orders/7``. Any path that a client can send is valid.

    :raises BadInput: it is not a route of one request.
    """
    method, _, path = text.partition(" ")
    try:
        if "*" in text or "{" in text:
            raise RouteError('must be a request without * and {id}, such as "GET /orders/7"')
        if not re.fullmatch(r"/[\x21-\x7e]*", path):
            raise RouteError(f'must be a method and a path that starts with a slash, such as "GET /me", not {text!r}')
        return Route.parse(f"{method} /")._replace(path=path[1:])
    except RouteError as error:
        raise BadInput(f"The route {error}. Omit the stage from the path.") from None


def parse_source(text: str) -> str:
    """:raises BadInput: it is not an address."""
    if not is_address(text):
        raise BadInput(f"{text!r} is not an address. Write one address, such as 203.0.113.7, without a prefix length.")
    return text


@dataclass(frozen=True, slots=True)
class Explanation:
    """The effect of rules on one identity, and on one request if `request` is set.

    `rules`: each with the names of its parts that refuse the identity. Values of claims are not included.
    `source`: the address of the request. `networks`: whether networks decide about requests and it is not known.
    `permitted` is then false, because the policy permits nothing to an unknown address.
    """

    request: Route | None
    permitted: bool | None
    rules: tuple[tuple[Rule, tuple[str, ...]], ...]
    policy: dict[str, Any]
    source: str | None = None
    networks: bool = False

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
            "source_ip": self.source,
            "rules": rules,
            "policy": self.policy,
            "policy_bytes": len(json.dumps(self.policy, separators=(",", ":"))),
        }


def _matches(route: Route, request: Route) -> bool:
    return request.method in route.methods and glob.matches(route.path, request.path)


def explain(rules: AccessRules, identity: Identity, request: Route | None, source: str | None = None) -> Explanation:
    """Explain the rules that match the request from this address; all rules if it is None.

    :raises Refusal: see `Identity.context`.
    """
    told = [rule for rule in rules.rules if request is None or _matches(rule.route, request)]
    grant = rules.permissions(identity)[0]
    if identity.networks is not None:
        grant = grant.within(identity.networks)
    return Explanation(
        request,
        grant.permits(request, source) if request else None,
        tuple((rule, tuple(_refusals(rule, identity, source))) for rule in told),
        Responder(rules).respond(identity, _ARN, source or _ANY_SOURCE)["policyDocument"],
        source,
        grant.limits and source is None,
    )


def _refusals(rule: Rule, identity: Identity, source: str | None) -> Iterator[str]:
    yield from _refused_parts(rule.conditions, identity, source)
    refused = [list(_refused_parts(other, identity, source)) for other in rule.alternatives]
    if refused and all(refused):
        yield f"any ({' | '.join(', '.join(parts) for parts in refused)})"


def _refused_parts(conditions: Conditions, identity: Identity, source: str | None) -> Iterator[str]:
    for condition in conditions:
        if not condition.holds(identity):
            yield condition.refusal(identity)
        elif isinstance(condition, FromNetworks) and source is not None and source not in condition.values:
            yield f"networks ({condition.values}; this is {source})"
