"""What the routes do: from a user and a checked body to keys, and from the errors of `keys.core` to problems."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, ParamSpec, TypeVar

from authorizer.claims import pick
from authorizer.self_service import SelfService
from keys.core import fields
from keys.core.errors import BadInput, Conflict, MalformedItem, NotFound
from keys.core.errors import Code as Cause
from keys.core.owners import Bounds, made_today
from keys.core.record import Key, State
from keys.core.store import Store
from self_service.caller import User
from self_service.models import Keys, KeyView, Limits, MadeKey, Me, NewKey, Plan, RolledKey
from self_service.problem import Code, Problem
from self_service.use import Use

DAY: Final = 86_400
MOST_GRACE: Final = 30 * DAY

P = ParamSpec("P")
R = TypeVar("R")


def _told(operation: Callable[P, R]) -> Callable[P, R]:
    """Raise the errors of `keys.core` that a user can do something about as problems."""

    @functools.wraps(operation)
    def tell(*arguments: P.args, **named: P.kwargs) -> R:
        try:
            return operation(*arguments, **named)
        except NotFound:
            raise Problem(Code.NOT_FOUND, "You have no such key, or it has ended.") from None
        except BadInput:
            raise Problem(Code.BAD_REQUEST, "The scopes and your account's data are too large for one key.") from None
        except MalformedItem:
            raise
        except Conflict as error:
            raise _conflict(error) from None

    return tell


@dataclass(frozen=True, slots=True)
class Service:
    """`prefix`: of new keys. `example_url`: a URL to try a key with, or an empty text. `use`: the use of the
    key with this ID, if it is recorded. `part`: how many keys a part of the list has.
    """

    store: Store
    settings: SelfService
    prefix: str
    clock: Callable[[], float]
    example_url: str = ""
    use: Callable[[str, int], Use] | None = None
    part: int = 100

    def me(self, user: User) -> Me:
        """Who is signed in, and what can be made."""
        now = int(self.clock())
        owner, plan = self.store.owners.plan_of(user.caller)
        live = owner.live_at(now) if owner else {}
        return Me(
            sub=user.caller.sub,
            issuer=user.caller.issuer,
            owner=user.caller.owner,
            scopes=sorted(self._grantable(user)),
            limits=Limits(
                keys=self.settings.max_keys,
                live=sum(not each.replaced for each in live.values()),
                longest_seconds=self.settings.max_days * DAY,
                default_seconds=self.settings.default_days * DAY,
                per_day=self.settings.max_keys_per_day,
                made_today=made_today(owner, now) if owner else 0,
            ),
            plan=Plan(name=plan) if plan else None,
            request=self.example_url or None,
        )

    def keys(self, user: User, after: str | None) -> Keys:
        """:raises Problem: there is no key with the ID `after`."""
        now = int(self.clock())
        found = self.store.owners.keys_of(user.caller)
        views = [_view(key, now) for key in found if fields.KEY_ID.fullmatch(key.key_id)]
        views.sort(key=lambda view: (view.state != "active", -view.created_at, view.key_id))
        ids = [view.key_id for view in views]
        if after is not None and after not in ids:
            raise Problem(
                Code.BAD_REQUEST, "The list has changed. Read it from the start.", fields=[("after", "unknown")]
            )
        start = 0 if after is None else ids.index(after) + 1
        part = views[start : start + self.part]
        if self.use is not None:
            for view in part:
                if view.state not in ("expired", "revoked"):
                    use = self.use(view.key_id, now)
                    view.last_used, view.usage = use.last, use.days
        return Keys(keys=part, next=part[-1].key_id if start + self.part < len(views) else None)

    @_told
    def create(self, user: User, wanted: NewKey) -> MadeKey:
        """:raises Problem: the user cannot make this key."""
        user.require_recent_sign_in(self.settings.max_sign_in_minutes, self.clock())
        description = _checked("description", fields.check_description, wanted.description)
        scopes = frozenset(wanted.scopes)
        self._require_grantable(user, scopes)
        longest = self.settings.max_days * DAY
        lifetime = self.settings.default_days * DAY
        if wanted.expires_in is not None:
            lifetime = _checked("expires_in", fields.parse_duration, wanted.expires_in)
            if not 60 <= lifetime <= longest:
                problem = f"A key can work for 1 minute to {self.settings.max_days} days."
                raise Problem(Code.BAD_REQUEST, problem, fields=[("expires_in", problem)])
        created = self.store.owners.create(
            user.caller, self._bounds, prefix=self.prefix, expires_in=lifetime,
            data=pick(user.claims, self.settings.data_claims), description=description, scopes=scopes,
        )  # fmt: skip
        return MadeKey(**_members(created.key, int(self.clock())), key=created.secret)

    @_told
    def roll(self, user: User, key_id: str, grace_text: str) -> RolledKey:
        """:raises Problem: the user has no such key, or cannot make one like it."""
        user.require_recent_sign_in(self.settings.max_sign_in_minutes, self.clock())
        grace = _checked("grace", fields.parse_duration, grace_text)
        if grace > MOST_GRACE:
            problem = f"The old key can work for at most {MOST_GRACE // DAY} more days."
            raise Problem(Code.BAD_REQUEST, problem, fields=[("grace", problem)])
        rolled = self.store.owners.roll(
            user.caller, self._bounds, key_id,
            prefix=self.prefix, grace=grace, most_seconds=self.settings.max_days * DAY,
            data=pick(user.claims, self.settings.data_claims),
            require=lambda old: self._require_grantable(user, old.scopes),
        )  # fmt: skip
        new, end = rolled.created, rolled.old.expires_at or 0
        return RolledKey(**_members(new.key, int(self.clock())), key=new.secret, replaces=key_id, old_expires_at=end)

    @_told
    def revoke(self, user: User, key_id: str) -> None:
        """:raises Problem: the user has no such key, or it has ended."""
        self.store.owners.revoke(user.caller, key_id)

    @property
    def _bounds(self) -> Bounds:
        return Bounds(self.settings.max_keys, self.settings.max_keys_per_day)

    def _grantable(self, user: User) -> frozenset[str]:
        return self.settings.scopes & user.scopes

    def _require_grantable(self, user: User, scopes: frozenset[str]) -> None:
        if excess := sorted(scopes - self._grantable(user)):
            detail = (
                f"You cannot give a key these scopes, because your session does not have them: {', '.join(excess)}."
            )
            raise Problem(Code.SCOPE_NOT_PERMITTED, detail, fields=[("scopes", detail)])


def _checked(name: str, check: Callable[[str], R], text: str) -> R:
    try:
        return check(text)
    except BadInput as error:
        raise Problem(Code.BAD_REQUEST, str(error), fields=[(name, str(error))]) from None


def _view(key: Key, now: int) -> KeyView:
    return KeyView(**_members(key, now))


def _members(key: Key, now: int) -> Mapping[str, Any]:
    state = key.state(now)
    return {
        "key_id": key.ref,
        "description": key.description,
        "hint": key.hint or "",
        "scopes": sorted(key.scopes),
        "state": "replaced" if state is State.ACTIVE and key.rolled_to else state.value,
        "created_at": key.created_at or 0,
        "created_by": key.made_by or "",
        "expires_at": key.expires_at,
        "rolled_to": key.rolled_to,
    }


def _conflict(error: Conflict) -> Problem:
    data = error.data
    match error.problem:
        case Cause.OWNER_DISABLED:
            return Problem(Code.FORBIDDEN, "API keys are disabled for this account. Ask the operator of the API.")
        case Cause.OWNER_LIMIT:
            return Problem(
                Code.LIMIT_REACHED,
                f"There are {data['count']} keys, and there can be {data['limit']}. End one that is not needed.",
            )
        case Cause.OWNER_ROLL_LIMIT:
            return Problem(
                Code.LIMIT_REACHED,
                f"{data['count']} replaced keys still work, and {data['limit']} can. End one of them, or wait.",
            )
        case Cause.OWNER_PER_DAY:
            return Problem(
                Code.TOO_MANY_TODAY,
                f"{data['count']} keys were made today, and {data['limit']} can be. Try again tomorrow (UTC).",
                headers={"Retry-After": str(data["seconds"])},
            )
        case Cause.KEY_ROLLED | Cause.KEY_NOT_ACTIVE:
            return Problem(Code.NOT_ACTIVE, "Only an active key can be replaced, and only once.")
    detail = "Other requests change your keys at the same time. Try again."
    return Problem(Code.TOO_MANY_REQUESTS, detail, headers={"Retry-After": "1"})
