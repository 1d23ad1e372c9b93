"""The chain of authenticators: its four outcomes are always distinct."""

from dataclasses import dataclass

import pytest

from authorizer.authentication import authenticate
from authorizer.identity import Identity
from authorizer.refusal import Reason, Refusal

ACME = Identity("api_key", "acme")


@dataclass
class Answering:
    """An authenticator that returns or raises this value."""

    answer: Identity | Exception | None
    asked: int = 0

    def authenticate(self, token: str) -> Identity | None:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


REFUSAL = Refusal(Reason.EXPIRED_TOKEN, "jwt")
OUTAGE = ConnectionError("down")


def test_the_first_identity_is_the_answer() -> None:
    later = Answering(ACME)
    assert authenticate([Answering(None), Answering(ACME), later], "t") is ACME
    assert later.asked == 0


def test_a_refusal_ends_it() -> None:
    later = Answering(ACME)
    with pytest.raises(Refusal) as caught:
        authenticate([Answering(REFUSAL), later], "t")
    assert caught.value is REFUSAL
    assert later.asked == 0


@pytest.mark.parametrize("authenticators", [[], [Answering(None)], [Answering(None), Answering(None)]])
def test_a_token_that_nobody_recognises_is_refused(authenticators: list[Answering]) -> None:
    with pytest.raises(Refusal, match=Reason.UNRECOGNISED):
        authenticate(authenticators, "t")


def test_an_outage_does_not_keep_a_later_authenticator_from_accepting() -> None:
    assert authenticate([Answering(OUTAGE), Answering(ACME)], "t") is ACME


@pytest.mark.parametrize("later", [None, REFUSAL, TimeoutError("also down")])
def test_an_outage_is_never_shown_as_a_refusal(later: Exception | None) -> None:
    with pytest.raises(ConnectionError):
        authenticate([Answering(OUTAGE), Answering(later)], "t")
