"""Usage plans and subjects with the artifact: what its answers have, what it refuses, and how often it reads."""

from pathlib import Path
from typing import Any

import pytest

from authorizer.subject_record import subject_pk
from tests.support import dynamodb
from tests.support.interpreter import running
from tests.support.rules_text import written
from tests.support.tokens import AUDIENCE, ISSUER, NOW, claims, jwk, key_set, token

DEFAULT, OWN, GOLD = (f"{name:0<20}" for name in ("default", "own", "gold"))
PLAN = f'[[plan]]\nname = "gold"\nusage_key = "{GOLD}"\nclaims = {{ tier = "gold" }}'
SUBJECT = {"pk": {"S": subject_pk(ISSUER, "user-1")}, "enabled": {"BOOL": True}}
SETTINGS = {
    "API_KEYS_TABLE": "keys",
    "JWT_ISSUER": ISSUER,
    "JWT_AUDIENCE": AUDIENCE,
    "JWT_JWKS_URL": "https://issuer.example/jwks",
    "DEFAULT_USAGE_KEY": DEFAULT,
    "JWT_SUBJECTS": "true",
}


@pytest.mark.parametrize(
    ("item", "changes", "outcome", "usage_key"),
    [
        ({}, {}, ("allow", None), DEFAULT),
        ({}, {"tier": "gold"}, ("allow", None), GOLD),
        ({"plan": {"S": "custom"}, "usage_key": {"S": OWN}}, {"tier": "gold"}, ("allow", None), OWN),
        ({"not_before": {"N": str(NOW - 91)}}, {}, ("allow", None), DEFAULT),
        ({"not_before": {"N": str(NOW - 90)}}, {}, ("refuse", "ended_token"), None),
        ({"not_before": {"N": "1"}}, {"iat": None}, ("refuse", "ended_token"), None),
        ({"enabled": {"BOOL": False}}, {}, ("refuse", "disabled_subject"), None),
        ({"usage_key": {"S": "a key"}}, {}, ("refuse", "malformed_record"), None),
    ],
)
def test_a_subject_of_the_table_comes_to_its_outcome_with_one_read(
    item: dict[str, Any],
    changes: dict[str, Any],
    outcome: tuple[str, str | None],
    usage_key: str | None,
    artifact: Path,
    tmp_path: Path,
) -> None:
    with (
        dynamodb.serving({**SUBJECT, **item}) as table,
        running(artifact, AWS_ENDPOINT_URL_DYNAMODB=table.url) as authorizer,
    ):
        rules = {"AUTH_CONFIG": written(tmp_path, PLAN)}
        authorizer.build(SETTINGS | rules, now=NOW, key_set=key_set(jwk()), with_table=True)
        for _ in range(2):
            decision = authorizer.bearer(token(claims(**changes)))
            assert decision.outcome == outcome
            assert (decision.response or {}).get("usageIdentifierKey") == usage_key
            assert all(key not in decision.written for key in (DEFAULT, OWN, GOLD))
        # A record that cannot be read is not cached.
        assert table.reads == (2 if outcome[1] == "malformed_record" else 1)
