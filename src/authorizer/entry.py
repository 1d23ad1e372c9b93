"""Settings as they were written: read member by member, and what is wrong with them told all at once."""

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from authorizer import claims


class SettingsError(Exception):
    """Settings are missing or wrong. `mistakes`: each with its place and the remedy; the text has one a line."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes: Final = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class Entry:
    """One table of settings, and what is wrong with its members.

    `place` tells where a member stands, or with None the table. Paths of files are relative to `directory`. Reading
    goes on after a mistake: it is added to `mistakes`, and what is returned then is not to be used.
    """

    def __init__(
        self, members: Mapping[str, Any], place: Callable[[str | None], str], directory: Path, mistakes: list[str]
    ) -> None:
        self.members: Final = members
        self.place: Final = place
        self._directory = directory
        self._mistakes = mistakes

    def wrong(self, member: str | None, problem: str) -> None:
        """`problem`: what is wrong, and the remedy. `member`: with what, None for the whole."""
        self._mistakes.append(f"{self.place(member)}: {problem}")

    def check_names(self, known: Collection[str], what: str) -> None:
        """Members of other names are wrong. `what` has the known ones, such as ``a rule``."""
        for name in self.members:
            if name not in known:
                self.wrong(name, f"{name!r} is not known; {what} has {', '.join(known)}")

    def text(self, name: str) -> str | None:
        """None when it is not there."""
        value = self.members.get(name)
        if value is not None and not (isinstance(value, str) and value):
            self.wrong(name, f"{name} must be a text, and not empty")
            return None
        return value

    def file(self, name: str) -> Path | None:
        """A file that is there. None when it is not named."""
        name_of_file = self.text(name)
        path = self._directory / name_of_file if name_of_file else None
        if path and not path.is_file():
            self.wrong(name, f"{name} names {name_of_file!r}, which is not beside it in the function's code")
        return path

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts, or one text for a list of one. Empty only when it is not there."""
        value = self.members.get(name)
        if value is None:
            return ()
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not values or not all(isinstance(item, str) and item for item in values):
            self.wrong(name, f'{name} must be a list of texts, such as ["a", "b"]; leave it out instead of empty')
            return ()
        return tuple(values)

    def number(self, name: str, least: int, most: int) -> int | None:
        """A whole number. None when it is not there."""
        value = self.members.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most):
            self.wrong(name, f"{name} must be a whole number from {least:,} to {most:,}")
            return None
        return value

    def tables(self, name: str) -> list["Entry"]:
        """A list of tables, whose mistakes are told with this member's line. Empty only when it is not there."""
        value = self.members.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not value or not all(isinstance(item, Mapping) for item in value):
            self.wrong(name, f'{name} must be a list of tables, such as [{{ credentials = ["api_key"] }}, ...]')
            return []
        return [Entry(item, lambda _member: self.place(name), self._directory, self._mistakes) for item in value]

    def paths(self, name: str) -> tuple[claims.Path, ...]:
        """Paths to claims, written as texts. Empty only when it is not there."""
        try:
            return tuple(claims.parse_path(text) for text in self.texts(name))
        except claims.PathError as error:
            self.wrong(name, str(error))
            return ()

    def claims(self, name: str) -> dict[claims.Path, Any]:
        """A table of paths to claims, and a value for each."""
        table = self.members.get(name)
        if table is None:
            return {}
        if not isinstance(table, Mapping) or not table:
            self.wrong(name, f'{name} must be a table of names and values, such as {{ "org.plan" = "gold" }}')
            return {}
        found: dict[claims.Path, Any] = {}
        try:
            for path, value in claims.flatten(table):
                if path in found:
                    self.wrong(name, f"the claim {'.'.join(path)!r} is there twice: remove one of them")
                found[path] = value
        except claims.PathError as error:
            self.wrong(name, str(error))
        return found
