"""What the logs have, what they must not have, and what `keys doctor` reads from them."""

from contextlib import suppress
from typing import Any, Final

from tests.aws.check import Failed, Skipped, check, expect
from tests.aws.deployed import LOG_ATTEMPTS, Deployed

METRIC_ATTEMPTS: Final = 45
"""ListMetrics can take 15 minutes to show a new metric (AWS: ListMetrics)."""


@check(
    "README.md",
    "Logs contain no credentials, claims or headers, except the configured issuer and the published `kid` of a refused "
    "JWT.",
    needs=("logs:FilterLogEvents",),
)
def the_log_has_no_credential(deployed: Deployed) -> None:
    created, token = deployed.create_key("--data", '{"plan": "purple-plan"}'), deployed.jwt
    for credential in (created["key"], token):
        deployed.sample.bearer(credential)
    deployed.decisions(created["key_id"], 1)
    secrets = {
        "the API key": created["key"],
        "the JWT's signature": token.rpartition(".")[2],
        "the JWT's payload": token.split(".")[1],
        "the key's data": "purple-plan",
        "the header's scheme": "Bearer ",
    }
    texts = deployed.log_texts(deployed.main.outputs["AuthorizerLogGroup"])
    if "AccessLogGroup" in deployed.main.outputs:
        texts += deployed.log_texts(deployed.main.outputs["AccessLogGroup"])
    for what, secret in secrets.items():
        if any(secret in text for text in texts):
            raise Failed(f"{what} is in a log line")


@check(
    "docs/operations.md",
    "The access log has one line for each request, including requests that the authorizer cache answers",
    needs=("logs:FilterLogEvents",),
)
def the_access_log_names_the_key_of_each_request(deployed: Deployed) -> None:
    group = deployed.main.outputs.get("AccessLogGroup")
    if group is None:
        raise Skipped("the account has no role for API Gateway's logs (ApiGatewayLogRole=Existing)")
    created = deployed.create_key()
    for _number in range(3):
        deployed.sample.bearer(created["key"])
    lines = []
    for _attempt in range(LOG_ATTEMPTS):
        deployed.place.sleep(deployed.place.log_seconds)
        lines = [line for line in deployed.log_lines(group) if line.get("keyId") == created["key_id"]]
        if len(lines) >= 3:
            break
    expect("lines with the key's ID", len(lines), 3)
    expect("kinds of credential", {line.get("credential") for line in lines}, {"api_key"})
    request_ids = {line["request_id"] for line in deployed.decisions(created["key_id"], 1)}
    if not request_ids & {line.get("requestId") for line in lines}:
        raise Failed("no line has the request ID of the decision")


@check(
    "docs/usage.md",
    "The commands read the access logs of your APIs, which name the key of every request, also of those from the "
    "authorizer cache.",
    needs=(
        "apigateway:GET",
        "lambda:GetPolicy",
        "logs:DescribeLogGroups",
        "logs:GetQueryResults",
        "logs:StartQuery",
    ),
)
def keys_usage_counts_each_request_by_class(deployed: Deployed) -> None:
    _expect_usage(deployed, "--from-log")


@check(
    "docs/usage.md",
    "A request is counted after some minutes, and twice if Lambda delivers its batch twice.",
    needs=(
        "dynamodb:BatchGetItem",
        "dynamodb:Query",
        "logs:DescribeSubscriptionFilters",
        "sqs:GetQueueAttributes",
    ),
)
def the_stack_of_usage_counts_each_request_by_class(deployed: Deployed) -> None:
    key_id = _expect_usage(deployed, "--usage-stack", deployed.usage.name)
    shown = deployed.keys("show", key_id, "--usage-stack", deployed.usage.name)
    if shown["last_used"] is None:
        raise Failed("keys show has no last use")


def _expect_usage(deployed: Deployed, *source: str) -> str:
    """Check what `keys usage` says of a new key. `source`: options. Return the ID of the key."""
    if "AccessLogGroup" not in deployed.main.outputs:
        raise Skipped("the account has no role for API Gateway's logs (ApiGatewayLogRole=Existing)")
    created = deployed.create_key()
    for number in range(4):
        path, method = ("/reports", "POST") if number == 3 else ("/me", "GET")
        deployed.sample.bearer(created["key"], path, method)
    found: dict[str, Any] = {"requests": 0, "rows": []}
    # A line can be found some minutes after it was written.
    for _attempt in range(METRIC_ATTEMPTS):
        deployed.place.sleep(deployed.place.log_seconds or 1)
        with suppress(Failed):  # Before its first line, the table has nothing to say.
            found = deployed.keys("usage", "--key", created["key_id"], *source, "--by", "day")
        if found["requests"] >= 4:
            break
    counts = {name: sum(row[name] for row in found["rows"]) for name in ("2xx", "4xx")}
    expect("requests by class of status", counts, {"2xx": 3, "4xx": 1})
    if any(row["last_used"] is None or not row["last_used"].startswith(row["day"]) for row in found["rows"]):
        raise Failed("the last use of a day is not on this day")
    return created["key_id"]


@check(
    "docs/operations.md",
    "It sends synthetic credentials to the function, expects a 401 for each, and reports the deployed versions.",
)
def doctor_finds_no_fault(deployed: Deployed) -> None:
    findings = deployed.keys("doctor")
    wrong = {each["check"]: each["detail"] for each in findings if each["state"] not in ("ok", "note")}
    expect("findings of keys doctor", wrong, {})


@check(
    "docs/operations.md",
    "Lambda writes its own lines only from level WARN, so there is no such line for each invocation.",
    needs=("logs:FilterLogEvents",),
    not_on_emulator="it writes Lambda's lines at every level",
)
def lambda_writes_no_line_for_each_invocation(deployed: Deployed) -> None:
    created = deployed.create_key()
    deployed.sample.bearer(created["key"])
    deployed.decisions(created["key_id"], 1)
    texts = deployed.log_texts(deployed.main.outputs["AuthorizerLogGroup"])
    own = [
        word
        for word in ("platform.start", "platform.report", "START RequestId", "REPORT RequestId")
        if any(word in text for text in texts)
    ]
    expect("Lambda's own lines", own, [])


@check(
    "docs/operations.md",
    "All have the dimensions `service` and `stack`",
    needs=("cloudwatch:ListMetrics",),
    not_on_emulator="it makes no metrics of log lines",
)
def the_metrics_of_the_log_lines_have_their_dimensions(deployed: Deployed) -> None:
    deployed.sample.bearer(deployed.create_key()["key"])
    wanted, found = {"Decisions", "FailedDecisions", "ColdStart"}, set()
    for _attempt in range(METRIC_ATTEMPTS):
        dimensions = [{"Name": "service", "Value": "authorizer"}, {"Name": "stack", "Value": deployed.main.name}]
        pages = deployed.place.client("cloudwatch").get_paginator("list_metrics")
        found = {
            metric["MetricName"]
            for page in pages.paginate(Namespace="MultiAuth", Dimensions=dimensions)
            for metric in page["Metrics"]
        }
        if wanted <= found:
            return
        deployed.place.sleep(deployed.place.log_seconds)
    expect("metrics of the stack", sorted(found & wanted), sorted(wanted))
