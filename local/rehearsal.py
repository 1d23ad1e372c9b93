"""Call each route with each kind of credential, and show what is answered beside what the access rules say."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from authorizer.access import AccessRules
from authorizer.auth_file import AuthFile
from authorizer.identity import Identity
from authorizer.refusal import Refusal
from authorizer.route import RouteError
from keys.core.errors import BadInput
from keys.deployment import rules
from keys.deployment.verification import JwtSettings, verify_jwt
from local.apis import Api, ApiRoute, call

_LEEWAY_SECONDS: Final = 30
_SOURCE = "127.0.0.1"
"""The address of the calls, where the rules have networks."""
HTTP_NOTE: Final = (
    "  A refused credential on an HTTP API is a 500 here. AWS documents no status for it (not tried on AWS).\n"
    "  The reason is in the log in both cases."
)


@dataclass(frozen=True)
class Caller:
    """A kind of credential: its name, the credential (None: no header is sent), and whom it identifies.

    `refused`: why the authorizer's settings do not accept it, if they do not.
    """

    name: str
    credential: str | None
    identity: Identity | None = None
    refused: str | None = None


@dataclass(frozen=True)
class Rehearsed:
    """One request: its status, and what the rules say. `expected` is None for "permitted": the backend answers."""

    route: ApiRoute
    caller: str
    status: int
    expected: int | None
    why: str

    @property
    def agrees(self) -> bool:
        return self.status == self.expected if self.expected else self.status not in (401, 403, 503)

    def __str__(self) -> str:
        mark = " " if self.agrees else "!"
        should = self.why if self.agrees else f"{self.why} (expected {self.expected or 'the response of the backend'})"
        return f"{mark} {self.route!s:<28} {self.caller:<14} {self.status}  {should}"


def callers(api_key: str, api_key_identity: Identity, jwt: str, file: AuthFile) -> tuple[Caller, ...]:
    """Return no credential, the API key and the JWT, with the identities that the authorizer would find."""
    leeway = float(file.settings.get("jwt_leeway_seconds", _LEEWAY_SECONDS))
    verdict = verify_jwt(jwt, JwtSettings(file.providers, leeway), time.time)
    return (
        Caller("no credential", None),
        Caller("an API key", api_key, api_key_identity),
        Caller("a JWT", jwt, verdict.identity, verdict.reason),
    )


def rehearse(api: Api, credentials: Sequence[Caller], access: AccessRules | None) -> Iterator[Rehearsed]:
    """Call each route of an API with each credential. `access`: None if every route is permitted."""
    for route in api.routes:
        method, path = route.request
        for caller in credentials:
            status = call(api.url + path, caller.credential, method).status
            yield Rehearsed(route, caller.name, status, *expected(route, caller, access))


def expected(route: ApiRoute, caller: Caller, access: AccessRules | None) -> tuple[int | None, str]:
    """Return what the rules say about one request: the status, or None if the backend answers; and the reason."""
    if not route.guarded:
        return None, "permitted: the route has no Lambda authorizer"
    if caller.credential is None:
        return 401, "refused: no credential"
    if caller.identity is None:
        return 401, f"refused: {caller.refused}"
    if access is None:
        return None, "permitted: simple responses permit every route"
    if route.path == "$default":
        return _said(access, caller.identity, "GET /default")
    method, path = route.request
    return _said(access, caller.identity, f"{method} {path}")


def _said(access: AccessRules, identity: Identity, request: str) -> tuple[int | None, str]:
    try:
        explanation = rules.explain(access, identity, rules.parse_request(request), _SOURCE)
    except (BadInput, RouteError) as error:
        return None, f"unknown: {error}"
    except Refusal as error:
        return 401, f"refused: {error.reason.value}"
    if explanation.permitted:
        return None, "permitted"
    told = [f"{rule.where}: {rule.route}: {'; '.join(parts)}" for rule, parts in explanation.rules if parts]
    return 403, f"refused by {' | '.join(told)}" if told else "refused: no rule matches this route"


def screen(found: Mapping[str, Sequence[Rehearsed]], http: Sequence[str]) -> str:
    """Return the lines for each API. `http`: the names of those that are HTTP APIs."""
    lines = []
    for name, rehearsed in found.items():
        lines += ["", f"{name}: status of each route, and what the access rules say"]
        lines += [str(one) for one in rehearsed] or ["  It has no routes."]
        lines += [HTTP_NOTE] if name in http else []
    different = sum(not one.agrees for rehearsed in found.values() for one in rehearsed)
    if different:
        lines += ["", f"{different} of them (!) differ from the access rules."]
    return "\n".join(lines)
