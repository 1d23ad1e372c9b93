"""Bodies of requests and answers. The OpenAPI description is made from them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Duration = Annotated[
    str,
    Field(
        pattern=r"^(0|[0-9]{1,6}[smhd])$",
        description="A number and a unit: `s`, `m`, `h` or `d`.",
        examples=["90d", "24h"],
    ),
]
Scope = Annotated[str, Field(pattern=r"^[!#-+\--:<-\[\]-{}~]{1,128}$", examples=["reports:write"])]
Time = Annotated[int, Field(ge=0, description="In seconds since 1970.")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NewKey(_Request):
    """A key to make."""

    description: Annotated[str, Field(min_length=1, max_length=100, description="What the key is for; one line.")]
    scopes: Annotated[list[Scope], Field(max_length=50, description="Each must be a scope of the token.")] = []
    expires_in: Annotated[Duration | None, Field(description="How long the key works. Null: the default.")] = None


class Roll(_Request):
    """How a key is replaced."""

    grace: Annotated[Duration, Field(description="How long the old key still works. `0`: not at all.")] = "24h"


class KeyView(BaseModel):
    """A key, without its secret."""

    key_id: Annotated[str, Field(pattern=r"^key_[0-9A-Za-z]{16}$")]
    description: str
    hint: Annotated[str, Field(description="How the key begins.")]
    scopes: list[str]
    state: Annotated[
        Literal["active", "replaced", "disabled", "expired", "revoked"],
        Field(description="`replaced`: it was rolled, and works until `expires_at`."),
    ]
    created_at: Time
    created_by: Annotated[str, Field(description="The `sub` of the user who made it.")]
    expires_at: Time | None
    rolled_to: str | None = None
    last_used: Annotated[Time | None, Field(description="Null: never, or not in the time that is recorded.")] = None
    usage: Annotated[
        list[int] | None, Field(description="Requests on each of the last 30 days. Null: they are not counted.")
    ] = None


class MadeKey(KeyView):
    """A new key, with its secret."""

    key: Annotated[str, Field(description="The secret. It is not stored, so no other answer has it.")]


class RolledKey(MadeKey):
    """The key that replaces another."""

    replaces: str
    old_expires_at: Time


class Keys(BaseModel):
    """A part of the list: active keys first, then the newest first."""

    keys: list[KeyView]
    next: Annotated[str | None, Field(description="The value of `after` for the next part. Null: this is the last.")]


class Limits(BaseModel):
    """What bounds the keys of the owner."""

    keys: Annotated[int, Field(description="How many there can be.")]
    live: Annotated[int, Field(description="How many there are: active or disabled, and not replaced.")]
    longest_seconds: int
    default_seconds: int
    per_day: Annotated[int, Field(description="How many can be made in a day in UTC, rolls included.")]
    made_today: int


class Plan(BaseModel):
    """The usage plan that counts the requests with these keys."""

    name: str


class Me(BaseModel):
    """Who is signed in, and what can be made."""

    sub: str
    issuer: str
    owner: Annotated[str, Field(description="Whose keys these are: the user, or the organization.")]
    scopes: Annotated[list[str], Field(description="Those that a new key can have.")]
    limits: Limits
    plan: Plan | None = None
    request: Annotated[str | None, Field(description="A URL to try a key with.")] = None


class FieldProblem(BaseModel):
    """What is wrong with one member."""

    name: str
    detail: str


class ProblemDetails(BaseModel):
    """RFC 9457. API Gateway's own answers (401, 403, 429 and 503) have no `code`."""

    type: str
    title: str
    status: int
    detail: str
    code: str | None = None
    fields: list[FieldProblem] | None = None
    request_id: str | None = None
