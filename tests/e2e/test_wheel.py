"""The wheel of `make archive`, installed without the checkout, as `pipx install` does it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from authorizer import VERSION
from local import environment
from local.deployment import STACK
from local.system import System

UV = Path(".venv/bin/uv").absolute()

pytestmark = pytest.mark.long
"""It downloads every package that `keys` requires."""


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`keys` in an environment that has only the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("wheel")
    python = Path(".venv/bin/python").absolute()
    steps: list[list[str | Path]] = [
        ["build", "-q", "--wheel", "--no-build-isolation", "--python", python, "--out-dir", folder / "dist"],
        ["venv", "-q", "--python", python, folder / "venv"],
    ]
    for words in steps:
        subprocess.run([UV, *words], env=environment.download(), check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    install: list[str | Path] = [UV, "pip", "install", "-q", "--python", folder / "venv", f"{wheel}[templates]"]
    subprocess.run(install, env=environment.download(), check=True)
    return folder / "venv" / "bin" / "keys"


def test_a_key_lives_and_ends_with_the_installed_command(command: Path, system: System, tmp_path: Path) -> None:
    def run(*words: str, code: int = 0) -> Any:
        done = subprocess.run(
            [command, *words, "--stack", STACK, "--output", "json"],
            cwd=tmp_path,
            env=system.emulator.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    key_id = run("create", "--consumer", "hooli", "--expires-in", "90d")["key_id"]
    assert [each["key_id"] for each in run("list", "--consumer", "hooli")] == [key_id]
    rolled = run("roll", key_id, "--grace", "1h")["key_id"]
    run("revoke", rolled, "--yes")
    assert run("show", rolled)["state"] == "revoked"
    template = Path("template.yaml").absolute()
    assert run("stack", "upgrade-check", "--template", str(template)) is not None


def test_its_version_is_that_of_the_checkout(command: Path, tmp_path: Path) -> None:
    done = subprocess.run([command, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert VERSION in done.stdout
