"""What the authorizer would say about a credential, asked of its own parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from authorizer import api_key
from authorizer.authentication import Authenticator, InvalidCredential, Reason, authenticate
from authorizer.bearer import BearerError, bearer_token
from authorizer.fetch import FetchError
from authorizer.identity import Identity, IdentityTooLarge
from authorizer.jwks import KeyTimes, SigningKeys
from authorizer.jwt_bearer import JwtAuthenticator, KeySource
from authorizer.key_record import KeyRecord, MalformedRecord
from authorizer.key_store import ApiKeyAuthenticator, KeyStore
from authorizer.provider import Provider
from keys.life.errors import BadInput

if TYPE_CHECKING:
    from keys.life.table import Table


_EXPLANATIONS: Final = {
    Reason.MALFORMED_KEY: "It begins like one of our keys, but its form or checksum is wrong: mistyped, or cut short.",
    Reason.UNKNOWN_KEY: "It has the form of our keys, but is not in this table: deleted, or of another stack.",
    Reason.DISABLED_KEY: "The key is disabled, on its own or with its consumer: `keys show` says which.",
    Reason.REVOKED_KEY: "The key is revoked.",
    Reason.EXPIRED_KEY: "The key has expired.",
    Reason.MALFORMED_RECORD: "The key's item in the table is malformed.",
    Reason.IDENTITY_TOO_LARGE: "The subject and data are too large to be passed on.",
    Reason.MALFORMED_TOKEN: "It is not three parts in base64url: cut short, or with something around it.",
    Reason.TOKEN_TOO_LONG: "It is longer than the provider's max_token_bytes.",
    Reason.MALFORMED_HEADER: "Its header is not a JSON object, or its kid is not a text.",
    Reason.CRITICAL_HEADER: "Its header demands an extension, by crit or b64.",
    Reason.WRONG_TYPE: "Its typ is not one of the provider's token_types.",
    Reason.WRONG_ALGORITHM: "Its alg is not one of the provider's algorithms: asymmetric ones only.",
    Reason.MALFORMED_CLAIMS: "exp or the subject is missing, or a claim is not of the type that its standard asks for.",
    Reason.WRONG_ISSUER: "Its iss is not a configured issuer: compare every character, also a slash at the end.",
    Reason.WRONG_AUDIENCE: "Its audience is not a configured one: an ID token in place of an access token, perhaps.",
    Reason.WRONG_PARTY: "Its azp is not one of the provider's authorized_parties.",
    Reason.WRONG_CLAIM: "A claim of the provider's required_claims is missing or has another value.",
    Reason.BOUND_TOKEN: "It is bound to a key of its sender (cnf), which a bearer cannot prove to hold.",
    Reason.EXPIRED_TOKEN: "It has expired.",
    Reason.NOT_YET_VALID: "Its nbf is in the future.",
    Reason.ISSUED_IN_FUTURE: "Its iat is in the future: compare the provider's clock.",
    Reason.UNKNOWN_SIGNING_KEY: "Its kid is not in the key set.",
    Reason.AMBIGUOUS_SIGNING_KEY: "It has no kid, and several keys of the key set fit.",
    Reason.BAD_SIGNATURE: "Its signature is not that of the key: changed on the way, or another provider's key set.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Accepted with an identity, or refused for a reason, which is a code with an explanation."""

    identity: Identity | None = None
    reason: str | None = None
    explanation: str | None = None
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class JwtSettings:
    """Whose tokens are accepted. `key_set`: the text of a JWKS, None to leave the signature unchecked."""

    providers: Sequence[Provider]
    leeway_seconds: float
    key_set: bytes | None = None


def verify(token: str, table: Table, prefix: str, clock: Callable[[], float]) -> Verdict:
    """The verdict on an API key. One that is in the table, and that the authorizer does not look up, is told.

    :raises Exception: DynamoDB failed, or did not answer in time.
    """
    store = KeyStore(table.client, table.name, cache_seconds=0, clock=clock)
    authenticator = ApiKeyAuthenticator(store, prefix, accept_imported=bool(table.accept_imported), clock=clock)
    verdict = _verdict(token, authenticator, "Not an API key. The authorizer would go on and check it as a JWT.")
    if verdict.reason != Reason.UNRECOGNISED:
        return verdict
    try:
        record = store.find(api_key.digest(token))
    except MalformedRecord:
        return verdict
    return verdict if record is None else _not_looked_up(verdict, record, table)


def _not_looked_up(verdict: Verdict, record: KeyRecord, table: Table) -> Verdict:
    told = "It is in the table, but the authorizer looks keys of this form up with AcceptImportedKeys=true alone."
    if table.accept_imported is None:
        told += " Whether it is so is not known here: give --stack, or --imported."
    return replace(verdict, explanation=told, key_id=record.identity.key_id)


def verify_jwt(token: str, settings: JwtSettings, clock: Callable[[], float]) -> Verdict:
    """The verdict on a JWT, without any request. Its signature is checked where a key set is given.

    :raises BadInput: the key set is not one.
    """
    providers: list[tuple[Provider, KeySource]] = [
        (provider, _keys(provider, settings.key_set, clock)) for provider in settings.providers
    ]
    authenticator = JwtAuthenticator(providers, leeway_seconds=settings.leeway_seconds, clock=clock)
    return _verdict(token, authenticator, "Not a JWT: it has no full stop in it.")


def _keys(provider: Provider, key_set: bytes | None, clock: Callable[[], float]) -> KeySource:
    if key_set is None:
        return _Unchecked()
    try:
        return SigningKeys(
            provider.issuer,
            provider.jwks_url or provider.issuer,
            fetch=lambda _url, _seconds: key_set,
            clock=clock,
            report=lambda _event, _detail: None,
            times=KeyTimes(),
            uses=provider.key_uses,
            seed=key_set,
        )
    except FetchError as error:
        raise BadInput(f"The key set cannot be used: {error}.") from None


class _Unchecked:
    """In place of a provider's keys: every signature is right."""

    def verify(self, _kid: str | None, _algorithm: str, _message: bytes, _signature: bytes) -> None:
        return


def _verdict(token: str, authenticator: Authenticator, unrecognised: str) -> Verdict:
    try:
        sent = bearer_token({"headers": {"Authorization": f"Bearer {token}"}})
        identity = authenticate([authenticator], sent)
        identity.context()
    except BearerError as error:
        return Verdict(reason=error.reason, explanation="It cannot be sent as a bearer token.")
    except InvalidCredential as error:
        explanation = _EXPLANATIONS.get(error.reason, unrecognised)
        return Verdict(reason=error.reason.value, explanation=explanation, key_id=error.key_id)
    except IdentityTooLarge:
        reason = Reason.IDENTITY_TOO_LARGE
        return Verdict(reason=reason.value, explanation=_EXPLANATIONS[reason], key_id=identity.key_id)
    return Verdict(identity=identity, key_id=identity.key_id)
