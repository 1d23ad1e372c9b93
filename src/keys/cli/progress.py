"""Progress of what takes long, on standard error and only where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from keys.life.progress import Report


@contextmanager
def counting(title: str, also: Report = lambda done, total: None) -> Iterator[Report]:  # noqa: ARG005
    """A progress bar for as long as the context lasts. It appears with the first report, which `also` gets too."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    if not sys.stderr.isatty():
        yield also
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[count]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, visible=False, count="")

        def report(done: int, total: int | None) -> None:
            also(done, total)
            bar.update(task, completed=done, total=total, visible=True, count="" if total else f"{done:,}")

        yield report
