"""The subject of JWTs as an item of the table: an early end of its tokens, and its usage plan."""

from __future__ import annotations

from typing import NamedTuple

from authorizer import attributes
from authorizer.attributes import Item
from authorizer.refusal import Reason


def subject_pk(issuer: str, sub: str) -> str:
    """The partition key of a subject's item. `sub`: as in the context, see `provider.Provider.subject_claims`."""
    return attributes.pk_of("subject", issuer, sub)


class SubjectRecord(NamedTuple):
    """What the table says about a subject. `not_before`: tokens issued up to then are refused; seconds since 1970."""

    enabled: bool
    not_before: int | None
    plan: str | None
    usage_key: str | None

    @classmethod
    def from_item(cls, item: Item) -> SubjectRecord:
        """:raises MalformedRecord: the item is not a valid subject."""
        return cls(attributes.flag(item, "enabled"), attributes.time(item, "not_before"), *attributes.plan(item))

    def refusal(self, issued_at: float | None, leeway: float) -> Reason | None:
        """Why a token of this subject is refused, or None. `leeway`: how far the provider's clock can be ahead, in
        seconds. A token without `iat` can be of any age."""
        if not self.enabled:
            return Reason.DISABLED_SUBJECT
        if self.not_before is not None and (issued_at is None or issued_at <= self.not_before + leeway):
            return Reason.ENDED_TOKEN
        return None
