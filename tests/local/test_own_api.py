"""Which parameters go to which template."""

from pathlib import Path

import pytest

from local.own_api import parameters
from local.step import StepError

OWN = Path("examples/rest-api/template.yaml")


def test_a_parameter_is_for_the_template_that_declares_it(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("Parameters: { Table: {}, LogLevel: {} }\nResources: {}", encoding="utf-8")
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
        ("A='", None, "PARAMETERS: No closing quotation"),
        ("", Path("nowhere.yaml"), "nowhere.yaml cannot be read"),
    ],
)
def test_a_mistake_is_said_before_anything_is_started(text: str, template: Path | None, problem: str) -> None:
    with pytest.raises(StepError, match=problem):
        parameters(text, template)
