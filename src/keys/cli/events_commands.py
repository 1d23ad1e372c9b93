"""Commands on the optional stack of events: its record, and what could not be sent."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from keys.cli.app import App
from keys.cli.commands import DURATION, NAME, REF, Command, Group, yes_option
from keys.cli.exits import Exit
from keys.cli.progress import counting
from keys.cli.result import Result, Rows
from keys.core.errors import BadInput
from keys.core.schema import iso
from keys.deployment import audit as record
from keys.deployment import optional
from keys.deployment.words import plural

T = TypeVar("T")


def _events_stack_option(command: Callable[..., T]) -> Callable[..., T]:
    return click.option(
        "--events-stack", metavar="NAME", help="The stack of events.  [default: the stack's name and -events]"
    )(command)


@click.command(cls=Command, example="keys audit --stack multi-auth --consumer acme --since 30d")
@click.option("--since", type=DURATION, default="30d", show_default=True, help="How far back to look.")
@click.option("--key", "key_id", type=REF, help="Only events of this key.")
@click.option("--consumer", type=NAME, help="Only events of this consumer and its keys.")
@click.option("--actor", help="Only events by this IAM ARN, or by the name at the end of one.")
@click.option("--event", metavar="NAME", help="Only events of this name, such as key.revoked.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="The most events to show.")
@_events_stack_option
@click.pass_obj
def audit(app: App, /, since: int, limit: int, events_stack: str | None, **wanted: str | None) -> Result:
    """Show what happened to keys, also to deleted ones.

    Also to consumers. The command reads the record of the optional stack of events, which begins with the deployment of
    that stack. An event can take seconds to arrive.
    """
    if not since:
        raise BadInput("--since must be longer than 0.")
    _, outputs, _ = optional.outputs(app.resolved, "events", events_stack)
    # The period ends with the second that has begun.
    group, end = outputs["RecordLogGroup"], int(app.clock()) + 1
    with counting("Events read") as progress:
        found: list[dict[str, Any]] = []
        everything = record.events(app.logs, group, record.Wanted(**wanted), start=end - since, end=end)
        for event in itertools.islice(everything, limit + 1):
            found.append(event)
            progress(len(found), None)
    shown = sorted(found[:limit], key=lambda event: str(event["event_id"]))
    since_text = f"since {iso(end - since)}"
    notes = [f"No event {since_text} in the record {group}."] if not found else []
    if len(found) > limit:
        notes = [f"There are more events {since_text}. Raise --limit, or specify --since, --key or --consumer."]
    rows = [
        (
            event["at"],
            event["event"],
            event.get("key_id") or "",
            event.get("consumer") or event.get("subject") or "",
            event["actor"],
            event["via"],
            event.get("reason") or "",
        )
        for event in shown
    ]
    columns = ("AT", "EVENT", "KEY ID", "CONSUMER OR SUBJECT", "ACTOR", "VIA", "REASON")
    return Result(shown, [Rows(columns, rows, (0, 1, 2, 3, 4, 6, 5))] if rows else (), notes)


@click.group(cls=Group)
def events() -> None:
    """Send events again that could not be sent."""


@events.command(example="keys events replay --stack multi-auth")
@_events_stack_option
@yes_option
@click.pass_obj
def replay(app: App, events_stack: str | None, yes: bool) -> Result:
    """Send the events again whose records are in the queue of failures.

    The records are read from the table's stream, which keeps them for 24 hours. A message whose records are gone, or
    fail again, stays in the queue.
    """
    from keys.deployment.replay import Replay

    name, outputs, parameters = optional.outputs(app.resolved, "events", events_stack)
    app.confirm(f"Send the events in the queue of failures of {name} again?", yes=yes)
    queue = Replay(
        app.resolved.client,
        queue_url=outputs["FailuresQueueUrl"],
        stream_arn=parameters["StreamArn"],
        function=outputs["EventsFunctionName"],
    )
    with counting("Records sent") as progress:
        done = []
        for replayed in queue.run():
            done.append(replayed)
            progress(sum(each.records for each in done), None)
    data = [
        {
            "first": each.range.first,
            "last": each.range.last,
            "reason": each.range.reason,
            "records": each.records,
        }
        for each in done
    ]
    gone = sum(not each.records for each in done)
    sent = sum(each.records for each in done)
    if not done:
        return Result(data, notes=["The queue of failures is empty."], exit=Exit.NO_EFFECT)
    text = f"{plural(sent, 'record')} of {plural(len(done) - gone, 'message')} sent again."
    notes = [f"In the queue: {plural(gone, 'message')}. Their records are gone from the stream, or cannot be read."]
    return Result(data, [text], notes if gone else (), Exit.FAILED if gone else Exit.DONE)
