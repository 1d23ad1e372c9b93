"""The command `keys` and its subcommands, in the order in which an operator uses them."""

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
  0  The command succeeded.
  1  AWS failed or could not be reached, the result could not be written, or
     the command was interrupted or not confirmed.
  2  The usage or the input is invalid.
  3  The key, consumer, stack or table does not exist.
  4  The state of the key or consumer does not allow the change.
  5  verify, explain: the credential is refused, or the route is not permitted.
  6  import: some lines failed. export: some items were left out.
  7  doctor: at least one check found a fault.
  8  The key or consumer already had this state. Nothing was changed.
  9  leak: a key that was found is active or disabled, or might be.
 10  check: no mistakes, but some rules could not be compared with a route.
"""


@click.group(cls=Group, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(authorizer.VERSION, package_name="apigateway-multi-auth")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Create and manage API keys, and check a deployment.

    The commands use the DynamoDB table of the first of these that is set: --table, --stack, the environment variable
    API_KEYS_TABLE, the local system that `make run` started in this directory.
    """
    ctx.ensure_object(App)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that the terminal's encoding lacks must not make a command fail.
            stream.reconfigure(errors="backslashreplace")


for command in (
    key_commands.create,
    key_commands.list_keys,
    key_commands.show,
    key_commands.history,
    key_commands.update,
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
