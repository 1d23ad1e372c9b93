"""A copy of the build with the rules of one file, to which the local identity provider is added."""

import io
import os
import shutil
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from authorizer import auth_file
from authorizer.auth_file import AuthFile
from authorizer.entry import SettingsError
from local import toml
from local.build import FOLDER
from local.step import StepError

_CODE: Final = Path("Authorizer")
_FILE: Final = "authorizer/auth.toml"
"""The file in the folder of each function that reads it."""


def read(file: Path) -> AuthFile:
    """Read a file of settings, providers and rules.

    :raises StepError: it cannot be read, or has mistakes. Each is named.
    """
    try:
        return auth_file.load(file)
    except SettingsError as error:
        raise StepError(f"{file} has mistakes. Correct them, and start again.", "\n".join(error.mistakes)) from None


class RulesCopy:
    """A folder with the build. Its `auth.toml` is a copy of `file`, with more identity providers at its end.

    `users`: a further `[[self_service.provider]]`. A file without `[self_service]` gets one, and its
    rule.
    """

    def __init__(
        self,
        folder: Path,
        file: Path,
        providers: Sequence[Mapping[str, Any]],
        users: Mapping[str, Any] | None = None,
        scopes: Sequence[str] = (),
    ) -> None:
        self._folder = folder
        self._file = file
        self._providers = providers
        self._users = users
        self._scopes = scopes
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(FOLDER, folder, copy_function=os.link)

    @property
    def template(self) -> Path:
        return self._folder / "template.yaml"

    def write(self) -> AuthFile:
        """Check the file, copy it, and return what the copy says.

        :raises StepError: the file has mistakes, or the copy does: then the file does not permit another provider.
        """
        read(self._file)
        text = self._file.read_text(encoding="utf-8-sig")
        content = (text.rstrip("\n") + "\n" + self._added(tomllib.loads(text))).encode()
        copies = sorted(self._folder.glob(f"*/{_FILE}"))
        for copy in copies:
            for named in _files_named_in(text):
                source, target = self._file.parent / named, copy.parent / named
                if source.is_file() and not Path(named).is_absolute() and ".." not in Path(named).parts:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    _replace(target, source.read_bytes())
            _replace(copy, content)
        try:
            return auth_file.load(copies[0])
        except SettingsError as error:
            what = f"{self._file} is correct, but not together with the identity provider that make run adds to a copy."
            raise StepError(what, "\n".join(error.mistakes)) from None

    def _added(self, document: Mapping[str, Any]) -> str:
        added = toml.array_of_tables("provider", self._providers)
        # A simple response permits every route, so it permits no further rule.
        if self._users and not document.get("settings", {}).get("simple_responses"):
            if "self_service" not in document:
                rule = {"route": "* /self-service/*", "credentials": ["jwt"]}
                added += toml.array_of_tables("rule", [rule])
                added += f"\n[self_service]\nscopes = {toml.value(self._scopes)}\n"
            added += toml.array_of_tables("self_service.provider", [self._users])
        return added

    def code(self) -> bytes:
        """Return the authorizer's code as a zip file."""
        zipped = io.BytesIO()
        root = self._folder / _CODE
        with zipfile.ZipFile(zipped, "w", zipfile.ZIP_STORED, strict_timestamps=False) as written:
            for path in sorted(root.rglob("*")):
                if path.is_file():
                    written.write(path, path.relative_to(root))
        return zipped.getvalue()


def _files_named_in(text: str) -> Iterator[str]:
    """Return each text in a TOML document, because some name files relative to the document."""
    waiting: list[object] = [tomllib.loads(text)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and value and "\0" not in value and len(value) < 200:
            yield value


def _replace(file: Path, content: bytes) -> None:
    """Write a new file, because the old one can be a link to the build, which must not change."""
    file.unlink(missing_ok=True)
    file.write_bytes(content)
    file.chmod(0o644)
