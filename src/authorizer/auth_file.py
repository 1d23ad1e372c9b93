"""The file of settings, identity providers and access rules: TOML with `[settings]`, `[[provider]]`, `[[rule]]`."""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from authorizer import rules_file, settings
from authorizer.access import MAX_POLICY_BYTES, AccessRules
from authorizer.entry import Entry, SettingsError
from authorizer.provider import Provider, read_providers

TABLES: Final = ("settings", "provider", "rule")


@dataclass(frozen=True)
class AuthFile:
    """What a file says. `settings`: those that it has, by name. `rules`: None when it has none."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    providers: tuple[Provider, ...] = ()
    rules: AccessRules | None = None


def load(path: Path) -> AuthFile:
    """The contents of a file.

    :raises SettingsError: it cannot be read, or is wrong: see `parse`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"the file cannot be read: {type(error).__name__}"]) from None
    return parse(text, path.parent)


def parse(text: str, directory: Path = Path()) -> AuthFile:
    """The contents of the text of a file. Files that it names are relative to `directory`.

    :raises SettingsError: the text is not TOML, or has something in it that is not as documented. All of it is told.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError([f"not TOML: {error}"]) from None
    mistakes: list[str] = []
    lines = _Lines(text)
    top = Entry(document, lines.top, directory, mistakes)
    top.check_names(TABLES, "the file")
    if not document:
        top.wrong(None, "the file is empty: it must hold [settings], [[provider]] or [[rule]]")
    tables = {name: list(_tables(top, name, lines, directory, mistakes)) for name in TABLES}
    named = settings.read_entries(tables["settings"])
    limit = named.get("max_policy_bytes", MAX_POLICY_BYTES)
    providers = read_providers(tables["provider"])
    for entry in tables["settings"]:
        if named.get("simple_responses") and tables["rule"]:
            entry.wrong("simple_responses", "a simple response is for every route: leave it out, or all [[rule]]")
        if named.get("jwks_seed") and len(providers) > 1:
            entry.wrong("jwks_seed", "a seed goes with one provider: leave it out, or give each its own deployment")
    read = AuthFile(
        named,
        providers,
        rules_file.read(tables["rule"], limit) if tables["rule"] else None,
    )
    if mistakes:
        raise SettingsError(sorted(mistakes, key=_line_number))
    return read


def _tables(top: Entry, name: str, lines: "_Lines", directory: Path, mistakes: list[str]) -> Iterable[Entry]:
    written = "[settings]" if name == "settings" else f"[[{name}]]"
    found = top.members.get(name, ())
    listed = [found] if name == "settings" and name in top.members else found
    if not isinstance(listed, list | tuple) or (name in top.members and not listed):
        top.wrong(name, f"{name} must be written {written}")
        return
    for number, members in enumerate(listed):
        if isinstance(members, Mapping):
            yield Entry(members, lines.places(name, number, len(listed)), directory, mistakes)
        else:
            top.wrong(name, f"{name} must be written {written}")


def _line_number(mistake: str) -> int:
    match = re.match(r"line ([0-9]+)", mistake)
    return int(match[1]) if match else 0


class _Lines:
    """Where in the text its tables and their members stand; tomllib does not tell."""

    _HEADER = re.compile(rf"\s*\[\[?\s*[\"']?({'|'.join(TABLES)})[\"']?\s*\]")

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._headers = [
            (index, match[1]) for index, line in enumerate(self._lines) if (match := self._HEADER.match(line))
        ]

    def top(self, member: str | None) -> str:
        """Where a member of the file itself stands: ``line 7``, or else ``line 1``."""
        return f"line {(self._find(member, 0, len(self._lines)) or 0) + 1}"

    def places(self, table: str, number: int, count: int) -> Callable[[str | None], str]:
        """For the `number`-th, from 0, of `count` such tables: where each of its members stands.

        If the member cannot be found, it is the table's own line. Tables may also be written as an array, or a text
        may look like a header: then their number is told instead.
        """

        def place(member: str | None) -> str:
            starts = [index for index, name in self._headers if name == table]
            if len(starts) != count:
                return f"[{table}]" if table == "settings" else f"{table} {number + 1}"
            start = starts[number]
            end = next((index for index, _ in self._headers if index > start), len(self._lines))
            return f"line {(self._find(member, start + 1, end) or start) + 1}"

        return place

    def _find(self, member: str | None, start: int, end: int) -> int | None:
        if member is None:
            return None
        outer = rf"(?:\[\[?\s*(?:(?:{'|'.join(TABLES)})\s*\.\s*)?)?"
        named = re.compile(rf"\s*{outer}[\"']?{re.escape(member)}[\"']?\s*[.=\]]")
        return next((index for index in range(start, end) if named.match(self._lines[index])), None)
