"""`python -m local`: `run` the whole system on this machine, get a `token` for it, or `invoke` a function."""

import signal

if __name__ == "__main__":
    # Ctrl-C ends the program without a traceback while the modules below are imported. `main` sets other handlers.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import fcntl
import itertools
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from local import calls, environment, own_api, rehearsal, rules_copy
from local.apis import Api, deployed, flush
from local.decisions import HEADING, Log, parse_event
from local.deployment import STACK
from local.emulator import Endpoint
from local.invoke import WAYS, invoke
from local.provider import USER, Provider, access_token
from local.rehearsal import callers, rehearse
from local.session import client
from local.stacks import STACKS, Deploying, default_names, deploying
from local.step import StepError, demand_space, fail, say, step, tail, write_private
from local.system import AUTH_FILE, KEYS, PREFIX, System, run_keys, running_system

DIRECTORY: Final = Path(".local")
OUTPUTS: Final = DIRECTORY / "outputs.json"
POLL_SECONDS: Final = 0.3
MOST_EVENTS: Final = 5
"""How many new events are shown at a time."""
NOT_RUNNING: Final = f"No local system is running, according to {OUTPUTS}. Start one with `make run`."


def main() -> int:
    """Return the exit code: 0 after Ctrl-C, 1 if a part failed."""
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description="Run the whole system locally: an AWS emulator, this template, an identity provider, an API key.",
        epilog="Example: make run",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    ran = commands.add_parser(
        "run", help="start the system, call the API three times, and show each decision until Ctrl-C"
    )
    ran.add_argument("--rules", type=Path, default=AUTH_FILE, help=f"the file of access rules (default: {AUTH_FILE})")
    ran.add_argument("--template", type=Path, help="the template of an API of your own, deployed in its own stack")
    ran.add_argument("--parameters", default="", help='parameters of the templates, such as "LogLevel=DEBUG"')
    ran.add_argument(
        "--stacks",
        type=_stacks,
        help=f"the optional stacks to add while it runs, separated by commas, or none (default: {','.join(STACKS)}; "
        "with rules or a template of your own, without plans)",
    )
    ran.add_argument("--keys", type=Path, help="a file of existing keys, for keys import")
    commands.add_parser("env", help="print the variables of the running system for a shell")
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
        if given.command == "run":
            own = given.template is not None or given.rules != AUTH_FILE
            stacks = default_names(own=own) if given.stacks is None else given.stacks
            return run(given.rules, given.template, given.parameters, given.keys, stacks)
        return env() if given.command == "env" else token()
    except KeyboardInterrupt:
        say("\nStopped.")
        return 0
    except StepError as error:
        return fail(error)
    except OSError as error:
        return fail(StepError(f"{error.filename or 'A file'}: {error.strerror or error}."))


def run(rules: Path, template: Path | None, parameters: str, keys: Path | None, stacks: Sequence[str]) -> int:
    """Run the whole system until it is interrupted.

    `rules`: the file of settings, providers and access rules. `template`: an API of one's own, deployed beside the
    sample API. `parameters`: parameters of the templates, `Name=value`. `keys`: a file to import with `keys import`.
    `stacks`: the optional stacks to deploy while the first one is used.

    :raises StepError: a part failed.
    """
    demand_space(DIRECTORY)
    rules_copy.read(rules)
    given = own_api.parameters(parameters, template)
    if keys:
        _demand_importable(keys, given.authorizer.get("ApiKeyPrefix", PREFIX))
    imported = {"AcceptImportedKeys": "true"} if keys else {}
    # For the API with plans of examples/plans. It changes nothing for the sample API, which has no usage plan.
    usage = {"DefaultUsageKey": uuid4().hex}
    with (
        only_one(),
        running_system(DIRECTORY, usage | imported | dict(given.authorizer), rules=rules) as system,
        _outputs(system),
    ):
        credentials = {"api_key": system.api_key, "jwt": system.jwt}
        with calls.headers(DIRECTORY, credentials) as files:
            if keys:
                with step(f"keys import {keys}"):
                    _import(system, keys)
            own: list[Api] = []
            if template:
                with step(f"sam deploy {template}"):
                    own = own_api.deploy(system.emulator, template, given.own, DIRECTORY)
                _write_outputs(system, own)
            print(calls.screen(system, calls.answers(system), files, rules, own), flush=True)
            if own or rules != AUTH_FILE:
                _rehearse(system, own)
            print(calls.DECISIONS, flush=True)
            with deploying(stacks) as others:
                _show_decisions(system, rules, own, others)
    what = f"The emulator has ended unexpectedly. See {system.emulator.log}. Start again with `make run`."
    raise StepError(what, tail(system.emulator.log, 5))


def _demand_importable(file: Path, prefix: str) -> None:
    """:raises StepError: a line of the file would not be imported into an empty table."""
    command: list[str | Path] = [KEYS.absolute(), "import", file.absolute(), "--dry-run", "--prefix", prefix]
    # In this folder, `keys` finds no local system: after a kill, .local/outputs.json can name one that has ended.
    done = subprocess.run(command, cwd=DIRECTORY, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        what = (
            f"{file} cannot be imported. Correct it, and start again. For options such as --map, start without KEYS "
            'and with PARAMETERS="AcceptImportedKeys=true", and run `keys import` in another terminal.'
        )
        raise StepError(what, (done.stderr.partition("Error: ")[2] or done.stderr or done.stdout).strip())


def _import(system: System, file: Path) -> None:
    """:raises StepError: a line of the file is not imported."""
    prefix = system.api_key.partition("_")[0]
    done = run_keys(system.emulator, system.deployment.table, "import", str(file), "--prefix", prefix)
    if done.returncode:
        raise StepError(f"keys import {file} failed with exit code {done.returncode}.", done.stderr or done.stdout)
    summary = {name: count for name, count in json.loads(done.stdout).items() if type(count) is int}
    say("  " + ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in summary.items()))


def _rehearse(system: System, own: Sequence[Api]) -> None:
    """Call each route of the own APIs, or of the sample API, with each credential, and show the results."""
    listed = own or deployed(system.emulator, STACK)
    for api in listed:
        flush(system.emulator, api)
    credentials = callers(system.api_key, system.api_key_identity, system.jwt, system.rules)
    found = {api.name: list(rehearse(api, credentials, system.rules.rules)) for api in listed}
    print(rehearsal.screen(found, [api.name for api in listed if not api.is_rest]), flush=True)


def env() -> int:
    """Print the variables with which a shell's `aws`, `sam` and `keys` use the running system.

    :raises StepError: no system is running.
    """
    outputs = _read_outputs()
    emulator = Endpoint(outputs["endpoint_url"], outputs["access_key"])
    bins = os.pathsep.join(str(environment.ROOT / folder) for folder in (".venv/bin", ".tools/sam/bin"))
    print("unset AWS_PROFILE AWS_SESSION_TOKEN")
    for name, value in emulator.environment().items():
        if name.startswith("AWS_"):
            print(f"export {name}={shlex.quote(value)}")
    print(f'export PATH={shlex.quote(bins)}:"$PATH"')
    if "own_api_url" in outputs:
        print(f"export OWN_API_URL={shlex.quote(outputs['own_api_url'])}")
    print('# In bash or zsh: eval "$(make -s env)"')
    return 0


def _read_outputs() -> dict[str, str]:
    """:raises StepError: no system is running."""
    try:
        with only_one():
            pass  # Nobody holds the lock. A run that was killed leaves its outputs.
    except StepError:
        pass
    else:
        raise StepError(NOT_RUNNING)
    try:
        outputs: dict[str, str] = json.loads(OUTPUTS.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise StepError(NOT_RUNNING) from None
    return outputs


def token() -> int:
    """Print a new JWT of the running system, and replace the old one in its files.

    :raises StepError: no system is running.
    """
    outputs = _read_outputs()
    try:
        emulator = Endpoint(outputs["endpoint_url"], outputs["access_key"])
        names = ("issuer", "audience", "jwks_url", "user_pool", "password")
        jwt = access_token(emulator, Provider(**{name: outputs[name] for name in names}))
    except (KeyError, TypeError, BotoCoreError, ClientError):
        raise StepError(NOT_RUNNING) from None
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
    _write_outputs(system)
    try:
        yield
    finally:
        OUTPUTS.unlink(missing_ok=True)


def _write_outputs(system: System, own: Sequence[Api] = ()) -> None:
    """`own_api_url`: the base URL of the first API of one's own, if there is one."""
    outputs = system.outputs() | ({"own_api_url": own[0].url} if own else {})
    write_private(OUTPUTS, json.dumps(outputs, indent=2) + "\n")


def _show_decisions(system: System, rules: Path, own: Sequence[Api], others: Deploying) -> None:
    """Print each decision and each event until the emulator ends. Load the file of rules when it changes."""
    logs = [Log(client(system.emulator, "logs"), system.deployment.log_group)]
    process = system.emulator.process
    before = _content(rules)
    with suppress(BotoCoreError):
        while process.poll() is None:
            for shown in itertools.chain.from_iterable(log.new() for log in logs):
                print(shown, flush=True)
            logs += _added(system, others)
            if (now := _content(rules)) != before:
                before = now
                system = _reloaded(system, rules, own)
            with suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)


def _added(system: System, others: Deploying) -> Iterator[Log]:
    """The logs of the optional stacks, once they are deployed."""
    try:
        outcome = others.finished()
    except StepError as error:
        print(f"{error.what}\n{error.details}", flush=True)
        return
    if outcome is None:
        return
    for name, complaint in outcome.failed.items():
        print(f"The optional stack {name} is not deployed. The others work without it.\n{complaint}", flush=True)
    outputs = outcome.deployed
    if "usage" in outputs:
        print("The stack of usage is deployed. To see who used which key: .venv/bin/keys usage", flush=True)
    if "self-service" in outputs:
        page = outputs["self-service"]["page"]
        print(f"The stack of self-service is deployed. Make a key on its page: {page}", flush=True)
        print(f"  Sign in as {USER}. The password is in {OUTPUTS}.", flush=True)
    if "plans" in outputs:
        plans = outputs["plans"]
        print(f"examples/plans is deployed. After {plans['command']}, {plans['url']} answered:", flush=True)
        print(f"  {plans['statuses']}", flush=True)
    if "events" in outputs:
        print("The stack of events is deployed. To see all events: .venv/bin/keys audit", flush=True)
        yield Log(client(system.emulator, "logs"), outputs["events"]["RecordLogGroup"], parse_event, MOST_EVENTS)


def _stacks(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    if unknown := [name for name in names if name not in STACKS]:
        raise argparse.ArgumentTypeError(
            f"{', '.join(unknown)} is unknown. The optional stacks are {', '.join(STACKS)}."
        )
    return names


def _reloaded(system: System, rules: Path, own: Sequence[Api]) -> System:
    """Load the changed file, and call each route. Keep the rules if the file has mistakes."""
    try:
        with step(f"load {rules}"):
            changed = system.reload()
    except StepError as error:
        print(f"{rules} was changed, but is not loaded: it has mistakes.\n{error.details}", flush=True)
        return system
    _rehearse(changed, own)
    print(HEADING, flush=True)
    return changed


def _content(file: Path) -> bytes | None:
    """Return the content of a file, or None while an editor replaces it."""
    with suppress(OSError):
        return file.read_bytes()
    return None


if __name__ == "__main__":
    sys.exit(main())
