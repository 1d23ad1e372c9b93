"""The command `completion`."""

from __future__ import annotations

from collections.abc import Mapping

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from keys.cli.commands import Command


class _Bash(BashComplete):
    """Completion for bash, also for 3.2 of macOS, which has neither `compopt` nor `-o nosort`."""

    source_template = BashComplete.source_template.replace("compopt -o", "compopt 2>/dev/null -o").replace(
        "complete -o nosort -F %(complete_func)s %(prog_name)s",
        "complete -o nosort -F %(complete_func)s %(prog_name)s 2>/dev/null ||\n"
        "        complete -o default -F %(complete_func)s %(prog_name)s",
    )

    def source(self) -> str:
        # Click's own warns about bash 3.2.
        return self.source_template % self.source_vars()


_COMPLETIONS: Mapping[str, type[ShellComplete]] = {"bash": _Bash, "zsh": ZshComplete, "fish": FishComplete}


@click.command(cls=Command, uses_aws=False, example='eval "$(keys completion bash)"')
@click.argument("shell", type=click.Choice(list(_COMPLETIONS)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a shell completion script."""
    click.echo(_COMPLETIONS[shell](ctx.find_root().command, {}, "keys", "_KEYS_COMPLETE").source())
