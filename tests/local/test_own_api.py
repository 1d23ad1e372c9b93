"""Which parameters go to which template."""

from pathlib import Path

import pytest

from local.own_api import parameters
from local.step import StepError

OWN = Path("examples/rest-api/template.yaml")


def test_a_parameter_is_for_the_template_that_declares_it(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    declared = "AuthorizerFunctionArn: {}, Table: {}, LogLevel: {}"
    own.write_text(f"Parameters: {{ {declared} }}\nResources: {{ Api: {{ Type: AWS::ApiGatewayV2::Api }} }}", "utf-8")
    given = parameters("LogLevel=DEBUG Table='a b' ApiKeyPrefix=acme", own)
    assert given.authorizer == {"LogLevel": "DEBUG", "ApiKeyPrefix": "acme"}
    assert given.own == {"LogLevel": "DEBUG", "Table": "a b"}
    assert parameters("", None).authorizer == {}


@pytest.mark.parametrize(
    ("text", "template", "problem"),
    [
        ("LogLevel", None, "is not in the form Name=value"),
        ("Unknown=1", None, "is not a parameter of template.yaml"),
        ("Unknown=1", OWN, "is not a parameter of template.yaml or examples"),
        ("SampleApi=None", None, "SampleApi cannot be set here"),
        ("AuthConfig=x.toml", OWN, "AuthConfig cannot be set here"),
        (
            "JwtIssuer=https://idp.example/",
            None,
            "JwtIssuer cannot be set here: write the identity provider into RULES",
        ),
        ("PythonRuntime=python3.11", None, "PythonRuntime cannot be set here"),
        ("LogLevel=INFO LogLevel=DEBUG", None, "LogLevel is given twice"),
        ("LogLevel=NOISY", None, "template.yaml does not accept these values"),
        ("AccessLog=yes", OWN, "examples/rest-api/template.yaml does not accept these values"),
        ("", Path("template.yaml"), "has no parameter AuthorizerFunctionArn"),
        ("", Path("stacks/monitoring/template.yaml"), "has no REST API and no HTTP API"),
        ("A='", None, "PARAMETERS: No closing quotation"),
        ("", Path("nowhere.yaml"), "nowhere.yaml cannot be read"),
    ],
)
def test_a_mistake_is_said_before_anything_is_started(text: str, template: Path | None, problem: str) -> None:
    with pytest.raises(StepError, match=problem):
        parameters(text, template)


def test_a_function_with_an_api_event_is_an_api(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    text = """
        Parameters: { AuthorizerFunctionArn: { Type: String } }
        Resources:
          Orders:
            Type: AWS::Serverless::Function
            Properties: { Events: { List: { Type: Api, Properties: { Method: GET, Path: /orders } } } }
    """
    own.write_text(text, encoding="utf-8")
    assert parameters("", own).own == {}


def test_a_parameter_without_a_value_is_named_before_anything_is_started(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    declared = "AuthorizerFunctionArn: {}, Table: {}"
    own.write_text(f"Parameters: {{ {declared} }}\nResources: {{ Api: {{ Type: AWS::ApiGatewayV2::Api }} }}", "utf-8")
    with pytest.raises(StepError, match='Add PARAMETERS="Table='):
        parameters("", own)
    assert parameters("Table=t", own).own == {"Table": "t"}
