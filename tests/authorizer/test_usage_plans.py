"""Usage plans and subjects, from the event to the answer and the log: what is read, and what is in them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from authorizer import api_key
from authorizer.composition import build
from authorizer.decision import Unauthorized, Undecided
from authorizer.entry import SettingsError
from authorizer.subject_record import subject_pk
from tests.authorizer.test_key_store import Clock, Table
from tests.support.rules_text import written
from tests.support.tokens import AUDIENCE, ISSUER, NOW, claims, jwk, key_set, token

DEFAULT = "default0000000000000"
OWN = "own00000000000000000"
GOLD = "gold0000000000000000"
FREE = "free0000000000000000"
PLANS = f"""
[[plan]]
name = "gold"
usage_key = "{GOLD}"
claims = {{ tier = ["gold", "platinum"] }}

[[plan]]
name = "free"
usage_key = "{FREE}"
issuers = ["{ISSUER}"]
scopes = ["free"]
"""
ON = {"DEFAULT_USAGE_KEY": DEFAULT}
SUBJECTS = {"JWT_SUBJECTS": "true"}
ARN = "arn:aws:execute-api:eu-west-1:123456789012:abc/v1/GET/me"
REST = {"methodArn": ARN}
ON_PLAN = {"plan": {"S": "custom"}, "usage_key": {"S": OWN}}


class Authorizer:
    """An authorizer with a table that counts its reads. `file` is added to a file that permits every route."""

    def __init__(self, directory: Path, file: str = "", variables: Mapping[str, str] = ON) -> None:
        self.table, self.clock = Table(), Clock(NOW)
        env = {
            "API_KEYS_TABLE": "keys",
            "JWT_ISSUER": ISSUER,
            "JWT_AUDIENCE": AUDIENCE,
            "JWT_JWKS_URL": "https://issuer.example/jwks",
            "AUTH_CONFIG": written(directory, file),
            **variables,
        }
        client: Any = self.table
        self._decider = build(env, directory, clock=self.clock, fetch=lambda _u, _s: key_set(jwk()), client=client)

    def decide(self, credential: str, event: Mapping[str, Any] = REST) -> dict[str, Any]:
        return self._decider.decide({"headers": {"Authorization": f"Bearer {credential}"}, **event})

    def key(self, **attributes: Any) -> str:
        return self.table.add(api_key.generate("mak"), **attributes)

    def subject(self, sub: str = "user-1", **attributes: Any) -> None:
        self.table.items[subject_pk(ISSUER, sub)] = {"enabled": {"BOOL": True}, **attributes}

    def usage(self, credential: str) -> tuple[str | None, str | None]:
        """The plan in the context, and the usage key."""
        answer = self.decide(credential)
        return answer["context"].get("plan"), answer.get("usageIdentifierKey")


def reason(capsys: pytest.CaptureFixture[str]) -> str:
    """The reason of the last decision in the log."""
    found: str = json.loads(capsys.readouterr().out.splitlines()[-1])["reason"]
    return found


@pytest.mark.parametrize(
    ("event", "has_usage_key"),
    [
        ({"methodArn": ARN}, True),
        ({"methodArn": ARN, "version": "1.0"}, False),
        ({"routeArn": ARN, "version": "2.0"}, False),
        ({"routeArn": ARN}, False),
    ],
)
def test_only_a_rest_api_gets_a_usage_key(event: dict[str, str], has_usage_key: bool, tmp_path: Path) -> None:
    authorizer = Authorizer(tmp_path)
    for credential in (authorizer.key(), token()):
        answer = authorizer.decide(credential, event)
        assert answer.get("usageIdentifierKey") == (DEFAULT if has_usage_key else None)
        assert "plan" not in answer["context"]


def test_without_a_default_usage_key_no_answer_has_one(tmp_path: Path) -> None:
    authorizer = Authorizer(tmp_path, variables=SUBJECTS)
    authorizer.subject("user-1", **ON_PLAN)
    for credential in (authorizer.key(**ON_PLAN), token()):
        answer = authorizer.decide(credential)
        assert answer.keys() == {"principalId", "policyDocument", "context"}
        assert answer["context"]["plan"] == "custom"


def test_a_key_counts_for_its_own_plan_and_not_for_one_of_the_file(tmp_path: Path) -> None:
    authorizer = Authorizer(tmp_path, PLANS + '[[plan]]\nname = "rest"\nusage_key = "rest0000000000000000"')
    assert authorizer.usage(authorizer.key(**ON_PLAN)) == ("custom", OWN)
    assert authorizer.usage(authorizer.key()) == (None, DEFAULT)


@pytest.mark.parametrize(
    ("changes", "usage"),
    [
        ({}, (None, DEFAULT)),
        ({"tier": "gold"}, ("gold", GOLD)),
        ({"tier": ["platinum"], "scope": "free"}, ("gold", GOLD)),
        ({"tier": "silver", "scope": "a free"}, ("free", FREE)),
        ({"tier": "silver"}, (None, DEFAULT)),
    ],
)
def test_a_jwt_counts_for_the_first_plan_of_the_file_whose_conditions_hold(
    changes: dict[str, Any], usage: tuple[str | None, str], tmp_path: Path
) -> None:
    assert Authorizer(tmp_path, PLANS).usage(token(claims(**changes))) == usage


def test_a_subject_counts_for_its_own_plan_before_one_of_the_file(tmp_path: Path) -> None:
    authorizer = Authorizer(tmp_path, PLANS, ON | SUBJECTS)
    authorizer.subject("user-1", **ON_PLAN)
    authorizer.subject("user-2")
    assert authorizer.usage(token(claims(tier="gold"))) == ("custom", OWN)
    assert authorizer.usage(token(claims(sub="user-2", tier="gold"))) == ("gold", GOLD)
    assert authorizer.usage(token(claims(sub="user-3"))) == (None, DEFAULT)


def test_no_usage_key_is_in_the_context_or_in_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    authorizer = Authorizer(tmp_path, PLANS, ON | SUBJECTS)
    authorizer.subject("user-2", **ON_PLAN)
    credentials = [authorizer.key(**ON_PLAN), token(), token(claims(tier="gold")), token(claims(sub="user-2"))]
    answers = [authorizer.decide(credential) for credential in credentials]
    assert [answer.pop("usageIdentifierKey") for answer in answers] == [OWN, DEFAULT, GOLD, OWN]
    shown = json.dumps(answers) + capsys.readouterr().out
    assert [key for key in (DEFAULT, OWN, GOLD, FREE) if key in shown] == []


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"not_before": {"N": str(NOW - 60)}}, "ended_token"),
        ({"not_before": {"N": str(NOW - 90)}}, "ended_token"),
        ({"not_before": {"N": str(NOW - 91)}}, None),
        ({"enabled": {"BOOL": False}}, "disabled_subject"),
        ({"enabled": {"S": "no"}}, "malformed_record"),
        ({}, None),
    ],
)
def test_a_subject_of_the_table_is_admitted_or_refused(
    state: dict[str, Any], expected: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authorizer = Authorizer(tmp_path, variables=SUBJECTS)
    authorizer.subject(**state)
    if expected is None:
        assert authorizer.decide(token())["context"]["sub"] == "user-1"
        return
    with pytest.raises(Unauthorized):
        authorizer.decide(token())
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["reason"], line["kind"], line["issuer"], line["kid"]) == (expected, "jwt", ISSUER, "k1")
    assert "user-1" not in json.dumps(line)
    assert authorizer.decide(token(claims(sub="user-2")))["context"]["sub"] == "user-2"


def test_a_token_without_a_time_of_issue_is_refused_only_while_its_subject_has_a_moment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authorizer = Authorizer(tmp_path, variables=SUBJECTS | {"API_KEY_CACHE_SECONDS": "0"})
    authorizer.subject(not_before={"N": "1"})
    for absent in ({}, {"iat": 0}):
        with pytest.raises(Unauthorized):
            authorizer.decide(token({**claims(iat=None), **absent}))
        assert reason(capsys) == "ended_token"
    authorizer.subject()
    assert authorizer.decide(token(claims(iat=None)))


def test_a_subject_is_looked_up_by_the_claim_that_the_context_has_as_sub(tmp_path: Path) -> None:
    provider = f'[[provider]]\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\nsubject_claims = ["oid"]\n'
    file_alone = dict.fromkeys(("JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS_URL"), "")
    authorizer = Authorizer(tmp_path, f'{provider}jwks_url = "https://issuer.example/jwks"', file_alone | SUBJECTS)
    authorizer.subject("object", enabled={"BOOL": False})
    assert authorizer.decide(token(claims(sub="object", oid="user-1")))
    with pytest.raises(Unauthorized):
        authorizer.decide(token(claims(oid="object")))


def test_a_decision_has_one_read_with_plans_and_subjects_and_none_from_the_cache(tmp_path: Path) -> None:
    authorizer = Authorizer(tmp_path, PLANS, ON | SUBJECTS)
    authorizer.subject("user-2", **ON_PLAN)
    key = authorizer.key(**ON_PLAN)
    for number, credential in enumerate((key, token(), token(claims(sub="user-2"))), 1):
        for _ in range(3):
            authorizer.decide(credential)
        assert authorizer.table.reads == number


def test_without_subjects_a_jwt_reads_nothing(tmp_path: Path) -> None:
    authorizer = Authorizer(tmp_path, PLANS)
    authorizer.subject(enabled={"BOOL": False})
    authorizer.decide(token())
    assert authorizer.table.reads == 0


def test_a_token_that_is_refused_reads_nothing(tmp_path: Path) -> None:
    authorizer = Authorizer(tmp_path, variables=SUBJECTS)
    for refused in (token(kind="RS-other"), token(claims(exp=NOW - 60)), token(claims(aud="other"))):
        with pytest.raises(Unauthorized):
            authorizer.decide(refused)
    assert authorizer.table.reads == 0


def test_an_end_takes_effect_within_the_key_cache_also_if_the_subject_was_not_in_the_table(tmp_path: Path) -> None:
    authorizer = Authorizer(tmp_path, variables=SUBJECTS)
    authorizer.decide(token())
    authorizer.subject(enabled={"BOOL": False})
    authorizer.clock.now += 29.9
    assert authorizer.decide(token())
    assert authorizer.table.reads == 1
    authorizer.clock.now += 0.1
    with pytest.raises(Unauthorized):
        authorizer.decide(token())
    authorizer.subject()
    authorizer.clock.now += 30
    assert authorizer.decide(token())


def test_while_the_table_is_down_a_jwt_could_not_be_checked_and_one_in_the_cache_is_accepted(tmp_path: Path) -> None:
    def down() -> None:
        raise TimeoutError

    authorizer = Authorizer(tmp_path, variables=SUBJECTS)
    authorizer.decide(token())
    authorizer.table.before_answer = down
    assert authorizer.decide(token())
    with pytest.raises(Undecided):
        authorizer.decide(token(claims(sub="user-2")))
    with pytest.raises(Unauthorized):
        authorizer.decide(token(claims(sub="user-2"), kind="RS-other"))


def test_an_answer_that_is_not_from_the_table_is_no_absent_subject(tmp_path: Path) -> None:
    authorizer = Authorizer(tmp_path, variables=SUBJECTS)
    page = {"ResponseMetadata": {"HTTPHeaders": {"content-type": "text/html"}}}
    authorizer.table.get_item = lambda **_arguments: page  # type: ignore[method-assign]
    with pytest.raises(Undecided):
        authorizer.decide(token())


def test_plans_without_a_default_usage_key_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^DEFAULT_USAGE_KEY is missing, and .* has \[\[plan\]\]"):
        Authorizer(tmp_path, PLANS, {})


@pytest.mark.parametrize("value", ["short", "x" * 129, "0123456789abcdef-0123456789abcdef"])
def test_a_default_usage_key_that_api_gateway_would_not_accept_stops_the_start(value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="DEFAULT_USAGE_KEY must be 20 to 128 letters and digits"):
        Authorizer(tmp_path, variables={"DEFAULT_USAGE_KEY": value})


@pytest.mark.parametrize(
    ("plans", "mistake"),
    [
        (f'[[plan]]\nusage_key = "{GOLD}"', "line 1: name is missing"),
        ("[[plan]]\nname = 'gold'", "line 1: usage_key is missing"),
        ("[[plan]]\nname = 'gold'\nusage_key = 'gold'", "line 3: usage_key must be 20 to 128 letters and digits"),
        (f"[[plan]]\nname = 'a\\\\b'\nusage_key = '{GOLD}'", "line 2: name must be printable"),
        (f"[[plan]]\nname = 7\nusage_key = '{GOLD}'", "line 2: name must be a non-empty string"),
        (f"[[plan]]\nname = 'a'\nusage_key = '{GOLD}'\nscopes = ['a b']", "line 4: 'a b' is not a scope"),
        (f"[[plan]]\nname = 'a'\nusage_key = '{GOLD}'\nnetworks = ['192.0.2.0/24']", "line 4: 'networks' is unknown"),
        (f"[[plan]]\nname = 'a'\nusage_key = '{GOLD}'\nconsumers = ['acme']", "line 4: 'consumers' is unknown"),
        (
            f"[[plan]]\nname = 'a'\nusage_key = '{GOLD}'\n[[plan]]\nname = 'b'\nusage_key = '{FREE}'",
            "line 1: A plan without conditions applies to every JWT, so it must be the last one",
        ),
    ],
)
def test_a_mistake_in_a_plan_is_told_with_its_line(plans: str, mistake: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"auth\.toml, ") as caught:
        Authorizer(tmp_path, plans)
    assert [each for each in caught.value.mistakes if mistake in each]


def test_the_time_limits_leave_room_for_the_second_lookup_of_a_jwt(tmp_path: Path) -> None:
    limits = {"API_KEY_TIMEOUT_SECONDS": "4", "JWKS_TIMEOUT_SECONDS": "2"}
    Authorizer(tmp_path, variables=SUBJECTS | limits)
    with pytest.raises(SettingsError, match=r"together must be at most 8 seconds.* it can wait for two lookups"):
        Authorizer(tmp_path, variables=SUBJECTS | limits | {"ACCEPT_IMPORTED_KEYS": "true"})
