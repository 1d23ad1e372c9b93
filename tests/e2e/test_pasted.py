"""Each page of the documentation, pasted by a newcomer: its blocks of `sh` in turn, in one shell of a fresh checkout.

`make run` runs in another terminal meanwhile. AWS's tools reach its emulator and no account, so that `sam deploy` as
printed is tried too. What is not run is marked so in the page, with its reason, and reported as skipped.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Final

import pytest

from local import environment
from local.template_file import load
from tests.docs.pages import PAGES, Block, blocks
from tests.support.checkout import copy_checkout

ROOT = Path.cwd()
SECONDS: Final = 300
END: Final = "end-of-block"
OTHER_TERMINAL: Final = "make run"
STARTS_IT: Final = re.compile(r"^make run$", re.MULTILINE)

RUNTIME: Final = load(Path("template.yaml"))["Parameters"]["PythonRuntime"]["Default"]
DEPLOYS: Final = re.compile(r"^sam (?:build|deploy)|--stack multi-auth\b", re.MULTILINE)

OF_THEIR_OWN: Final = frozenset([Path("docs/tutorial.md")])
"""Pages with a test of their own: tests/e2e/test_tutorial.py."""
COMMANDS = {
    page: [block for block in blocks(page) if block.language == "sh"] for page in PAGES if page not in OF_THEIR_OWN
}
PASTED = [page for page, commands in COMMANDS.items() if any(not block.not_run for block in commands)]


def builder() -> str | None:
    """The folder of the Python that `sam build` needs for the template's runtime, if there is one on PATH.

    pyenv's stand-in is on PATH for a version that is not active: then it is the version itself.
    """
    found = shutil.which(RUNTIME)
    if not found:
        return None
    versions = Path(found).parent.with_name("versions").glob(f"{RUNTIME.removeprefix('python')}.*/bin/{RUNTIME}")
    for python in (Path(found), *sorted(versions)):
        if subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0:
            return str(python.parent)
    return None


@dataclass(frozen=True)
class Checkout:
    """A fresh one, in which `make run` is up, and what that has shown."""

    folder: Path
    screen: str

    def outputs(self) -> dict[str, str]:
        read: dict[str, str] = json.loads((self.folder / ".local/outputs.json").read_text(encoding="utf-8"))
        return read

    def environment(self) -> dict[str, str]:
        """A newcomer's: the SAM CLI on PATH, .venv not, and AWS credentials, which the emulator takes.

        And what pages tell to set: the API's URL, and a credential of each kind.
        """
        outputs = self.outputs()
        given = environment.download() | environment.aws(
            outputs["endpoint_url"], outputs["access_key"], outputs["region"]
        )
        path = [folder for folder in given["PATH"].split(os.pathsep) if Path(folder) != ROOT / ".venv" / "bin"]
        credentials = {"API_URL": outputs["api_url"], "API_KEY": outputs["api_key"], "TOKEN": outputs["jwt"]}
        path = [*filter(None, [builder()]), *path, str(ROOT / ".tools/sam/bin")]
        return given | credentials | {"PATH": os.pathsep.join(path), "TERM": "dumb"}

    def key(self) -> dict[str, str]:
        """A new one, for what a page says about a key at hand."""
        command = [".venv/bin/keys", "create", "--consumer", "acme", "--scopes", "reports:write", "--output", "json"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True)
        made: dict[str, str] = json.loads(done.stdout)
        return made


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    folder = tmp_path_factory.mktemp("pasted") / "checkout"
    copy_checkout(ROOT, folder)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "As it is"], ["tag", "v0.2.0"]):
        identity = ["-c", "user.name=newcomer", "-c", "user.email=newcomer@example.com"]
        subprocess.run(["git", *identity, *words], cwd=folder, check=True)  # noqa: S607
    with subprocess.Popen(
        OTHER_TERMINAL.split(), cwd=folder, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            screen = ""
            while "Each decision" not in screen:
                line = process.stdout.readline()
                assert line, f"`make run` has ended: {screen}"
                screen += line
            yield Checkout(folder, screen)
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=60)


class Shell:
    """One bash, in which blocks are pasted in turn, and every question is answered with yes."""

    def __init__(self, checkout: Checkout, folder: Path) -> None:
        self._checkout = checkout
        self._folder = folder
        (folder / "answers").write_text("y\n" * 100, encoding="utf-8")
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],  # noqa: S607
            cwd=checkout.folder,
            env=checkout.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._too_long = Timer(SECONDS, os.killpg, (self._process.pid, signal.SIGKILL))
        self._too_long.start()

    def close(self) -> None:
        self._too_long.cancel()
        self._process.communicate()

    def paste(self, block: Block) -> str:
        """What the block prints. Every command of it must succeed, or the last with the code that the page says."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        key = self._checkout.key()
        (self._checkout.folder / "key.txt").write_text(key["key"] + "\n", encoding="utf-8")
        script = self._folder / f"{block.line}.sh"
        script.write_text(block.text, encoding="utf-8")
        source = f". '{script}' < '{self._folder / 'answers'}'"
        strict = "set -e -o pipefail"
        source = f"({strict}; {source})" if block.exit_code else f"{strict}\n{source}\nset +e +o pipefail"
        self._process.stdin.write(f"export KEY_ID={key['key_id']}\n{source}\nprintf '\\n%s %s\\n' {END} $?\n")
        self._process.stdin.flush()
        printed = ""
        for line in self._process.stdout:
            if line.startswith(END):
                assert int(line.split()[1]) == block.exit_code, f"{block}\n{block.text}\n{printed}"
                return printed
            printed += line
        pytest.fail(f"{block} failed:\n{block.text}\nIt printed:\n{printed}", pytrace=False)


def words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z]{4,}", text)


def assert_is_like(shown: Block, printed: str) -> None:
    """Nine of ten words that a page shows as output are in what was printed: names, times and ids differ."""
    missing = [word for word in words(shown.text) if word not in printed]
    assert len(missing) * 10 <= len(words(shown.text)), f"{shown} shows {missing}, which was not printed:\n{printed}"


@pytest.mark.parametrize("page", PASTED, ids=str)
def test_a_page_can_be_pasted(page: Path, checkout: Checkout, tmp_path: Path) -> None:
    (checkout.folder / "legacy.csv").write_text("consumer,key\nglobex,legacy-0123456789abcdef\n", encoding="utf-8")
    (checkout.folder / "token.txt").write_text(checkout.outputs()["jwt"] + "\n", encoding="utf-8")
    shell = Shell(checkout, tmp_path)
    printed = ""
    can_build = builder() is not None
    left_out = []
    try:
        for block in blocks(page):
            if block.is_output:
                assert_is_like(block, printed)
            elif not can_build and DEPLOYS.search(block.text):
                left_out.append(str(block))
            elif block.language == "sh" and not block.not_run:
                printed = checkout.screen if STARTS_IT.search(block.text) else shell.paste(block)
    finally:
        shell.close()
    if left_out:
        pytest.skip(f"{RUNTIME} is not on PATH, which `sam build` needs; all was run but {', '.join(left_out)}")


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, id=str(block), marks=pytest.mark.skip(f"{block}: {' '.join(block.not_run.split())}"))
        for commands in COMMANDS.values()
        for block in commands
        if block.not_run
    ],
)
def test_a_block_that_the_page_marks_as_not_run(block: Block) -> None:
    """Listed at the end of the run, with the page's reason."""
