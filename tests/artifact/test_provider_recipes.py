"""The recipes of docs/providers.md in the SAM CLI's parser, in the template and in the artifact."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from authorizer import configuration
from authorizer.settings import Settings
from docs.pages import parameters
from local import environment
from local.template_file import load
from tests.support import fault_server as faults
from tests.support.authority import Authority
from tests.support.fault_server import FaultServer
from tests.support.interpreter import Artifact, ArtifactError
from tests.support.provider_tokens import FOLDER, TOKENS, with_other_signature
from tests.support.rules_text import auth_toml, providers_of, written
from tests.support.tokens import NOW, claims, jwk, key_set, token

PAGE = Path("docs/providers.md")
TEMPLATE = load(Path("template.yaml"))
NAMES = sorted(TOKENS)


def recipe(name: str) -> Path:
    return (FOLDER / f"{name}.toml").resolve()


def overrides(*arguments: str | Path) -> dict[str, str]:
    """The parameters that the SAM CLI reads from this text."""
    command = [Path(".tools/sam/bin/python"), "-I", Path("tests/support/sam_parameters.py"), *arguments]
    done = subprocess.run(command, env=environment.clean(), capture_output=True, text=True, check=True)
    parsed: dict[str, str] = json.loads(done.stdout)
    return parsed


def variables(given: dict[str, str]) -> dict[str, str]:
    """The environment variables of the function for these parameters."""
    for name, value in given.items():
        assert re.fullmatch(TEMPLATE["Parameters"][name]["AllowedPattern"], value)
    declared = TEMPLATE["Resources"]["Authorizer"]["Properties"]["Environment"]["Variables"]
    referring = {name: next(iter(value.values())) for name, value in declared.items() if isinstance(value, dict)}
    return {"API_KEYS_TABLE": "keys"} | {
        name: given[parameter]
        for name, parameter in referring.items()
        if isinstance(parameter, str) and parameter in given
    }


def settings(given: dict[str, str]) -> Settings:
    return configuration.read(variables(given), Path("src/authorizer"))


@pytest.fixture(scope="module")
def read_by_sam(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The three parameters of each recipe that fits into them."""
    environments: dict[str, Any] = {}
    for name in NAMES:
        if given := parameters(recipe(name).read_text(encoding="utf-8")):
            lines = (f'{parameter} = "{value}"\n' for parameter, value in given.items())
            environments[name] = f"[{name}.deploy.parameters.parameter_overrides]\n{''.join(lines)}"
    file = tmp_path_factory.mktemp("sam") / "samconfig.toml"
    file.write_text("version = 0.1\n" + "\n".join(environments.values()), encoding="utf-8")
    return {name: overrides("--config-file", file, "--config-env", name) for name in environments}


def test_recipes_that_fit_into_parameters_are_the_same_providers_but_for_what_is_said_to_be_left_out(
    read_by_sam: dict[str, dict[str, str]],
) -> None:
    assert {"auth0", "okta", "entra-v1", "entra-v2", "supabase"} <= read_by_sam.keys()
    for name, read in read_by_sam.items():
        (given,), (full,) = settings(read).providers, providers_of(recipe(name))
        assert (given.issuer, given.audiences, given.jwks_url) == (full.issuer, full.audiences, full.jwks_url)
        assert given.audience_claims == full.audience_claims
        assert (given.subject_claims, given.key_uses, given.token_types) == (
            full.subject_claims,
            full.key_uses,
            full.token_types,
        )


def test_the_page_s_settings_give_its_provider(tmp_path: Path) -> None:
    table = re.findall(r"```toml\n(\[prod\.deploy.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    (tmp_path / "samconfig.toml").write_text(f"version = 0.1\n{table}", encoding="utf-8")
    given = overrides("--config-file", tmp_path / "samconfig.toml", "--config-env", "prod")
    (provider,) = settings(given).providers
    assert provider.issuer == "https://TENANT.eu.auth0.com/"
    assert provider.audiences == {"https://api.example.com"}


@pytest.mark.parametrize("name", NAMES)
def test_what_ships_decides_about_the_provider_s_tokens(name: str, authorizer: Artifact, tmp_path: Path) -> None:
    tokens = TOKENS[name]
    # The result of every fetch: discovery document and key set in one.
    served = json.loads(tokens.key_set) | {
        "issuer": tokens.samples[0].claims["iss"],
        "jwks_uri": "https://issuer.example/jwks",
    }
    variables = {"API_KEYS_TABLE": "keys", "AUTH_CONFIG": written(tmp_path, recipe(name).read_text(encoding="utf-8"))}
    authorizer.build(variables, now=NOW, key_set=json.dumps(served).encode())
    for sample in tokens.samples:
        decision = authorizer.bearer(tokens.text(sample))
        assert decision.outcome == (("refuse", sample.refused.value) if sample.refused else ("allow", None))
        if decision.response:
            context = decision.response["context"]
            assert (context["sub"], context.get("scope", "")) == (sample.sub, " ".join(sorted(sample.scopes)))
    forged = with_other_signature(tokens.text(tokens.samples[0]))
    assert authorizer.bearer(forged).outcome == ("refuse", "bad_signature")


def test_200_providers_stand_in_a_file_and_each_has_its_own_tokens(authorizer: Artifact, tmp_path: Path) -> None:
    entries = [
        {
            "issuer": f"https://tenant-{number}.example",
            "audience": f"api-{number}",
            "jwks_url": f"https://keys.example/{number}",
        }
        for number in range(200)
    ]
    variables = {"API_KEYS_TABLE": "keys", "AUTH_CONFIG": auth_toml(tmp_path, *entries)}
    authorizer.build(variables, now=NOW, key_set=key_set(jwk()))
    decision = authorizer.bearer(token(claims(iss="https://tenant-137.example", aud="api-137")))
    assert (decision.outcome, decision.fetched) == (("allow", None), ["https://keys.example/137"])
    other = authorizer.bearer(token(claims(iss="https://tenant-137.example", aud="api-138")))
    assert other.outcome == ("refuse", "wrong_audience")
    nobody = authorizer.bearer(token(claims(iss="https://tenant-200.example", aud="api-137")))
    assert nobody.outcome == ("refuse", "wrong_issuer")


@pytest.mark.parametrize(
    ("members", "encoding", "outcome"),
    [
        ({}, "json", ("refuse", "token_too_long")),
        ({"max_token_bytes": 10_240}, "json", ("allow", None)),
        ({"max_token_bytes": 10_240}, "base64url", ("refuse", "identity_too_large")),
        ({"max_token_bytes": 10_240, "data_claims": ["roles"]}, "base64url", ("allow", None)),
    ],
)
def test_a_token_with_many_groups_passes_when_the_entry_says_how(
    members: dict[str, Any], encoding: str, outcome: tuple[str, str | None], authorizer: Artifact, tmp_path: Path
) -> None:
    large = token(claims(groups=[f"{number:036}" for number in range(180)], roles=["reader"]))
    assert 9_400 < len(large) < 10_233
    provider = {"issuer": claims()["iss"], "audience": claims()["aud"], "jwks_url": "https://issuer.example/jwks"}
    file = auth_toml(tmp_path, provider | members)
    variables = {"API_KEYS_TABLE": "keys", "DATA_ENCODING": encoding, "AUTH_CONFIG": file}
    authorizer.build(variables, now=NOW, key_set=key_set(jwk()))
    assert authorizer.bearer(large).outcome == outcome


def test_all_that_is_wrong_is_told_at_once_when_the_function_starts(authorizer: Artifact, tmp_path: Path) -> None:
    file = tmp_path / "auth.toml"
    file.write_text("[settings]\nleeway = 1\n\n[[provider]]\nissuer = 7\n\n[[rules]]\n", encoding="utf-8")
    with pytest.raises(ArtifactError) as caught:
        authorizer.build({"AUTH_CONFIG": str(file), "API_KEY_PREFIX": "Mak"}, now=NOW)
    told = str(caught.value)
    for where in ("line 2: 'leeway'", "line 4: audience is missing", "line 5: issuer must be", "line 7: 'rules'"):
        assert where in told
    for variable in ("API_KEY_PREFIX must be", "API_KEYS_TABLE is missing"):
        assert variable in told


@pytest.mark.parametrize(("is_named", "outcome"), [(True, "allow"), (False, "fail")])
def test_a_private_authority_is_trusted_when_the_provider_names_it_and_not_else(
    is_named: bool, outcome: str, authorizer: Artifact, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    with FaultServer(authority.server()).running() as server:
        server.behaviour = faults.body(key_set(jwk()))
        entry = {"issuer": claims()["iss"], "audience": claims()["aud"], "jwks_url": server.url}
        named = {"ca_bundle": str(authority.ca_bundle)} if is_named else {}
        variables = {"API_KEYS_TABLE": "keys", "AUTH_CONFIG": auth_toml(tmp_path, entry | named)}
        authorizer.build(variables, now=NOW)
        assert authorizer.bearer(token()).outcome[0] == outcome
