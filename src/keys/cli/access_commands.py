"""The commands `verify` and `explain`: what the authorizer decides about a key or a JWT, and about a route."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
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
from keys.cli.app import App, note
from keys.cli.commands import Command, Parsed, credential_in, prefix_option
from keys.cli.exits import Exit
from keys.cli.result import Fields, Result
from keys.core.errors import BadInput
from keys.core.schema import iso
from keys.deployment import rules, verification
from keys.deployment.rules import Explanation
from keys.deployment.target import Source
from keys.deployment.verification import JwtSettings, Verdict
from keys.deployment.words import plural

T = TypeVar("T")
Pairs = list[tuple[str, str | None]]

MAX_TOKEN_BYTES: Final = 100_000

_REQUEST: Final = Parsed("route", rules.parse_request)
_SOURCE: Final = Parsed("address", rules.parse_source)
_NO_RULE: Final = "no rule matches this route, so no credential can call it (a route does not include the stage)"


def _request_options(command: Callable[..., T]) -> Callable[..., T]:
    """Add `--route`, `--source-ip` and `--rules`, passed as the parameters `request`, `source` and `rules_path`."""
    route = click.option("--route", "request", type=_REQUEST, help='A route to check, such as "GET /orders/7".')
    source = click.option(
        "--source-ip", "source", type=_SOURCE, help="The address that the request comes from, where networks decide."
    )
    path = click.option(
        "--rules",
        "rules_path",
        type=click.Path(path_type=Path),
        help="A file of access rules. Its identity providers are not used.  [default: of the deployment]",
    )
    return route(source(path(command)))


@click.command(cls=Command, example="keys verify < key.txt")
@click.option(
    "--imported/--no-imported",
    default=None,
    help="Whether to look up keys in other formats.  [default: as the stack, or no]",
)
@prefix_option
@_request_options
@click.pass_obj
def verify(
    app: App, imported: bool | None, request: Route | None, source: str | None, rules_path: Path | None
) -> Result:
    """Check a key as the authorizer does.

    Shows the identity of the key, or why it is refused. The command reads the key from standard input, or prompts for
    it. The key is not stored or shown. The authorizer's caches are not checked, so it can still accept a key that was
    just revoked. With --route, the command also checks whether the key can call the route.
    """
    app.target.accept_imported = imported
    prefix = app.prefix
    token = credential_in(_read_key())
    if not token.strip():
        raise BadInput("No key was read from standard input. It is empty, or nothing follows `Bearer`.")
    verdict = verification.verify(token, app.table, prefix, app.resolved.accept_imported, app.clock)
    identity, explanation = verdict.identity, None
    if identity and (request or rules_path):
        explanation = rules.explain(_access_rules(app, rules_path), identity, request, source)
    pairs: Pairs = [
        ("Accepted", "yes" if identity else "no"),
        ("Reason", verdict.reason),
        ("", verdict.explanation),
        ("Key ID", verdict.key_id),
    ]
    if identity:
        pairs += [("Consumer", identity.sub), ("Data", identity.context()["data"]), ("Scopes", _scopes(verdict))]
        pairs += [("Networks", _networks(identity)), ("Plan", identity.plan)]
    return _result(verdict, explanation, pairs, key_id=verdict.key_id)


@click.command(cls=Command, example='keys explain --jwt - --route "GET /reports/7" < token.txt')
@click.option(
    "--jwt", "file", type=click.File("rb"), required=True, help="The file with the token, or - for standard input."
)
@click.option("--jwks", type=click.File("rb"), help="The provider's key set (JWKS), to check the signature.")
@_request_options
@click.pass_obj
def explain(
    app: App,
    file: BinaryIO,
    jwks: BinaryIO | None,
    request: Route | None,
    source: str | None,
    rules_path: Path | None,
) -> Result:
    """Explain how the authorizer decides about a JWT.

    Shows the identity, the rules and the policy. The output names each rule that refuses the credential, and the
    reason. The settings are those of --stack, else of the environment variables JWT_ISSUER, JWT_AUDIENCE and
    AUTH_CONFIG, else of the local system. The token is checked on this machine. It is not stored, shown or sent. With
    jwt_subjects = true, the command reads the item of the token's subject. The authorizer's caches are not checked.

    Without --jwks the signature is not checked. Exit code 0 then does not mean that the token is genuine.
    """
    if file.isatty():
        note("Paste the token, and end it with Ctrl-D on a line of its own.")
    token = credential_in(file.read(MAX_TOKEN_BYTES).decode("utf-8", "replace").strip())
    if not token:
        raise BadInput("--jwt: no token was read. The input is empty, or nothing follows `Bearer`.")
    try:
        unverified = UnverifiedToken.parse(token)
        header, claims = unverified.header, unverified.claims
    except Refusal:
        header, claims = None, {}
    settings = _jwt_settings(app, claims, jwks.read() if jwks else None)
    verdict = verification.verify_jwt(token, settings, app.clock)
    identity, explanation = verdict.identity, None
    if identity:
        explanation = rules.explain(_access_rules(app, rules_path), identity, request, source)
    is_checked = identity is not None and settings.key_set is not None
    pairs = list(_token_pairs(verdict, settings, header, claims))
    header_object = None if header is None else dict(header)
    return _result(verdict, explanation, pairs, signature_checked=is_checked, header=header_object)


def _result(verdict: Verdict, explanation: Explanation | None, pairs: Pairs, **more: object) -> Result:
    """The result of both commands. `pairs`: the verdict as text. `more`: further members of the JSON object."""
    identity = verdict.identity
    data = {
        "accepted": identity is not None,
        "reason": verdict.reason,
        "sub": identity.sub if identity else None,
        "data": identity.data if identity else None,
        "scopes": sorted(identity.scopes) if identity else None,
        "plan": identity.plan if identity else None,
        **more,
    }
    if explanation:
        data |= explanation.to_json()
        pairs = [*pairs, *_explanation_pairs(explanation)]
    is_permitted = identity is not None and (explanation is None or explanation.permitted is not False)
    return Result(data, [Fields(pairs)], exit=Exit.DONE if is_permitted else Exit.REFUSED)


def _explanation_pairs(explanation: Explanation) -> Iterator[tuple[str, str]]:
    if explanation.request:
        yield "Route", str(explanation.request)
        hint = "no, for a request whose address is not known. Networks decide: add --source-ip"
        yield "Permitted", "yes" if explanation.permitted else hint if explanation.networks else "no"
    for rule, refused_by in explanation.rules:
        verdict = f"refused by {'; '.join(refused_by)}" if refused_by else "satisfied"
        yield "Rule", f"{rule.where}: {rule.route}: {verdict}"
    if not explanation.rules:
        yield "Rule", _NO_RULE
    for statement in explanation.policy["Statement"]:
        patterns = " ".join(resource.split("STAGE/", 1)[1] for resource in statement["Resource"])
        for operator, keys in statement.get("Condition", {}).items():
            where = "from" if operator == "IpAddress" else "except from"
            patterns += f" ({where} {', '.join(block for blocks in keys.values() for block in blocks)})"
        yield statement["Effect"], patterns


def _token_pairs(
    verdict: Verdict, settings: JwtSettings, header: Mapping[str, Any] | None, claims: Mapping[str, Any]
) -> Iterator[tuple[str, str | None]]:
    identity = verdict.identity
    forged = ", but the signature was not checked, so the token might be forged. To check it, specify --jwks FILE."
    yield "Accepted", f"yes{'' if settings.key_set else forged}" if identity else "no"
    yield "Reason", verdict.reason
    yield "", verdict.explanation
    if header is not None:
        yield "Algorithm", _text(header.get("alg"))
        yield "kid", _text(header.get("kid"))
        yield "Issuer", _text(claims.get("iss"))
        yield "Audience", _text(claims.get("aud", claims.get("client_id")))
        yield "Expires", _moment(claims.get("exp"))
    if identity:
        yield "Subject", identity.sub
        yield "Scopes", _scopes(verdict)
        yield "Plan", identity.plan
        wanted = (each.data_claims or () for each in settings.providers if each.issuer == identity.issuer)
        absent = [write_path(path) for paths in wanted for path in paths if find(claims, path) is MISSING]
        yield "Not in data", f"{', '.join(absent)}: not in the token" if absent else None


def _access_rules(app: App, path: Path | None) -> AccessRules:
    """The rules of the file, else of the file in this checkout that the deployment's `AUTH_CONFIG` names.

    :raises BadInput: the file does not exist or is invalid.
    """
    if path is None:
        path = rules.FUNCTION_CODE / (app.settings.get("AUTH_CONFIG") or DEFAULT_FILE)
        where = "the local system" if app.source is Source.LOCAL else "this checkout"
        note(f"Using the access rules of {path.name} in {where}.")
    return rules.read_file(path).rules


def _jwt_settings(app: App, claims: Mapping[str, Any], key_set: bytes | None) -> JwtSettings:
    """:raises BadInput: a setting is invalid."""
    try:
        settings = configuration.read({"API_KEYS_TABLE": "-", **app.settings}, rules.FUNCTION_CODE)
    except SettingsError as error:
        raise BadInput(str(error)) from None
    providers = settings.providers
    if providers:
        source = "the environment variables" if app.settings is app.env else f"the stack {app.deployment.stack}"
        issuers = ", ".join(provider.issuer for provider in providers)
        note(f"Using {plural(len(providers), 'identity provider')} of {source}: {issuers}")
    else:
        note("No identity provider is configured. Using the issuer and the audience of the token.")
        issuer, audience = claims.get("iss"), claims.get("aud", claims.get("client_id"))
        audiences = audience if isinstance(audience, list) else [audience]
        if isinstance(issuer, str):
            providers = (Provider(issuer, frozenset(name for name in audiences if isinstance(name, str))),)
    if settings.jwt_subjects and not app.has_table:
        note("No table is named, so the subject of the token is not looked up. To look it up: --stack or --table.")
    table = app.table if settings.jwt_subjects and app.has_table else None
    return JwtSettings(providers, settings.jwt_leeway_seconds, key_set, settings.tiers, table)


def _read_key() -> str:
    if sys.stdin.isatty():
        typed: str = click.prompt("Key", hide_input=True, err=True)
        return typed
    return sys.stdin.buffer.read().decode("utf-8", "replace").rstrip("\r\n")


def _scopes(verdict: Verdict) -> str | None:
    return ", ".join(sorted(verdict.identity.scopes)) or None if verdict.identity else None


def _networks(identity: Identity) -> str | None:
    if identity.networks is None:
        return None
    return str(identity.networks) or "none: no network of the key is one of its consumer"


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _moment(value: object) -> str | None:
    in_range = isinstance(value, int | float) and 0 <= value < 253_402_300_800
    return iso(int(value)) if in_range and isinstance(value, int | float) else _text(value)
