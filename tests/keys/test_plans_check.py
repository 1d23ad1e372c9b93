"""What `keys doctor` and `keys check` find about usage plans, on deployed APIs and in templates."""

from pathlib import Path
from typing import Any

import pytest

from keys.deployment import api_routes
from keys.deployment.plans_check import examine
from keys.plans.gateway import Gateway
from tests.support.apigateway import FakeApiGateway, refused

FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:authorizer"
URI = f"arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
DEFAULT = "D" * 32
STAGES = {("api1", "v1")}


class Deployed(FakeApiGateway):
    """A REST API behind the authorizer: two guarded methods, a public one and a preflight, and a default plan."""

    def __init__(self) -> None:
        super().__init__()
        self.source = "AUTHORIZER"
        self.required = {"GET /a": True, "POST /a": True, "GET /health": False, "OPTIONS /a": False}
        self.default_plan = self.plan("default", tags={})
        self.gold = self.plan("gold")
        self.default = self.do_create_api_key(value=DEFAULT, enabled=True, tags={})
        self.members[self.default_plan].add(self.default["id"])

    def do_get_rest_api(self, restApiId: str) -> Any:  # noqa: N803
        if restApiId != "api1":
            raise refused("GetRestApi", "NotFoundException", "Invalid API identifier specified")
        return {"apiKeySource": self.source}

    def get_paginator(self, operation: str) -> Any:
        pages = {"get_authorizers": [self._authorizer()], "get_resources": self._resources()}
        return type("Pages", (), {"paginate": lambda _self, **_given: [{"items": pages[operation]}]})()

    def _authorizer(self) -> dict[str, Any]:
        source = "method.request.header.Authorization"
        return {"id": "a", "name": "Multi", "type": "REQUEST", "authorizerUri": URI, "identitySource": source}

    def _resources(self) -> list[dict[str, Any]]:
        paths: dict[str, dict[str, Any]] = {}
        for name, required in self.required.items():
            method, path = name.split()
            is_open = path == "/health" or method == "OPTIONS"
            guard = {"authorizationType": "NONE"} if is_open else {"authorizationType": "CUSTOM", "authorizerId": "a"}
            paths.setdefault(path, {})[method] = {**guard, "apiKeyRequired": required}
        return [{"path": path, "resourceMethods": methods} for path, methods in paths.items()]


@pytest.fixture
def api() -> Deployed:
    return Deployed()


def faults(api: Deployed, default: str = DEFAULT) -> list[str]:
    gateway = Gateway(api, "prod", lambda _seconds: None)  # type: ignore[arg-type]
    return [each.detail for each in examine(api, gateway, FUNCTION, STAGES, default) if each.is_fault]


def test_a_complete_api_has_no_fault(api: Deployed) -> None:
    assert faults(api) == []


def test_an_api_without_plans_is_not_examined_further(api: Deployed) -> None:
    api.required = dict.fromkeys(api.required, False)
    api.plans = {}
    assert faults(api, "") == []
    assert "get_api_keys" not in api.calls


def forget_source(api: Deployed) -> None:
    api.source = "HEADER"


def forget_a_method(api: Deployed) -> None:
    api.required["POST /a"] = False


def forget_all_methods(api: Deployed) -> None:
    api.required = dict.fromkeys(api.required, False)


def require_it_of_a_public_route(api: Deployed) -> None:
    api.required["GET /health"] = True


def require_it_of_a_preflight(api: Deployed) -> None:
    api.required["OPTIONS /a"] = True


def forget_the_stage(api: Deployed) -> None:
    api.plans = {}


def forget_the_default_key(api: Deployed) -> None:
    api.members[api.default_plan].clear()


def forget_to_enable_the_default_key(api: Deployed) -> None:
    api.default["enabled"] = False


def disable_a_native_key(api: Deployed) -> None:
    tags = {"multi-auth:stack": "prod", "multi-auth:holder": "x", "multi-auth:plan": "gold"}
    api.do_create_api_key(value="A" * 32, enabled=False, tags=tags)


@pytest.mark.parametrize(
    ("forget", "told"),
    [
        (forget_source, "the source of keys is HEADER"),
        (forget_a_method, "no plan limits POST /a"),
        (forget_all_methods, "no route requires a key"),
        (require_it_of_a_public_route, "nobody names a key for the public GET /health"),
        (require_it_of_a_preflight, "the public OPTIONS /a"),
        (forget_the_stage, "no usage plan has this stage"),
        (forget_the_default_key, "it does not accept the default key"),
        (forget_to_enable_the_default_key, "it does not accept the default key"),
        (disable_a_native_key, "1 key of consumers or subjects disabled"),
    ],
)
def test_what_is_forgotten_is_found(api: Deployed, forget: Any, told: str) -> None:
    forget(api)
    (fault,) = faults(api)
    assert told in fault


def test_a_stack_without_a_default_key_refuses_each_request(api: Deployed) -> None:
    (fault,) = faults(api, "")
    assert "has no DefaultUsageKey: each request gets 403" in fault


def test_a_plan_without_limit_and_the_number_of_keys_are_told(api: Deployed) -> None:
    api.plans[api.gold] |= {"throttle": {}, "quota": {}}
    gateway = Gateway(api, "prod", lambda _seconds: None)  # type: ignore[arg-type]
    told = " ".join(each.detail for each in examine(api, gateway, FUNCTION, STAGES, DEFAULT))
    assert "neither rate nor quota: gold" in told
    assert "1 of 10,000 keys" in told


def test_an_account_that_runs_out_of_keys_is_told(api: Deployed) -> None:
    api.keys |= {f"k{number}": {"id": f"k{number}", "value": "", "enabled": True} for number in range(8_000)}
    (fault,) = faults(api)
    assert "8,001 of 10,000 keys" in fault


FORGOTTEN = {
    "nothing": ("", "", {}),
    "the source": ("ApiKeySourceType: AUTHORIZER", "", {"Api": "the source of keys is HEADER"}),
    "a method": (
        "Path: /orders }",
        "Path: /orders, Auth: { ApiKeyRequired: false } }",
        {"Api": "no plan limits GET /orders"},
    ),
    "a public route": (
        "{ Authorizer: NONE, ApiKeyRequired: false }",
        "{ Authorizer: NONE }",
        {"Api": "for the public GET /status"},
    ),
    "the preflight": (
        "AddApiKeyRequiredToCorsPreflight: false",
        "AddApiKeyRequiredToCorsPreflight: true",
        {"Api": "for the public OPTIONS /orders"},
    ),
    "to enable a key": (
        "{ Enabled: true, Value: !Ref DefaultUsageKey",
        "{ Value: !Ref DefaultUsageKey",
        {"DefaultKey": "disabled"},
    ),
    "a limit": ("Throttle: { RateLimit: 10, BurstLimit: 20 }", "Description: none", {"Default": "limits nothing"}),
}


@pytest.mark.parametrize("what", FORGOTTEN)
def test_check_finds_in_a_template_what_is_forgotten(what: str, tmp_path: Path) -> None:
    old, new, told = FORGOTTEN[what]
    text = Path("examples/plans/template.yaml").read_text(encoding="utf-8")
    assert old in text
    (file := tmp_path / "template.yaml").write_text(text.replace(old, new) if old else text, encoding="utf-8")
    notes = api_routes.read([file], {}).plan_notes
    assert notes.keys() == told.keys()
    assert all(told[place] in notes[place] for place in told)


@pytest.mark.parametrize(
    "template", ["template.yaml", "examples/rest-api/template.yaml", "examples/http-api/template.yaml"]
)
def test_check_says_nothing_of_plans_about_an_api_without_them(template: str) -> None:
    assert api_routes.read([Path(template)], {}).plan_notes == {}
