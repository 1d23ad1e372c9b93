"""Create and change the subjects of JWTs that the table has an item for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from authorizer.subject_record import subject_pk
from keys.core import fields
from keys.core.change import put_new, update
from keys.core.consumers import Session
from keys.core.errors import Code, NotFound
from keys.core.record import Subject, records


class Subjects:
    """The subjects in a table. A subject without an item has no limits of its own, and its tokens are accepted."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._table = session.table

    def get(self, issuer: str, subject: str) -> Subject | None:
        """The subject, or None if it has no item.

        :raises MalformedItem: its item is malformed.
        """
        item = self._table.get(subject_pk(fields.check_claim(issuer), fields.check_claim(subject)))
        return None if item is None else Subject.from_item(item)

    def find(self, issuer: str, subject: str) -> Subject:
        """:raises NotFound: the subject has no item."""
        found = self.get(issuer, subject)
        if found is None:
            raise NotFound(Code.SUBJECT_NOT_FOUND, table=self._table.name)
        return found

    def of_pk(self, pk: str) -> Subject:
        """The subject with this partition key.

        :raises NotFound: it has no item.
        """
        item = self._table.get(pk)
        if item is None:
            raise NotFound(Code.SUBJECT_NOT_FOUND, table=self._table.name)
        return Subject.from_item(item)

    def all(self) -> Iterator[Subject]:
        """All subjects that have an item, in no defined order."""
        return cast(Iterator[Subject], records(self._table.all_of_kind("subject"), self._session.report))

    def end(self, issuer: str, subject: str, reason: str | None = None) -> tuple[Subject, bool]:
        """Refuse the tokens that were issued to the subject until now. Returns it, and whether it changed."""
        return self._change(issuer, subject, "ended", {"not_before": int(self._session.clock())}, reason)

    def set_enabled(self, issuer: str, subject: str, enabled: bool, reason: str | None = None) -> tuple[Subject, bool]:
        """Refuse all tokens of the subject, or accept them again. Returns it, and whether it changed.

        Tokens that were ended stay refused.
        """
        return self._change(issuer, subject, "enabled" if enabled else "disabled", {"enabled": enabled}, reason)

    def update(
        self, issuer: str, subject: str, changes: Mapping[str, Any], reason: str | None = None
    ) -> tuple[Subject, bool]:
        """Change these fields. Returns the subject, and whether it changed."""
        return self._change(issuer, subject, "updated", changes, reason)

    def _change(
        self, issuer: str, subject: str, what: str, changes: Mapping[str, Any], reason: str | None
    ) -> tuple[Subject, bool]:
        event = self._session.event(what, reason)

        def attempt() -> tuple[Subject, bool]:
            old = self.get(issuer, subject)
            before = old or Subject(issuer=issuer, subject=subject, created_at=event.at)
            if all(getattr(before, name) == value for name, value in changes.items()):
                return before, False
            new = before.changed(event, **changes)
            self._table.write([put_new(new) if old is None else update(old, new)])
            return new, True

        return self._table.retry_conflicts(attempt)
