"""The table `[self_service]` of the file of rules."""

from __future__ import annotations

import pytest

from authorizer.auth_file import parse
from authorizer.entry import SettingsError

FILE = """[[rule]]
route = "* /self-service/*"
credentials = ["jwt"]

[[provider]]
issuer = "https://issuer.example/"
audience = "api"
PROVIDER

[self_service]
TABLE

[[self_service.provider]]
issuer = "https://issuer.example/"
client_ids = ["page"]
USERS
"""


def read(table: str = "", users: str = "", provider: str = "", file: str = FILE) -> str:
    """The mistakes."""
    try:
        parse(file.replace("TABLE", table).replace("USERS", users).replace("PROVIDER", provider))
    except SettingsError as error:
        return str(error)
    return ""


SIGN_IN = 'sign_in = { authorize_url = "https://i.example/authorize", token_url = "https://i.example/token" }'


def test_the_defaults_are_ten_keys_of_ninety_days_without_scopes() -> None:
    found = parse(FILE.replace("TABLE", "").replace("USERS", SIGN_IN).replace("PROVIDER", "")).self_service
    assert found
    assert (found.max_keys, found.max_keys_per_day, found.max_days, found.default_days) == (10, 20, 365, 90)
    assert (found.scopes, found.data_claims, found.max_sign_in_minutes) == (frozenset(), (), None)
    (users,) = found.users.values()
    assert (users.owner_claim, users.sign_in and users.sign_in.client_id) == (("sub",), "page")


def test_a_file_can_have_no_self_service() -> None:
    assert parse('[[rule]]\nroute = "* /*"\n').self_service is None


@pytest.mark.parametrize(
    "claim",
    ["email", "name", "preferred_username", "nickname", "username", "EMAIL", "user.email", "upn",
     "https://example.com/email", "cognito:username", '\\"a.b\\".nickname'],
)  # fmt: skip
def test_what_a_user_can_choose_is_no_owner(claim: str) -> None:
    assert "users can choose it" in read(users=f'owner_claim = "{claim}"')


@pytest.mark.parametrize("claim", ["sub", "oid", "org_id", "https://example.com/org_id"])
def test_what_a_provider_assigns_can_be_the_owner(claim: str) -> None:
    assert read(users=f'owner_claim = "{claim}"') == ""


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        ({"table": "max_key = 1"}, "line 11: 'max_key' is unknown. [self_service] accepts company,"),
        ({"table": "max_keys = 0"}, "line 11: max_keys must be an integer from 1 to 100."),
        ({"table": "max_keys = true"}, "max_keys must be an integer"),
        ({"table": "max_days = 30"}, ""),
        ({"table": "max_days = 30\ndefault_days = 60"}, "default_days is more than max_days, which is 30."),
        ({"table": 'scopes = ["a,b"]'}, "'a,b' cannot be a scope of a key."),
        ({"table": "scopes = []"}, "Remove scopes instead of leaving the list empty."),
        ({"users": 'email = "x"'}, "'email' is unknown. [[self_service.provider]] accepts issuer,"),
        ({"users": "owner_claim = ['sub', 'oid']"}, "owner_claim must be one claim."),
        ({"users": "sign_in = 'x'"}, "sign_in must be a table"),
        ({"users": SIGN_IN.replace("https://i.example/t", "http://i.example/t")}, "token_url must be an https URL"),
        ({"users": SIGN_IN.replace("{", '{ client_id = "other",')}, "must be one of client_ids"),
        ({"users": SIGN_IN.replace("{", '{ client_secret = "s",')}, "'client_secret' is unknown."),
        ({"provider": 'data_claims = ["email"]'}, "The data_claims of the provider https://issuer.example/ lack sub,"),
        ({"provider": 'data_claims = ["sub", "azp"]'}, ""),
        (
            {"provider": 'data_claims = ["sub", "azp"]', "table": "max_sign_in_minutes = 5"},
            "lack auth_time. Add them.",
        ),
        ({"file": FILE.replace('client_ids = ["page"]', "")}, "client_ids is missing."),
        ({"file": FILE.replace("[[self_service.provider]]", "[self_service.provider]")}, "requires a [[self_ser"),
        ({"file": FILE.partition("[[self_service")[0]}, "line 10: [self_service] requires a [[self_service.provider]]"),
        (
            {"file": FILE.replace("\n[self_service]", "[[self_service]]")},
            "self_service must be a table with the header [self_service].",
        ),
        (
            {"file": FILE + '\n[[self_service.provider]]\nissuer = "https://unknown.example/"\nclient_ids = ["a"]\n'},
            "https://unknown.example/ is not the issuer of an identity provider.",
        ),
        (
            {"file": FILE + '\n[[self_service.provider]]\nissuer = "https://issuer.example/"\nclient_ids = ["a"]\n'},
            "https://issuer.example/ has two [[self_service.provider]]. Write one.",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_a_mistake_is_named_with_its_remedy(given: dict[str, str], mistake: str) -> None:
    found = read(**given)
    assert mistake in found if mistake else found == ""
