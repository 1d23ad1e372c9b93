"""The artifact, started like in Lambda: every sample event, and no import from outside the artifact."""

import json
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.events import EXPECTED, load
from tests.support.interpreter import Artifact, running


@pytest.fixture(scope="module")
def function(artifact: Path, sample_environment: dict[str, str]) -> Iterator[Artifact]:
    with running(artifact, **sample_environment) as function:
        function.start()
        yield function


@pytest.mark.parametrize(("file", "outcome", "reason"), EXPECTED, ids=[row[0] for row in EXPECTED])
def test_an_event_comes_out_as_its_table_says(file: str, outcome: str, reason: str | None, function: Artifact) -> None:
    decision = function.decide(load(file))
    assert decision.outcome == ({"401": "refuse"}.get(outcome, outcome), reason)
    if decision.response:
        assert decision.response["policyDocument"]["Statement"][0]["Effect"] == "Allow"
        assert json.loads(decision.response["context"]["data"])


def test_nothing_of_a_credential_or_claim_is_written(function: Artifact) -> None:
    written = "".join(function.decide(load(file)).written for file, _outcome, _reason in EXPECTED)
    for secret in ("mak_", "eyJ", "user-42", "user@example.com", "acme", "gold"):
        assert secret not in written


def test_every_module_comes_from_the_artifact_or_the_standard_library(function: Artifact, artifact: Path) -> None:
    standard = (sysconfig.get_path("stdlib"), sysconfig.get_config_var("DESTSHARED"))
    elsewhere = {
        name: file
        for name, file in function.modules().items()
        if not Path(file).is_relative_to(artifact.resolve()) and not file.startswith(standard)
    }
    assert elsewhere == {}
    assert "site-packages" not in str(function.modules())
    assert {"authorizer.handler", "botocore.client", "jwt"} <= function.modules().keys()


def test_without_a_provider_nothing_of_jwts_is_imported(artifact: Path) -> None:
    with running(artifact, API_KEYS_TABLE="keys") as function:
        function.start()
        imported = {name.partition(".")[0] for name in function.modules()}
    assert "botocore" in imported
    assert imported.isdisjoint({"jwt", "cryptography"})
