"""Click commands with shared options, an example in the help, and one-line error messages."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import click

from keys.cli.app import App, note
from keys.cli.credential import hide
from keys.cli.errors import Exit, NoEffect
from keys.cli.interrupt import interruptible
from keys.cli.messages import say
from keys.cli.telling import silence
from keys.core import aws_errors, decoding, duration, fields
from keys.core.errors import BadInput, KeysError, ServiceFailure
from keys.core.record import DIGEST

T = TypeVar("T")

IN_HISTORY: Final = "The command line, with the key, might be in the history of your shell."


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
    seconds = duration.parse(text)
    if not seconds:
        raise BadInput("The lifetime of a key must be longer than 0.")
    return seconds


def _ref(text: str) -> str:
    if hide(text) != text:
        raise BadInput(f"This is a key, not its ID. To get its ID: `keys verify < key.txt`. {IN_HISTORY}")
    return text if DIGEST.fullmatch(text) else fields.check_key_id(text)


DURATION: Final = Parsed("duration", duration.parse)
LIFETIME: Final = Parsed("duration", _lifetime)
NAME: Final = Parsed("name", fields.check_name)
DESCRIPTION: Final = Parsed("text", fields.check_description)
REF: Final = Parsed("key_id", _ref)
ENCODING: Final = Parsed("name", decoding.check_encoding)
PREFIX: Final = Parsed("text", fields.check_prefix)
SCOPES: Final = Parsed("scopes", lambda text: fields.parse_scopes(text.split(",") if text.strip() else []))


reason_option: Final = click.option("--reason", type=DESCRIPTION, help="The reason, which the history records.")
yes_option: Final = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


class Command(click.Command):
    """A command with the shared options, whose help ends with an example.

    `uses_aws`: whether the help shows the options that select the table. Every command accepts them.
    """

    def __init__(self, *args: Any, example: str, uses_aws: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _shared_options(hidden=not uses_aws)
        self.epilog = f"\b\nExample:\n  {example}"

    def invoke(self, ctx: click.Context) -> Any:
        ctx.ensure_object(App).command = " ".join(["keys", *ctx.command_path.split()[1:]])
        return super().invoke(ctx)


def _open_streams() -> None:
    """Replace standard streams that are closed, which Python sets to None."""
    for name, mode in (("stdin", "r"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process
    if sys.stdout is None:
        click.echo("Error: Standard output is closed, so the result cannot be shown. Nothing was changed.", err=True)
        sys.exit(1)


class Group(click.Group):
    """A group of such commands, with the same shared options."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _shared_options()

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
            sys.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's signature
        """The commands in the order in which they were added, instead of alphabetically."""
        return list(self.commands)

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
        except KeysError as error:
            _fail(ctx, error)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            silence(sys.stdout)
            named = f" ({error.filename})" if error.filename else ""
            _fail(ctx, ServiceFailure(f"{error.strerror or error}{named}."))
        except Exception as error:
            failure = aws_errors.translate(error, ctx.ensure_object(App).used_table)
            if failure is None:
                raise
            _fail(ctx, failure)


def prefix_option(command: Callable[..., T]) -> Callable[..., T]:
    """Add `--prefix`, which sets `App.target.prefix`."""
    text = "The prefix of the keys.  [default: of the stack, or of the keys in the table]"
    return click.option("--prefix", type=PREFIX, expose_value=False, callback=_remember, help=text)(command)


def tag_options(help_text: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Add the repeatable `--tag NAME=VALUE`, passed as the parameter `tags`."""

    def parse(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
        try:
            return fields.parse_tags(values)
        except KeysError as error:
            raise click.BadParameter(say(error), ctx, param) from None

    return click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", callback=parse, help=help_text)


def tag_changes(tags: dict[str, str], clear_tags: bool) -> dict[str, Any]:
    """The change of the tags by `--tag` and `--clear-tags`: none if neither is given.

    :raises BadInput: both are given.
    """
    if tags and clear_tags:
        raise BadInput("Specify --tag or --clear-tags, not both. --tag replaces all existing tags.")
    return {"tags": tags} if tags or clear_tags else {}


def _without_credential(error: click.UsageError) -> click.UsageError:
    """The error itself, or one without the credentials in its text, which says how to pass a credential."""
    text = hide(error.format_message())
    if text == error.format_message():
        return error
    advice = f"Pass a credential on standard input: `keys verify < key.txt`. {IN_HISTORY}"
    return click.UsageError(f"{text} {advice}", error.ctx)


def _fail(ctx: click.Context, error: KeysError) -> NoReturn:
    # The mistakes in a file are one line each, and `note` writes a single line.
    app = ctx.ensure_object(App)
    text = say(error, app.options)
    if not isinstance(error, NoEffect):
        text = f"Error: {text}"
    for line in hide(text).split("\n"):
        note(line)
    ctx.exit(Exit.of(error))


def _shared_options(*, hidden: bool = False) -> list[click.Parameter]:
    def option(names: str, help_text: str, **kwargs: Any) -> click.Option:
        return click.Option(names.split(), help=help_text, expose_value=False, callback=_remember, **kwargs)

    return [
        option("--output -o", "The output format.  [default: table]", type=click.Choice(["table", "json"])),
        option("--table", "The DynamoDB table.", metavar="NAME", hidden=hidden),
        option("--stack", "The CloudFormation stack of the authorizer.", metavar="NAME", hidden=hidden),
        option("--region", "The AWS Region.", metavar="NAME", hidden=hidden),
        option("--profile", "The profile of the AWS CLI.", metavar="NAME", hidden=hidden),
    ]


def _remember(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Store a shared option in the `App`. It is valid before and after the command's name; the last one wins."""
    if value is None or param.name is None:
        return
    app = ctx.ensure_object(App)
    if param.name == "output":
        app.output = value
    else:
        setattr(app.target, param.name, value)
