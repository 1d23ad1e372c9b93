"""What an authenticator is, how a credential is refused, and the order in which authenticators are asked."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, Protocol

from authorizer.identity import CredentialKind, Identity


class Reason(StrEnum):
    """Why a credential was refused: for the log and the metrics, never for the client."""

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
    """The credential was checked and is refused. Raised for nothing else: least of all for an outage."""

    def __init__(self, reason: Reason, kind: CredentialKind | None = None, key_id: str | None = None) -> None:
        super().__init__(reason.value)
        self.reason: Final = reason
        self.kind: Final = kind
        self.key_id: Final = key_id


class Authenticator(Protocol):
    """Checks one kind of credential."""

    def authenticate(self, token: str) -> Identity | None:
        """The identity, or None when the token is not of this kind (told from its shape alone, with no I/O).

        :raises InvalidCredential: the token is of this kind and is refused.
        :raises Exception: anything else means that it could not be decided.
        """


def authenticate(authenticators: Iterable[Authenticator], token: str) -> Identity:
    """The first identity that an authenticator finds.

    One that fails does not keep a later one from accepting the token, so that one kind of credential works while
    the other's backend is down. But it is not known what the failed one would have said: unless the token is
    accepted, its failure is the answer, and no later refusal takes its place.

    :raises InvalidCredential: an authenticator refused the token, or none recognised it.
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
