"""The file of settings, providers and rules: TOML with `[settings]`, `[[provider]]`, `[[rule]]` and `[[plan]]`.

It can also have `[self_service]`, for the stack of that name.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from authorizer import rules_file, settings
from authorizer.access import EVERY_ROUTE, MAX_POLICY_BYTES, AccessRules
from authorizer.entry import Entry, SettingsError
from authorizer.provider import Provider, read_providers
from authorizer.tiers import Tiers, read_tiers

if TYPE_CHECKING:
    from authorizer.self_service import SelfService

TABLES: Final = ("settings", "provider", "rule", "plan", "self_service")
_SINGLE: Final = ("settings", "self_service")

_NO_RULE: Final = (
    "The file has no [[rule]], so it permits no route. Add a [[rule]] for each route, such as "
    'route = "GET /me". To permit every route to every accepted credential, add one [[rule]] that has only '
    f"{EVERY_ROUTE}."
)


class AuthFile(NamedTuple):
    """The contents of a file. `settings` has the ones that the file sets. A file that was loaded has a rule."""

    rules: AccessRules
    settings: Mapping[str, Any]
    providers: tuple[Provider, ...]
    tiers: Tiers = ()
    self_service: "SelfService | None" = None


def load(path: Path) -> AuthFile:
    """Read a file.

    :raises SettingsError: the file cannot be read, or has a mistake; see `parse`.
    """
    try:
        # Editors on Windows write a byte order mark.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not in UTF-8"
        raise SettingsError([f"the file cannot be read: {why}"]) from None
    return parse(text, path.parent)


def parse(text: str, directory: Path = Path()) -> AuthFile:
    """Read the text of a file. Paths in it are relative to `directory`.

    :raises SettingsError: the text is not TOML, or has mistakes. All of them are reported, in the order of their lines.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # An integer of thousands of digits is a plain ValueError.
        raise SettingsError([f"not TOML: {error}"]) from None
    mistakes: list[str] = []
    lines = _Lines(text)
    top = Entry(document, lines.top, directory, mistakes)
    top.check_names(TABLES, "The file")
    tables = {name: _tables(top, name, lines) for name in TABLES}
    given = settings.read_entries(tables["settings"])
    providers = read_providers(tables["provider"])
    rules = AccessRules(())
    if "rule" not in document:
        top.wrong(None, _NO_RULE)
    elif tables["rule"]:
        rules = rules_file.read(tables["rule"], given.get("max_policy_bytes", MAX_POLICY_BYTES))
    plans = read_tiers(tables["plan"])
    for name, problem in settings.conflicts(given, providers=len(providers), rules=rules):
        tables["settings"][0].wrong(name, problem)
    users = None
    for entry in tables["self_service"]:
        from authorizer import self_service

        users = self_service.read(entry)
        if providers:
            self_service.check(users, entry, providers)
    if mistakes:
        raise SettingsError(sorted(mistakes, key=_line_number))
    return AuthFile(rules, given, providers, plans, users)


def _tables(top: Entry, name: str, lines: "_Lines") -> list[Entry]:
    if name not in top.members:
        return []
    header, found = f"[[{name}]]", top.members[name]
    if name in _SINGLE:
        header, found = f"[{name}]", [found]
    if not isinstance(found, list) or not found or not all(isinstance(each, Mapping) for each in found):
        top.wrong(name, f"{name} must be a table with the header {header}.")
        return []
    return [top.inner(each, lines.places(name, number, len(found))) for number, each in enumerate(found)]


def _line_number(mistake: str) -> int:
    match = re.match(r"line ([0-9]+)", mistake)
    return int(match[1]) if match else 0


class _Lines:
    """The line numbers of tables and members, which tomllib does not provide. Lines count from 0."""

    _HEADER = re.compile(rf"^[ \t]*\[\[?[ \t]*[\"']?({'|'.join(TABLES)})[\"']?[ \t]*\]", re.MULTILINE)

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: dict[str, list[int]] = {name: [] for name in TABLES}
        self._headers: list[int] = []
        line = end = 0
        for header in self._HEADER.finditer(text):
            line, end = line + text.count("\n", end, header.end()), header.end()
            self._headers.append(line)
            self._starts[header[1]].append(line)

    def top(self, member: str | None) -> str:
        """The place of a top-level member, such as ``line 7``. It is ``line 1`` if the member is not found."""
        return self._place(member, 0, None)

    def places(self, table: str, number: int, count: int) -> Callable[[str | None], str]:
        """Return a function for the places of the members of one table: number `number`, from 0, of `count`.

        A member that is not found has the line of the table's header. If the number of headers is not `count`, the
        tables are written as an array or a string looks like a header. Then the place is the table's number.
        """
        starts = self._starts[table]
        if len(starts) != count:
            return lambda _member: f"[{table}]" if table in _SINGLE else f"{table} {number + 1}"
        start = starts[number]
        return lambda member: self._place(member, start, next((line for line in self._headers if line > start), None))

    def _place(self, member: str | None, start: int, end: int | None) -> str:
        if member is not None:
            outer = rf"(?:\[\[?\s*(?:(?:{'|'.join(TABLES)})\s*\.\s*)?)?"
            named = re.compile(rf"\s*{outer}[\"']?{re.escape(member)}[\"']?\s*[.=\]]")
            lines = enumerate(self._text.split("\n")[start:end], start)
            start = next((number for number, line in lines if named.match(line)), start)
        return f"line {start + 1}"
