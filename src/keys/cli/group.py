"""Click commands with shared options, an example in the help, one-line errors, and results that are written here."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from keys.cli.credential import hide
from keys.cli.exits import Exit
from keys.cli.interrupt import interruptible

if TYPE_CHECKING:
    from keys.cli.app import App
    from keys.core.errors import KeysError

IN_HISTORY = "The command line, with the key, might be in the history of your shell."


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
    from keys.cli.messages import say
    from keys.core.aws_errors import translate
    from keys.core.errors import KeysError, ServiceFailure

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
