"""`Release` against Lambda's rule: a function whose code and configuration are unchanged has no new version.

CloudFormation makes a version when the version's resource changes, and fails ("A version for this Lambda function
exists") when the function has not changed with it. So a new release has to change both, and the same one neither.
"""

from typing import Any

import pytest

from tests.support.table_schema import load_template


def deployed(resource: str, **parameters: str) -> Any:
    """The properties of a resource as CloudFormation compares them, with these parameters."""
    template = load_template()
    values = {name: parameter.get("Default") for name, parameter in template["Parameters"].items()} | parameters

    def resolve(value: Any) -> Any:
        if isinstance(value, dict):
            named = value.get("Ref")
            return values[named] if named in values else {key: resolve(inner) for key, inner in value.items()}
        return [resolve(inner) for inner in value] if isinstance(value, list) else value

    return resolve(template["Resources"][resource]["Properties"])


@pytest.mark.parametrize("resource", ["Authorizer", "AuthorizerVersion"])
def test_another_release_changes_the_function_and_its_version(resource: str) -> None:
    assert deployed(resource, Release="one") != deployed(resource, Release="two")


@pytest.mark.parametrize("resource", ["Authorizer", "AuthorizerVersion"])
def test_the_same_release_changes_neither(resource: str) -> None:
    assert deployed(resource, Release="one") == deployed(resource, Release="one")


def test_what_a_release_changes_of_the_function_is_its_configuration() -> None:
    one, two = (deployed("Authorizer", Release=release) for release in ("one", "two"))
    assert {name for name in one if one[name] != two[name]} == {"Environment"}


def test_without_a_release_another_setting_changes_the_function_alone() -> None:
    other = {"JwtIssuer": "https://issuer.example/"}
    assert deployed("Authorizer") != deployed("Authorizer", **other)
    assert deployed("AuthorizerVersion") == deployed("AuthorizerVersion", **other)
