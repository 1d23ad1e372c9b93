"""The table `[self_service]` of the file: which users can make API keys, and within which bounds.

The authorizer checks it, so that a mistake is found before a deployment, and uses nothing of it. The function of
stacks/self-service does.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from authorizer.claims import Path, write_path
from authorizer.entry import Entry
from authorizer.identity import SCOPE_PATTERN
from authorizer.provider import Provider
from authorizer.urls import is_fetchable

CLIENT_CLAIMS: Final = ("client_id", "azp", "cid", "appid", "aud")
"""The claims that name the client of a token; the first one that it has. RFC 9068, section 2.2; OpenID Connect Core,
section 2 (`azp`, and `aud` of an ID token); `cid`: Okta; `appid`: Microsoft Entra ID, version 1."""
CHOSEN: Final = frozenset(
    (
        *("email", "emails", "mail", "phone", "phone_number", "name", "given_name", "family_name", "middle_name"),
        *(
            "nickname",
            "preferred_username",
            "username",
            "user_name",
            "login",
            "upn",
            "unique_name",
            "profile",
            "picture",
        ),
        "website",
    )
)
"""Names of claims that a user can choose, or that a later user can get. OpenID Connect Core, section 5.7: only `sub`
with `iss` identifies a user."""
MOST_KEYS: Final = 100

_MEMBERS: Final = (
    *("company", "provider", "scopes", "max_keys", "max_keys_per_day", "max_days", "default_days"),
    *("data_claims", "max_sign_in_minutes"),
)
_OF_PROVIDER: Final = ("issuer", "client_ids", "owner_claim", "sign_in")
_OF_SIGN_IN: Final = ("name", "client_id", "scope", "audience", "authorize_url", "token_url")


class SignIn(NamedTuple):
    """How the page signs users in: a public client, with authorization code and PKCE."""

    name: str
    client_id: str
    scope: str
    audience: str
    authorize_url: str
    token_url: str


class Users(NamedTuple):
    """The users of one identity provider. `owner_claim`: says whose keys a user makes."""

    issuer: str
    client_ids: frozenset[str]
    owner_claim: Path
    sign_in: SignIn | None


class SelfService(NamedTuple):
    """The table. `users`: by issuer, from its `[[self_service.provider]]` tables."""

    company: str
    """The name in the head of the page; `API keys` by default."""
    users: dict[str, Users]
    scopes: frozenset[str]
    """The scopes that a key can have, of those that the user's token has now; none by default."""
    max_keys: int
    """Live keys of an owner: 10 by default, at most 100. As many more can be rolled and still work."""
    max_keys_per_day: int
    """Keys made for an owner in a day (UTC), rolls included; 20 by default."""
    max_days: int
    """The longest life of a key in days; 365 by default."""
    default_days: int
    """The usual life of a key in days; 90 by default."""
    data_claims: tuple[Path, ...]
    """The claims that a new key has as its `data`; none by default."""
    max_sign_in_minutes: int | None
    """How long ago the sign-in (`auth_time`) can be when a key is made or rolled; no limit by default."""


def read(entry: Entry) -> SelfService:
    """Read the table. Mistakes are reported to it."""
    entry.check_names(_MEMBERS, "[self_service]")
    longest = entry.number("max_days", 1, 3_650) or 365
    scopes = frozenset(entry.texts("scopes"))
    for scope in sorted(scopes):
        if not SCOPE_PATTERN.fullmatch(scope) or not scope.isprintable() or re.search(r"[,;|]", scope):
            entry.wrong("scopes", f'{scope!r} cannot be a scope of a key. Use visible ASCII without , ; | " and \\.')
    default = entry.number("default_days", 1, 3_650) or min(90, longest)
    if default > longest:
        entry.wrong(
            "default_days", f"default_days is more than max_days, which is {longest}. Lower it, or raise max_days."
        )
    return SelfService(
        company=entry.text("company") or "API keys",
        users=_users(entry),
        scopes=scopes,
        max_keys=entry.number("max_keys", 1, MOST_KEYS) or 10,
        max_keys_per_day=entry.number("max_keys_per_day", 1, 1_000) or 20,
        max_days=longest,
        default_days=default,
        data_claims=entry.paths("data_claims"),
        max_sign_in_minutes=entry.number("max_sign_in_minutes", 1, 100_000),
    )


def check(table: SelfService, entry: Entry, providers: Sequence[Provider]) -> None:
    """Report what contradicts the identity providers."""
    known = {provider.issuer: provider for provider in providers}
    for users in table.users.values():
        if (provider := known.get(users.issuer)) is None:
            entry.wrong(
                "provider",
                f"{users.issuer} is not the issuer of an identity provider. Copy the issuer of a [[provider]].",
            )
        elif provider.data_claims is not None:
            needed = [users.owner_claim, *([("auth_time",)] if table.max_sign_in_minutes else []), *table.data_claims]
            passed = provider.data_claims
            absent = [write_path(path) for path in needed if not any(path[: len(each)] == each for each in passed)]
            if not any((name,) in passed for name in CLIENT_CLAIMS):
                absent.append("client_id or azp or aud, whichever its tokens have")
            if absent:
                entry.wrong(
                    "provider", f"The data_claims of the provider {users.issuer} lack {', '.join(absent)}. Add them."
                )


def _users(entry: Entry) -> dict[str, Users]:
    tables = entry.members.get("provider")
    if not isinstance(tables, list) or not tables or not all(isinstance(each, dict) for each in tables):
        entry.wrong(
            "provider",
            "[self_service] requires a [[self_service.provider]] with issuer and client_ids: who can make keys.",
        )
        return {}
    found: dict[str, Users] = {}
    for each in tables:
        users = _read_users(entry.inner(each, lambda _member: entry.place("provider")))
        if users.issuer in found:
            entry.wrong("provider", f"{users.issuer} has two [[self_service.provider]]. Write one.")
        found[users.issuer] = users
    return found


def _read_users(entry: Entry) -> Users:
    entry.check_names(_OF_PROVIDER, "[[self_service.provider]]")
    issuer, client_ids = entry.text("issuer"), frozenset(entry.texts("client_ids"))
    if "issuer" not in entry.members:
        entry.wrong("issuer", "issuer is missing. Copy that of a [[provider]].")
    if "client_ids" not in entry.members:
        entry.wrong(
            "client_ids",
            "client_ids is missing. List the clients whose tokens can make keys, such as that of the page.",
        )
    paths = entry.paths("owner_claim")
    owner = paths[0] if paths else ("sub",)
    if len(paths) > 1:
        entry.wrong("owner_claim", "owner_claim must be one claim.")
    if re.split(r"[/:.]", owner[-1].lower())[-1] in CHOSEN:
        entry.wrong(
            "owner_claim",
            f"{write_path(owner)} cannot be the owner_claim: users can choose it, or get that of another user. Use a "
            "claim that the provider assigns, such as sub or the ID of an organization.",
        )
    sign_in = entry.members.get("sign_in")
    if sign_in is not None and not isinstance(sign_in, dict):
        entry.wrong(
            "sign_in", 'sign_in must be a table, such as { client_id = "...", authorize_url = "https://...", ... }.'
        )
        sign_in = None
    return Users(
        issuer or "",
        client_ids,
        owner,
        _sign_in(entry.inner(sign_in, entry.place), issuer or "", client_ids) if sign_in else None,
    )


def _sign_in(entry: Entry, issuer: str, client_ids: frozenset[str]) -> SignIn:
    entry.check_names(_OF_SIGN_IN, "sign_in")
    client_id = entry.text("client_id") or (next(iter(client_ids)) if len(client_ids) == 1 else "")
    if client_id not in client_ids:
        entry.wrong("client_id", "The client_id of sign_in must be one of client_ids.")
    urls = {name: entry.text(name) for name in ("authorize_url", "token_url")}
    for name, url in urls.items():
        if not url or not is_fetchable(url) or urlsplit(url).query:
            entry.wrong(
                name,
                f"{name} must be an https URL without a query. Copy it from the provider's discovery document.",
            )
    return SignIn(
        name=entry.text("name") or urlsplit(issuer).hostname or issuer,
        client_id=client_id,
        scope=entry.text("scope") or "openid",
        audience=entry.text("audience") or "",
        authorize_url=urls["authorize_url"] or "",
        token_url=urls["token_url"] or "",
    )
