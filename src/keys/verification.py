"""What the authorizer would say about a token, asked of its own parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authorizer.authentication import InvalidCredential, Reason, authenticate
from authorizer.bearer import BearerError, bearer_token
from authorizer.identity import Identity, IdentityTooLarge
from authorizer.key_store import ApiKeyAuthenticator, KeyStore

if TYPE_CHECKING:
    from keys.table import Table

TIMEOUT_SECONDS: Final = 10

_EXPLANATIONS: Final = {
    Reason.UNRECOGNISED: "Not an API key. The authorizer would go on and check it as a JWT.",
    Reason.MALFORMED_KEY: "It begins like one of our keys, but its form or checksum is wrong: mistyped, or cut short.",
    Reason.UNKNOWN_KEY: "It has the form of our keys, but is not in this table: deleted, or of another stack.",
    Reason.DISABLED_KEY: "The key is disabled. `keys enable` lets it work again.",
    Reason.REVOKED_KEY: "The key is revoked.",
    Reason.EXPIRED_KEY: "The key has expired.",
    Reason.MALFORMED_RECORD: "The key's item in the table is malformed.",
    Reason.IDENTITY_TOO_LARGE: "The consumer's name and data are too large to be passed on.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Accepted with an identity, or refused for a reason, which is a code with an explanation."""

    identity: Identity | None = None
    reason: str | None = None
    explanation: str | None = None
    key_id: str | None = None


def verify(token: str, table: Table, clock: Callable[[], float]) -> Verdict:
    """The verdict on an API key.

    :raises Exception: DynamoDB failed, or did not answer in time (`deadline.DeadlineExceeded`).
    """
    store = KeyStore(table.client, table.name, cache_seconds=0, timeout_seconds=TIMEOUT_SECONDS, clock=clock)
    authenticator = ApiKeyAuthenticator(store, table.prefix, accept_imported=table.accept_imported, clock=clock)
    try:
        sent = bearer_token({"headers": {"Authorization": f"Bearer {token}"}})
        identity = authenticate([authenticator], sent)
        identity.context()
    except BearerError as error:
        return Verdict(reason=error.reason, explanation="It cannot be sent as a bearer token.")
    except InvalidCredential as error:
        return Verdict(reason=error.reason.value, explanation=_EXPLANATIONS.get(error.reason), key_id=error.key_id)
    except IdentityTooLarge:
        reason = Reason.IDENTITY_TOO_LARGE
        return Verdict(reason=reason.value, explanation=_EXPLANATIONS[reason], key_id=identity.key_id)
    return Verdict(identity=identity, key_id=identity.key_id)
