"""Who used which key: requests by credential, day, status and route, and the last use of each key.

There are two sources: the access logs (`LogUsage`), and the table of stacks/usage (`usage_table.TableUsage`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from keys.core.errors import KeysError
from keys.core.record import Key
from keys.core.schema import iso
from keys.deployment.access_logs import SUBJECT, AccessLogs, Unread
from keys.deployment.logs import DAY, Incomplete, Logs

ABSENT: Final = "-"
"""How API Gateway writes a variable without a value."""
API_KEY: Final = "api_key"
JWT: Final = "jwt"
CLASSES: Final = ("2xx", "3xx", "4xx", "5xx")

_EVERY_LINE: Final = "@message"
_MEMBERS: Final = ("credential", "keyId", "issuer", "status")


class NotKnown(KeysError):
    """It cannot be known which keys are unused, or who used a key. The text says why, and names the remedy."""


class By(StrEnum):
    """What requests are counted by."""

    KEY = "key"
    DAY = "day"
    STATUS = "status"
    ROUTE = "route"


@dataclass(frozen=True, slots=True)
class Count:
    """Requests of one credential. `name`: the key ID, or the issuer of a JWT, or "". `status`: a status, or a class as
    in `CLASSES`. `day` and `route`: "" if they were not asked for. `last`: the last request, in seconds since 1970.
    """

    kind: str
    name: str
    status: str
    requests: int
    last: int
    day: str = ""
    route: str = ""

    @property
    def status_class(self) -> str:
        return f"{self.status[:1]}xx"


@dataclass(slots=True)
class Sum:
    """The sum of counts. `by_class`: the requests by class of status."""

    requests: int = 0
    last: int = 0
    by_class: Counter[str] = field(default_factory=Counter)

    def add(self, count: Count) -> None:
        self.requests += count.requests
        self.last = max(self.last, count.last)
        self.by_class[count.status_class] += count.requests


@dataclass(frozen=True, slots=True)
class User:
    """The subject of JWTs of an issuer. `subject_hash`: what stands for it; see `authorizer.subject_hash`."""

    issuer: str
    subject_hash: str


class Usage(Protocol):
    """A source. `name`: for messages. `unread`: stages whose requests it does not have. `pending`: batches of requests
    that it could not count yet.
    """

    @property
    def name(self) -> str: ...

    @property
    def unread(self) -> Sequence[Unread]: ...

    @property
    def pending(self) -> int: ...

    @property
    def began(self) -> int:
        """Since when it has the requests, in seconds since 1970."""

    def counts(
        self, by: By, start: int, end: int, key_ids: Collection[str] | None = None, user: User | None = None
    ) -> Iterator[Count]:
        """The requests from `start` to before `end`, in seconds since 1970. `key_ids`: only those of these keys.
        `user`: only those of this user.

        :raises Incomplete: not all of them came.
        """

    def used(self, start: int, end: int, key_ids: Collection[str]) -> Used:
        """Which of these keys, or of others too, were used in this time.

        :raises Incomplete: not all of them came.
        :raises NotKnown: the source has nothing of this time.
        """


@dataclass(frozen=True, slots=True)
class Used:
    """`key_ids`: with the last use, in seconds since 1970. `since`: from when on no use is missing."""

    key_ids: Mapping[str, int]
    since: int


@dataclass(frozen=True)
class LogUsage:
    """Usage as the access logs have it. `may_be_silent`: APIs whose access log may have no line."""

    logs: Logs
    access_logs: AccessLogs
    may_be_silent: Collection[str] = ()

    name = "the access log"
    pending = 0

    @property
    def unread(self) -> Sequence[Unread]:
        return self.access_logs.unread

    @property
    def began(self) -> int:
        return self.access_logs.began

    def counts(
        self, by: By, start: int, end: int, key_ids: Collection[str] | None = None, user: User | None = None
    ) -> Iterator[Count]:
        more = {By.DAY: [DAY], By.ROUTE: ["method", "resource"]}.get(by, [])
        equal = {} if key_ids is None else {"credential": API_KEY}
        if key_ids is not None and len(key_ids) == 1:
            equal["keyId"] = next(iter(key_ids))
        if user is not None:
            equal = {"credential": JWT, SUBJECT[0]: user.subject_hash}
        for group in self.access_logs.groups:
            members = [*_MEMBERS, *more]
            totals = self.logs.totals(group, members, having="status", equal=equal, start=start * 1000, end=end * 1000)
            for total in totals:
                count = _count(total.values, total.lines, total.newest // 1000)
                if key_ids is None or count.name in key_ids:
                    yield count

    def used(self, start: int, end: int, key_ids: Collection[str]) -> Used:  # noqa: ARG002 - the log has all keys
        found, since = dict[str, int](), max(start, self.began)
        for group in self.access_logs.groups:
            is_empty = True
            members = ["credential", "keyId"]
            for total in self.logs.totals(
                group, members, having=_EVERY_LINE, equal={}, start=start * 1000, end=end * 1000
            ):
                is_empty = False
                key_id, last = total.values["keyId"], total.newest // 1000
                if not key_id:
                    # A line of another format does not say whose request it was.
                    since = max(since, last + 1)
                elif total.values["credential"] == API_KEY:
                    found[key_id] = max(found.get(key_id, 0), last)
            apis = sorted({log.api for log in self.access_logs.read if log.group == group})
            if is_empty and not set(apis) <= set(self.may_be_silent):
                raise NotKnown(
                    f"The access log {group} has no line in this time, so it is not known whether API Gateway writes "
                    "it. Check that the account has a role for API Gateway's logs (ApiGatewayLogRole). If nobody calls "
                    f"the API, accept this with --without-api {' '.join(apis)}."
                )
        return Used(found, since)


def _count(values: Mapping[str, str], requests: int, last: int) -> Count:
    kind = values["credential"]
    name = {API_KEY: values["keyId"], JWT: values["issuer"]}.get(kind, "")
    method, resource = values.get("method", ""), values.get("resource", "")
    # The resource of an HTTP API is its route key, which begins with the method.
    route = resource if " " in resource or not method else f"{method} {resource}"
    return Count(
        kind=kind if kind in (API_KEY, JWT) else "",
        name="" if name == ABSENT else name,
        status=values["status"],
        requests=requests,
        last=last,
        day=values.get(DAY, "")[:10],
        route=route,
    )


def sums(counts: Iterable[Count], by: By) -> dict[tuple[str, ...], Sum]:
    """The sums by what `by` names: kind and name, day, status or route. They are sorted by it."""
    found: dict[tuple[str, ...], Sum] = {}
    for count in counts:
        named = {By.KEY: (count.kind, count.name), By.DAY: (count.day,), By.STATUS: (count.status,)}
        found.setdefault(named.get(by, (count.route,)), Sum()).add(count)
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class Unused:
    """`keys`: those that were not used since `since`. `ignored`: stages whose requests are not known.

    Apart, because nothing is said about them: `newer` keys were made after `since`, or nobody knows when; `nameless`
    ones have no valid key ID, so no source names them.
    """

    since: int
    keys: Sequence[Key]
    newer: Sequence[Key]
    nameless: Sequence[Key]
    ignored: Sequence[Unread]


def unused(
    usage: Usage, keys: Iterable[Key], *, start: int, now: int, from_start: bool, without_apis: Collection[str] = ()
) -> Unused:
    """The keys that were not used from `start` to `now`, in seconds since 1970.

    `from_start`: if the source does not go back so far, take what it has. `without_apis`: the operator accepts that the
    requests to these APIs are not known.

    :raises NotKnown: it cannot be known. Then nothing is said to be unused.
    """
    missing = [each for each in usage.unread if not each.is_spare and each.api not in without_apis]
    if missing:
        named = "; ".join(map(str, missing))
        raise NotKnown(
            f"The requests to these APIs are not known, so no key is said to be unused. {named}. Give them the access "
            "log of the examples, or accept this with --without-api ID."
        )
    if not usage.began:
        raise NotKnown(
            "No API that can invoke the authorizer has an access log, so no key is said to be unused. Deploy with "
            "ApiGatewayLogRole (sample API), or with the access log of the examples."
        )
    if usage.pending:
        raise NotKnown(
            f"Requests ({usage.pending:,} batches) could not be counted, so no key is said to be unused. Count "
            "them with `keys usage --replay`, and try again."
        )
    if usage.began > start and not from_start:
        raise NotKnown(_too_young(usage, usage.began))
    examined = list(keys)
    try:
        used = usage.used(max(start, usage.began), now, [key.key_id for key in examined])
    except Incomplete as error:
        raise NotKnown(f"{error} So no key is said to be unused. Try again, or deploy stacks/usage.") from None
    if used.since > max(start, usage.began) and not from_start:
        raise NotKnown(_too_young(usage, used.since))
    silent = [key for key in examined if key.key_id not in used.key_ids]
    nameless = [key for key in silent if key.ref != key.key_id]
    named_keys = [key for key in silent if key.ref == key.key_id]
    newer = [key for key in named_keys if key.created_at is None or key.created_at > used.since]
    older = [key for key in named_keys if key.created_at is not None and key.created_at <= used.since]
    return Unused(used.since, older, newer, nameless, usage.unread)


def _too_young(usage: Usage, since: int) -> str:
    return (
        f"{usage.name[0].upper()}{usage.name[1:]} has the key of every request only since {iso(since)}, so no key is "
        "said to be unused. Ask for a shorter time, or for what there is with --since-start."
    )
