"""The command `keys` and its subcommands, in the order in which an operator uses them."""

import io
import sys
import textwrap
from typing import Final

import click

import authorizer
from keys.cli.commands import Group
from keys.cli.exits import Exit

COMMANDS: Final = {
    "create": ("keys.cli.key_commands:create", "Create an API key."),
    "list": ("keys.cli.key_commands:list_keys", "List the keys of one consumer or of all consumers."),
    "show": ("keys.cli.key_commands:show", "Show the details of a key."),
    "history": ("keys.cli.key_commands:history", "Show the history of a key."),
    "update": ("keys.cli.key_commands:update", "Change fields of a key."),
    "roll": ("keys.cli.key_commands:roll", "Roll a key: create its replacement."),
    "disable": ("keys.cli.key_commands:disable", "Disable a key."),
    "enable": ("keys.cli.key_commands:enable", "Enable a disabled key."),
    "revoke": ("keys.cli.key_commands:revoke", "Revoke a key permanently."),
    "delete": ("keys.cli.key_commands:delete", "Delete a key and its history."),
    "consumer": ("keys.cli.consumer_commands:consumer", "Manage consumers, the holders of keys."),
    "subject": ("keys.cli.subject_commands:subject", "End, disable and limit the subjects of JWTs."),
    "plan": ("keys.cli.plan_commands:plan", "Show usage plans, and complete and clean them up."),
    "usage": ("keys.cli.usage_commands:usage", "Show who used which key: requests, and the last use."),
    "report": ("keys.cli.table_commands:report", "Report every key, with who created and changed it."),
    "audit": ("keys.cli.events_commands:audit", "Show what happened to keys, also to deleted ones."),
    "verify": ("keys.cli.access_commands:verify", "Check a key as the authorizer does."),
    "explain": ("keys.cli.access_commands:explain", "Explain how the authorizer decides about a JWT."),
    "check": ("keys.cli.check_commands:check", "Check an auth.toml file before you deploy it."),
    "doctor": ("keys.cli.check_commands:doctor", "Check a deployment and name the remedy for each fault."),
    "leak": ("keys.cli.leak_command:leak", "Find leaked keys in text and revoke them."),
    "scan-pattern": ("keys.cli.leak_command:scan_pattern", "Print the pattern of the keys for secret scanners."),
    "import": ("keys.cli.file_commands:import_keys", "Import existing keys of any format from a CSV or JSON file."),
    "export": ("keys.cli.file_commands:export", "Export keys to standard output."),
    "events": ("keys.cli.events_commands:events", "Send events again that could not be sent."),
    "stack": ("keys.cli.stack_commands:stack", "Prepare an upgrade, the optional stacks, or the removal of a stack."),
    "table": ("keys.cli.table_commands:table", "Maintain the table."),
    "completion": ("keys.cli.completion:completion", "Print a shell completion script."),
}


def _exit_codes() -> str:
    lines = [
        textwrap.fill(code.text, 78, initial_indent=f"{code.value:3}  ", subsequent_indent=" " * 5) for code in Exit
    ]
    return "\n".join(["\b", "Exit codes:", *lines])


@click.group(cls=Group, lazy=COMMANDS, epilog=_exit_codes(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(authorizer.VERSION, package_name="apigateway-multi-auth")
def main() -> None:
    """Create and manage API keys, and check a deployment.

    The commands use the DynamoDB table of the first of these that is set: --stack, --table, the environment variable
    API_KEYS_TABLE, the local system that `make run` started in this directory.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that the terminal's encoding lacks must not make a command fail.
            stream.reconfigure(errors="backslashreplace")
