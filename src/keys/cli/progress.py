"""Progress bars on standard error, only if it is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from keys.core.table import Report, ignore

if TYPE_CHECKING:
    from rich.progress import Progress


class Counter:
    """A `Report` that shows a progress bar from its first call on, and passes each call on to `also`."""

    def __init__(self, title: str, bar: Progress | None, also: Report = ignore) -> None:
        self._bar = bar
        self._task = bar.add_task(title, visible=False, count="") if bar else None
        self._also = also

    def __call__(self, done: int, total: int | None) -> None:
        self._also(done, total)
        if self._bar and self._task is not None:
            count = "" if total else f"{done:,}"
            self._bar.update(self._task, completed=done, total=total, visible=True, count=count)

    def beside(self, title: str) -> Counter:
        """A second counter, below this one."""
        return Counter(title, self._bar)


@contextmanager
def counting(title: str, also: Report = ignore) -> Iterator[Counter]:
    """Show progress within the context."""
    if not sys.stderr.isatty():
        yield Counter(title, None, also)
        return
    from rich import progress
    from rich.console import Console

    count = progress.TextColumn("{task.fields[count]}")
    columns = (*progress.Progress.get_default_columns(), count)
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Counter(title, bar, also)
