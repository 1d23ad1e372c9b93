"""How a command of ours differs from Click's: shared options, an example in its help, and failures told in one line."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import click

from keys.cli.app import App, note
from keys.cli.telling import silence
from keys.life import aws_errors, decoding, duration, fields
from keys.life.errors import BadInput, KeysError, ServiceFailure
from keys.life.record import DIGEST

T = TypeVar("T")


class Parsed(click.ParamType[Any]):
    """An argument that a function reads, which raises `KeysError` when it cannot."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._parse(value) if isinstance(value, str) else value
        except KeysError as error:
            self.fail(str(error), param, ctx)


def _lifetime(text: str) -> int:
    seconds = duration.parse(text)
    if not seconds:
        raise BadInput("A key must last for some time.")
    return seconds


DURATION: Final = Parsed("duration", duration.parse)
LIFETIME: Final = Parsed("duration", _lifetime)
NAME: Final = Parsed("name", fields.check_name)
DESCRIPTION: Final = Parsed("text", fields.check_description)
REF: Final = Parsed("key_id", lambda text: text if DIGEST.fullmatch(text) else fields.check_key_id(text))
ENCODING: Final = Parsed("name", decoding.check_encoding)
PREFIX: Final = Parsed("text", fields.check_prefix)
SCOPES: Final = Parsed("scopes", lambda text: fields.parse_scopes(text.split(",") if text.strip() else []))


reason_option: Final = click.option("--reason", type=DESCRIPTION, help="Why: kept in the history.")
yes_option: Final = click.option("--yes", is_flag=True, help="Do not ask.")


class Command(click.Command):
    """A command that takes the shared options, and whose help ends with an example."""

    def __init__(self, *args: Any, example: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _shared_options()
        self.epilog = f"\b\nExample:\n  {example}"

    def invoke(self, ctx: click.Context) -> Any:
        ctx.ensure_object(App).command = " ".join(["keys", *ctx.command_path.split()[1:]])
        return super().invoke(ctx)


def _open_streams() -> None:
    """Python has none in place of a standard stream that was closed."""
    for name, mode in (("stdin", "r"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process
    if sys.stdout is None:
        click.echo("Error: standard output is closed, so no result could be shown. Nothing was done.", err=True)
        sys.exit(1)


class Group(click.Group):
    """A group of such commands, which takes the shared options as well."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _shared_options()

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """As Click's, once it is certain that a result can be shown: a secret that cannot be is lost."""
        _open_streams()
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            # Help and version are written before a command is invoked.
            silence(sys.stdout)
            click.echo(f"Error: the output could not be written: {error.strerror or error}.", err=True)
            sys.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's signature
        """In the order in which they were added, which is that of a key's life."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeysError as error:
            _fail(ctx, error)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            silence(sys.stdout)
            named = f" ({error.filename})" if error.filename else ""
            _fail(ctx, ServiceFailure(f"{error.strerror or error}{named}."))
        except Exception as error:
            failure = aws_errors.translate(error)
            if failure is None:
                raise
            _fail(ctx, failure)


def prefix_option(command: Callable[..., T]) -> Callable[..., T]:
    """`--prefix`, kept in the `App`."""
    text = "The first part of the keys.  [the stack's, or that of the table's keys]"
    return click.option("--prefix", type=PREFIX, expose_value=False, callback=_remember, help=text)(command)


def tag_options(command: Callable[..., T]) -> Callable[..., T]:
    """`--tag name=value`, any number of times, as the parameter `tags`."""

    def parse(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
        try:
            return fields.parse_tags(values)
        except KeysError as error:
            raise click.BadParameter(str(error), ctx, param) from None

    return click.option(
        "--tag", "tags", multiple=True, metavar="NAME=VALUE", callback=parse, help="A tag; repeatable."
    )(command)


def _fail(ctx: click.Context, error: KeysError) -> NoReturn:
    # A file's mistakes have a line each, and `note` writes one.
    for line in f"Error: {error}".split("\n"):
        note(line)
    ctx.exit(error.exit_code)


def _shared_options() -> list[click.Parameter]:
    def option(names: str, help_text: str, **kwargs: Any) -> click.Option:
        return click.Option(names.split(), help=help_text, expose_value=False, callback=_remember, **kwargs)

    return [
        option("--output -o", "For people or for programs.", type=click.Choice(["table", "json"])),
        option("--table", "The DynamoDB table.", metavar="NAME"),
        option("--stack", "The CloudFormation stack whose table it is.", metavar="NAME"),
        option("--region", "The AWS region.", metavar="NAME"),
        option("--profile", "The AWS profile.", metavar="NAME"),
    ]


def _remember(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Keeps a shared option in the `App`. It may stand before or after the command's name; the later one counts."""
    if value is None or param.name is None:
        return
    app = ctx.ensure_object(App)
    if param.name == "output":
        app.output = value
    else:
        setattr(app.target, param.name, value)
