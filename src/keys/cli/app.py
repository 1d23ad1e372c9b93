"""The state that every command shares: the table, the clock and the output format."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

import click

from keys.cli.messages import Declined, say
from keys.cli.output import visible
from keys.core import fields
from keys.core.errors import BadInput, Code, Conflict, MalformedItem
from keys.core.history import Author
from keys.core.record import Record
from keys.core.store import Store
from keys.core.table import Table
from keys.deployment import stack, target
from keys.deployment.logs import Logs
from keys.deployment.stack import Deployment
from keys.deployment.target import DEFAULT_PREFIX, LOCAL_CODE, Resolved, Source, Target, is_at_least

SAMPLE: Final = 5_000
"""How many keys are read to find the prefix of a table's keys."""

_DECLINED: Final = "Not confirmed. Nothing was changed."
_SETTINGS = ("JWT_ISSUER", "AUTH_CONFIG")


def note(text: str) -> None:
    """Write a line to standard error. The text must not contain a secret.

    A failure to write is ignored: a closed standard error must not stop the result on standard output.
    """
    with contextlib.suppress(OSError):
        click.echo(visible(text), err=True)


def open_terminal() -> TextIO | None:
    """The controlling terminal of this process, also if its standard streams are redirected; None if there is none."""
    try:
        descriptor = os.open("/dev/tty", os.O_RDWR | getattr(os, "O_NOCTTY", 0))
    except OSError:
        return None
    # Unbuffered, as in the standard library's getpass: a buffer for reading and writing needs a seekable file.
    return io.TextIOWrapper(io.FileIO(descriptor, "w+"), encoding="utf-8", errors="backslashreplace")


def _resolve(options: Target, env: Mapping[str, str]) -> Resolved:
    return target.resolve(options, env, Path.cwd(), note)


@dataclass
class App:
    """Click's context object, passed to every command. Tests replace its fields."""

    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    resolve: Callable[[Target, Mapping[str, str]], Resolved] = _resolve
    find_deployment: Callable[[Resolved], Deployment] = stack.find
    terminal: Callable[[], TextIO | None] = open_terminal
    target: Target = field(default_factory=Target)
    output: str = "table"
    command: str = "keys"

    @functools.cached_property
    def resolved(self) -> Resolved:
        """The table that is meant, and what is known of its authorizer.

        :raises KeysError: see `target.resolve`.
        """
        return self.resolve(self.target, self.env)

    @property
    def table(self) -> Table:
        """:raises KeysError: see `target.resolve`."""
        return self.resolved.table

    @functools.cached_property
    def deployment(self) -> Deployment:
        """:raises KeysError: see `stack.find`."""
        return self.find_deployment(self.resolved)

    @functools.cached_property
    def settings(self) -> Mapping[str, str]:
        """The authorizer's environment variables: of `--stack`, else of this process, else of the local system.

        The `AUTH_CONFIG` of the local system is the path of the deployed file, which differs from that of the checkout.

        :raises KeysError: see `stack.find`.
        """
        if self.source is Source.STACK:
            return self.deployment.environment
        if self.source is not Source.LOCAL or any(self.env.get(name) for name in _SETTINGS):
            return self.env
        found = self.deployment.environment
        deployed = (LOCAL_CODE / found.get("AUTH_CONFIG", "")).absolute()
        return {**found, "AUTH_CONFIG": str(deployed)} if deployed.is_file() else found

    @property
    def logs(self) -> Logs:
        """The logs of the account and Region of the table."""
        return Logs(self.resolved.client("logs"), self.sleep)

    @property
    def source(self) -> Source:
        """What names the table."""
        return target.source(self.target, self.env, Path.cwd())

    @property
    def has_table(self) -> bool:
        """Whether a table is named or the local system has one."""
        return self.source is not Source.NOTHING

    @functools.cached_property
    def prefix(self) -> str:
        """The prefix of the keys that the table's authorizer looks up: of the options or the stack, else of the keys.

        :raises BadInput: `--prefix` differs from the stack's; or neither the options, nor the stack, nor the table's
            keys give a prefix, and standard input is no terminal.
        :raises KeysError: see `target.resolve`.
        """
        given, known = self.target.prefix, self.resolved.prefix
        if given and not known:
            note(
                f"The prefix {given} was not checked: only with --stack is it known which prefix the authorizer "
                "accepts (ApiKeyPrefix)."
            )
        if given and known and given != known:
            raise BadInput(
                f"--prefix {given}: the authorizer only accepts keys with the prefix {known} (ApiKeyPrefix). Omit "
                "--prefix, or first deploy the stack with another ApiKeyPrefix."
            )
        return given or known or self._own_prefix()

    def require_reader(self, record: type[Record], given: Mapping[str, object]) -> None:
        """Make sure that the authorizer reads those of the given fields that restrict a key.

        With `--stack`, its output `Version` tells. With a table alone, the operator is asked.

        :raises Conflict: the authorizer of the stack is too old.
        :raises Declined: the operator did not confirm.
        """
        for each in record.fields():
            if not each.since or each.name not in given:
                continue
            if self.resolved.stack is None:
                self.confirm(
                    f"Authorizers before version {each.since} do not read {each.attribute}, and accept the key without "
                    "this restriction. With --stack, the command checks the version. Continue?",
                    yes=False,
                )
            elif not is_at_least(self.resolved.version, each.since):
                known = {"stack": self.resolved.stack, "version": self.resolved.version or "before 0.3.0"}
                raise Conflict(Code.AUTHORIZER_TOO_OLD, attribute=each.attribute, **known)

    @property
    def pattern_prefix(self) -> str:
        """The prefix for commands that do not need a table: `--prefix`, else the prefix of a named table.

        :raises KeysError: see `prefix`.
        """
        if self.target.prefix or self.source in (Source.LOCAL, Source.NOTHING):
            return fields.check_prefix(self.target.prefix or self.env.get("API_KEY_PREFIX") or DEFAULT_PREFIX)
        return self.prefix

    def _own_prefix(self) -> str:
        first = itertools.islice(self.store.all(), SAMPLE)
        prefixes = sorted({key.format_prefix for key in first if key.format_prefix})
        if len(prefixes) == 1:
            note(f"Using the prefix {prefixes[0]} of the existing keys in the table {self.table.name}.")
            return prefixes[0]
        found = f"Its keys have the prefixes {', '.join(prefixes)}." if prefixes else "It has no keys with a prefix."
        if not sys.stdin.isatty():
            raise BadInput(
                f"The prefix of the keys in the table {self.table.name} is not known. {found} Specify --stack, or "
                "specify --prefix with the ApiKeyPrefix of the stack."
            )
        note(f"The prefix of the keys in the table {self.table.name} is not known. {found}")
        return fields.check_prefix(click.prompt("ApiKeyPrefix of the stack", default=DEFAULT_PREFIX, err=True))

    @functools.cached_property
    def author(self) -> Author:
        """The identity and the command that the history records for a change."""
        return Author(self.resolved.who(), self.command)

    @functools.cached_property
    def store(self) -> Store:
        return Store(self.table, lambda: self.author, self.clock, self.leave_out)

    def leave_out(self, error: MalformedItem) -> None:
        """Note an item that a list leaves out."""
        note(f"Left out: {say(error, self.options)}")

    @property
    def json(self) -> bool:
        """Whether the output format is JSON."""
        return self.output == "json"

    @property
    def used_table(self) -> Table | None:
        """The table, if the command has connected to it."""
        resolved: Resolved | None = self.__dict__.get("resolved")
        return resolved.table if resolved else None

    @property
    def options(self) -> str:
        """The options of this command that select the table, with a space before each."""
        target = self.target
        given = {"table": target.table, "stack": target.stack, "region": target.region, "profile": target.profile}
        return "".join(f" --{name} {shlex.quote(value)}" for name, value in given.items() if value)

    def again(self, command: str) -> str:
        """The command line `command`, with the options of this command that select the table."""
        return f"{command}{self.options}"

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask the operator for confirmation: on the controlling terminal if standard input is redirected.

        :raises BadInput: there is no terminal, and `--yes` was not given.
        :raises Declined: the answer is no.
        """
        if yes:
            return
        if sys.stdin.isatty():
            if not click.confirm(question, err=True):
                raise Declined(_DECLINED)
            return
        terminal = self.terminal()
        if terminal is None:
            raise BadInput("This command needs a confirmation, and there is no terminal. To confirm, specify --yes.")
        with terminal:
            terminal.write(f"{visible(question)} [y/N]: ")
            terminal.flush()
            if terminal.readline().strip().lower() not in ("y", "yes"):
                raise Declined(_DECLINED)
