"""Files as large as people have them, through the installed command, with the memory that it takes."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local.emulator import Emulator, running_emulator
from local.session import client
from local.system import KEYS
from tests.support.table_schema import create_table_arguments, load_template

pytestmark = pytest.mark.long

MEGABYTE = 1 << 20
MOST_MORE = 64 * 1024
"""Kilobytes of memory over those of the same command with next to nothing to do."""

NUMBER_OF_KEYS = 100_000
TABLE = "Large"


class Ran(NamedTuple):
    """How a command went: its exit code, its output, the most memory it had in kilobytes, and its seconds."""

    code: int
    output: Any
    memory: int
    seconds: float


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("emulator")) as emulator:
        client(emulator, "dynamodb").create_table(TableName=TABLE, **create_table_arguments(load_template()))
        yield emulator


MEASURE = """
import os, resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
"""A small process between: what a process has when it is forked counts as the new one's memory."""


def run(emulator: Emulator, *arguments: str, stdin: Iterable[bytes] = ()) -> Ran:
    started = time.monotonic()
    prefix = () if arguments[0] in ("export", "leak") else ("--prefix", "mak")
    command = [sys.executable, "-I", "-S", "-c", MEASURE, str(KEYS), *arguments, "--table", TABLE, *prefix]
    with subprocess.Popen(
        [*command, "--output", "json"], env=emulator.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        for piece in stdin:
            process.stdin.write(piece)
        process.stdin.close()
        *_, result, memory = process.stdout.read().splitlines()
    ran = Ran(process.wait(), json.loads(result), int(memory), time.monotonic() - started)
    print(f"{' '.join(arguments)}: {ran.seconds:.1f} s, {ran.memory / 1024:.0f} MB")  # noqa: T201
    return ran


def test_a_hundred_thousand_keys_are_imported_exported_and_imported_again(emulator: Emulator, tmp_path: Path) -> None:
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    small.write_text("key,consumer\nlegacy-key-of-nobody,nobody\n", encoding="utf-8")
    lines = (f"legacy-key-number-{number:08},consumer-{number % 1000}\n" for number in range(NUMBER_OF_KEYS))
    large.write_text(f"key,consumer\n{''.join(lines)}", encoding="utf-8")
    before = run(emulator, "import", str(small))
    dry = run(emulator, "import", str(large), "--dry-run")
    real = run(emulator, "import", str(large))
    assert dry.output["imported"] == real.output["imported"] == NUMBER_OF_KEYS
    assert max(dry.memory, real.memory) - before.memory < MOST_MORE
    assert real.seconds < 600
    again = run(emulator, "import", "-", stdin=[large.read_bytes()])
    assert again.output["already_there"] == NUMBER_OF_KEYS
    assert again.memory - before.memory < MOST_MORE
    exported = run(emulator, "export", "--with-digests")
    assert exported.memory - before.memory < MOST_MORE


def test_a_gigabyte_is_searched_in_constant_memory(emulator: Emulator) -> None:
    created = [run(emulator, "create", "--consumer", "acme").output for _ in range(2)]
    line = b'{"time":"2026-01-01T00:00:00Z","path":"/reports","agent":"makes mak_requests","status":200}\n'
    block = (line * (MEGABYTE // len(line) + 1))[:MEGABYTE]

    def log() -> Iterator[bytes]:
        for number in range(1024):
            yield block
            if number in (0, 600):
                yield f"\n{created[number > 0]['key']}\n".encode()

    before = run(emulator, "leak", "-", "--yes", stdin=[line])
    searched = run(emulator, "leak", "-", "--yes", stdin=log())
    assert searched.code == 0
    assert searched.output["bytes"] > 1024 * MEGABYTE
    assert set(searched.output["revoked"]) == {one["key_id"] for one in created}
    assert searched.memory - before.memory < MOST_MORE
