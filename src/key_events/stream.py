"""The table's stream: from its records to events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from key_events.changes import UnreadableRecord, events_of
from key_events.outlet import Outlet

_TIME_TO_LIVE: Final = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
"""The `userIdentity` of a deletion by time to live (DynamoDB Developer Guide, "DynamoDB Streams and Time to Live")."""


class Stream:
    """Turns records into events. `set_aside` takes the sequence number of a record that cannot be read, and why."""

    def __init__(self, outlet: Outlet, set_aside: Callable[[str, str], None]) -> None:
        self._outlet = outlet
        self._set_aside = set_aside

    def handle(self, record: Mapping[str, Any]) -> None:
        """Put the events of one record. A record that cannot be read is set aside, so that it holds nothing up.

        :raises NotSent: the bus did not take an event. The record must be handled again.
        """
        change = record.get("dynamodb", {})
        sequence_number = str(change.get("SequenceNumber", ""))
        try:
            at = int(change["ApproximateCreationDateTime"])
            events = list(
                events_of(
                    change.get("OldImage"),
                    change.get("NewImage"),
                    at=at,
                    # Both are part of the record, so they are the same in each delivery. A sequence number has 21 to
                    # 40 digits, and is only comparable within a shard; the items of a key are always in one.
                    order=f"{at:010}-{sequence_number:0>40}",
                    by_time_to_live=record.get("userIdentity", {}) == _TIME_TO_LIVE,
                )
            )
        except UnreadableRecord as error:
            self._set_aside(sequence_number, str(error))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # The text of these errors can have a value of the item.
            self._set_aside(sequence_number, type(error).__name__)
        else:
            self._outlet.put(events)
