"""A report that is written beside its file, and takes its place when it is whole."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from keys.life.errors import BadInput


@contextmanager
def reporting(file: Path | None, source: Path) -> Iterator[TextIO | None]:
    """What to write the report to; None without a file. However the context ends, what was written is kept.

    :raises BadInput: the file is the one that is read, or cannot be written.
    """
    if file is None:
        yield None
        return
    if file.exists() and source.exists() and file.samefile(source):
        raise BadInput(f"{file} is the file to import: give the report another name.")
    if file.exists() and not file.is_file():
        # A terminal, a pipe, /dev/null: nothing that could be replaced.
        with file.open("w", encoding="utf-8") as stream:
            yield stream
        return
    target = file.resolve()
    try:
        number, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise BadInput(f"The report {file} cannot be written: {error.strerror}.") from None
    written = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as stream:
            yield stream
    finally:
        written.replace(target)


def write(stream: TextIO | None, entry: dict[str, Any]) -> None:
    """One entry, as a line of JSON."""
    if stream is not None:
        stream.write(json.dumps(entry) + "\n")
