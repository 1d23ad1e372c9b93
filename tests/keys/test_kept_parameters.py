"""`keys check --stack`: parameters of the deployed stack that clash with the file, before it is deployed."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from keys.cli.app import App
from keys.cli.main import main
from keys.deployment.stack import Deployment
from tests.support.rules_text import PERMIT_ALL, auth_toml, written

PROVIDER = {"issuer": "https://issuer.example/", "audience": "api"}


def check(file: str, **parameters: str) -> Result:
    def client(service: str) -> Any:
        raise AssertionError(service)

    deployed = Deployment("s", "arn", {}, parameters, client)
    resolved: Any = None
    app = App(env={}, resolve=lambda _target, _env: resolved, find_deployment=lambda _resolved: deployed)
    return CliRunner().invoke(main, ["check", file, "--stack", "s"], obj=app, catch_exceptions=False)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"JwtIssuer": "https://old.example", "JwtAudience": "a"}, 'Write JwtIssuer = "", JwtAudience = "" into the'),
        ({"JwtJwksUrl": "https://old.example/jwks"}, 'Write JwtJwksUrl = "" into the settings file'),
        ({"JwtProviders": "[{}]"}, 'JwtProviders = "" into the settings file'),
        ({"AuthConfig": ""}, 'AuthConfig = "auth.toml"'),
    ],
)
def test_a_parameter_that_the_stack_keeps_and_that_clashes_is_a_mistake_with_its_remedy(
    parameters: dict[str, str], told: str, tmp_path: Path
) -> None:
    answer = check(auth_toml(tmp_path, PROVIDER), **parameters)
    assert answer.exit_code == 2
    assert told in answer.stderr


def test_a_provider_in_parameters_is_none_beside_a_file_without_providers(tmp_path: Path) -> None:
    answer = check(written(tmp_path), JwtIssuer="https://issuer.example/", JwtAudience="api", JwtProviders="")
    assert "Error" not in answer.stderr


def test_another_file_than_the_deployed_one_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(PERMIT_ALL, encoding="utf-8")
    assert "AuthConfig of the stack is auth.toml." in check(str(tmp_path / "mine.toml"), AuthConfig="auth.toml").stderr
    assert "AuthConfig of" not in check("src/authorizer/auth.toml", AuthConfig="auth.toml").stderr
