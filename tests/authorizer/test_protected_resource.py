"""The protected resource metadata of an API (RFC 9728), from the authorizer's settings."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from authorizer import configuration
from authorizer.entry import SettingsError
from tests.support.rules_text import auth_toml

IDENTIFIER = "https://api.example.com"
PROVIDERS = (
    {"issuer": "https://issuer.example/", "audience": IDENTIFIER},
    {"issuer": "accounts.example", "audience": "a", "jwks_url": "https://accounts.example/jwks"},
    {"issuer": "https://other.example", "audience": "b"},
)


def metadata(file: str, **env: str) -> dict[str, Any]:
    variables = {"RESOURCE_IDENTIFIER": IDENTIFIER, "AUTH_CONFIG": file, **env}
    return configuration.read_resource(variables, Path()).metadata()


def test_it_names_the_resource_and_each_issuer_that_is_an_https_url_in_the_order_of_the_file(tmp_path: Path) -> None:
    assert metadata(auth_toml(tmp_path, *PROVIDERS)) == {
        "resource": IDENTIFIER,
        "authorization_servers": ["https://issuer.example/", "https://other.example"],
        "bearer_methods_supported": ["header"],
    }


def test_a_parameter_without_a_value_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "none.toml").write_text('[[rule]]\nroute = "* /*"\n', encoding="utf-8")
    assert metadata(str(tmp_path / "none.toml")).keys() == {"resource", "bearer_methods_supported"}


def test_the_scopes_are_those_of_the_variable_else_those_of_the_file(tmp_path: Path) -> None:
    text = '[settings]\nresource_scopes = ["a", "b:c"]\n[[rule]]\nroute = "* /*"\n'
    (tmp_path / "scopes.toml").write_text(text, encoding="utf-8")
    assert metadata(str(tmp_path / "scopes.toml"))["scopes_supported"] == ["a", "b:c"]
    assert metadata(str(tmp_path / "scopes.toml"), RESOURCE_SCOPES="d e")["scopes_supported"] == ["d", "e"]


@pytest.mark.parametrize(
    "identifier",
    [
        f"{IDENTIFIER}/",
        f"{IDENTIFIER}/v1/",
        f"{IDENTIFIER}#a",
        f"{IDENTIFIER}?a=b",
        "http://api.example.com",
        "api.example.com",
        "https://user@api.example.com",
        "urn:api",
    ],
)
def test_an_identifier_that_no_client_could_use_is_refused_with_an_example(identifier: str) -> None:
    with pytest.raises(SettingsError) as raised:
        metadata("src/authorizer/auth.toml", RESOURCE_IDENTIFIER=identifier)
    (mistake,) = raised.value.mistakes
    assert mistake.startswith("RESOURCE_IDENTIFIER must be an https URL without a slash at the end")
    assert IDENTIFIER in mistake


def test_it_is_made_of_a_file_whose_other_settings_need_variables_of_the_authorizer(tmp_path: Path) -> None:
    text = '[settings]\nusage_subjects = true\n[[rule]]\nroute = "* /*"\n'
    (tmp_path / "usage.toml").write_text(text, encoding="utf-8")
    assert metadata(str(tmp_path / "usage.toml"))["resource"] == IDENTIFIER


def test_the_function_does_not_start_without_an_identifier() -> None:
    with pytest.raises(SettingsError, match="RESOURCE_IDENTIFIER is missing"):
        metadata("src/authorizer/auth.toml", RESOURCE_IDENTIFIER="")


@pytest.mark.parametrize("scopes", ["[]", '"a"', '["a b"]', "[1]", "['a\"']"])
def test_scopes_that_are_none_are_refused_with_their_line(scopes: str, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(
        f'[settings]\nresource_scopes = {scopes}\n[[rule]]\nroute = "* /*"\n', encoding="utf-8"
    )
    with pytest.raises(SettingsError, match="line 2: resource_scopes must be a list of scopes, such as"):
        metadata(str(tmp_path / "bad.toml"))


ANSWER = """
import json
from authorizer.metadata import lambda_handler
print(json.dumps(lambda_handler({"version": "2.0"}, None)))
"""


def test_the_function_answers_any_origin_and_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    env = {
        "PYTHONPATH": "src",
        "RESOURCE_IDENTIFIER": IDENTIFIER,
        "AUTH_CONFIG": auth_toml(tmp_path, *PROVIDERS),
    }
    # -S: without site-packages, as in the artifact.
    command = [sys.executable, "-S", "-c", ANSWER]
    answer = json.loads(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout)
    assert answer["statusCode"] == 200
    assert answer["headers"]["Access-Control-Allow-Origin"] == "*"
    assert (answer["headers"]["Content-Type"], answer["headers"]["Cache-Control"]) == (
        "application/json",
        "max-age=3600",
    )
    assert json.loads(answer["body"])["resource"] == IDENTIFIER
