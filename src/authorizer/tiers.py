"""Tiers of JWT callers: the `[[plan]]` tables of a file. All callers of a tier share the limits of one usage key."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from authorizer import conditions
from authorizer.attributes import USAGE_KEY, is_name
from authorizer.conditions import Conditions
from authorizer.entry import Entry
from authorizer.identity import Identity

CONDITIONS: Final = (conditions.Scopes, conditions.AnyScopes, conditions.Issuers, conditions.Claims)
"""What a tier can ask for. Networks are not among them: API Gateway caches the usage key for a credential."""
MEMBERS: Final = ("name", "usage_key", *(condition.NAME for condition in CONDITIONS))


class Tier(NamedTuple):
    """One tier. `usage_key`: the value of the API key of API Gateway that counts for all its callers."""

    name: str
    usage_key: str
    conditions: Conditions = ()


Tiers = tuple[Tier, ...]


def assign(tiers: Iterable[Tier], identity: Identity) -> Identity:
    """The identity on the plan of the first tier whose conditions it satisfies, unless it has a plan of its own."""
    if identity.plan is None and identity.usage_key is None:
        for tier in tiers:
            if all(condition.holds(identity) for condition in tier.conditions):
                return identity.on_plan(tier.name, tier.usage_key)
    return identity


def read_tiers(entries: Sequence[Entry]) -> Tiers:
    """Read the tiers. Mistakes are reported to the entries."""
    for entry in entries[:-1]:
        if not entry.members.keys() & {condition.NAME for condition in CONDITIONS}:
            entry.wrong(None, "A plan without conditions applies to every JWT, so it must be the last one.")
    return tuple(_read(entry) for entry in entries)


def _read(entry: Entry) -> Tier:
    entry.check_names(MEMBERS, "A plan")
    name, usage_key = entry.text("name"), entry.text("usage_key")
    if entry.members.get("name") is None:
        entry.wrong("name", 'name is missing. The context has it as plan, such as "gold".')
    elif name and not is_name(name):
        entry.wrong("name", "name must be printable, without quotation marks and backslashes.")
    if entry.members.get("usage_key") is None:
        entry.wrong("usage_key", "usage_key is missing. Set it to the value of an API key of API Gateway.")
    elif usage_key and not USAGE_KEY.fullmatch(usage_key):
        entry.wrong("usage_key", "usage_key must be 20 to 128 letters and digits.")
    found = tuple(condition for kind in CONDITIONS if (condition := kind.read(entry)))
    return Tier(name or "", usage_key or "", found)
