"""`python -m local`: `run` the whole system on this machine, get a `token` for it, or `invoke` a function."""

import argparse
import fcntl
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from authorizer import auth_file
from authorizer.entry import SettingsError
from local import calls, environment
from local.decisions import Log
from local.emulator import Endpoint
from local.invoke import WAYS, invoke
from local.provider import Provider, sign_in
from local.session import client
from local.step import StepError, demand_space, fail, say, tail, write_private
from local.system import System, running_system

DIRECTORY: Final = Path(".local")
OUTPUTS: Final = DIRECTORY / "outputs.json"
AUTH_FILE: Final = Path("src/authorizer/auth.toml")
POLL_SECONDS: Final = 0.3


def main() -> int:
    """Return the exit code: 0 after Ctrl-C, 1 if a part failed."""
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description="Run the whole system locally: an AWS emulator, this template, an identity provider, an API key.",
        epilog="Example: make run",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="start the system, call the API three times, and show each decision until Ctrl-C")
    commands.add_parser("token", help="print a new JWT of the running system")
    invoked = commands.add_parser("invoke", help="run a function with an event, as Lambda does")
    invoked.add_argument("event", type=Path, help="a JSON file, such as events/api_key.json")
    invoked.add_argument("--function", choices=["Authorizer", "Me"], help="default: the one that takes such events")
    invoked.add_argument("--with", dest="way", choices=WAYS, help="default: docker if a daemon answers, else rie")
    invoked.add_argument("--image", help="the image for Docker to run the function in (default: AWS's)")
    given = parser.parse_args()
    environment.enter()
    # A shell starts background processes with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup` ignores it
        signal.signal(signal.SIGHUP, _interrupt)
    try:
        DIRECTORY.mkdir(exist_ok=True)
        if given.command == "invoke":
            return invoke(DIRECTORY, given.event, given.function, given.way, given.image)
        return run() if given.command == "run" else token()
    except KeyboardInterrupt:
        say("\nStopped.")
        return 0
    except StepError as error:
        return fail(error)
    except OSError as error:
        return fail(StepError(f"{error.filename or 'A file'}: {error.strerror or error}."))


def run() -> int:
    """Run the whole system until it is interrupted.

    :raises StepError: a part failed.
    """
    demand_space(DIRECTORY)
    check_auth_file(AUTH_FILE)
    with only_one(), running_system(DIRECTORY) as system, _outputs(system):
        credentials = {"api_key": system.api_key, "jwt": system.jwt}
        with calls.headers(DIRECTORY, credentials) as files:
            print(calls.screen(system, calls.answers(system), files), flush=True)
            _show_decisions(system)
    what = f"The emulator has ended unexpectedly. See {system.emulator.log}. Start again with `make run`."
    raise StepError(what, tail(system.emulator.log, 5))


def check_auth_file(file: Path) -> None:
    """Check the file with the access rules before minutes are spent on a deployment that cannot decide.

    :raises StepError: the file has mistakes.
    """
    try:
        auth_file.load(file)
    except SettingsError as error:
        raise StepError(f"{file} has mistakes. Correct them, and start again.", "\n".join(error.mistakes)) from None


def token() -> int:
    """Print a new JWT of the running system, and replace the old one in its files.

    :raises StepError: no system is running.
    """
    try:
        outputs = json.loads(OUTPUTS.read_text(encoding="utf-8"))
        emulator = Endpoint(outputs["endpoint_url"], outputs["access_key"])
        names = ("issuer", "audience", "jwks_url", "user_pool", "password")
        jwt = sign_in(emulator, Provider(**{name: outputs[name] for name in names}))["IdToken"]
    except (OSError, ValueError, KeyError, TypeError, BotoCoreError, ClientError):
        raise StepError(f"No local system is running, according to {OUTPUTS}. Start one with `make run`.") from None
    write_private(OUTPUTS, json.dumps(outputs | {"jwt": jwt}, indent=2) + "\n")
    calls.write_header(calls.header_file(DIRECTORY, "jwt"), jwt)
    print(jwt)
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Shut down in order. Ignore further signals meanwhile."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def only_one() -> Iterator[None]:
    """Hold the lock of this checkout.

    :raises StepError: `make run` is already running in it.
    """
    with (DIRECTORY / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StepError("`make run` is already running in this checkout. Stop it first, or use it.") from None
        yield


@contextmanager
def _outputs(system: System) -> Iterator[None]:
    """Write the outputs, and remove them when the system ends."""
    write_private(OUTPUTS, json.dumps(system.outputs(), indent=2) + "\n")
    try:
        yield
    finally:
        OUTPUTS.unlink(missing_ok=True)


def _show_decisions(system: System) -> None:
    """Print each decision until the emulator ends."""
    log = Log(client(system.emulator, "logs"), system.deployment.log_group)
    process = system.emulator.process
    with suppress(BotoCoreError):
        while process.poll() is None:
            for decision in log.decisions():
                print(decision, flush=True)
            with suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
