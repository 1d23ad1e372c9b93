"""Commands that check a JWT against the access rules, and that check a deployment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

import click

from authorizer import configuration
from authorizer.access import AccessRules
from authorizer.claims import MISSING, find, write_path
from authorizer.entry import SettingsError
from authorizer.identity import Identity
from authorizer.jwt_bearer import UnverifiedToken
from authorizer.provider import Provider
from authorizer.refusal import Refusal
from authorizer.route import Route
from authorizer.settings import DEFAULT_FILE
from keys.cli import output
from keys.cli.app import App, note
from keys.cli.commands import Command, Parsed
from keys.cli.credential import credential_in
from keys.core.errors import BadInput
from keys.core.schema import iso
from keys.deployment import doctor as checks
from keys.deployment import rules
from keys.deployment.rules import Explanation
from keys.deployment.verification import JwtSettings, Verdict, verify_jwt
from keys.deployment.words import plural

T = TypeVar("T")

NOT_ACCEPTED: Final = 5
SOMETHING_WRONG: Final = 7
MAX_TOKEN_BYTES: Final = 100_000

_REQUEST: Final = Parsed("route", rules.parse_request)


def request_options(command: Callable[..., T]) -> Callable[..., T]:
    """Add `--route` and `--rules`, passed as the parameters `request` and `rules_path`."""
    route = click.option("--route", "request", type=_REQUEST, help='A route to check, such as "GET /orders/7".')
    path = click.option(
        "--rules",
        "rules_path",
        type=click.Path(path_type=Path),
        help="A file of access rules. Its identity providers are not used.  [default: of the deployment]",
    )
    return route(path(command))


def access_rules(app: App, path: Path | None) -> AccessRules:
    """The rules of the file, else of the file in this checkout that the deployment's `AUTH_CONFIG` names.

    :raises BadInput: the file does not exist or is invalid.
    """
    if path is None:
        path = rules.FUNCTION_CODE / (app.settings.get("AUTH_CONFIG") or DEFAULT_FILE)
        note(f"Using the access rules of {path.name} in this checkout.")
    return rules.read(path)


def verdict_object(verdict: Verdict) -> dict[str, Any]:
    """A verdict as a JSON object."""
    identity = verdict.identity
    return {
        "accepted": identity is not None,
        "reason": verdict.reason,
        "sub": identity.sub if identity else None,
        "data": identity.data if identity else None,
        "scopes": sorted(identity.scopes) if identity else None,
    }


def explanation_object(explanation: Explanation | None) -> dict[str, Any]:
    """An explanation as members of a JSON object."""
    if explanation is None:
        return {}
    return {
        "route": str(explanation.request) if explanation.request else None,
        "permitted": explanation.permitted,
        "rules": [
            {
                "where": told.rule.where,
                "route": str(told.rule.route),
                "satisfied": not told.refused_by,
                "refused_by": list(told.refused_by),
            }
            for told in explanation.rules
        ],
        "policy": explanation.policy,
        "policy_bytes": explanation.policy_bytes,
    }


_NO_RULE: Final = "no rule matches this route, so no credential can call it (a route does not include the stage)"


def show_explanation(explanation: Explanation) -> None:
    if explanation.request:
        output.print_fields(
            [("Route", str(explanation.request)), ("Permitted", "yes" if explanation.permitted else "no")]
        )
    for told in explanation.rules:
        verdict = f"refused by {'; '.join(told.refused_by)}" if told.refused_by else "satisfied"
        output.print_fields([("Rule", f"{told.place}: {verdict}")])
    if not explanation.rules:
        output.print_fields([("Rule", _NO_RULE)])
    for statement in explanation.policy["Statement"]:
        patterns = (resource.split("STAGE/", 1)[1] for resource in statement["Resource"])
        output.print_fields([(statement["Effect"], " ".join(patterns))])


def permits(explanation: Explanation | None) -> bool:
    """Whether the rules permit the route, or no route was given."""
    return explanation is None or explanation.permitted is not False


@click.command(cls=Command, example='keys explain --jwt - --route "GET /reports/7" < token.txt')
@click.option(
    "--jwt", "file", type=click.File("rb"), required=True, help="The file with the token, or - for standard input."
)
@click.option("--jwks", type=click.File("rb"), help="The provider's key set (JWKS), to check the signature.")
@request_options
@click.pass_context
def explain(
    ctx: click.Context, file: BinaryIO, jwks: BinaryIO | None, request: Route | None, rules_path: Path | None
) -> None:
    """Explain how the authorizer decides about a JWT.

    Shows the identity, the rules and the policy. The output names each rule that refuses the credential, and the
    reason. The settings are those of --stack, else of the environment variables JWT_ISSUER, JWT_AUDIENCE and
    AUTH_CONFIG, else of the local system. The token is checked on this machine. It is not stored, shown or sent.

    Without --jwks the signature is not checked. Exit code 0 then does not mean that the token is genuine.
    """
    app: App = ctx.obj
    if file.isatty():
        note("Paste the token, and end it with Ctrl-D on a line of its own.")
    token = credential_in(file.read(MAX_TOKEN_BYTES).decode("utf-8", "replace").strip())
    if not token:
        raise BadInput("--jwt: no token was read. The input is empty, or nothing follows `Bearer`.")
    unverified = _parse(token)
    source = "the environment variables" if app.settings is app.env else f"the stack {app.deployment.stack}"
    settings = _jwt_settings(app.settings, source, unverified, jwks.read() if jwks else None)
    verdict = verify_jwt(token, settings, app.clock)
    explanation = None
    if verdict.identity:
        explanation = rules.explain(access_rules(app, rules_path), verdict.identity, request)
    if app.json:
        checked = verdict.identity is not None and settings.key_set is not None
        header = dict(unverified.header) if unverified else None
        told = {**verdict_object(verdict), "signature_checked": checked, "header": header}
        output.print_json({**told, **explanation_object(explanation)})
    else:
        _show_verdict(verdict, unverified, settings)
        if explanation:
            show_explanation(explanation)
    if verdict.identity is None or not permits(explanation):
        ctx.exit(NOT_ACCEPTED)


@click.command(cls=Command, example="keys doctor --stack multi-auth")
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Check a deployment and name the remedy for each fault.

    Checks settings, function, identity providers, clocks, table, access rules, and the time until a revocation takes
    effect. The deployment is the one of --stack, else the local system. The command changes nothing. It sends the
    function a synthetic API key and, for each provider, a synthetic JWT, which the function must refuse.

    Required permissions: describe the stack, its function and its table, invoke the function, read its log and the
    table.
    """
    app: App = ctx.obj
    findings = checks.examine(app.deployment, app.clock)
    if app.json:
        output.print_json(
            [{"check": found.check, "state": found.state.value, "detail": found.detail} for found in findings]
        )
    else:
        for found in findings:
            output.print_finding(found.state.value, f"{found.check}: {found.detail}")
    if any(found.state is checks.State.WRONG for found in findings):
        ctx.exit(SOMETHING_WRONG)


def _parse(token: str) -> UnverifiedToken | None:
    try:
        return UnverifiedToken.parse(token)
    except Refusal:
        return None


def _jwt_settings(
    env: Mapping[str, str], source: str, unverified: UnverifiedToken | None, key_set: bytes | None
) -> JwtSettings:
    """:raises BadInput: a setting is invalid."""
    try:
        settings = configuration.read({"API_KEYS_TABLE": "-", **env}, rules.FUNCTION_CODE)
    except SettingsError as error:
        raise BadInput(str(error)) from None
    providers = settings.providers
    if providers:
        issuers = ", ".join(provider.issuer for provider in providers)
        note(f"Using {plural(len(providers), 'identity provider')} of {source}: {issuers}")
    else:
        note("No identity provider is configured. Using the issuer and the audience of the token.")
        providers = _own_provider(unverified)
    return JwtSettings(providers, settings.jwt_leeway_seconds, key_set)


def _own_provider(unverified: UnverifiedToken | None) -> tuple[Provider, ...]:
    claims = unverified.claims if unverified else {}
    issuer, audience = claims.get("iss"), claims.get("aud", claims.get("client_id"))
    named = audience if isinstance(audience, list) else [audience]
    audiences = frozenset(name for name in named if isinstance(name, str))
    return (Provider(issuer, audiences),) if isinstance(issuer, str) else ()


def _show_verdict(verdict: Verdict, unverified: UnverifiedToken | None, settings: JwtSettings) -> None:
    identity = verdict.identity
    unchecked = (
        ""
        if settings.key_set
        else ", but the signature was not checked, so the token might be forged. To check it, specify --jwks FILE."
    )
    output.print_fields(
        [
            ("Accepted", f"yes{unchecked}" if identity else "no"),
            ("Reason", verdict.reason),
            ("", verdict.explanation),
        ]
    )
    if unverified:
        claims, header = unverified.claims, unverified.header
        output.print_fields(
            [
                ("Algorithm", _text(header.get("alg"))),
                ("kid", _text(header.get("kid"))),
                ("Issuer", _text(claims.get("iss"))),
                ("Audience", _text(claims.get("aud", claims.get("client_id")))),
                ("Expires", _moment(claims.get("exp"))),
            ]
        )
    if identity:
        _show_identity(identity)
    if identity and unverified:
        absent = [
            write_path(path)
            for provider in settings.providers
            if provider.issuer == identity.issuer
            for path in provider.data_claims or ()
            if find(unverified.claims, path) is MISSING
        ]
        output.print_fields([("Not in data", f"{', '.join(absent)}: not in the token" if absent else None)])


def _show_identity(identity: Identity) -> None:
    output.print_fields([("Subject", identity.sub), ("Scopes", ", ".join(sorted(identity.scopes)) or None)])


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _moment(value: object) -> str | None:
    in_range = isinstance(value, int | float) and 0 <= value < 253_402_300_800
    return iso(int(value)) if in_range and isinstance(value, int | float) else _text(value)
