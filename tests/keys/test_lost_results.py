"""A change is reported also if the answer of AWS, the terminal, the reader of the output or the disk is lost.

The command runs in this process if only answers are lost, otherwise as a process.
"""

import fcntl
import io
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner, Result

from authorizer import api_key
from keys.cli import run as run_command
from keys.cli.app import App
from keys.cli.interrupt import interruptible
from keys.cli.main import main
from keys.core import consumers
from tests.support import dynamodb_endpoint
from tests.support.dynamodb_endpoint import WHO, DynamoDBEndpoint, broken, lose
from tests.support.keys_command import KeysCommand

SECONDS = 60
ATTEMPTS = 4
"""The number of attempts of the client."""

KEYS = [sys.executable, "-c", "from keys.cli.main import main; main(prog_name='keys')"]
CREATE = ("create", "--consumer", "acme")


@pytest.fixture
def endpoint(keys: KeysCommand) -> Iterator[DynamoDBEndpoint]:
    with dynamodb_endpoint.running(keys.client) as running:
        yield running


@pytest.fixture
def real(keys: KeysCommand) -> KeysCommand:
    """The command in this process at the current time, to prepare and inspect the table."""
    keys.clock.now = time.time()
    return keys


def environment(endpoint: DynamoDBEndpoint, **more: str) -> dict[str, str]:
    return {**os.environ, **endpoint.environment(**more)}


def run(
    endpoint: DynamoDBEndpoint, *arguments: str, stdout: int | IO[Any] = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*KEYS, *arguments],
        env=environment(endpoint),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.fixture
def call(endpoint: DynamoDBEndpoint, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the command in this process, with the client that it creates."""
    for name, value in endpoint.environment().items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> Result:
        app = App(sleep=lambda _seconds: None, terminal=lambda: None)
        return CliRunner().invoke(main, arguments, obj=app, catch_exceptions=False)

    return call


def key_ids(keys: KeysCommand) -> list[str]:
    return [item["key_id"]["S"] for item in keys.items() if "key_id" in item]


@pytest.mark.parametrize(
    "faults",
    [[lose], [broken], [lose] * ATTEMPTS, [broken] * ATTEMPTS],
    ids=["one answer lost", "one error of AWS's own", "no answer at all", "nothing but errors"],
)
def test_a_key_whose_answer_was_lost_is_found_in_the_table_and_shown(
    endpoint: DynamoDBEndpoint,
    real: KeysCommand,
    call: Callable[..., Result],
    faults: list[Callable[[BaseHTTPRequestHandler], bool]],
) -> None:
    endpoint.faults["TransactWriteItems"] = list(faults)
    made = call(*CREATE, "--output", "json")
    assert made.exit_code == 0, made.stderr
    created = json.loads(made.stdout)
    assert key_ids(real) == [created["key_id"]]
    assert real.run("verify", stdin=created["key"]).exit_code == 0


@pytest.mark.parametrize("command", ["revoke", "disable", "roll", "undo", "delete", "consumer"])
def test_a_change_whose_answer_was_lost_is_found_in_the_table(
    endpoint: DynamoDBEndpoint, real: KeysCommand, call: Callable[..., Result], command: str
) -> None:
    key_id = real.create()["key_id"]
    if command == "undo":
        real.run("roll", key_id)
    arguments = {
        "undo": ("roll", key_id, "--undo", "--yes"),
        "delete": ("delete", key_id, "--yes"),
        "revoke": ("revoke", key_id, "--yes"),
        "consumer": ("consumer", "disable", "acme", "--yes"),
    }.get(command, (command, key_id))
    endpoint.faults["TransactWriteItems"] = [lose] * ATTEMPTS
    done = call(*arguments)
    assert done.exit_code == 0, done.stderr
    states = {key["key_id"]: key["state"] for key in real.json("list")}
    expected = {"revoke": "revoked", "disable": "disabled", "consumer": "disabled", "delete": None}
    assert states.get(key_id) == expected.get(command, "active")


@pytest.mark.parametrize("form", ["table", "json"])
def test_when_nothing_tells_whether_a_key_was_made_its_id_and_the_way_back_are_told(
    endpoint: DynamoDBEndpoint, real: KeysCommand, call: Callable[..., Result], form: str
) -> None:
    def go(request: BaseHTTPRequestHandler) -> bool:
        endpoint.is_gone = True
        return lose(request)

    endpoint.faults["TransactWriteItems"] = [go]
    made = call(*CREATE, "--output", form)
    (key_id,) = key_ids(real)
    assert made.exit_code == 1
    assert "might have been made" in made.stderr
    assert f"keys revoke {key_id} --yes" in made.stderr
    if form == "json":
        assert json.loads(made.stderr)["key_id"] == key_id


def full_disk() -> IO[Any]:
    return Path("/dev/full").open("w")


def no_reader() -> IO[Any]:
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("form", ["table", "json"])
@pytest.mark.parametrize("output", [full_disk, no_reader])
def test_a_key_whose_result_is_lost_is_named_with_the_way_back(
    endpoint: DynamoDBEndpoint, real: KeysCommand, output: Callable[[], IO[Any]], form: str
) -> None:
    with output() as stream:
        made = run(endpoint, *CREATE, "--output", form, stdout=stream)
    (key_id,) = key_ids(real)
    assert made.returncode == 1
    assert f"{key_id} was created" in made.stderr
    assert f"keys revoke {key_id} --yes" in made.stderr
    assert "Traceback" not in made.stderr
    assert "Exception ignored" not in made.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_every_other_change_is_told_on_a_full_disk(real: KeysCommand) -> None:
    first, second = real.create()["key_id"], real.create()["key_id"]
    for arguments, told in (
        (("roll", first), f"keys roll {first} --undo --yes"),
        (("disable", second), f"{second} is disabled"),
        (("enable", second), f"{second} is enabled"),
        (("revoke", second, "--yes"), f"{second} is revoked"),
        (("delete", second, "--yes"), f"{second} is deleted"),
        (("consumer", "disable", "acme", "--yes"), "acme is disabled. 2 keys disabled"),
        (("consumer", "delete", "acme", "--with-keys", "--yes"), "acme is deleted, with 2 keys"),
    ):
        errors = io.StringIO()
        with full_disk() as stream, redirect_stdout(stream), redirect_stderr(errors), pytest.raises(SystemExit) as end:
            main(arguments, obj=real.app())
        assert (end.value.code, told in errors.getvalue()) == (1, True), errors.getvalue()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_list_on_a_full_disk_is_one_line(endpoint: DynamoDBEndpoint, real: KeysCommand) -> None:
    real.create()
    with full_disk() as stream:
        listed = run(endpoint, "list", stdout=stream)
    assert (listed.returncode, listed.stderr) == (1, "Error: No space left on device.\n")


@pytest.mark.parametrize(
    ("command", "sent"),
    [("create", signal.SIGINT), ("roll", signal.SIGINT), ("create", signal.SIGTERM), ("create", signal.SIGHUP)],
)
def test_an_interrupted_write_is_told_with_the_way_back(
    endpoint: DynamoDBEndpoint, real: KeysCommand, command: str, sent: signal.Signals
) -> None:
    old = real.create()["key_id"] if command == "roll" else ""
    process: list[subprocess.Popen[str]] = []

    def interrupt(request: BaseHTTPRequestHandler) -> bool:
        process[0].send_signal(sent)
        process[0].wait(SECONDS)
        return lose(request)

    endpoint.faults["TransactWriteItems"] = [interrupt]
    process.append(
        subprocess.Popen(
            [*KEYS, *(CREATE if command == "create" else ("roll", old))],
            env=environment(endpoint),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    )
    _shown, told = process[0].communicate(timeout=SECONDS)
    (key_id,) = set(key_ids(real)) - {old}
    assert process[0].returncode == 1
    assert "Interrupted" in told
    assert (f"keys revoke {key_id} --yes" if command == "create" else f"keys roll {old} --undo --yes") in told


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            signal.raise_signal(signal.SIGHUP)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_interrupt_while_the_command_is_imported_leaves_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupting:
        def find_spec(self, name: str, *_rest: object) -> None:
            if name == "keys.cli.main":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "keys.cli.main")
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    with pytest.raises(SystemExit, match="Aborted!"):
        run_command()


def test_keys_that_are_left_when_a_change_stops_halfway_are_told(
    endpoint: DynamoDBEndpoint, real: KeysCommand, call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "BATCH", 2)
    for _ in range(3):
        real.create()

    def forbid(request: BaseHTTPRequestHandler) -> bool:
        endpoint.is_gone = True
        return broken(request)

    endpoint.faults["TransactWriteItems"] = [lambda _request: False, forbid]
    stopped = call("consumer", "disable", "acme", "--yes")
    assert stopped.exit_code == 1
    endpoint.is_gone = False
    assert "run the same command again" in stopped.stderr
    again = call("consumer", "disable", "acme", "--yes")
    assert again.exit_code == 0, again.stderr
    assert {key["state"] for key in real.json("list")} == {"disabled"}


def test_each_change_is_stamped_with_the_identity_that_aws_knows(
    real: KeysCommand, call: Callable[..., Result]
) -> None:
    key_id = json.loads(call(*CREATE, "-o", "json").stdout)["key_id"]
    call("revoke", key_id, "--reason", "ticket 4711", "--yes")
    events = real.json("history", key_id)
    assert [(event["what"], event["by"], event["how"], event["reason"]) for event in events] == [
        ("created", WHO, "keys create", None),
        ("revoked", WHO, "keys revoke", "ticket 4711"),
    ]


class Terminal:
    """A process with a pseudo-terminal as its controlling terminal, and with the given standard streams."""

    def __init__(
        self,
        endpoint: DynamoDBEndpoint,
        arguments: tuple[str, ...],
        columns: int = 80,
        program: Sequence[str] = KEYS,
        **streams: Any,
    ) -> None:
        self._controller, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

        def take_control() -> None:
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [*program, *arguments],
            # The size is the terminal's, and not one that the caller has set.
            env={name: value for name, value in environment(endpoint).items() if name not in ("COLUMNS", "LINES")}
            | {"TERM": "dumb"},
            start_new_session=True,
            preexec_fn=take_control,
            pass_fds=[terminal],
            **{"stdin": terminal, "stdout": terminal, "stderr": terminal, **streams},
        )
        os.close(terminal)
        self.shown = ""

    def read_until(self, text: str) -> None:
        while text not in self.shown:
            self.shown += os.read(self._controller, 4096).decode()

    def type(self, text: str) -> None:
        os.write(self._controller, text.encode())

    def finish(self) -> int:
        """Waits for the end. Returns the exit code; the output is in `shown`."""
        try:
            while data := os.read(self._controller, 4096):
                self.shown += data.decode()
        except OSError:
            pass  # Linux reports that the other end is closed.
        os.close(self._controller)
        return self.process.wait(SECONDS)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_where_standard_error_leads_nowhere_either_the_terminal_is_told(
    endpoint: DynamoDBEndpoint, real: KeysCommand
) -> None:
    with full_disk() as stream:
        terminal = Terminal(endpoint, CREATE, stdout=stream, stderr=stream)
        assert terminal.finish() == 1
    (key_id,) = key_ids(real)
    assert f"keys revoke {key_id} --yes" in terminal.shown


def test_a_question_is_asked_on_the_terminal_when_standard_input_is_the_text(
    endpoint: DynamoDBEndpoint, real: KeysCommand, tmp_path: Path
) -> None:
    created = real.create()
    text = tmp_path / "log"
    text.write_text(f"key={created['key']}\n", encoding="utf-8")
    with text.open() as stdin:
        terminal = Terminal(endpoint, ("leak", "-"), stdin=stdin)
        terminal.read_until("[y/N]")
        terminal.type("y\n")
        assert terminal.finish() == 0, terminal.shown
    assert real.json("show", created["key_id"])["state"] == "revoked"


@pytest.mark.parametrize("columns", [20, 60, 80, 250])
def test_a_list_in_a_terminal_has_whole_ids_and_no_line_that_is_too_long(
    endpoint: DynamoDBEndpoint, real: KeysCommand, columns: int
) -> None:
    created = real.create("--tag", "environment=production", consumer="a rather long name of a consumer")
    terminal = Terminal(endpoint, ("list",), columns)
    assert terminal.finish() == 0
    assert created["key_id"] in terminal.shown
    assert "active" in terminal.shown
    assert ("Not shown for lack of width" in terminal.shown) == (columns in (60, 80))
    if columns >= 60:
        listed = [line for line in terminal.shown.splitlines() if not line.startswith("Not shown")]
        assert max(len(line.rstrip()) for line in listed) <= columns


def test_a_finding_is_wrapped_between_words(endpoint: DynamoDBEndpoint) -> None:
    url = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI"
    text = f"issuer {url}: no answer {'of it ' * 20}"
    script = f"from keys.cli.output import finding_text; print(finding_text('wrong', {text!r}))"
    terminal = Terminal(endpoint, (), 60, [sys.executable, "-c", script])
    assert terminal.finish() == 0
    lines = terminal.shown.splitlines()
    assert url in terminal.shown
    assert all(len(line) <= 60 for line in lines if url not in line)
    assert all(line.startswith("       ") for line in lines[1:])


def test_a_secret_is_shown_whatever_the_encoding_of_the_output(endpoint: DynamoDBEndpoint, real: KeysCommand) -> None:
    made = subprocess.run(
        [*KEYS, "create", "--consumer", "Zoë"],
        env=environment(endpoint, PYTHONIOENCODING="ascii"),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert api_key.is_well_formed(made.stdout.split()[1], "mak")
    assert len(key_ids(real)) == 1


@pytest.mark.parametrize("arguments", [CREATE, ("list",), ("--help",), ("scan-pattern", "--prefix", "mak")])
def test_nothing_is_done_while_standard_output_is_closed(
    arguments: tuple[str, ...], endpoint: DynamoDBEndpoint, real: KeysCommand
) -> None:
    closed = ["bash", "-c", 'exec "$@" >&-', "bash", *KEYS, *arguments]
    ended = subprocess.run(
        closed, env=environment(endpoint), stderr=subprocess.PIPE, text=True, timeout=SECONDS, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr == "Error: Standard output is closed, so the result cannot be shown. Nothing was changed.\n"
    assert real.json("list") == []


def test_help_that_cannot_be_written_is_said_in_one_line(endpoint: DynamoDBEndpoint) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        ended = run(endpoint, "--help", stdout=full)
    assert ended.returncode == 1
    assert ended.stderr == "Error: The output could not be written: No space left on device.\n"
