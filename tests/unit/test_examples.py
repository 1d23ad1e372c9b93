"""The examples that no local system can deploy are at least well formed, and name what the templates give."""

from pathlib import Path

import hcl2

from keys.deployment.template import load


def test_the_terraform_example_is_well_formed() -> None:
    with Path("examples/terraform/main.tf").open(encoding="utf-8") as file:
        module = hcl2.load(file)
    kinds = {kind.strip('"') for resource in module["resource"] for kind in resource}
    assert kinds == {"aws_api_gateway_authorizer", "aws_lambda_permission", "aws_api_gateway_gateway_response"}


def test_the_cdk_example_is_well_formed() -> None:
    path = Path("examples/cdk/stack.py")
    compile(path.read_text(encoding="utf-8"), path, "exec")


def test_examples_ask_for_an_output_that_the_template_has() -> None:
    outputs = load(Path("template.yaml"))["Outputs"]
    for template in Path("examples").glob("*/template.yaml"):
        assert "AuthorizerFunctionArn" in load(template)["Parameters"]
    assert "AuthorizerFunctionArn" in outputs
