"""Commands on the whole table: the report for auditors, and its upgrade."""

from __future__ import annotations

from typing import Any, Final

import click

from keys.cli import output
from keys.cli.app import App
from keys.cli.commands import Command, Group, usage_stack_option
from keys.cli.exits import Exit
from keys.cli.last_use import last_days
from keys.cli.progress import counting
from keys.cli.result import Result, telling
from keys.core import survey
from keys.core.record import Key, records
from keys.deployment.words import plural

_COLUMNS: Final = (
    *("key_id", "consumer", "state", "description", "scopes", "created_at", "created_by"),
    *("changed_at", "changed_by", "change", "change_reason", "expires_at", "revoked_at"),
)


@click.command(cls=Command, example="keys report --stack multi-auth > keys.csv")
@click.option(
    "--format", "form", type=click.Choice(["csv", "json"]), help="The format.  [default: csv, or that of --output]"
)
@usage_stack_option
@click.pass_obj
def report(app: App, form: str | None, usage_stack: str | None) -> None:
    """Report every key, with who created and changed it.

    For auditors: one line for each key, without keys and digests, read consistently from the whole table. A change that
    was made before the history was recorded has no name. Keys that DynamoDB has removed are not in the report:
    see `keys audit`. With the optional stack of usage, the last column has the day of the last use.
    """
    now = app.clock()
    with counting("Items read") as progress:
        found = records(app.table.scan_consistently(progress), app.leave_out)
        keys = [_reported(key, now) for key in found if isinstance(key, Key)]
    keys.sort(key=lambda key: (key["consumer"], key["created_at"] or "", key["key_id"]))
    columns = list(_COLUMNS)
    used = last_days(app, (key["key_id"] for key in keys), usage_stack)
    if used is not None:
        columns.append("last_used")
        keys = [{**key, "last_used": used.get(key["key_id"])} for key in keys]
    if form == "json" or (form is None and app.json):
        output.print_json(keys)
        return
    output.print_csv(columns, keys)


def _reported(key: Key, now: float) -> dict[str, Any]:
    listed = output.key_object(key, now)
    last = listed["last_change"] or {}
    changed = {"changed_at": "at", "changed_by": "by", "change": "what", "change_reason": "reason"}
    return {name: last.get(changed[name]) if name in changed else listed[name] for name in _COLUMNS}


@click.group(cls=Group)
def table() -> None:
    """Maintain the table."""


@table.command(example="keys table upgrade --stack multi-auth")
@click.pass_obj
def upgrade(app: App) -> Result:
    """Add to each item what this version stores and earlier versions did not.

    That is `end_day`, the day on which a key expires. Nothing else is changed. If the command is interrupted, run it
    again: it continues with the remaining items.
    """
    remedy = "To continue, run the same command again."
    with telling(app, remedy) as told, counting("Keys upgraded", told.part("Keys upgraded")) as upgraded:
        count = survey.upgrade(app.table, upgraded, upgraded.beside("Items checked"))
    text = f"{plural(count, 'key')} upgraded."
    if not count:
        return Result({"upgraded": 0}, notes=["The table is complete. Nothing was changed."], exit=Exit.NO_EFFECT)
    return Result({"upgraded": count}, [text], told=told.done(text))
