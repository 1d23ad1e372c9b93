"""Other set-ups of the stack: without the sample API, of version 0.2, with a table that exists, with a KMS key."""

from typing import Final

from tests.aws.check import Skipped, check, expect, expect_one_of
from tests.aws.checks.outages import NO_TABLE
from tests.aws.deployed import RULES, Deployed

REFERS: Final = 7
"""The exit code of `keys stack references` if something refers to the authorizer."""
RESTORE_SECONDS: Final = 3600


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


@check("docs/upgrading.md", "CloudFormation adds the stream and the index to the table in place.")
def an_upgrade_from_0_2_keeps_the_table_and_its_keys(deployed: Deployed) -> None:
    """With the template of 0.2 and the functions of this version."""
    before = deployed.old()
    table = before.outputs["ApiKeysTableName"]
    key_id = deployed.create_key(stack=before)["key_id"]
    after = deployed.upgraded()
    expect("table after the upgrade", after.outputs["ApiKeysTableName"], table)
    expect("version", after.outputs["Version"], deployed.version)
    described = deployed.place.client("dynamodb").describe_table(TableName=table)["Table"]
    expect("stream", described.get("StreamSpecification", {}).get("StreamViewType"), "NEW_AND_OLD_IMAGES")
    indexes = {index["IndexName"] for index in described["GlobalSecondaryIndexes"]}
    expect("the index by_end_day is there", "by_end_day" in indexes, True)
    expect("key after the upgrade", deployed.keys("show", key_id, stack=after)["key_id"], key_id)
    findings = deployed.keys("doctor", stack=after)
    expect("wrong findings of keys doctor", [each["detail"] for each in findings if each["state"] == "wrong"], [])


@check(
    "docs/table.md",
    "Restore it under a new name, with `aws dynamodb restore-table-to-point-in-time` or from a backup. The indexes are "
    "restored.",
    needs=("dynamodb:RestoreTableToPointInTime",),
)
def a_restored_table_has_its_keys(deployed: Deployed) -> None:
    key = deployed.create_key("--scopes", "reports:write", stack=deployed.main)["key"]
    table = deployed.restore(deployed.main.outputs["ApiKeysTableName"], RESTORE_SECONDS)
    deployed.update_alone(ExistingTable=table)
    answer = deployed.answer_with(201, lambda: deployed.reports.bearer(key, "/reports", "POST"))
    expect("status of a key of the restored table", answer.status, 201)
    expect(
        "keys of the restored index", len(deployed.keys("list", "--consumer", "acme", stack=deployed.alone)) > 0, True
    )


@check(
    "docs/table.md",
    "A KMS key that encrypts the table and the logs.",
    not_on_emulator="it names no KMS key of a table",
)
def a_kms_key_encrypts_the_table_and_the_logs(deployed: Deployed) -> None:
    key, stack = deployed.kms_key, deployed.encrypted
    table = deployed.place.client("dynamodb").describe_table(TableName=stack.outputs["ApiKeysTableName"])["Table"]
    expect("key of the table", table.get("SSEDescription", {}).get("KMSMasterKeyArn"), key)
    name = stack.outputs["AuthorizerLogGroup"]
    (group,) = deployed.place.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    expect("key of the log group", group.get("kmsKeyId"), key)
    deployed.create_key(stack=stack)
    findings = deployed.keys("doctor", stack=stack)
    expect("wrong findings of keys doctor", [each["detail"] for each in findings if each["state"] == "wrong"], [])


@check(
    "docs/configuration.md",
    "The number of execution environments that Lambda keeps initialized, at an hourly price.",
)
def provisioned_execution_environments_are_ready(deployed: Deployed) -> None:
    stack = deployed.update_alone(SnapStart="false", ProvisionedConcurrency="1", Release="ready")
    name, _, alias = stack.outputs["AuthorizerFunctionArn"].rpartition(":")
    found = deployed.place.client("lambda").get_provisioned_concurrency_config(FunctionName=name, Qualifier=alias)
    expect("status", (found["Status"], found["AvailableProvisionedConcurrentExecutions"]), ("READY", 1))
    findings = deployed.keys("doctor", stack=stack)
    expect("wrong findings of keys doctor", [each["detail"] for each in findings if each["state"] == "wrong"], [])


@check(
    "docs/access-rules.md",
    "asks API Gateway for the routes of a deployed API.",
    needs=("apigateway:GET",),
)
def the_routes_of_a_deployed_api_are_checked(deployed: Deployed) -> None:
    found = deployed.keys("check", f"src/authorizer/{RULES}", "--api", deployed.main.resources["Api"])
    callers = {each["route"]: each["caller"] for each in found["routes"]}
    wanted = dict.fromkeys(("GET /me", "POST /reports", "GET /admin/whoami"), "this authorizer")
    expect("callers of the routes", {route: callers.get(route) for route in wanted}, wanted)
    expect("caller of the preflight", callers.get("OPTIONS /me"), "anyone")


@check(
    "docs/production.md",
    "lists what still uses the authorizer",
    needs=("apigateway:GET", "lambda:GetPolicy"),
)
def apis_that_use_the_authorizer_are_found(deployed: Deployed) -> None:
    api = deployed.http.resources["Api"]
    found = deployed.keys("stack", "references", codes=(REFERS,))
    expect("the HTTP API", [each["kind"] for each in found if each["id"] == api], ["HTTP API"])
    own = deployed.main.resources["Api"]
    expect("the API of the stack itself", [each for each in found if each["id"] == own], [])


@check("examples/README.md", "AWS documents no status for a refused credential on an HTTP API.")
def a_refused_credential_on_an_http_api_is_not_accepted(deployed: Deployed) -> None:
    answer = deployed.http_reports.bearer("nonsense", "/reports", "POST")
    expect_one_of("status", answer.status, (401, 403, 500))
