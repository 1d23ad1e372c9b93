"""A report file that is written under a temporary name, and renamed when it is complete."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from keys.core.errors import BadInput


@contextmanager
def reporting(file: Path | None, source: Path) -> Iterator[TextIO | None]:
    """Open the report; None without a file. The report is kept also if the context ends with an error.

    :raises BadInput: the file is the input file, or cannot be written.
    """
    if file is None:
        yield None
        return
    if file.exists() and source.exists() and file.samefile(source):
        raise BadInput(f"--report {file}: this is the file to import. Specify another file for the report.")
    if file.exists() and not file.is_file():
        # A terminal, a pipe or /dev/null cannot be replaced by a rename.
        with file.open("w", encoding="utf-8") as stream:
            yield stream
        return
    target = file.resolve()
    try:
        number, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise BadInput(f"--report {file}: the file cannot be written: {error.strerror}.") from None
    written = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as stream:
            yield stream
    finally:
        written.replace(target)


def write(stream: TextIO | None, entry: dict[str, Any]) -> None:
    """Write one entry as a line of JSON, if there is a report."""
    if stream is not None:
        stream.write(json.dumps(entry) + "\n")
