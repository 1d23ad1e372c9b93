"""The command `usage`, and the keys that nobody uses for `list --unused-for`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from authorizer.subject_hash import KEY_PATTERN, subject_hash
from keys.cli import output
from keys.cli.app import App, note
from keys.cli.commands import DURATION, NAME, REF, Command, from_log_option, usage_stack_option, yes_option
from keys.cli.exits import Exit
from keys.cli.last_use import NONE_KNOWN
from keys.cli.progress import counting
from keys.cli.result import Result, Rows
from keys.core import usage_items
from keys.core.errors import BadInput, NotFound
from keys.core.record import Key
from keys.core.schema import iso
from keys.deployment import access_logs, optional, usage_replay, usage_table
from keys.deployment import usage as usages
from keys.deployment.logs import Logs
from keys.deployment.usage import API_KEY, CLASSES, JWT, By, LogUsage, NotKnown, Sum, Unused, Usage, User
from keys.deployment.words import plural

_REMEDY: Final = (
    "Give each API the access log of the examples (docs/usage.md), or with a stack of usage, specify --from-log."
)
_MAYBE_NOT_COUNTED: Final = (
    "If you expected some: the authorizer writes the hash only with usage_subjects = true in the [settings] of its "
    "file, and with another UsageSubjectKey the hash was another one."
)
_BAR: Final = 30
_MOST_DAYS: Final = 400


def source(
    app: App,
    usage_stack: str | None,
    *,
    from_log: bool,
    may_be_silent: Collection[str] = (),
    of_subjects: bool = False,
) -> Usage:
    """Where the usage of this deployment's keys is read: the table of usage if there is one, else the access logs.
    `of_subjects`: only from access logs that have the hash of a JWT's subject.

    :raises KeysError: see `App.deployment` and `usage_table.find`.
    """
    deployment = app.deployment
    logs = access_logs.find(deployment.client, deployment.function, app.clock())
    if of_subjects:
        logs = logs.with_subjects()
    if not from_log:
        table = usage_table.find(
            app.resolved, usage_stack, logs, lambda: (key.key_id for key in app.store.all()), app.sleep
        )
        if table is not None:
            return table
    return LogUsage(Logs(deployment.client("logs"), app.sleep), logs, may_be_silent)


@click.command(cls=Command, example="keys usage --stack multi-auth --consumer acme --since 30d --by day")
@click.option(
    "--key", "key_id", type=REF, metavar="KEY_ID", help="Only this key, and the keys that it was rolled from and to."
)
@click.option("--consumer", type=NAME, help="Only the keys of this consumer.")
@click.option("--issuer", help="With --subject: the issuer of the JWTs.")
@click.option("--subject", help="Only the JWTs of this subject, if the authorizer has usage_subjects = true.")
@click.option(
    "--since", type=DURATION, default="30d", show_default=True, help="How far to go back, such as 24h or 90d."
)
@click.option(
    "--by",
    type=click.Choice([by.value for by in By]),
    help="What requests are counted by.  [default: key; with --key or --subject, day]",
)
@from_log_option
@click.option("--replay", is_flag=True, help="Count the requests again that the stack of usage could not count.")
@click.option("--forget", is_flag=True, help="Delete what the stack of usage has of --key, or of --subject.")
@usage_stack_option
@yes_option
@click.pass_obj
def usage(
    app: App,
    key_id: str | None,
    consumer: str | None,
    issuer: str | None,
    subject: str | None,
    since: int,
    by: str | None,
    from_log: bool,
    replay: bool,
    forget: bool,
    usage_stack: str | None,
    yes: bool,
) -> Result:
    """Show who used which key: requests, and the last use.

    The command reads the table of the optional stack of usage, which has whole days. Without it, and for routes, it
    reads the access logs of the APIs that can invoke the authorizer, for which AWS charges. JWTs are counted by issuer,
    or with --subject by a keyed hash of issuer and subject; and requests that no credential identified as `none`, only
    from the logs. All counts are approximate, because logs are delivered at least once.
    """
    if replay:
        return _replayed(app, usage_stack, yes=yes)
    _check_one(key_id, consumer, issuer, subject)
    user = _user(app, issuer, subject)
    if forget:
        return _forgotten(app, key_id, user, usage_stack, yes=yes)
    if not since:
        raise BadInput("--since must be longer than 0.")
    chosen = By(by) if by else (By.DAY if key_id or user else By.KEY)
    from_log = from_log or chosen is By.ROUTE
    found, now = source(app, usage_stack, from_log=from_log, of_subjects=user is not None), int(app.clock()) + 1
    if not found.began:
        missing = "; ".join(map(str, found.unread)) or "No API is permitted to invoke the authorizer"
        raise NotKnown(f"{found.name[0].upper()}{found.name[1:]} has no requests. {missing}. {_REMEDY}")
    start = max(now - since, min(found.began, now))
    only = _key_ids(app, key_id, consumer)
    note(f"Reading {found.name} since {iso(start)}.")
    totals = usages.sums(found.counts(chosen, start, now, only, user), chosen)
    if only and chosen is By.KEY:
        totals = {(API_KEY, each): Sum() for each in sorted(only)} | totals
    consumers = {key.key_id: key.consumer for key in app.store.all()} if chosen is By.KEY and totals else {}
    rows = [_row(chosen, names, total, consumers) for names, total in totals.items()]
    data = {
        "source": found.name,
        "since": iso(start),
        "until": iso(now),
        "not_read": [str(each) for each in found.unread],
        "requests": sum(total.requests for total in totals.values()),
        "by": chosen.value,
        "rows": rows,
        **({"subject_hash": user.subject_hash} if user else {}),
    }
    notes = _unread_notes(found)
    if start > now - since:
        notes.append(f"{found.name[0].upper()}{found.name[1:]} begins at {iso(start)}.")
    if user:
        notes.append(f"The requests of this subject are those with the subjectHash {user.subject_hash}.")
    if not rows:
        notes += [_MAYBE_NOT_COUNTED] if user else []
        return Result(data, notes=[*notes, "There are no such requests in this time."])
    return Result(data, [_table(chosen, rows, start, now)], notes)


def unused_result(
    app: App,
    keys: Iterable[Key],
    seconds: int,
    *,
    from_start: bool,
    without_apis: Collection[str],
    usage_stack: str | None,
    from_log: bool,
) -> Result:
    """The result of `list --unused-for`.

    :raises NotKnown: it cannot be known which keys are unused.
    """
    found, now = source(app, usage_stack, from_log=from_log, may_be_silent=without_apis), int(app.clock())
    answer = usages.unused(
        found, keys, start=now - seconds, now=now + 1, from_start=from_start, without_apis=without_apis
    )
    return _unused(app, found, answer)


def _unused(app: App, found: Usage, answer: Unused) -> Result:
    now = app.clock()
    data = {
        "source": found.name,
        "since": iso(answer.since),
        "unused": [output.key_object(key, now) for key in answer.keys],
        "made_since": [key.ref for key in answer.newer],
        "without_key_id": [key.ref for key in answer.nameless],
        "not_read": [str(each) for each in answer.ignored],
    }
    notes = [f"Not used since {iso(answer.since)}, as {found.name} says: {plural(len(answer.keys), 'key')}."]
    apart = {
        "Not judged, because they were made since then, or it is not known when": answer.newer,
        "Not judged, because they have no valid key ID, which is what the requests are counted by": answer.nameless,
    }
    notes += [f"{why}: {', '.join(key.ref for key in keys)}." for why, keys in apart.items() if keys]
    notes += _unread_notes(found)
    rows = [output.key_row(key, now) for key in answer.keys]
    return Result(data, [Rows(output.KEY_COLUMNS, rows, output.KEY_IMPORTANCE)] if rows else [], notes)


def _replayed(app: App, usage_stack: str | None, *, yes: bool) -> Result:
    name, outputs, _ = optional.outputs(app.resolved, usage_table.STACK, usage_stack)
    app.confirm(f"Count the requests in the queue of failures of {name} again?", yes=yes)
    with counting("Lines counted") as progress:
        done = 0
        batches = 0
        url, function = outputs["FailuresQueueUrl"], outputs["UsageFunctionName"]
        for lines in usage_replay.replay(app.resolved.client, queue_url=url, function=function):
            done, batches = done + lines, batches + 1
            progress(done, None)
    data = {"batches": batches, "lines": done}
    if not batches:
        return Result(data, notes=["The queue of failures is empty."], exit=Exit.NO_EFFECT)
    return Result(data, [f"{plural(done, 'line')} counted again. A line can have been counted before."])


def _check_one(key_id: str | None, consumer: str | None, issuer: str | None, subject: str | None) -> None:
    """:raises BadInput: the options name several, or a subject without its issuer."""
    if (issuer is None) != (subject is None):
        raise BadInput("Specify --issuer and --subject together: a subject is unique only with its issuer.")
    if sum(each is not None for each in (key_id, consumer, subject)) > 1:
        raise BadInput("Specify one of --key, --consumer and --subject.")


def _user(app: App, issuer: str | None, subject: str | None) -> User | None:
    """The user whom the options name.

    :raises NotKnown: the authorizer has no key for the hash.
    """
    if issuer is None or subject is None:
        return None
    key = app.deployment.environment.get("USAGE_SUBJECT_KEY", "")
    if not KEY_PATTERN.match(key):
        raise NotKnown(
            "JWTs are not counted by subject, because the authorizer has no UsageSubjectKey. Deploy it with one, and "
            "with usage_subjects = true in the [settings] of its file (docs/usage.md)."
        )
    return User(issuer, subject_hash(key, issuer, subject))


def _forgotten(app: App, key_id: str | None, user: User | None, usage_stack: str | None, *, yes: bool) -> Result:
    if user:
        whom, subject = f"the subject with the hash {user.subject_hash}", usage_items.user_subject(user.subject_hash)
        named = {"subject_hash": user.subject_hash}
    elif key_id:
        whom, subject, named = key_id, usage_items.key_subject(key_id), {"key_id": key_id}
    else:
        raise BadInput("--forget needs --key KEY_ID, or --issuer and --subject.")
    name, outputs, _ = optional.outputs(app.resolved, usage_table.STACK, usage_stack)
    app.confirm(f"Delete the usage of {whom} in {name} permanently?", yes=yes)
    uses = usage_table.Uses(app.resolved.client("dynamodb"), outputs["UsageTableName"], app.sleep)
    count = uses.forget(subject)
    data = {**named, "deleted": count}
    if not count:
        return Result(data, notes=[f"There is no usage of {whom} in {name}."], exit=Exit.NO_EFFECT)
    return Result(data, [f"The usage of {whom} is deleted: {plural(count, 'item')}."])


def _unread_notes(found: Usage) -> list[str]:
    return [f"Not read: {each}." for each in found.unread]


def _key_ids(app: App, key_id: str | None, consumer: str | None) -> set[str] | None:
    """The IDs of the keys that are meant; None for all credentials."""
    if consumer:
        found = {key.key_id for key in app.store.all(consumer)}
        if not found:
            raise NotFound(f"There are no keys of the consumer {consumer!r} in the table {app.table.name}.")
        return found
    return _rolled(app, key_id) if key_id else None


def _rolled(app: App, ref: str) -> set[str]:
    """The ID of a key, and those of the keys that it was rolled from and to. A deleted key stands for itself."""
    found, waiting = set[str](), [ref]
    while waiting:
        wanted = waiting.pop()
        try:
            key = app.store.find(wanted)
        except NotFound:
            found.add(wanted)
            continue
        found.add(key.key_id)
        waiting += [each for each in (key.rolled_from, key.rolled_to) if each and each not in found]
    return found


def _row(by: By, names: tuple[str, ...], total: Sum, consumers: Mapping[str, str]) -> dict[str, Any]:
    if by is By.KEY:
        kind, name = names
        is_jwt = kind == JWT
        named: dict[str, Any] = {
            "credential": kind or None,
            "key_id": None if is_jwt else name or None,
            "issuer": name or None if is_jwt else None,
            "consumer": None if is_jwt else consumers.get(name),
        }
    else:
        named = {by.value: names[0]}
    classes = {name: total.by_class[name] for name in CLASSES}
    return {**named, "requests": total.requests, **classes, "last_used": iso(total.last or None)}


def _table(by: By, rows: Sequence[Mapping[str, Any]], start: int, end: int) -> Rows:
    heads = ("REQUESTS", *(name.upper() for name in CLASSES))
    if by is By.KEY:
        shown = [
            [_credential(row), row["consumer"] or "", *_numbers(row), row["last_used"] or NONE_KNOWN] for row in rows
        ]
        return Rows(("CREDENTIAL", "CONSUMER", *heads, "LAST USED"), shown, (0, 2, 7, 1))
    if by is By.DAY:
        return Rows(("DAY", *heads, ""), _days(rows, start, end), (0, 1, 6))
    if by is By.STATUS:
        return Rows(("STATUS", "REQUESTS"), [[row["status"], f"{row['requests']:,}"] for row in rows])
    return Rows(
        ("ROUTE", *heads, "LAST USED"), [[row["route"], *_numbers(row), row["last_used"]] for row in rows], (0, 1)
    )


def _credential(row: Mapping[str, Any]) -> str:
    return row["key_id"] or row["issuer"] or row["credential"] or "none"


def _numbers(row: Mapping[str, Any]) -> list[str]:
    return [f"{row[name]:,}" for name in ("requests", *CLASSES)]


def _days(rows: Sequence[Mapping[str, Any]], start: int, end: int) -> list[list[str]]:
    """A row with a bar for each day, also for those without requests."""
    known = {row["day"]: row for row in rows}
    most = max(row["requests"] for row in rows)
    first, last = (datetime.fromtimestamp(second, UTC).date() for second in (start, end))
    every = [str(first + timedelta(days=number)) for number in range(min((last - first).days + 1, _MOST_DAYS))]
    empty = dict.fromkeys(("requests", *CLASSES), 0)
    return [
        [day, *_numbers(row), "#" * -(-row["requests"] * _BAR // most)]
        for day in sorted({*every, *known})
        for row in [known.get(day, empty)]
    ]
