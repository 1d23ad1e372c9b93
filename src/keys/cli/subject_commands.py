"""Commands that end, disable and limit the subjects of JWTs."""

from __future__ import annotations

import functools
import shlex
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import click

from authorizer import configuration
from authorizer.entry import SettingsError
from authorizer.settings import Settings
from keys.cli import output, plan_commands
from keys.cli.app import App, note
from keys.cli.commands import (
    Group,
    Parsed,
    credential_in,
    no_plan_option,
    plan_option,
    reason_option,
    yes_option,
)
from keys.cli.exits import Exit
from keys.cli.plan_commands import plan_choice
from keys.cli.progress import counting
from keys.cli.result import Fields, Result, Rows, Told, telling
from keys.core import fields
from keys.core.errors import BadInput, KeysError
from keys.core.record import Subject
from keys.core.schema import iso
from keys.deployment import rules, verification
from keys.deployment.words import plural
from keys.plans import holders

T = TypeVar("T")
MAX_TOKEN_BYTES: Final = 100_000

_CLAIM: Final = Parsed("text", fields.check_claim)
_NO_SUBJECTS: Final = (
    "The authorizer reads this only with jwt_subjects = true in [settings] of its auth.toml, which the file of this "
    "checkout does not have."
)


@dataclass(frozen=True, slots=True)
class Named:
    """A subject: the issuer of its tokens, and its `sub` as functions receive it."""

    issuer: str
    subject: str


def _subject_options(command: Callable[..., T]) -> Callable[..., T]:
    """Add `--issuer`, `--subject` and `--jwt`, passed as the parameter `named`, which is a function of the `App`."""

    def call(*args: Any, issuer: str | None, subject: str | None, jwt: bool, **values: Any) -> T:
        if jwt == bool(issuer or subject) or bool(issuer) != bool(subject):
            raise BadInput("Specify --issuer and --subject, or --jwt with a token on standard input.")
        app = click.get_current_context().find_object(App)
        named = _from_token(app) if jwt and app else Named(issuer or "", subject or "")
        return command(*args, named=named, **values)

    functools.update_wrapper(call, command)
    issuer = click.option("--issuer", type=_CLAIM, help="The issuer of its tokens, as in the settings.")
    subject = click.option("--subject", type=_CLAIM, help="The subject: the sub that functions receive.")
    jwt = click.option(
        "--jwt", is_flag=True, help="Read one of its tokens from standard input. Its signature must verify."
    )
    return issuer(subject(jwt(call)))


@click.group(cls=Group)
def subject() -> None:
    """End, disable and limit the subjects of JWTs.

    A subject is a person or program that an identity provider issues tokens to. The authorizer reads these settings if
    auth.toml has jwt_subjects = true. A subject without settings is accepted as before.
    """


@subject.command(example="keys subject end --jwt --reason 'laptop stolen' < token.txt")
@_subject_options
@click.option("--with-keys", is_flag=True, help="Also disable the keys that the subject made in self-service.")
@reason_option
@yes_option
@click.pass_obj
def end(app: App, named: Named, with_keys: bool, reason: str | None, yes: bool) -> Result:
    """End all tokens that were issued to a subject until now.

    Tokens of a later sign-in are accepted, once the leeway of the settings has passed. The command does not end the
    session at the identity provider: revoke the refresh tokens there first, or the client gets new tokens with them.
    """
    _require_reader(app, "not_before")
    app.confirm(f"End all tokens of {named.subject} of {named.issuer}?", yes=yes)
    with _telling(app, named) as told:
        made, is_new = app.store.subjects.end(named.issuer, named.subject, reason)
        keys = _disable_keys(app, named, reason, told) if with_keys else None
    return _changed(app, told, made, is_new, f"The tokens issued until {iso(made.not_before)} are refused.", keys)


@subject.command(example="keys subject disable --issuer https://tenant.example.com/ --subject 'auth0|7' --yes")
@_subject_options
@reason_option
@yes_option
@click.pass_obj
def disable(app: App, named: Named, reason: str | None, yes: bool) -> Result:
    """Refuse all tokens of a subject, also later ones, until `keys subject enable`.

    The keys that the subject made in self-service are disabled too: the command reads the whole table to find them. To
    enable them again: `keys consumer enable --owner ISSUER SUBJECT`.
    """
    _require_reader(app, "not_before")
    app.confirm(f"Refuse all tokens of {named.subject} of {named.issuer}?", yes=yes)
    with _telling(app, named) as told:
        made, is_new = app.store.subjects.set_enabled(named.issuer, named.subject, False, reason)
        keys = _disable_keys(app, named, reason, told)
    return _changed(app, told, made, is_new, "All its tokens are refused.", keys)


@subject.command(example="keys subject enable --issuer https://tenant.example.com/ --subject 'auth0|7'")
@_subject_options
@reason_option
@click.pass_obj
def enable(app: App, named: Named, reason: str | None) -> Result:
    """Accept the tokens of a disabled subject again. Tokens that were ended stay refused."""
    with _telling(app, named) as told:
        made, is_new = app.store.subjects.set_enabled(named.issuer, named.subject, True, reason)
    ended = "" if made.not_before is None else f" Those issued until {iso(made.not_before)} stay refused."
    return _changed(app, told, made, is_new, f"Its tokens are accepted.{ended}")


@subject.command(example="keys subject update --issuer https://tenant.example.com/ --subject 'auth0|7' --plan gold")
@_subject_options
@plan_option
@no_plan_option
@reason_option
@click.pass_obj
def update(app: App, named: Named, plan: str | None, no_plan: bool, reason: str | None) -> Result:
    """Put a subject on a plan of its own, which wins over the plans of auth.toml, or take it off.

    The steps are those of `keys consumer update --plan`.
    """
    chosen = plan_choice(plan, no_plan=no_plan)
    if not plan and not no_plan:
        raise BadInput("There is no change. Specify --plan or --no-plan.")
    _require_reader(app, "plan")
    subjects = app.store.subjects
    before = subjects.get(named.issuer, named.subject) or Subject(issuer=named.issuer, subject=named.subject)
    made, holder = plan_commands.plans(app), holders.of_subject(before)

    def mark(plan: str | None, usage_key: str | None) -> bool:
        changes = {"plan": plan, "usage_key": usage_key}
        return subjects.update(named.issuer, named.subject, changes, reason)[1]

    with _telling(app, named) as told:
        change = made.assign(holder, chosen, mark) if chosen else made.withdraw(holder, mark)
    found = subjects.get(named.issuer, named.subject) or before
    notes = plan_commands.change_notes(app, made, holder, chosen, change, "The subject")
    data = {**found.to_json(), **plan_commands.change_object(change)}
    if not change.is_any:
        return Result(data, notes=notes, exit=Exit.NO_EFFECT)
    told.done("The subject is changed.")
    return Result(data, [Fields(output.subject_fields(found))], [*notes, *_unread(app)], told=told)


@subject.command(example="keys subject show --jwt < token.txt")
@_subject_options
@click.pass_obj
def show(app: App, named: Named) -> Result:
    """Show what the table has about a subject, with its history."""
    found = app.store.subjects.find(named.issuer, named.subject)
    data = {**found.to_json(), "history": output.history_object(found)}
    return Result(data, [Fields(output.subject_fields(found))])


@subject.command("list", example="keys subject list")
@click.pass_obj
def list_subjects(app: App) -> Result:
    """List all subjects that the table has something about. The command reads the whole table."""
    found = sorted(app.store.subjects.all(), key=lambda each: (each.issuer, each.subject))
    data = [each.to_json() for each in found]
    if not found:
        return Result(data, notes=() if app.json else [f"The table {app.table.name} has no subjects."])
    rows = [
        (
            each.subject,
            each.issuer,
            "enabled" if each.enabled else "disabled",
            iso(each.not_before) or "",
            each.plan or "",
        )
        for each in found
    ]
    return Result(data, [Rows(("SUBJECT", "ISSUER", "STATE", "ENDED", "PLAN"), rows, (0, 2, 3, 1, 4))])


def _from_token(app: App) -> Named:
    """The subject of a token on standard input. The token can have expired."""
    if sys.stdin.isatty():
        note("Paste the token, and end it with Ctrl-D on a line of its own.")
    token = credential_in(sys.stdin.buffer.read(MAX_TOKEN_BYTES).decode("utf-8", "replace").strip())
    if not token:
        raise BadInput("No token was read from standard input. It is empty, or nothing follows `Bearer`.")
    identity = verification.subject_of(token, _settings(app), app.clock)
    return Named(identity.issuer or "", identity.sub)


def _settings(app: App) -> Settings:
    try:
        return configuration.read({"API_KEYS_TABLE": "-", **app.settings}, rules.FUNCTION_CODE)
    except SettingsError as error:
        raise BadInput(str(error)) from None


def _unread(app: App) -> list[str]:
    """A note if the authorizer does not read subjects, as far as the settings in this checkout tell."""
    try:
        settings = configuration.read({"API_KEYS_TABLE": "-", **app.settings}, rules.FUNCTION_CODE)
    except (SettingsError, KeysError):
        return []
    return [] if settings.jwt_subjects else [_NO_SUBJECTS]


def _require_reader(app: App, name: str) -> None:
    app.require_reader(Subject, {name: True})


def _disable_keys(app: App, named: Named, reason: str | None, told: Told) -> int:
    title = "Keys disabled"
    with counting(title, told.part(title)) as keys:
        return app.store.owners.disable_keys(named.issuer, named.subject, reason, keys, keys.beside("Items checked"))


def _changed(app: App, told: Told, made: Subject, is_new: bool, text: str, keys: int | None = None) -> Result:
    """`keys`: how many keys that the subject made were disabled; None if none should be."""
    data = made.to_json() if keys is None else {**made.to_json(), "keys_disabled": keys}
    if not is_new and not keys:
        return Result(data, notes=["The subject already had this state.", *_unread(app)], exit=Exit.NO_EFFECT)
    text = text if keys is None else f"{text} {plural(keys, 'key')} that it made disabled."
    return Result(data, [text], _unread(app), told=told.done(text))


def _telling(app: App, named: Named) -> AbstractContextManager[Told]:
    who = f"--issuer {shlex.quote(named.issuer)} --subject {shlex.quote(named.subject)}"
    remedy = (
        f"To see its state: {app.again(f'keys subject show {who}')}\nTo finish the change, run the same command again."
    )
    return telling(app, remedy, issuer=named.issuer, subject=named.subject)
