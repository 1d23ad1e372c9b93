"""The examples that no local system can deploy are at least well formed, and name what the templates give."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hcl2
import pytest

from local.template_file import load

TERRAFORM = Path("examples/terraform")
KINDS = {
    "main.tf": set[str](),
    "rest-api.tf": {"aws_api_gateway_authorizer", "aws_lambda_permission", "aws_api_gateway_gateway_response"},
    "http-api.tf": {"aws_apigatewayv2_authorizer", "aws_lambda_permission"},
}


def read(name: str) -> dict[str, Any]:
    with (TERRAFORM / name).open(encoding="utf-8") as file:
        module: dict[str, Any] = hcl2.load(file)
    return module


@pytest.mark.parametrize("name", KINDS)
def test_the_terraform_example_is_well_formed(name: str) -> None:
    assert {kind.strip('"') for resource in read(name).get("resource", []) for kind in resource} == KINDS[name]


@pytest.mark.parametrize("name", KINDS)
def test_the_terraform_example_refers_to_what_it_declares(name: str) -> None:
    modules = [read("main.tf"), read(name)]
    variables = {each.strip('"') for module in modules for entry in module.get("variable", []) for each in entry}
    values = {each for module in modules for entry in module.get("locals", []) for each in entry}
    text = (TERRAFORM / name).read_text(encoding="utf-8")
    assert set(re.findall(r"\bvar\.(\w+)", text)) <= variables
    assert set(re.findall(r"\blocal\.(\w+)", text)) <= values


def test_the_terraform_example_says_which_provider_it_needs() -> None:
    (settings,) = read("main.tf")["terraform"]
    (providers,) = settings["required_providers"]
    assert providers["aws"]["version"].strip('"') == ">= 6.0"


def test_examples_ask_for_an_output_that_the_template_has() -> None:
    outputs = load(Path("template.yaml"))["Outputs"]
    for template in Path("examples").glob("*/template.yaml"):
        assert "AuthorizerFunctionArn" in load(template)["Parameters"]
    assert "AuthorizerFunctionArn" in outputs


def test_an_http_api_caches_no_authorizer_response_by_default() -> None:
    # A cached context that contains JSON text is reported to be answered with 500 (examples/README.md).
    template = load(Path("examples/http-api/template.yaml"))
    (authorizer,) = read("http-api.tf")["resource"][0].values()
    assert template["Parameters"]["CacheSeconds"]["Default"] == 0
    assert next(iter(authorizer.values()))["authorizer_result_ttl_in_seconds"] == 0


def handler_of(name: str) -> Callable[[dict[str, Any], None], dict[str, Any]]:
    """The function in an example's template."""
    template = load(Path("examples") / name / "template.yaml")
    functions = [each["Properties"] for each in template["Resources"].values() if "Function" in each["Type"]]
    (code,) = (each.get("InlineCode") or each.get("Code", {}).get("ZipFile") for each in functions)
    module: dict[str, Any] = {}
    exec(code, module)  # noqa: S102 - our own
    return module["handler"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["rest-api", "http-api"])
@pytest.mark.parametrize("authorizer", [{}, {"authorizer": None}, {"authorizer": {}}, {"authorizer": {"sub": ""}}])
def test_a_function_of_an_example_refuses_a_request_without_an_identity(name: str, authorizer: dict[str, Any]) -> None:
    assert handler_of(name)({"requestContext": authorizer}, None)["statusCode"] == 401
