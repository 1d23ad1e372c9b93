"""Types and options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from keys.cli.credential import hide
from keys.cli.group import IN_HISTORY, remember
from keys.cli.group import Command as Command
from keys.cli.group import Group as Group
from keys.cli.messages import say
from keys.core import fields, schema
from keys.core.errors import BadInput, KeysError
from keys.core.record import DIGEST, Record
from keys.core.schema import Declaration

T = TypeVar("T")


class Parsed(click.ParamType[Any]):
    """A parameter type whose values `parse` converts. A `KeysError` of `parse` becomes a usage error."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._parse(value) if isinstance(value, str) else value
        except KeysError as error:
            self.fail(say(error), param, ctx)


def _lifetime(text: str) -> int:
    seconds = fields.parse_duration(text)
    if not seconds:
        raise BadInput("The lifetime of a key must be longer than 0.")
    return seconds


def _ref(text: str) -> str:
    if hide(text) != text:
        raise BadInput(f"This is a key, not its ID. To get its ID: `keys verify < key.txt`. {IN_HISTORY}")
    return text if DIGEST.fullmatch(text) else fields.check_key_id(text)


DURATION: Final = Parsed("duration", fields.parse_duration)
LIFETIME: Final = Parsed("duration", _lifetime)
NAME: Final = Parsed("name", fields.check_name)
DESCRIPTION: Final = Parsed("text", fields.check_description)
REF: Final = Parsed("key_id", _ref)
PREFIX: Final = Parsed("text", fields.check_prefix)

reason_option: Final = click.option("--reason", type=DESCRIPTION, help="The reason, which the history records.")
yes_option: Final = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


def prefix_option(command: Callable[..., T]) -> Callable[..., T]:
    """Add `--prefix`, which sets `App.target.prefix`."""
    text = "The prefix of the keys.  [default: of the stack, or of the keys in the table]"
    return click.option("--prefix", type=PREFIX, expose_value=False, callback=remember, help=text)(command)


def tag_options(help_text: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Add the repeatable `--tag NAME=VALUE`, passed as the parameter `tags`."""

    def parse(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
        try:
            return fields.parse_tags(values)
        except KeysError as error:
            raise click.BadParameter(say(error), ctx, param) from None

    return click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", callback=parse, help=help_text)


def given_options(
    record: type[Record], *, changes: bool = False, **help_texts: str
) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Add an option for each field that an operator can give, and pass the values that were given as `given`.

    `changes`: the values replace those of an existing record, so `--clear-tags` is added. `help_texts`: by field, help
    that differs from that of its declaration.
    """
    declared = [each for each in record.fields() if each.given]

    def decorate(function: Callable[..., T]) -> Callable[..., T]:
        def call(*args: Any, **values: Any) -> T:
            given = {each.name: values.pop(each.name) for each in declared}
            given = {name: value for name, value in given.items() if value not in (None, {})}
            if changes and values.pop("clear_tags"):
                if "tags" in given:
                    raise BadInput("Specify --tag or --clear-tags, not both. --tag replaces all existing tags.")
                given["tags"] = {}
            if changes and not given:
                names = (f"--{_option(each)}" for each in declared)
                raise BadInput(f"There is no change. Specify {', '.join(names)} or --clear-tags.")
            return function(*args, given=given, **values)

        command: Callable[..., T] = functools.wraps(function)(call)
        if changes:
            command = click.option("--clear-tags", is_flag=True, help="Remove all tags.")(command)
        for each in reversed(declared):
            text = help_texts.get(each.name, f"{each.given}{' Replaces the existing value.' if changes else ''}")
            command = _field_option(each, text)(command)
        return command

    return decorate


def _option(each: Declaration) -> str:
    return "tag" if each.form is schema.TAGS else each.name.replace("_", "-")


def _field_option(each: Declaration, text: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
    if each.form is schema.TAGS:
        return tag_options(text)
    return click.option(
        f"--{_option(each)}", each.name, type=Parsed(each.name, each.form.parse), metavar=each.form.metavar, help=text
    )
