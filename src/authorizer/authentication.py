"""The interface of an authenticator, the refusal of a credential, and the order of authenticators."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, Protocol

from authorizer.identity import CredentialKind, Identity


class Reason(StrEnum):
    """Why a credential is refused. The reason is logged and counted. The client never receives it."""

    UNRECOGNISED = "unrecognised"
    WEBSOCKET_API = "websocket_api"
    IDENTITY_TOO_LARGE = "identity_too_large"

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


class InvalidCredential(Exception):
    """The credential was checked and is refused. It is never raised for an outage."""

    def __init__(self, reason: Reason, kind: CredentialKind | None = None, key_id: str | None = None) -> None:
        super().__init__(reason.value)
        self.reason: Final = reason
        self.kind: Final = kind
        self.key_id: Final = key_id


class Authenticator(Protocol):
    """Checks one kind of credential."""

    def authenticate(self, token: str) -> Identity | None:
        """The identity, or None if the token is not of this kind. None depends only on the token's format, without I/O.

        :raises InvalidCredential: the token is of this kind and is refused.
        :raises Exception: the token could not be checked.
        """


def authenticate(authenticators: Iterable[Authenticator], token: str) -> Identity:
    """Ask the authenticators in turn, and return the first identity.

    If an authenticator fails, the next ones are still asked, so that one kind of credential works while the backend of
    the other is down. If no other authenticator accepts the token, the failure is raised, even if a later one refuses
    the token: the failed authenticator could have accepted it.

    :raises InvalidCredential: an authenticator refuses the token, or none recognizes it.
    :raises Exception: the first failure of an authenticator.
    """
    failure: Exception | None = None
    for authenticator in authenticators:
        try:
            identity = authenticator.authenticate(token)
        except InvalidCredential:
            if failure is None:
                raise
            break
        except Exception as error:
            failure = failure or error
            continue
        if identity is not None:
            return identity
    if failure is not None:
        raise failure
    raise InvalidCredential(Reason.UNRECOGNISED)
