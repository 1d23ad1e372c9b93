"""The examples that no local system can deploy are at least well formed, and name what the templates give."""

import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2
import pytest

from local.template_file import load

TERRAFORM = Path("examples/terraform")
KINDS = {
    "main.tf": set[str](),
    "rest-api.tf": {
        "aws_api_gateway_authorizer",
        "aws_lambda_permission",
        "aws_api_gateway_gateway_response",
        "aws_api_gateway_method_settings",
        "aws_api_gateway_resource",
        "aws_api_gateway_method",
        "aws_api_gateway_integration",
    },
    "http-api.tf": {
        "aws_apigatewayv2_authorizer",
        "aws_lambda_permission",
        "aws_apigatewayv2_integration",
        "aws_apigatewayv2_route",
    },
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


OTHER_OUTPUTS = {"plans": {"DefaultUsageKey"}, "another-account": set[str]()}
"""The outputs that an example asks for beside the function, by folder; MetadataFunctionArn for all others."""


def test_examples_ask_for_an_output_that_the_template_has() -> None:
    outputs = load(Path("template.yaml"))["Outputs"]
    for template in Path("examples").glob("*/template.yaml"):
        named = load(template)["Parameters"].keys() & outputs.keys()
        assert named - {"AuthorizerFunctionArn"} == OTHER_OUTPUTS.get(template.parent.name, {"MetadataFunctionArn"})
        assert "AuthorizerFunctionArn" in named


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


@pytest.mark.parametrize("name", ["rest-api", "http-api", "plans"])
@pytest.mark.parametrize("authorizer", [{}, {"authorizer": None}, {"authorizer": {}}, {"authorizer": {"sub": ""}}])
def test_a_function_of_an_example_refuses_a_request_without_an_identity(name: str, authorizer: dict[str, Any]) -> None:
    assert handler_of(name)({"requestContext": authorizer}, None)["statusCode"] == 401


PLANS = Path("examples/plans/template.yaml")
TEMPLATE = load(Path("template.yaml"))
API = TEMPLATE["Resources"]["Api"]["Properties"]
RATE = TEMPLATE["Parameters"]["ThrottleRate"]["Default"]
ORIGIN = {"Fn::Sub": "'${CorsAllowOrigin}'"}
"""In the examples, any origin."""


@dataclass
class Setup:
    """What an example sets on the API: by gateway response the status, headers and body; throttle; access log."""

    responses: dict[str, tuple[str | None, dict[str, str], Any]]
    rate: int
    burst: int
    log: dict[str, str]


def of_sam(api: dict[str, Any]) -> Setup:
    (settings,) = api["MethodSettings"]
    settings = settings["Fn::If"][1] if "Fn::If" in settings else settings
    rate, burst = (
        RATE if value == {"Ref": "ThrottleRate"} else value
        for value in (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"])
    )

    def text(value: Any) -> str:
        """A header's value with the metadata and with scopes: the form that each example writes in its own way."""
        if not isinstance(value, dict):
            return str(value)
        words, parts = value["Fn::Sub"]
        for name, part in parts.items():
            words = words.replace(f"${{{name}}}", part["Fn::If"][1]["Fn::Sub"])
        return str(words)

    responses = {
        name: (
            str(response["StatusCode"]) if "StatusCode" in response else None,
            {header: "'*'" if value == ORIGIN else text(value) for header, value in _headers(response).items()},
            json.loads(response["ResponseTemplates"]["application/json"]),
        )
        for name, response in api["GatewayResponses"].items()
    }
    return Setup(responses, rate, burst, json.loads(api["AccessLogSetting"]["Fn::If"][1]["Format"]))


def _headers(response: dict[str, Any]) -> dict[str, Any]:
    headers: dict[str, Any] = response["ResponseParameters"]["Headers"]
    return headers


def plain(value: Any) -> Any:
    """A value of Terraform's language without the quotes that its parser keeps."""
    if isinstance(value, dict):
        return {plain(name): plain(each) for name, each in value.items() if not name.startswith("__")}
    if isinstance(value, str):
        return json.loads(value) if value.startswith('"') else None if value in ("null", "${null}") else value
    return value


def jsonencoded(text: str) -> dict[str, str]:
    """The members of a call such as ``${jsonencode({name = "value"})}``."""
    return {name.strip('"'): value for name, value in re.findall(r'(\w+|"\w+")\s*[=:]\s*"([^"]*)"', text)}


def of_terraform() -> Setup:
    module = read("rest-api.tf")
    (values,) = module["locals"]
    source = (TERRAFORM / "rest-api.tf").read_text(encoding="utf-8")
    parts = dict(re.findall(r'^ +(scope|resource_metadata) += var\.\w+ == "" \? "" : (".*")$', source, re.MULTILINE))

    def text(value: str) -> str:
        for name, part in parts.items():
            value = value.replace(f"${{local.{name}}}", json.loads(part))
        return re.sub(r"\$\{var\.(\w+)\}", lambda name: f"${{{name[1].title().replace('_', '')}}}", value)

    responses = {
        name: (each["status"], {header: text(value) for header, value in each["headers"].items()}, each["body"])
        for name, each in plain(values["gateway_responses"]).items()
    }
    (throttle,) = (
        each["settings"][0]
        for entry in module["resource"]
        for kind, named in entry.items()
        if kind.strip('"') == "aws_api_gateway_method_settings"
        for each in named.values()
    )
    limits = throttle["throttling_rate_limit"], throttle["throttling_burst_limit"]
    return Setup(responses, *limits, jsonencoded(values["access_log_format"]))


def of_cdk() -> Setup:
    tree = ast.parse(Path("examples/cdk/stack.py").read_text(encoding="utf-8"))
    named = {
        each.targets[0].id: ast.literal_eval(each.value)
        for each in tree.body
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)
    }
    (function,) = (each for each in tree.body if isinstance(each, ast.FunctionDef))
    module: dict[str, Any] = {}
    exec(ast.unparse(function), module)  # noqa: S102 - our own
    challenge = module["challenge"]("${ResourceIdentifier}", "${ResourceScopes}")
    (throttle,) = (
        each for each in ast.walk(tree) if isinstance(each, ast.Call) and "StageOptions" in ast.dump(each.func)
    )
    limits = {each.arg: ast.literal_eval(each.value) for each in throttle.keywords}
    responses = {
        name: (
            status,
            {
                **named["COMMON_HEADERS"],
                **headers,
                **({"WWW-Authenticate": f"'{challenge}'"} if status == "401" else {}),
            },
            {"type": "about:blank", **body, **named["REQUEST_ID"]},
        )
        for name, (status, headers, body) in named["GATEWAY_RESPONSES"].items()
    }
    return Setup(responses, limits["throttling_rate_limit"], limits["throttling_burst_limit"], named["ACCESS_LOG"])


@pytest.mark.parametrize(
    "example",
    [
        lambda: of_sam(load(Path("examples/rest-api/template.yaml"))["Resources"]["Api"]["Properties"]),
        of_terraform,
        of_cdk,
    ],
    ids=["SAM", "Terraform", "CDK"],
)
def test_a_rest_api_of_the_examples_has_what_the_sample_api_has(example: Callable[[], Setup]) -> None:
    expected = of_sam(API)
    _status, headers, _body = expected.responses["UNAUTHORIZED"]
    # The sample API has no parameter for it.
    headers["WWW-Authenticate"] = headers["WWW-Authenticate"].replace(", ", ', scope="${ResourceScopes}", ', 1)
    assert example() == expected


def test_the_rest_api_with_plans_has_what_the_sample_api_has_and_three_more_responses() -> None:
    found, expected = of_sam(load(PLANS)["Resources"]["Api"]["Properties"]), of_sam(API)
    more = {name: found.responses.pop(name) for name in ("THROTTLED", "QUOTA_EXCEEDED", "INVALID_API_KEY")}
    _status, headers, _body = expected.responses["UNAUTHORIZED"]
    # It has no metadata.
    headers["WWW-Authenticate"] = "'Bearer realm=\"api\"'"
    assert found == expected
    assert [(status, body["status"]) for status, _headers, body in more.values()] == [
        ("429", 429),
        ("429", 429),
        ("403", 403),
    ]
    assert [headers.get("Retry-After") for _status, headers, _body in more.values()] == ["'1'", None, None]
    assert {headers["Content-Type"] for _status, headers, _body in more.values()} == {"'application/problem+json'"}


@pytest.mark.parametrize("template", ["rest-api", "plans"])
def test_the_rest_api_answers_a_preflight_as_the_sample_api_does(template: str) -> None:
    cors = load(Path("examples") / template / "template.yaml")["Resources"]["Api"]["Properties"]["Cors"]
    assert cors == {name: "'*'" if value == ORIGIN else value for name, value in API["Cors"].items()}


def test_an_http_api_of_the_examples_has_the_throttle_and_the_access_log_of_the_sample_api() -> None:
    expected = of_sam(API)
    log = expected.log | {"resource": "$context.routeKey"}
    stage = load(Path("examples/http-api/template.yaml"))["Resources"]["Stage"]["Properties"]
    assert json.loads(stage["AccessLogSettings"]["Format"]) == log
    limits = stage["DefaultRouteSettings"]
    assert (limits["ThrottlingRateLimit"], limits["ThrottlingBurstLimit"]) == (expected.rate, expected.burst)
    (values,) = read("http-api.tf")["locals"]
    assert jsonencoded(values["http_access_log_format"]) == log
    throttle = plain(values["http_throttle"])
    assert throttle == {"throttling_rate_limit": expected.rate, "throttling_burst_limit": expected.burst}
