"""Typed reading of one table of settings. All mistakes are collected, so that they are reported together."""

import os.path
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from authorizer import claims


class SettingsError(Exception):
    """Settings are missing or invalid. `mistakes`: each with its place and a remedy. The text has one per line."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes: Final = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class Entry:
    """One table of settings. Each method reads one member and checks its type.

    `place` returns the place of a member, or of the table for None. File paths are relative to `directory`.
    A mistake is appended to `mistakes` and reading continues. The value returned after a mistake must not be used.
    """

    def __init__(
        self, members: Mapping[str, Any], place: Callable[[str | None], str], directory: Path, mistakes: list[str]
    ) -> None:
        self.members: Final = members
        self.place: Final = place
        self._directory = directory
        self._mistakes = mistakes

    def wrong(self, member: str | None, problem: str) -> None:
        """Report a mistake in this member, or in the whole table for None. `problem` includes the remedy."""
        self._mistakes.append(f"{self.place(member)}: {problem}")

    def check_names(self, known: Collection[str], what: str) -> None:
        """Report each member with an unknown name. `what` names the kind of table, such as ``A rule``."""
        for name in self.members:
            if name not in known:
                self.wrong(name, f"{name!r} is unknown. {what} accepts {', '.join(known)}.")

    def text(self, name: str) -> str | None:
        """A string, or None if the member is absent."""
        value = self.members.get(name)
        if value is not None and not (isinstance(value, str) and value):
            self.wrong(name, f"{name} must be a non-empty string.")
            return None
        return value

    def file(self, name: str) -> Path | None:
        """The path of an existing file, or None if the member is absent or there is no such file."""
        text = self.text(name)
        # Path.is_file raises for a name that is too long or a folder that cannot be read.
        if text is None or os.path.isfile(self._directory / text):  # noqa: PTH113
            return self._directory / text if text else None
        remedy = "Add the file to the function's code, or correct the path."
        self.wrong(name, f"{name} names {text!r}, which does not exist. {remedy}")
        return None

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; one string stands for a list of one. Empty only if the member is absent."""
        value = self.members.get(name)
        if value is None:
            return ()
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not values or not all(isinstance(item, str) and item for item in values):
            problem = f'{name} must be a list of non-empty strings, such as ["a", "b"].'
            self.wrong(name, f"{problem} Remove {name} instead of leaving the list empty.")
            return ()
        return tuple(values)

    def number(self, name: str, least: int, most: int) -> int | None:
        """An integer, or None if the member is absent."""
        value = self.members.get(name)
        if value is not None and not (type(value) is int and least <= value <= most):
            self.wrong(name, f"{name} must be an integer from {least:,} to {most:,}.")
            return None
        return value

    def tables(self, name: str) -> list["Entry"]:
        """A list of tables. Their mistakes are reported at this member's place. Empty only if the member is absent."""
        value = self.members.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not value or not all(isinstance(item, Mapping) for item in value):
            self.wrong(name, f'{name} must be a list of tables, such as [{{ credentials = ["api_key"] }}, ...].')
            return []
        return [self.inner(item, lambda _member: self.place(name)) for item in value]

    def inner(self, members: Mapping[str, Any], place: Callable[[str | None], str]) -> "Entry":
        """A table in this one."""
        return Entry(members, place, self._directory, self._mistakes)

    def paths(self, name: str) -> tuple[claims.Path, ...]:
        """A list of claim paths. Empty only if the member is absent."""
        try:
            return tuple(claims.parse_path(text) for text in self.texts(name))
        except claims.PathError as error:
            self.wrong(name, str(error))
            return ()

    def claims(self, name: str) -> tuple[claims.Claim, ...]:
        """A table that has a value, or a list of values, for each claim path. Empty only if the member is absent."""
        table = self.members.get(name)
        if table is None:
            return ()
        if not isinstance(table, Mapping) or not table:
            self.wrong(name, f'{name} must be a non-empty table of claims, such as {{ "org.plan" = "gold" }}.')
            return ()
        found: dict[claims.Path, claims.Claim] = {}
        try:
            for path, value in claims.flatten(table):
                values, claim = value if isinstance(value, list) else [value], f"The claim {claims.write_path(path)}"
                if path in found:
                    self.wrong(name, f"{claim} appears twice. Remove one of them.")
                elif values and all(map(claims.is_scalar, values)):
                    found[path] = claims.Claim(path, values)
                else:
                    self.wrong(name, f"{claim} must be a string, a number, true, false, or a list of them.")
        except claims.PathError as error:
            self.wrong(name, str(error))
        return tuple(found.values())
