"""What every command works with: the table, the clock, the form of the output."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from keys.deployment import stack
from keys.deployment.connection import DEFAULT_PREFIX, LOCAL_OUTPUTS, Target, connect
from keys.deployment.stack import Deployment
from keys.life import fields
from keys.life.consumers import Consumers
from keys.life.database import Database
from keys.life.errors import BadInput
from keys.life.store import Store
from keys.life.table import Table

_SETTINGS = ("API_KEYS_TABLE", "JWT_ISSUER", "JWT_PROVIDERS", "AUTH_CONFIG")


def note(text: str) -> None:
    """A line on standard error, which never has a secret in it."""
    click.echo(text, err=True)


def _connect(target: Target, env: Mapping[str, str]) -> Table:
    return connect(target, env, Path.cwd(), note)


def _find_deployment(target: Target, env: Mapping[str, str]) -> Deployment:
    return stack.find(target, env, Path.cwd())


@dataclass
class App:
    """Passed to every command as Click's context object; a test passes one with parts of its own."""

    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    connect: Callable[[Target, Mapping[str, str]], Table] = _connect
    find_deployment: Callable[[Target, Mapping[str, str]], Deployment] = _find_deployment
    target: Target = field(default_factory=Target)
    output: str = "table"

    @functools.cached_property
    def table(self) -> Table:
        """:raises KeysError: see `table.connect`."""
        return self.connect(self.target, self.env)

    @functools.cached_property
    def deployment(self) -> Deployment:
        """:raises KeysError: see `deployment.find`."""
        return self.find_deployment(self.target, self.env)

    @functools.cached_property
    def settings(self) -> Mapping[str, str]:
        """The authorizer's variables: those of `--stack`, else this process's, else the local system's.

        :raises KeysError: see `deployment.find`.
        """
        named = self.target.table or any(self.env.get(name) for name in _SETTINGS)
        if self.target.stack or not (named or self.target.profile or not LOCAL_OUTPUTS.is_file()):
            return self.deployment.environment
        return self.env

    @property
    def prefix(self) -> str:
        """The keys' prefix, for what needs no table: only that of a stack is asked for.

        :raises KeysError: see `table.connect`.
        """
        if self.target.stack and not self.target.prefix:
            return self.table.prefix
        return fields.check_prefix(self.target.prefix or self.env.get("API_KEY_PREFIX") or DEFAULT_PREFIX)

    @functools.cached_property
    def consumers(self) -> Consumers:
        return Consumers(self.database, clock=self.clock, sleep=self.sleep, report=note)

    @functools.cached_property
    def store(self) -> Store:
        return Store(self.database, self.consumers, clock=self.clock, report=note)

    @property
    def json(self) -> bool:
        """Whether the results go to a program."""
        return self.output == "json"

    @functools.cached_property
    def database(self) -> Database:
        return Database(self.table.client, self.table.name, self.sleep)


def confirm(question: str, *, yes: bool) -> None:
    """Goes on only with the operator's consent.

    :raises BadInput: there is nobody to ask, and `--yes` was not given.
    :raises click.Abort: the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInput("This needs a confirmation, and there is no terminal to ask on: give --yes.")
    click.confirm(question, abort=True, err=True)
