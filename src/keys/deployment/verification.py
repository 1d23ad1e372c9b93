"""The decision of the authorizer about a credential, made by the authorizer's own code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from authorizer import api_key
from authorizer.attributes import MalformedRecord
from authorizer.authentication import Authenticator, authenticate
from authorizer.bearer import MAX_LENGTH, bearer_token
from authorizer.fetch import Fetch, FetchError, HttpsFetch
from authorizer.identity import Identity
from authorizer.jwks import KeysUnavailable, KeyTimes, SigningKeys
from authorizer.jwt_bearer import JwtAuthenticator, KeySource, UnverifiedToken
from authorizer.key_store import ApiKeyAuthenticator, KeyStore
from authorizer.provider import Provider
from authorizer.refusal import Reason, Refusal
from authorizer.settings import Settings
from authorizer.subjects import Subjects
from authorizer.tiers import Tiers
from keys.core.errors import BadInput, ServiceFailure

if TYPE_CHECKING:
    from keys.core.table import Table


_EXPLANATIONS: Final = {
    Reason.MALFORMED_KEY: "The prefix is right, but the format or checksum is wrong. The key is mistyped or truncated.",
    Reason.UNKNOWN_KEY: "The key is not in this table. It is deleted, or belongs to another stack.",
    Reason.DISABLED_KEY: "The key is disabled, alone or with its consumer. To see which: `keys show`.",
    Reason.REVOKED_KEY: "The key is revoked.",
    Reason.EXPIRED_KEY: "The key has expired.",
    Reason.MALFORMED_RECORD: "The item of the key in the table is malformed.",
    Reason.IDENTITY_TOO_LARGE: "The subject and the data are too large for the authorizer's context.",
    Reason.MALFORMED_TOKEN: "The token is not three parts in base64url. It is truncated, or has extra characters.",
    Reason.TOKEN_TOO_LONG: "The token is longer than the provider's max_token_bytes.",
    Reason.MALFORMED_HEADER: "The header is not a JSON object, or its kid is not a string.",
    Reason.CRITICAL_HEADER: "The header requires an extension, with crit or b64.",
    Reason.WRONG_TYPE: "The typ is not one of the provider's token_types.",
    Reason.WRONG_ALGORITHM: "The alg is not one of the provider's algorithms, which are all asymmetric.",
    Reason.MALFORMED_CLAIMS: "The exp or the subject is missing, or a claim does not have the required type.",
    Reason.WRONG_ISSUER: "The iss is not a configured issuer. Compare every character, also a slash at the end.",
    Reason.WRONG_AUDIENCE: "The audience is not configured. The token might be an ID token: send an access token.",
    Reason.WRONG_PARTY: "The azp is not one of the provider's authorized_parties.",
    Reason.WRONG_CLAIM: "A claim of the provider's required_claims is missing or has another value.",
    Reason.BOUND_TOKEN: "The token is bound to a key of the client (cnf), which a bearer token cannot prove.",
    Reason.EXPIRED_TOKEN: "The token has expired.",
    Reason.NOT_YET_VALID: "The nbf is in the future.",
    Reason.ISSUED_IN_FUTURE: "The iat is in the future. Check the clock of the provider.",
    Reason.UNKNOWN_SIGNING_KEY: "The kid is not in the key set.",
    Reason.AMBIGUOUS_SIGNING_KEY: "The token has no kid, and more than four keys of the key set match.",
    Reason.DISABLED_SUBJECT: "The subject of the token is disabled. To accept its tokens again: `keys subject enable`.",
    Reason.ENDED_TOKEN: "The token was issued before the tokens of its subject were ended. A new sign-in is accepted.",
    Reason.BAD_SIGNATURE: "The signature is wrong. The token was changed, or the key set is another provider's.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Accepted with an identity, or refused with a reason code and an explanation."""

    identity: Identity | None = None
    reason: str | None = None
    explanation: str | None = None
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class JwtSettings:
    """The accepted tokens. `key_set`: the text of a JWKS; None skips the check of the signature. `table`: that of the
    subjects; None if they are not looked up.
    """

    providers: Sequence[Provider]
    leeway_seconds: float
    key_set: bytes | None = None
    tiers: Tiers = ()
    table: Table | None = None


def verify(token: str, table: Table, prefix: str, accept_imported: bool | None, clock: Callable[[], float]) -> Verdict:
    """The verdict on an API key. It also says if the key is in the table but the authorizer does not look it up.

    :raises Exception: DynamoDB failed, or did not answer in time.
    """
    store = KeyStore(table.client, table.name, cache_seconds=0, clock=clock)
    authenticator = ApiKeyAuthenticator(store, prefix, accept_imported=bool(accept_imported), clock=clock)
    verdict = _verdict(token, authenticator, _why_no_key(token, prefix))
    if verdict.reason != Reason.UNRECOGNISED:
        return verdict
    try:
        record = store.find(api_key.digest(token))
    except MalformedRecord:
        record = None
    if record is None:
        return verdict
    text = "The key is in the table, but the authorizer only looks up keys of this format if AcceptImportedKeys=true."
    if accept_imported is None:
        text += " The value of this parameter is not known. Specify --stack or --imported."
    return replace(verdict, explanation=text, key_id=record.identity.key_id)


def _why_no_key(token: str, prefix: str) -> str:
    if token[0] in "\"'" and token[-1] == token[0]:
        return "The credential has quotation marks around it. Remove them."
    other = token.rsplit("_", 2)[0]
    if api_key.PREFIX_PATTERN.match(other) and api_key.is_well_formed(token, other):
        return f"The credential is a key with the prefix {other}. This authorizer only accepts the prefix {prefix}."
    if token.startswith("eyJ") and token.count(".") == 2:
        return "The credential is a JWT, not an API key. To check it: `keys explain --jwt - < token.txt`."
    return "The credential is not an API key. The authorizer would check it as a JWT."


def _why_no_bearer_token(token: str) -> str:
    lines = len(token.splitlines())
    if token.startswith(("{", "[")):
        problem = "The input is JSON."
    elif lines > 1:
        problem = f"The input has {lines} lines."
    elif len(token) > MAX_LENGTH:
        problem = f"The input is longer than {MAX_LENGTH} characters."
    elif any(character.isspace() for character in token):
        problem = "The input has a space."
    else:
        problem = "The input has a control character or a character that is not ASCII."
    return f"{problem} Pass the credential alone."


def verify_jwt(token: str, settings: JwtSettings, clock: Callable[[], float]) -> Verdict:
    """The verdict on a JWT. The signature is checked if there is a key set. No request goes to an identity provider.

    :raises BadInput: the key set is invalid.
    :raises Exception: DynamoDB failed, or did not answer in time.
    """
    providers: list[tuple[Provider, KeySource]] = [
        (provider, _keys(provider, settings.key_set, clock)) for provider in settings.providers
    ]
    leeway, table = settings.leeway_seconds, settings.table
    subjects = None
    if table is not None:
        subjects = Subjects(table.client, table.name, cache_seconds=0, leeway_seconds=leeway, clock=clock)
    authenticator = JwtAuthenticator(
        providers, leeway_seconds=leeway, clock=clock, subjects=subjects, tiers=settings.tiers
    )
    return _verdict(token, authenticator, "The credential is not a JWT: it has no dot.")


def subject_of(token: str, settings: Settings, clock: Callable[[], float], fetch: Fetch | None = None) -> Identity:
    """The identity of a token that an identity provider of the settings signed. The token can have expired.

    `fetch`: for the key sets; by default the authorizer's own.

    :raises BadInput: the authorizer does not accept the token. The message does not quote it.
    :raises ServiceFailure: the key set cannot be fetched.
    """
    if not settings.providers:
        raise BadInput("No identity provider is configured, so the signature cannot be verified.")
    times = KeyTimes(timeout=settings.jwks_timeout_seconds)
    try:
        providers: list[tuple[Provider, KeySource]] = [
            (
                each,
                SigningKeys(
                    each,
                    fetch=fetch or HttpsFetch(each.ca_bundle),
                    clock=clock,
                    report=lambda _event, _detail: None,
                    times=times,
                ),
            )
            for each in settings.providers
        ]
        end: Any = UnverifiedToken.parse(token).claims.get("exp")
        now = min(clock(), end - 1) if isinstance(end, int | float) else clock()
        authenticator = JwtAuthenticator(providers, leeway_seconds=settings.jwt_leeway_seconds, clock=lambda: now)
        identity = authenticator.authenticate(token)
    except Refusal as error:
        told = _EXPLANATIONS.get(error.reason, "")
        raise BadInput(f"The token is refused ({error.reason.value}). {told}".rstrip()) from None
    except (FetchError, KeysUnavailable) as error:
        raise ServiceFailure(f"The signature cannot be verified: {error}.") from None
    if identity is None:
        raise BadInput("The input is not a JWT: it has no dot.")
    return identity


def _keys(provider: Provider, key_set: bytes | None, clock: Callable[[], float]) -> KeySource:
    if key_set is None:
        return _Unchecked()
    try:
        return SigningKeys(
            provider._replace(jwks_url=provider.jwks_url or provider.issuer),
            fetch=lambda _url, _seconds: key_set,
            clock=clock,
            report=lambda _event, _detail: None,
            times=KeyTimes(),
            seed=key_set,
        )
    except FetchError as error:
        raise BadInput(f"The key set is invalid: {error}.") from None


class _Unchecked:
    """A key source that accepts every signature."""

    def published_kid(self, _kid: object) -> None:
        return

    def verify(self, _kid: str | None, _algorithm: str, _message: bytes, _signature: bytes) -> None:
        return


def _verdict(token: str, authenticator: Authenticator, unrecognised: str) -> Verdict:
    try:
        sent = bearer_token({"headers": {"Authorization": f"Bearer {token}"}})
        identity = authenticate([authenticator], sent)
        identity.context()
    except Refusal as error:
        if error.reason is Reason.MALFORMED_AUTHORIZATION:
            explanation = _why_no_bearer_token(token)
        else:
            explanation = _EXPLANATIONS.get(error.reason, unrecognised)
        return Verdict(reason=error.reason.value, explanation=explanation, key_id=error.key_id)
    return Verdict(identity=identity, key_id=identity.key_id)
