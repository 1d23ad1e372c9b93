"""Click commands with shared options, types and messages without credentials.

A command's help ends with an example, its errors are one line, and the result that it returns is written here.
"""

from __future__ import annotations

import errno
import functools
import importlib
import os
import re
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import click

from authorizer.api_key import BODY_PATTERN
from authorizer.owner import owner_pk
from keys.cli.exits import Exit
from keys.cli.interrupt import interruptible
from keys.cli.messages import say
from keys.core import fields, schema
from keys.core.errors import BadInput, KeysError, ServiceFailure
from keys.core.record import DIGEST, Record
from keys.core.schema import Declaration

if TYPE_CHECKING:
    from keys.cli.app import App

T = TypeVar("T")

IN_HISTORY = "The command line, with the key, might be in the history of your shell."

_HEADER: Final = re.compile(r"(?:authorization: *)?bearer(?: +|\Z)", re.IGNORECASE)
_CREDENTIAL: Final = re.compile(rf"[a-z][a-z0-9_]*_{BODY_PATTERN}|eyJ[\w-]+\.[\w.-]+", re.ASCII)


class Command(click.Command):
    """A command with the shared options, whose help ends with an example. It can return a `Result`, which is written.

    `uses_aws`: whether the help shows the options that select the table. Every command accepts them.
    """

    def __init__(self, *args: Any, example: str, uses_aws: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _shared_options(hidden=not uses_aws)
        self.epilog = f"\b\nExample:\n  {example}"

    def invoke(self, ctx: click.Context) -> Any:
        from keys.cli.result import Result, write

        app = _app(ctx)
        app.command = " ".join(["keys", *ctx.command_path.split()[1:]])
        result = super().invoke(ctx)
        if isinstance(result, Result):
            write(app, result)
            if result.exit:
                ctx.exit(result.exit)
        return result


class Group(click.Group):
    """A group of such commands, with the same shared options.

    `lazy`: commands that are imported only when they are called, each as `module:name` with the first line of its help.
    Lists, help and completion use what is said here.
    """

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy or {}
        for name, (_, text) in self._lazy.items():
            self.add_command(click.Command(name, short_help=text))
        self.params += _shared_options()

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's signature
        """The commands in the order in which they were added, instead of alphabetically."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and name in self._lazy:
            module, attribute = self._lazy[name][0].split(":")
            command = getattr(importlib.import_module(module), attribute)
        return name, command, rest

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command only if its result can be written: a new key that cannot be shown is lost."""
        _open_streams()
        try:
            with interruptible():
                return super().main(*args, **kwargs)
        except OSError as error:
            # Click writes the help and the version before it invokes a command.
            silence(sys.stdout)
            click.echo(f"Error: The output could not be written: {error.strerror or error}.", err=True)
            sys.exit(Exit.FAILED)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            raise _without_credential(error) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise _without_credential(error) from None
        except click.exceptions.Exit:
            raise
        except Exception as error:
            _fail(ctx, error)


def silence(stream: Any) -> None:
    """Discard the buffer of a stream that cannot be written, so that the interpreter does not fail when it exits."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass


def _open_streams() -> None:
    """Replace standard streams that are closed, which Python sets to None."""
    for name, mode in (("stdin", "r"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process
    if sys.stdout is None:
        click.echo("Error: Standard output is closed, so the result cannot be shown. Nothing was changed.", err=True)
        sys.exit(Exit.FAILED)


def _app(ctx: click.Context) -> App:
    from keys.cli.app import App

    return ctx.ensure_object(App)


def _without_credential(error: click.UsageError) -> click.UsageError:
    """The error itself, or one without the credentials in its text, which says how to pass a credential."""
    text = hide(error.format_message())
    if text == error.format_message():
        return error
    advice = f"Pass a credential on standard input: `keys verify < key.txt`. {IN_HISTORY}"
    return click.UsageError(f"{text} {advice}", error.ctx)


def _fail(ctx: click.Context, error: Exception) -> NoReturn:
    """Write the error, and exit with its code. An error that is not expected is raised again."""
    from keys.cli.app import note
    from keys.core.aws_errors import translate

    app = _app(ctx)
    known: KeysError | None = error if isinstance(error, KeysError) else translate(error, app.used_table)
    if isinstance(error, OSError) and not known:
        if error.errno == errno.EPIPE:
            raise error
        silence(sys.stdout)
        known = ServiceFailure(f"{error.strerror or error}{f' ({error.filename})' if error.filename else ''}.")
    if known is None:
        raise error
    # The mistakes in a file are one line each, and `note` writes a single line.
    for line in hide(f"Error: {say(known, app.options)}").split("\n"):
        note(line)
    ctx.exit(Exit.of(known))


def _shared_options(*, hidden: bool = False) -> list[click.Parameter]:
    def option(names: str, help_text: str, **kwargs: Any) -> click.Option:
        return click.Option(names.split(), help=help_text, expose_value=False, callback=remember, **kwargs)

    return [
        option("--output -o", "The output format.  [default: table]", type=click.Choice(["table", "json"])),
        option("--table", "The DynamoDB table.", metavar="NAME", hidden=hidden),
        option("--stack", "The CloudFormation stack of the authorizer.", metavar="NAME", hidden=hidden),
        option("--region", "The AWS Region.", metavar="NAME", hidden=hidden),
        option("--profile", "The profile of the AWS CLI.", metavar="NAME", hidden=hidden),
    ]


def remember(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Store a shared option in the `App`. It is valid before and after the command's name; the last one wins."""
    if value is None or param.name is None:
        return
    app = _app(ctx)
    if param.name == "output":
        app.output = value
    else:
        setattr(app.target, param.name, value)


def credential_in(text: str) -> str:
    """The credential in a text: the text itself, or what follows `Bearer` in a line of a request."""
    return _HEADER.sub("", text, count=1) if _HEADER.match(text) else text


def hide(message: str) -> str:
    """The message without API keys in the product's format and without JWTs.

    Click repeats arguments in its messages, and a command line can contain a credential by mistake.
    """
    return _CREDENTIAL.sub("[credential hidden]", message)


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
PLAN: Final = Parsed("name", fields.check_plan)
DESCRIPTION: Final = Parsed("text", fields.check_description)
REF: Final = Parsed("key_id", _ref)
PREFIX: Final = Parsed("text", fields.check_prefix)

reason_option: Final = click.option("--reason", type=DESCRIPTION, help="The reason, which the history records.")
from_log_option: Final = click.option(
    "--from-log", is_flag=True, help="Read the access logs, also if there is a stack of usage."
)
plan_option: Final = click.option(
    "--plan", type=PLAN, help="The plan: the name that usage plans have in the tag multi-auth:plan."
)
no_plan_option: Final = click.option("--no-plan", is_flag=True, help="Take it off its plan.")
yes_option: Final = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


def prefix_option(command: Callable[..., T]) -> Callable[..., T]:
    """Add `--prefix`, which sets `App.target.prefix`."""
    text = "The prefix of the keys.  [default: of the stack, or of the keys in the table]"
    return click.option("--prefix", type=PREFIX, expose_value=False, callback=remember, help=text)(command)


def usage_stack_option(command: Callable[..., T]) -> Callable[..., T]:
    """Add `--usage-stack`, passed as the parameter `usage_stack`."""
    return click.option(
        "--usage-stack", metavar="NAME", help="The stack of usage.  [default: the stack's name and -usage]"
    )(command)


def tag_options(help_text: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Add the repeatable `--tag NAME=VALUE`, passed as the parameter `tags`."""

    def parse(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
        try:
            return fields.parse_tags(values)
        except KeysError as error:
            raise click.BadParameter(say(error), ctx, param) from None

    return click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", callback=parse, help=help_text)


def given_options(
    record: type[Record], *, changes: bool = False, others: Collection[str] = (), **help_texts: str
) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Add an option for each field that an operator can give, and pass the values that were given as `given`.

    `changes`: the values replace those of an existing record, so `--clear-tags` is added. `others`: parameters that are
    a change too. `help_texts`: by field, help that differs from that of its declaration.
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
            if changes and not given and not any(values.get(name) for name in others):
                names = (f"--{name.replace('_', '-')}" for name in (*map(_option, declared), *others))
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


def owner_option(help_text: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Add `--owner ISSUER OWNER`, passed as the parameter `owner`: the partition key of the owner's item, or None."""

    def parse(_context: object, _parameter: object, given: tuple[str, str] | None) -> str | None:
        return owner_pk(*given) if given else None

    return click.option("--owner", nargs=2, metavar="ISSUER OWNER", callback=parse, help=help_text)


def holder_argument(command: Callable[..., T]) -> Callable[..., T]:
    """Add the argument `NAME` and the option `--owner`. One of them is passed as the parameter `name`."""

    def call(*args: Any, name: str | None, owner: str | None, **values: Any) -> T:
        if (name is None) == (owner is None):
            raise BadInput("Specify the NAME of a consumer, or the --owner of keys that signed-in users made.")
        return command(*args, name=name or owner, **values)

    functools.update_wrapper(call, command)
    owner = owner_option("In place of NAME: the issuer and the owner of keys that signed-in users made.")
    return click.argument("name", type=NAME, required=False)(owner(call))
