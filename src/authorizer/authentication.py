"""The interface of an authenticator, and the order of authenticators."""

from collections.abc import Iterable
from typing import Protocol

from authorizer.identity import Identity
from authorizer.refusal import Reason, Refusal


class Authenticator(Protocol):
    """Checks one kind of credential."""

    def authenticate(self, token: str) -> Identity | None:
        """The identity, or None if the token is not of this kind. None depends only on the token's format, without I/O.

        :raises Refusal: the token is of this kind and is refused.
        :raises Exception: the token could not be checked.
        """


def authenticate(authenticators: Iterable[Authenticator], token: str) -> Identity:
    """Ask the authenticators in turn, and return the first identity.

    If an authenticator fails, the next ones are still asked, so that one kind of credential works while the backend of
    the other is down. If no other authenticator accepts the token, the failure is raised, even if a later one refuses
    the token: the failed authenticator could have accepted it.

    :raises Refusal: an authenticator refuses the token, or none recognizes it.
    :raises Exception: the first failure of an authenticator.
    """
    failure: Exception | None = None
    for authenticator in authenticators:
        try:
            if (identity := authenticator.authenticate(token)) is not None:
                return identity
        except Refusal:
            if failure is None:
                raise
            break
        except Exception as error:
            failure = failure or error
    raise failure or Refusal(Reason.UNRECOGNISED)
