"""Commands for usage plans, and what the commands for consumers and subjects say about a change of plan."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import click
from botocore.exceptions import ClientError

from keys.cli.app import App, note
from keys.cli.commands import PLAN, Group
from keys.cli.exits import Exit
from keys.cli.progress import counting
from keys.cli.result import Result, Rows, telling
from keys.core.errors import BadInput
from keys.core.record import Consumer
from keys.deployment.target import Source
from keys.deployment.words import plural
from keys.plans import holders
from keys.plans.gateway import Gateway, Usage
from keys.plans.membership import SETTLE_SECONDS, Change, Mark, Plans
from keys.plans.native_key import Holder, NativeKey
from keys.plans.usage_plan import NAME_TAG, UsagePlan

_NO_DEFAULT = (
    "The stack has no DefaultUsageKey, so its authorizer sends no keys to API Gateway, and plans limit nobody. See "
    "docs/limits.md."
)


def plans(app: App) -> Plans:
    """The plans of the stack that is meant.

    :raises BadInput: only a table was named.
    """
    deployment, client = app.deployment, app.resolved.client("apigateway")
    if not deployment.environment.get("DEFAULT_USAGE_KEY"):
        note(_NO_DEFAULT)
    return Plans(
        Gateway(client, deployment.stack, app.sleep, note),
        app.clock,
        app.sleep,
        cache_seconds=float(deployment.environment.get("API_KEY_CACHE_SECONDS") or 30),
        # The local system knows a key at once.
        settle_seconds=0 if app.source is Source.LOCAL else SETTLE_SECONDS,
        tell=note,
    )


def plan_choice(plan: str | None, *, no_plan: bool) -> str | None:
    """The plan that two options name; None for no plan."""
    if plan and no_plan:
        raise BadInput("Specify --plan or --no-plan, not both.")
    return plan


def remove(app: App, consumer: Consumer) -> None:
    """Remove the native keys of a consumer whose keys are deleted, if it has a plan."""
    if not consumer.usage_key:
        return
    if app.resolved.stack is None:
        note(
            "The consumer's API keys of API Gateway remain, because only a table was named. To remove them: "
            "`keys plan clean --stack NAME`."
        )
        return
    plans(app).remove(holders.of_consumer(consumer))


def change_object(change: Change) -> dict[str, Any]:
    """A change as members of a JSON object."""
    return {"native_keys": {"created": change.created, "removed": change.removed, "to_remove": change.waiting}}


def change_notes(app: App, plans: Plans, holder: Holder, plan: str | None, change: Change, whom: str) -> list[str]:
    """What an operator has to know after a change of plan. `holder`: before the change."""
    notes = []
    if not change.is_any:
        notes.append(f"{whom} already had {'this plan' if plan else 'no plan'}.")
    if change.marked and holder.plan != plan:
        quota = "The quota starts anew." if plan else "The default key of the stack then counts the requests."
        notes.append(f"Caches can have the former plan for up to {plans.cache_seconds()} s. {quota}")
    if change.waiting:
        keys = plural(change.waiting, "former API key")
        notes.append(f"{keys} of API Gateway can be removed later: {app.again('keys plan clean')}")
    return notes


@click.group(cls=Group)
def plan() -> None:
    """Show usage plans, and complete and clean them up.

    A plan is a name. Each API has a usage plan for it, with the tag multi-auth:plan, in its own template. To put a
    consumer on a plan: `keys consumer update NAME --plan PLAN`.
    """


@plan.command("list", example="keys plan list --stack multi-auth")
@click.pass_obj
def list_plans(app: App) -> Result:
    """List the usage plans of all plans.

    The output has their limits and stages, and how many API keys of API Gateway and consumers or subjects are on them.
    """
    gateway = plans(app).gateway
    found = sorted(gateway.usage_plans(), key=lambda each: (each.name, each.id))
    own = {key.id for key in gateway.native_keys()}
    counts = {each.id: gateway.members(each) for each in found}
    data = [{**_object(each), "keys": len(counts[each.id]), "holders": len(counts[each.id] & own)} for each in found]
    if not found:
        return Result(data, notes=() if app.json else [f"No usage plan has the tag {NAME_TAG}. See docs/limits.md."])
    rows = [
        (each.name, each.id, each.limits, _stages(each), str(len(counts[each.id])), str(len(counts[each.id] & own)))
        for each in found
    ]
    return Result(data, [Rows(("PLAN", "USAGE PLAN", "LIMITS", "STAGES", "API KEYS", "HOLDERS"), rows, (0, 2, 3, 5))])


@plan.command(example="keys plan show gold --stack multi-auth")
@click.argument("name", type=PLAN)
@click.pass_obj
def show(app: App, name: str) -> Result:
    """Show a plan: its usage plans, its consumers and subjects, and what they have used this month.

    API Gateway counts for each usage plan on its own. The days of a month are those of UTC. The command reads the whole
    table.
    """
    made = plans(app)
    found = made.find(name)
    with counting("Items checked") as checking:
        on = holders.read(app.table, checking).on(name)
    own = {(key.holder, key.value): key for key in made.gateway.native_keys(values=True) if key.plan == name}
    today = datetime.fromtimestamp(app.clock(), UTC).date()
    usage = {each.id: _usage(made.gateway, each, today) for each in found}
    entries = [_entry(holder, own.get((holder.digest, holder.usage_key)), found, usage) for holder in on]
    data = {"name": name, "usage_plans": [_object(each) for each in found], "holders": entries}
    plan_rows = [(each.id, each.limits, _stages(each)) for each in found]
    rows = [
        (entry["name"], used["usage_plan"], entry["state"], _number(used["used"]), _number(used["left"]))
        for entry in entries
        for used in entry["usage"]
    ]
    parts = [
        Rows(("USAGE PLAN", "LIMITS", "STAGES"), plan_rows),
        *([Rows(("HOLDER", "USAGE PLAN", "STATE", "USED", "LEFT"), rows)] if rows else []),
    ]
    notes = [] if all(counts is not None for counts in usage.values()) else ["API Gateway did not tell the usage."]
    if not on:
        notes.append("No consumer or subject has this plan.")
    return Result(data, parts, notes)


@plan.command(example="keys plan clean --stack multi-auth")
@click.pass_obj
def clean(app: App) -> Result:
    """Complete what is missing for the plans of consumers and subjects, and remove API keys that nothing uses.

    Run it after a plan was changed, and after an API got a usage plan: the command puts the API key of each consumer on
    it. It makes keys of API Gateway again that somebody deleted, with the same value, and enables disabled ones. A key
    that nothing uses is removed by the first run after the caches cannot have it anymore. The command reads the whole
    table.

    The exit code is 7 if a consumer has a plan that no usage plan has.
    """
    made = plans(app)

    def mark(holder: Holder) -> Mark:
        return lambda plan, usage_key: marked(app, holder, {"plan": plan, "usage_key": usage_key})

    remedy = f"To finish, run the same command again: {app.again('keys plan clean')}"
    with telling(app, remedy) as told, counting("Holders checked") as counter:
        held = holders.read(app.table, counter.beside("Items checked"))
        found = made.clean(held, mark, counter)
    data = {
        "completed": found.completed,
        "removed": found.removed,
        "to_remove": found.waiting,
        "without_usage_plan": [{"holder": label, "plan": name} for label, name in found.without],
    }
    text = [
        f"Completed: {', '.join(found.completed) or 'nothing was missing'}.",
        f"API keys of API Gateway: {found.removed} removed, {found.waiting} to remove later.",
    ]
    notes = [_without(app, label, name) for label, name in found.without]
    told.done(" ".join(text))
    return Result(data, text, notes, Exit.FAULTY if found.without else Exit.DONE, told=told)


def marked(app: App, holder: Holder, changes: dict[str, Any], reason: str | None = None) -> bool:
    """Change a consumer or subject, and all keys. Returns whether anything was changed."""
    kind, _, name = holder.pk.partition("#")
    if kind == "consumer":
        return app.store.consumers.update(name, changes, reason).changed
    subject = app.store.subjects.of_pk(holder.pk)
    return app.store.subjects.update(subject.issuer, subject.subject, changes, reason)[1]


def _without(app: App, label: str, name: str) -> str:
    remedy = app.again("keys consumer update NAME --no-plan")
    return (
        f"{label} has the plan {name}, which no usage plan has, so APIs that require a key refuse its requests (403). "
        f"Deploy the API with this usage plan and run this command again, or: {remedy}"
    )


def _object(plan: UsagePlan) -> dict[str, Any]:
    return {
        "plan": plan.name,
        "id": plan.id,
        "stages": [{"api": api, "stage": stage} for api, stage in plan.stages],
        "rate": plan.rate,
        "burst": plan.burst,
        "quota": plan.quota,
        "period": plan.period,
    }


def _stages(plan: UsagePlan) -> str:
    return " ".join(f"{api}/{stage}" for api, stage in plan.stages) or "none"


def _usage(gateway: Gateway, plan: UsagePlan, today: date) -> Usage | None:
    """The usage of this month; None if API Gateway does not tell it."""
    try:
        return gateway.usage(plan, today.replace(day=1), today)
    except ClientError as error:
        if error.response["Error"]["Code"].startswith("AccessDenied"):
            raise
        return None


def _entry(
    holder: Holder, key: NativeKey | None, plans: list[UsagePlan], usage: dict[str, Usage | None]
) -> dict[str, Any]:
    counts = []
    for each in plans:
        known = usage[each.id]
        # API Gateway tells nothing of a key that has not been used.
        used, left = (known or {}).get(key.id if key else "", (0, each.quota))
        counts.append(
            {"usage_plan": each.id, "used": None if known is None else used, "left": None if known is None else left}
        )
    state = "no API key" if key is None else "enabled" if key.enabled else "disabled"
    return {"name": holder.label, "state": state, "native_key": key.id if key else None, "usage": counts}


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
