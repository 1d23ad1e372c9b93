"""The command line `keys`: its commands, in the order of a key's life."""

import io
import sys

import click

import authorizer
from keys.cli import (
    access_commands,
    check_commands,
    consumer_commands,
    file_commands,
    key_commands,
    leak_command,
    secret_commands,
)
from keys.cli.app import App
from keys.cli.commands import Group

EXIT_CODES = """\b
Exit codes:
  0  done
  1  AWS failed or could not be reached, the result could not be written, or you said no
  2  wrong usage or bad input
  3  no such key, consumer, stack or table
  4  the state of the key or consumer does not allow it
  5  verify, explain: the credential is not accepted, or may not call the route
  6  import: some lines were not imported
  7  doctor: something is wrong
  8  nothing was changed, because it was so already
  9  leak: a key that was found is still live, or may be
 10  check: no mistake, but rules that could be compared with no route
"""


@click.group(cls=Group, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(authorizer.VERSION, package_name="apigateway-multi-auth")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Makes and manages API keys.

    The table is the one of --table, else of --stack, else of API_KEYS_TABLE, else of the local system that `make
    run` has started in this directory.
    """
    ctx.ensure_object(App)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding does not have must not cost a result.
            stream.reconfigure(errors="backslashreplace")


for command in (
    key_commands.create,
    key_commands.list_keys,
    key_commands.show,
    key_commands.history,
    key_commands.roll,
    key_commands.disable,
    key_commands.enable,
    key_commands.revoke,
    key_commands.delete,
    consumer_commands.consumer,
    secret_commands.verify,
    access_commands.explain,
    check_commands.check,
    access_commands.doctor,
    leak_command.leak,
    secret_commands.scan_pattern,
    file_commands.import_keys,
    file_commands.export,
    secret_commands.completion,
):
    main.add_command(command)
