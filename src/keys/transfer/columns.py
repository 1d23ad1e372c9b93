"""The columns of an import file: each is read as a field, or is ignored because it was named. No other is accepted."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from keys.core.errors import BadInput

COLUMNS: Final = (
    *("consumer", "key", "sha256", "description", "data", "scopes", "networks", "tags", "enabled", "disabled", "state"),
    *("created_at", "expires_at", "lifetime", "revoked_at", "hint"),
)
EXPORT_COLUMNS: Final = (
    *("type", "name", "key_id", "rolled_from", "rolled_to", "unrolled_expires_at"),
    *("consumer_networks", "plan", "disabled_with_consumer", "history", "deleted_at", "created_by", "last_change"),
    *("owner", "owner_issuer", "made_by"),
)
"""Further members of an export with digests, whose records have a `type`."""

_API_GATEWAY: Final = {"name": "consumer", "description": "description", "enabled": "enabled"}


@dataclass(frozen=True, slots=True)
class Source:
    """A file format that needs no options. `columns`: the target of each column by its plain name; None: ignored.

    A file has this format if it has the columns in `required`, and no others than `columns` where `is_exact`.
    """

    name: str
    required: frozenset[str]
    columns: Mapping[str, str | None]
    is_exact: bool = False


SOURCES: Final = (
    # https://docs.aws.amazon.com/apigateway/latest/api/API_ApiKey.html
    Source(
        "Amazon API Gateway's get-api-keys",
        frozenset(["id", "name", "enabled", "createddate", "lastupdateddate", "stagekeys"]),
        {
            **_API_GATEWAY,
            "value": "key",
            "createddate": "created_at",
            "tags": "tags",
            **dict.fromkeys(["id", "lastupdateddate", "stagekeys", "customerid"]),
        },
    ),
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-key-file-format.html
    Source(
        "Amazon API Gateway's API key file",
        frozenset(["name", "key"]),
        {**_API_GATEWAY, "key": "key", "usageplanids": None},
        is_exact=True,
    ),
)


def find_source(names: Collection[str]) -> Source | None:
    """The format of a file with these plain column names, or None."""
    return next(
        (
            source
            for source in SOURCES
            if source.required <= set(names) and not (source.is_exact and set(names) - source.columns.keys())
        ),
        None,
    )


_MEMBER = re.compile(r"(data|tags)\..+", re.DOTALL)
_COLUMN_NAME = re.compile(r"[^\W\d]([^\W\d]|[ .-]){0,14}")
"""A name without digits that is shorter than a key. Other values of a first line can be keys."""
_MIGHT_BE_KEY: Final = re.compile(r"(?=.*[0-9])[!-~]{16,}")

_ENDS: Final = re.compile(
    r"revok|delet|expir|disab|deactiv|suspend|^(is)?(removed|inactive|blocked|banned|archived|cancell?ed|ended)(at|on)?$"
    r"|^valid(un)?til$|^validto$|^ttl$|^ends?(at|on|date|time)?$"
)
_LIVES: Final = re.compile(r"(is)?(active|enabled|valid)")
_STATES: Final = re.compile(r".*(status|state)")
_DOES_NOT_END: Final = frozenset(["", "0", "f", "false", "n", "no", "null", "none", "never", "{}", "[]"])
_ALIVE: Final = frozenset(["1", "t", "true", "y", "yes"])
ACTIVE_STATES: Final = frozenset(["active", "enabled", "valid", "live", "ok"])


def plain(name: str) -> str:
    """A column name without what does not distinguish it: case, spaces, `_` and `-`."""
    return re.sub(r"[\s_-]", "", name).lower()


@dataclass(frozen=True, slots=True)
class Options:
    """`targets`: the field by plain column name; None: the column is ignored. `constants`: values of every line.

    `utc`: see `fields.parse_time`.
    """

    targets: Mapping[str, str | None] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    utc: bool = False


def options(maps: tuple[str, ...], ignored: tuple[str, ...], constants: tuple[str, ...], *, utc: bool) -> Options:
    """From arguments such as `plan=data.plan`, `id` and `scopes=read`.

    :raises BadInput: an argument is malformed, or two contradict each other.
    """
    targets: dict[str, str | None] = {}
    for argument in maps:
        name, equals, target = argument.rpartition("=")
        if not (equals and name and _is_target(target)):
            raise BadInput(f"--map {argument}: specify THEIRS=OURS. OURS is one of {_TARGETS}.")
        if plain(name) in targets:
            raise BadInput(f"--map {argument}: the column {name!r} is mapped twice.")
        targets[plain(name)] = target
    for name in ignored:
        if targets.get(plain(name)):
            raise BadInput(f"--ignore {name}: the column is also mapped.")
        targets[plain(name)] = None
    values: dict[str, Any] = {}
    for argument in constants:
        target, equals, value = argument.partition("=")
        if not (equals and value and _is_target(target) and target not in ("key", "sha256")):
            raise BadInput(f"--set {argument.partition('=')[0]}: specify COLUMN=VALUE. COLUMN is one of {_TARGETS}.")
        _put(values, target, value)
    return Options(targets, values, utc)


def _is_target(name: str) -> bool:
    return name in COLUMNS or bool(_MEMBER.fullmatch(name))


class Columns:
    """Reads the records of one file. `report` is called with the format that was recognized."""

    def __init__(self, options: Options, report: Callable[[str], None]) -> None:
        self._options = options
        self._report = report
        self._parents = {name[: match.start()] for name in options.targets for match in re.finditer(r"\.", name)}
        self._by_names: dict[tuple[str, ...], list[str | None]] = {}
        self._source: Source | None = None

    def values(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The values by field.

        :raises BadInput: a column is unknown, or one that is ignored says that the key has ended.
        """
        given = dict(self._flat(record)) if self._parents else record
        constants = self._options.constants.items()
        result = {name: dict(value) if isinstance(value, dict) else value for name, value in constants}
        for (name, value), target in zip(given.items(), self._targets(tuple(given)), strict=True):
            if (target is None or _MEMBER.fullmatch(target)) and says_ended(name, value):
                raise BadInput(
                    f"The column {name} says that the key has ended, or might have. Map it to revoked_at, expires_at, "
                    "disabled, enabled or state, or remove it from the file."
                )
            if target:
                _put(result, target, value)
        return result

    def check_heading(self, heading: list[str]) -> None:
        """:raises BadInput: the columns of a CSV file cannot be imported."""
        names = [plain(name) for name in heading]
        if not set(names) & {*_PLAIN, *self._options.targets} and find_source(names) is None:
            raise BadInput(
                f"The first line has no column names, such as consumer, key. {_names_read(heading)} {_REMEDY}"
            )
        targets = {*self._targets(tuple(heading)), *self._options.constants}
        if "consumer" not in targets and "type" not in targets:
            raise BadInput(f"There is no column consumer. {_REMEDY}")

    def _flat(self, members: Mapping[str, Any], parent: str = "") -> Iterator[tuple[str, Any]]:
        for name, value in members.items():
            path = f"{parent}{name}"
            if isinstance(value, dict) and plain(path) in self._parents:
                yield from self._flat(value, f"{path}.")
            elif value is not None:
                yield path, value

    def _targets(self, names: tuple[str, ...]) -> list[str | None]:
        """The field of each column; None for one that is ignored."""
        if names not in self._by_names:
            if len(self._by_names) > 1_000:
                self._by_names.clear()
            self._by_names[names] = self._find_targets(names)
        return self._by_names[names]

    def _find_targets(self, names: tuple[str, ...]) -> list[str | None]:
        plain_names = [plain(name) for name in names]
        twice = [name for name in names if plain_names.count(plain(name)) > 1]
        if twice:
            raise BadInput(f"Columns have the same name: {', '.join(map(_quoted, twice))}.")
        if self._source is None and "consumer" not in plain_names and (source := find_source(plain_names)):
            self._source = source
            self._report(f"Format: {source.name}.")
        if "keyid" in plain_names and not set(plain_names) & {"type", "sha256", "key"}:
            raise BadInput("The export has no digests. Export the keys with `keys export --with-digests`.")
        is_export = "type" in plain_names and "type" not in self._options.targets
        known: Mapping[str, str | None] = {**_PLAIN, **_PLAIN_EXPORT} if is_export else _PLAIN
        known = {**(self._source.columns if self._source else known), **self._options.targets}
        if unknown := [name for name in names if plain(name) not in known]:
            raise BadInput(_unknown(unknown))
        targets = [known[name] for name in plain_names]
        for number, target in enumerate(targets):
            if target and (target in targets[:number] or target in self._options.constants):
                raise BadInput(
                    f"{target} has two values: from the column {_quoted(names[number])}, and from another one or from "
                    f"--set. To ignore this column: --ignore {_quoted(names[number])}."
                )
        return targets


def says_ended(name: str, value: Any) -> bool:
    """Whether a column with this name says that the key has ended, or has a value of which that is not certain."""
    if isinstance(value, dict):
        return any(says_ended(member, inner) for member, inner in value.items())
    column, word = plain(name.rpartition(".")[2]), str(value).strip().lower()
    if _LIVES.fullmatch(column):
        return word not in _ALIVE
    if _STATES.fullmatch(column):
        return word not in ACTIVE_STATES | _ALIVE | {""}
    return bool(_ENDS.search(column)) and word not in _DOES_NOT_END


def json_object(value: object, name: str) -> dict[str, Any]:
    """The object, or the object in a JSON text, as in a CSV cell or in a text column of a database. `null` is empty."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise BadInput(f"The column {name} is not JSON.") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadInput(f"{name} must be a JSON object.")
    return value


def _put(values: dict[str, Any], target: str, value: Any) -> None:
    column, _, member = target.partition(".")
    if member:
        is_text = isinstance(value, str)
        values.setdefault(column, {})[member] = value if column == "data" or is_text else json.dumps(value)
    elif target in ("data", "tags"):
        values[target] = {**json_object(value, target), **values.get(target, {})}
    else:
        values[target] = value


_PLAIN: Final = {plain(name): name for name in COLUMNS}
_PLAIN_EXPORT: Final = {plain(name): name for name in EXPORT_COLUMNS}
_TARGETS: Final = f"{', '.join(COLUMNS)}, data.NAME and tags.NAME"
_REMEDY: Final = (
    "Name each column of the file: --map THEIRS=OURS, or --ignore THEIRS. Required: consumer, and key or sha256. "
    f"Optional: {', '.join(COLUMNS[3:])}, data.NAME, tags.NAME."
)


def _names_read(heading: list[str]) -> str:
    """A sentence with the names in the first line, unless one of them can be a key."""
    if not all(_COLUMN_NAME.fullmatch(name) for name in heading):
        return "The line is not shown, because it might have a key."
    more = f" and {len(heading) - 10} more" if len(heading) > 10 else ""
    return f"The names read are {', '.join(map(ascii, heading[:10]))}{more}."


def _unknown(names: list[str]) -> str:
    shown = []
    for name in names[:20]:
        close = difflib.get_close_matches(name.lower(), COLUMNS, 1)
        shown.append(f"{_quoted(name)}{f' (similar to {close[0]})' if close else ''}")
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return f"Unknown columns: {', '.join(shown)}{more}. {_REMEDY}"


def _quoted(name: str) -> str:
    return "one that is not shown, because it might be a key" if _MIGHT_BE_KEY.fullmatch(name) else ascii(name[:40])
