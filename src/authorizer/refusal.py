"""The refusal of a request, and its reasons."""

from enum import StrEnum
from typing import Final, Literal

CredentialKind = Literal["api_key", "jwt"]


class Reason(StrEnum):
    """Why a request is refused. The reason is logged and counted. The client never receives it.

    Below each reason: what it means, its usual cause, and the remedy. docs/operations.md is made from them.
    """

    NO_CREDENTIAL = "no_credential"
    """The authorizer was invoked without an Authorization header. Cause: The test button of the console; an API
    whose authorizer does not have the header as its identity source. Remedy: Send `Authorization: Bearer ...`. Set
    the identity source as in the examples.
    """
    SEVERAL_CREDENTIALS = "several_credentials"
    """There are two Authorization headers. Cause: A proxy added one. Remedy: Send one."""
    MALFORMED_AUTHORIZATION = "malformed_authorization"
    """The header is not `Bearer` and one token. Cause: Another scheme; a space in the token. Remedy: Send one token
    of visible characters.
    """
    UNRECOGNISED = "unrecognised"
    """The token is neither an API key of this stack nor a JWT. Cause: Another key prefix; quotes around the token;
    an opaque access token; an imported key without `AcceptImportedKeys=true`; no provider is configured. Remedy: Check
    `ApiKeyPrefix` and `AcceptImportedKeys`. Ask the provider for a JWT.
    """
    WEBSOCKET_API = "websocket_api"
    """The event is from a WebSocket API. Cause: The authorizer is attached to one. Remedy: WebSocket APIs are not
    supported.
    """
    TOKEN_AUTHORIZER = "token_authorizer"
    """The event is of a TOKEN authorizer, which does not send the route and the other headers. Cause: The API's
    authorizer has the type TOKEN, which is SAM's default. Remedy: Set the type REQUEST with the identity source
    `Authorization`, as in the examples.
    """
    IDENTITY_TOO_LARGE = "identity_too_large"
    """`sub`, `data` and the other context values exceed 8,192 bytes, or the policy has no room for the networks of
    the key. Cause: A token with many groups. Remedy: Set `data_claims`; combine networks.
    """
    UNKNOWN_NETWORK = "unknown_network"
    """Networks limit the credential, and the source of the request is not known. Cause: The test button of the
    console; a private API; simple responses. Remedy: See "Networks" in docs/access-rules.md.
    """

    MALFORMED_KEY = "malformed_key"
    """The format or checksum of the key is wrong. Cause: The key was cut short or mistyped. Remedy: Copy it again."""
    UNKNOWN_KEY = "unknown_key"
    """The key is not in the table. Cause: It was deleted, or is from another stack. Remedy: Run `keys list` on the
    same table.
    """
    DISABLED_KEY = "disabled_key"
    """The key is disabled. Cause: `keys disable`, `keys consumer disable`. Remedy: `keys enable`, `keys consumer
    enable`.
    """
    REVOKED_KEY = "revoked_key"
    """The key is revoked. Cause: `keys revoke`, `keys leak`. Remedy: Issue a new key."""
    EXPIRED_KEY = "expired_key"
    """The key has expired. Cause: `--expires-in`, or the end of a grace period. Remedy: Issue a new key."""
    MALFORMED_RECORD = "malformed_record"
    """The item of the key is not as `keys` writes it. Cause: It was edited by hand. Remedy: Run `keys list`: it
    reports the item and the command that deletes it. Issue a new key.
    """

    MALFORMED_TOKEN = "malformed_token"
    """The token is not three base64url parts in canonical form. Cause: It was cut short, has padding, or has no
    signature (`alg` `none`). Remedy: Send the token as it was issued.
    """
    TOKEN_TOO_LONG = "token_too_long"
    """The token is longer than `max_token_bytes`. Cause: Many groups in the token. Remedy: Raise `max_token_bytes`,
    up to 10,240.
    """
    MALFORMED_HEADER = "malformed_token_header"
    """The header is not a JSON object, or its `kid` is not text. Cause: An encrypted token. Remedy: Ask the provider
    for a signed token.
    """
    CRITICAL_HEADER = "critical_header"
    """The header has `crit` or `b64`. Cause: An extension that is not supported."""
    WRONG_TYPE = "wrong_token_type"
    """`typ` is not accepted. Cause: A token for another purpose. Remedy: Send an access token, or set `token_types`."""
    WRONG_ALGORITHM = "wrong_algorithm"
    """`alg` is not permitted. Cause: HS256, `none` with a signature part, or the provider's `algorithms`. Remedy:
    Sign with an asymmetric algorithm.
    """
    MALFORMED_CLAIMS = "malformed_claims"
    """A claim is missing or has the wrong type. Cause: No `exp`, no `sub`. Remedy: Set `subject_claims`. See
    docs/jwt.md.
    """
    WRONG_ISSUER = "wrong_issuer"
    """No provider has this `iss`. Cause: A slash at the end. Remedy: Copy `iss` from a decoded token."""
    WRONG_AUDIENCE = "wrong_audience"
    """The token is not for this API. Cause: An ID token instead of an access token. Remedy: Send an access token. If
    it is one, set `audience` (or `JwtAudience`) to its `aud`.
    """
    WRONG_PARTY = "wrong_authorized_party"
    """`azp` is not permitted. Cause: Another client. Remedy: Use a token of a permitted client, or add the client to
    `authorized_parties`.
    """
    WRONG_CLAIM = "wrong_claim"
    """A required claim is missing or has another value. Cause: Another tenant. Remedy: Use a token with the required
    value, or change `required_claims`.
    """
    BOUND_TOKEN = "bound_token"
    """The token is bound to a key (`cnf`). Cause: A DPoP or mTLS client. Remedy: Ask for a bearer token."""
    EXPIRED_TOKEN = "expired_token"
    """`exp` has passed. Remedy: Get a new token."""
    NOT_YET_VALID = "not_yet_valid"
    """`nbf` is in the future. Cause: A wrong clock. Remedy: Correct the clock of the issuer. For a difference of up
    to 300 seconds, raise `jwt_leeway_seconds`.
    """
    ISSUED_IN_FUTURE = "issued_in_future"
    """`iat` is in the future. Cause: A wrong clock. Remedy: As for `not_yet_valid`."""
    UNKNOWN_SIGNING_KEY = "unknown_signing_key"
    """The key set does not have the `kid`. Cause: A token of another tenant. Remedy: Check `jwks_url` (or
    `JwtJwksUrl`).
    """
    AMBIGUOUS_SIGNING_KEY = "ambiguous_signing_key"
    """There is no `kid`, and more than four keys fit. Cause: The provider omits `kid`. Remedy: Configure the
    provider to send it.
    """
    BAD_SIGNATURE = "bad_signature"
    """No key made this signature. Cause: A forged or damaged token."""
    DISABLED_SUBJECT = "disabled_subject"
    """The subject of the token is disabled. Cause: `keys subject disable`. Remedy: `keys subject enable`."""
    ENDED_TOKEN = "ended_token"
    """The token was issued before the tokens of its subject were ended, or has no `iat`. Cause: `keys subject end`.
    Remedy: Sign in again.
    """


class Refusal(Exception):
    """The request has no credential, or the credential was checked and is refused. It is never raised for an outage.

    `kind` and `key_id`: as far as they are known. Of a JWT, `issuer` is set if it is configured, and `kid` if that
    issuer's key set has it. Any other value could be anything, and is not logged.
    """

    issuer: str | None = None
    kid: str | None = None

    def __init__(self, reason: Reason, kind: CredentialKind | None = None, key_id: str | None = None) -> None:
        super().__init__(reason.value)
        self.reason: Final = reason
        self.kind: Final = kind
        self.key_id: Final = key_id
