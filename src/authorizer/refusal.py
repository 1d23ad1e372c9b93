"""The refusal of a request, and its reasons."""

from enum import StrEnum
from typing import Final, Literal

CredentialKind = Literal["api_key", "jwt"]


class Reason(StrEnum):
    """Why a request is refused. The reason is logged and counted. The client never receives it."""

    NO_CREDENTIAL = "no_credential"
    SEVERAL_CREDENTIALS = "several_credentials"
    MALFORMED_AUTHORIZATION = "malformed_authorization"
    UNRECOGNISED = "unrecognised"
    WEBSOCKET_API = "websocket_api"
    TOKEN_AUTHORIZER = "token_authorizer"
    IDENTITY_TOO_LARGE = "identity_too_large"
    UNKNOWN_NETWORK = "unknown_network"

    MALFORMED_KEY = "malformed_key"
    UNKNOWN_KEY = "unknown_key"
    DISABLED_KEY = "disabled_key"
    REVOKED_KEY = "revoked_key"
    EXPIRED_KEY = "expired_key"
    MALFORMED_RECORD = "malformed_record"

    MALFORMED_TOKEN = "malformed_token"
    TOKEN_TOO_LONG = "token_too_long"
    MALFORMED_HEADER = "malformed_token_header"
    CRITICAL_HEADER = "critical_header"
    WRONG_TYPE = "wrong_token_type"
    WRONG_ALGORITHM = "wrong_algorithm"
    MALFORMED_CLAIMS = "malformed_claims"
    WRONG_ISSUER = "wrong_issuer"
    WRONG_AUDIENCE = "wrong_audience"
    WRONG_PARTY = "wrong_authorized_party"
    WRONG_CLAIM = "wrong_claim"
    BOUND_TOKEN = "bound_token"
    EXPIRED_TOKEN = "expired_token"
    NOT_YET_VALID = "not_yet_valid"
    ISSUED_IN_FUTURE = "issued_in_future"
    UNKNOWN_SIGNING_KEY = "unknown_signing_key"
    AMBIGUOUS_SIGNING_KEY = "ambiguous_signing_key"
    BAD_SIGNATURE = "bad_signature"
    DISABLED_SUBJECT = "disabled_subject"
    ENDED_TOKEN = "ended_token"


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
