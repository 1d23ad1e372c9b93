"""Subjects of JWTs in the table: their tokens can be ended early, and they can have a usage plan of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from authorizer.attributes import MalformedRecord
from authorizer.item_store import ItemStore
from authorizer.refusal import Reason, Refusal
from authorizer.subject_record import SubjectRecord, subject_pk

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from authorizer.identity import Identity


class Subjects:
    """Admits the subjects of verified tokens. What the table says about a subject is cached for `cache_seconds`; also
    that it says nothing, because that is the usual case. `leeway_seconds`: see `SubjectRecord.refusal`.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        *,
        cache_seconds: float,
        leeway_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._store = ItemStore(
            client, table, SubjectRecord.from_item,
            cache_seconds=cache_seconds, absent_seconds=cache_seconds, clock=clock,
        )  # fmt: skip
        self._leeway = leeway_seconds

    def admit(self, identity: Identity, issued_at: float | None) -> Identity:
        """The identity with the plan that its subject has. `issued_at`: the token's `iat`.

        :raises Refusal: the table refuses the subject or the token, or the item is malformed.
        :raises Exception: the table could not be read.
        """
        try:
            record = self._store.find(subject_pk(identity.issuer or "", identity.sub))
        except MalformedRecord:
            raise Refusal(Reason.MALFORMED_RECORD, "jwt") from None
        if record is None:
            return identity
        reason = record.refusal(issued_at, self._leeway)
        if reason is not None:
            raise Refusal(reason, "jwt")
        return identity.on_plan(record.plan, record.usage_key)
