"""The last use of keys, if the optional stack of usage is deployed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from keys.core import usage_items

if TYPE_CHECKING:
    from keys.cli.app import App
    from keys.deployment.usage_table import Uses


NONE_KNOWN: Final = "none recorded"
"""In place of a last use. Not "never": the key can have been used before the record began, and minutes ago."""


def shown(last: int | None) -> str:
    """The quarter of an hour of a last use, such as `2026-11-26 09:45 to 10:00 UTC`."""
    if last is None:
        return NONE_KNOWN
    begin, end = (datetime.fromtimestamp(at, UTC) for at in (last, last + usage_items.QUARTER_SECONDS))
    return f"{begin:%Y-%m-%d %H:%M} to {end:%H:%M} UTC"


def last_days(app: App, key_ids: Iterable[str], usage_stack: str | None) -> Mapping[str, str] | None:
    """The day of the last use of each key that was used; None without a stack of usage.

    :raises Incomplete: DynamoDB throttles the table of usage.
    """
    uses = _uses(app, usage_stack)
    return None if uses is None else uses.last_days(key_ids)


def last_use(app: App, key_id: str, usage_stack: str | None) -> tuple[int | None] | None:
    """The last use of a key, to a quarter of an hour, in seconds since 1970; None without a stack of usage."""
    uses = _uses(app, usage_stack)
    return None if uses is None else (uses.last_use(key_id),)


def _uses(app: App, usage_stack: str | None) -> Uses | None:
    if usage_stack is None and app.resolved.stack is None:
        return None
    from keys.deployment import usage_table

    try:
        found = usage_table.outputs(app.resolved, usage_stack)
    except ClientError as error:
        # A reader of keys need not be permitted to look for an optional stack.
        if usage_stack or error.response["Error"]["Code"] not in ("AccessDenied", "AccessDeniedException"):
            raise
        return None
    if found is None:
        return None
    return usage_table.Uses(app.resolved.client("dynamodb"), found["UsageTableName"], app.sleep)
