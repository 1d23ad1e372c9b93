"""Put consumers and subjects on plans, and take them off, so that nobody loses access at any step.

The order of a change: the new native key is on all usage plans of the name before an item names it, and the old one is
removed only when neither an item nor a cached answer can have it. After a failure, the same call completes the change.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from botocore.exceptions import ClientError

from keys.core.errors import NotFound
from keys.core.table import Report, ignore
from keys.plans.gateway import Gateway, is_conflict
from keys.plans.holders import Holders
from keys.plans.native_key import Holder, NativeKey, new_value
from keys.plans.usage_plan import NAME_TAG, UsagePlan

SETTLE_SECONDS: Final = 30
"""How long a new native key is not used yet: API Gateway needs some seconds until its stages accept one. AWS documents
no time, so this one was not tried on AWS."""
MARGIN_SECONDS: Final = 60
"""Added to the times of the caches before an old native key is removed."""

Mark = Callable[[str | None, str | None], bool]
"""Writes a plan and the value of a native key, or None for both, to a holder and all its keys. Returns whether anything
was changed."""


class UnknownPlan(NotFound):
    """There is no usage plan of this name. Its data: `plan`, and `names`, those there are."""

    def __init__(self, plan: str, names: Collection[str]) -> None:
        there = f"The plans are: {', '.join(names)}." if names else "There is no usage plan with this tag."
        super().__init__(f"No usage plan has the tag {NAME_TAG} with the value {plan!r}. {there}", plan=plan)


@dataclass(slots=True)
class Change:
    """What a change did. `created` and `mended`: the native keys made, and enabled again. `put`: how often one was put
    on a usage plan. `marked`: whether items were changed. `removed`: the old native keys removed. `waiting`: those that
    a cached answer can still have.
    """

    created: int = 0
    mended: int = 0
    put: int = 0
    marked: bool = False
    removed: int = 0
    waiting: int = 0

    @property
    def is_any(self) -> bool:
        """Whether anything was changed."""
        return bool(self.created or self.mended or self.put or self.marked or self.removed)


@dataclass(slots=True)
class Cleaning(Change):
    """`completed`: the labels of the holders whose native key or usage plans were completed. `without`: those on a plan
    that has no usage plan, with its name.
    """

    completed: list[str] = field(default_factory=list)
    without: list[tuple[str, str]] = field(default_factory=list)


class Plans:
    """The plans of one stack. `cache_seconds`: how long the authorizer keeps a key. `settle_seconds`: see
    `SETTLE_SECONDS`. `tell` is called with what it waits for.
    """

    def __init__(
        self,
        gateway: Gateway,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        *,
        cache_seconds: float,
        settle_seconds: float = SETTLE_SECONDS,
        tell: Callable[[str], object] = lambda _text: None,
    ) -> None:
        self.gateway: Final = gateway
        self._clock = clock
        self._sleep = sleep
        self._cache_seconds = cache_seconds
        self._settle_seconds = settle_seconds
        self._tell = tell

    def find(self, name: str) -> list[UsagePlan]:
        """The usage plans of this name.

        :raises UnknownPlan: there are none.
        """
        plans = self.gateway.usage_plans()
        found = [plan for plan in plans if plan.name == name]
        if not found:
            raise UnknownPlan(name, sorted({plan.name for plan in plans}))
        return found

    def cache_seconds(self) -> int:
        """For how many seconds the former plan of a holder can be in force: in the key cache and that of an API."""
        return int(self._cache_seconds) + self.gateway.longest_cache(self.gateway.usage_plans())

    def assign(self, holder: Holder, name: str, mark: Mark) -> Change:
        """Put the holder on the plan.

        :raises UnknownPlan: there is no usage plan of this name.
        :raises ClientError: API Gateway refused a request.
        """
        plans, own, change = self.find(name), self._own(holder), Change()
        key = self._ready(holder, name, own, plans, change)
        if key.value != holder.usage_key:
            self._settle()
        change.marked = mark(name, key.value)
        # A cleaning at the same time can have taken a key that was not in use yet.
        self._put(key, plans, change)
        self._retire([each for each in own if each.id != key.id], change)
        return change

    def withdraw(self, holder: Holder, mark: Mark) -> Change:
        """Take the holder off its plan. The default key then counts its requests."""
        change = Change(marked=mark(None, None))
        self._retire(self._own(holder), change)
        return change

    def remove(self, holder: Holder) -> int:
        """Remove the native keys of a holder that has no credential anymore. Returns their number."""
        own = self._own(holder)
        for key in own:
            self.gateway.delete(key.id)
        return len(own)

    def clean(self, held: Holders, mark: Callable[[Holder], Mark], progress: Report = ignore) -> Cleaning:
        """Complete what is missing for each holder of a plan, and remove the native keys that nothing uses.

        `held`: read from the table after all changes that this must not undo.
        """
        native = self.gateway.native_keys(values=True)
        by_name: dict[str, list[UsagePlan]] = {}
        for plan in self.gateway.usage_plans():
            by_name.setdefault(plan.name, []).append(plan)
        members = {plan.id: self.gateway.members(plan) for plans in by_name.values() for plan in plans}
        found, in_use = Cleaning(), set(held.in_use)
        for number, holder in enumerate(held.holders.values(), 1):
            progress(number, len(held.holders))
            name = holder.plan or ""
            if name not in by_name:
                found.without.append((holder.label, name))
                continue
            own = [key for key in native if key.holder == holder.digest]
            before = dataclasses.replace(found)
            known = {plan.id: members[plan.id] for plan in by_name[name]}
            key = self._ready(holder, name, own, by_name[name], found, known)
            in_use.add(key.value or "")
            if key.value != holder.usage_key or holder.pk in held.incomplete:
                if key.value != holder.usage_key:
                    self._settle()
                found.marked |= mark(holder)(name, key.value)
            if (before.created, before.mended, before.put, before.marked) != (
                found.created, found.mended, found.put, found.marked,
            ):  # fmt: skip
                found.completed.append(holder.label)
        self._retire([key for key in native if key.value not in in_use], found)
        return found

    def _own(self, holder: Holder) -> list[NativeKey]:
        return [key for key in self.gateway.native_keys() if key.holder == holder.digest]

    def _ready(
        self,
        holder: Holder,
        name: str,
        own: Sequence[NativeKey],
        plans: Sequence[UsagePlan],
        change: Change,
        members: dict[str, set[str]] | None = None,
    ) -> NativeKey:
        """The native key of the holder for this plan, enabled, and on all usage plans."""
        marked = holder.usage_key if holder.plan == name else None
        key = self._choose([self._with_value(each) for each in own if each.plan == name], marked)
        if key is None:
            key = self._create(holder, name, marked or new_value())
            change.created += 1
        if not key.enabled:
            self.gateway.enable(key.id)
            change.mended += 1
        if key.remove_after is not None:
            self.gateway.set_end(key.id, None)
        self._put(key, plans, change, members)
        return key

    def _with_value(self, key: NativeKey) -> NativeKey:
        return key if key.value else dataclasses.replace(key, value=self.gateway.value(key.id))

    def _choose(self, keys: Sequence[NativeKey], marked: str | None) -> NativeKey | None:
        """The key whose value the items have. If they have none, one that was made and not named yet, or is named
        again before it was removed.
        """
        if marked:
            return next((key for key in keys if key.value == marked), None)
        return min(keys, key=lambda key: (key.remove_after is not None, key.created), default=None)

    def _create(self, holder: Holder, name: str, value: str) -> NativeKey:
        try:
            return self.gateway.create(holder, name, value)
        except ClientError as error:
            if not is_conflict(error):
                raise
        # The answer to a first attempt was lost, or somebody made a key with this value.
        again = (self._with_value(key) for key in self._own(holder) if key.plan == name)
        made = next((key for key in again if key.value == value), None)
        return made or self.gateway.create(holder, name, new_value())

    def _put(
        self, key: NativeKey, plans: Sequence[UsagePlan], change: Change, members: dict[str, set[str]] | None = None
    ) -> None:
        for plan in plans:
            is_on = key.id in members[plan.id] if members is not None else self.gateway.has(plan, key.id)
            if not is_on:
                self.gateway.put(plan, key.id)
                change.put += 1

    def _settle(self) -> None:
        if self._settle_seconds:
            self._tell(f"Waiting {self._settle_seconds:g} s, until API Gateway's stages know the key.")
            self._sleep(self._settle_seconds)

    def _retire(self, keys: Sequence[NativeKey], change: Change) -> None:
        """Remove keys that no item has and no cached answer can have. Note the time for the others."""
        now = int(self._clock())
        end = now + self.cache_seconds() + MARGIN_SECONDS if any(key.remove_after is None for key in keys) else 0
        for key in keys:
            if key.remove_after is not None and key.remove_after <= now:
                self.gateway.delete(key.id)
                change.removed += 1
                continue
            change.waiting += 1
            if key.remove_after is None:
                self.gateway.set_end(key.id, end)
