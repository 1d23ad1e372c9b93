"""Other set-ups of the stack: without the sample API, and with a table that exists."""

from tests.aws.check import Skipped, check, expect
from tests.aws.checks.outages import NO_TABLE
from tests.aws.deployed import Deployed


@check(
    "examples/README.md",
    "The examples for SAM, CloudFormation, the CDK and Terraform create this permission in the stack of the API.",
)
def an_api_in_another_stack_uses_the_authorizer(deployed: Deployed) -> None:
    permitted = deployed.create_key("--scopes", "reports:write", stack=deployed.alone)["key"]
    other = deployed.create_key(stack=deployed.alone)["key"]
    answer = deployed.answer_with(201, lambda: deployed.reports.bearer(permitted, "/reports", "POST"))
    expect("answer to a permitted key", (answer.status, answer.body), (201, {"report_of": "acme"}))
    expect("status for a key without the scope", deployed.reports.bearer(other, "/reports", "POST").status, 403)
    expect("status for text that is no credential", deployed.reports.bearer("nonsense", "/reports", "POST").status, 401)
    expect("status without a credential", deployed.reports.send("POST", "/reports").status, 401)


@check(
    "examples/README.md",
    "the bodies of 401, 403 and 500 are API Gateway's own. If a credential cannot be checked, the client gets 500.",
    needs=("lambda:UpdateFunctionConfiguration",),
)
def an_http_api_uses_the_authorizer(deployed: Deployed) -> None:
    permitted, other = (deployed.create_key(*scopes)["key"] for scopes in (("--scopes", "reports:write"), ()))
    api = deployed.http_reports
    answer = deployed.answer_with(201, lambda: api.bearer(permitted, "/reports", "POST"))
    expect("answer to a permitted key", (answer.status, answer.body), (201, {"report_of": "acme"}))
    expect("status for a key without the scope", api.bearer(other, "/reports", "POST").status, 403)
    expect("status without a credential", api.send("POST", "/reports").status, 401)
    with deployed.changed_environment(API_KEYS_TABLE=NO_TABLE):
        fresh = deployed.create_key("--scopes", "reports:write")["key"]
        expect("status for an API key without its table", api.bearer(fresh, "/reports", "POST").status, 500)


@check(
    "docs/table.md",
    "Deploy with `ExistingTable` set to the new name. The keys in it work when the deployment is complete.",
)
def keys_of_an_existing_table_work_after_the_deployment(deployed: Deployed) -> None:
    restored = deployed.create_key("--scopes", "reports:write", stack=deployed.main)["key"]
    expect("status before the deployment", deployed.reports.bearer(restored, "/reports", "POST").status, 401)
    deployed.update_alone(ExistingTable=deployed.main.outputs["ApiKeysTableName"])
    answer = deployed.answer_with(201, lambda: deployed.reports.bearer(restored, "/reports", "POST"))
    expect("answer after the deployment", (answer.status, answer.body), (201, {"report_of": "acme"}))


@check("docs/upgrading.md", "set another `Release` in each deployment.")
def another_release_publishes_a_version(deployed: Deployed) -> None:
    functions, versions = deployed.place.client("lambda"), set()
    for release in ("one", "two"):
        stack = deployed.update_alone(ProvisionedConcurrency="1", Release=release)
        function = functions.get_function_configuration(FunctionName=stack.outputs["AuthorizerFunctionArn"])
        expect("release of the version in use", function["Environment"]["Variables"]["RELEASE"], release)
        versions.add(function["Version"])
    expect("published versions", len(versions), 2)


@check(
    "docs/configuration.md",
    "new execution environments start from a snapshot.",
    needs=("lambda:InvokeFunction",),
    not_on_emulator="it takes no snapshots",
)
def a_version_with_a_snapshot_decides(deployed: Deployed) -> None:
    if deployed.place.parameters.get("PythonRuntime") == "python3.11":
        raise Skipped("SnapStart requires Python 3.12 or newer, and this artifact is for 3.11")
    stack = deployed.update_alone(SnapStart="true", ProvisionedConcurrency="0", Release="three")
    function = stack.outputs["AuthorizerFunctionArn"]
    configuration = deployed.place.client("lambda").get_function_configuration(FunctionName=function)
    expect("OptimizationStatus", configuration["SnapStart"]["OptimizationStatus"], "On")
    findings = deployed.keys("doctor", stack=stack)
    expect("wrong findings of keys doctor", [each["detail"] for each in findings if each["state"] == "wrong"], [])
