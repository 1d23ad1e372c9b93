"""The alarms of stacks/monitoring, evaluated like in CloudWatch, on log lines of the artifact."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from authorizer import api_key
from local.key_server import serving as serving_keys
from local.template_file import load
from tests.support.interpreter import Artifact, running
from tests.support.tokens import AUDIENCE, ISSUER, NOW, claims, jwk, key_set, token

TEMPLATE = load(Path("stacks/monitoring/template.yaml"))
PARAMETERS = {"AuthorizerStack": "prod", "FunctionName": "function", "TableName": "table", "ApiName": "prod"}
ALARMS: dict[str, dict[str, Any]] = {
    name: resource["Properties"]
    for name, resource in TEMPLATE["Resources"].items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}
STATISTICS: dict[str, Callable[[Iterable[float]], float]] = {"Sum": sum, "Maximum": max}

Metric = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions."""
Minute = Mapping[Metric, Sequence[float]]


def metrics(written: str) -> dict[Metric, list[float]]:
    """The metrics that CloudWatch extracts from lines in the embedded metric format."""
    found: dict[Metric, list[float]] = {}
    for line in map(json.loads, written.splitlines()):
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
            for dimensions in directive["Dimensions"]:
                named = frozenset((name, line[name]) for name in dimensions)
                for metric in directive["Metrics"]:
                    values = found.setdefault((directive["Namespace"], metric["Name"], named), [])
                    value = line[metric["Name"]]
                    values.extend(value if isinstance(value, list) else [value])
    return found


def goes_off(alarm: Mapping[str, Any], minutes: Sequence[Minute]) -> bool:
    """Whether the alarm is in the state ALARM after these minutes. Periods without data are not breaching."""
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    dimensions = frozenset(
        (item["Name"], PARAMETERS[item["Value"]["Ref"]] if isinstance(item["Value"], dict) else item["Value"])
        for item in alarm["Dimensions"]
    )
    metric = (alarm["Namespace"], alarm["MetricName"], dimensions)
    length = alarm["Period"] // 60
    periods = [minutes[start : start + length] for start in range(0, len(minutes), length)]
    breaching = []
    for period in periods[-alarm["EvaluationPeriods"] :]:
        values = [value for minute in period for value in minute.get(metric, ())]
        breaching.append(bool(values) and STATISTICS[alarm["Statistic"]](values) >= alarm["Threshold"])
    return bool(sum(breaching) >= alarm["DatapointsToAlarm"])


def alarms(minutes: Iterable[Minute]) -> set[str]:
    listed = list(minutes)
    return {name for name, alarm in ALARMS.items() if "Metrics" not in alarm and goes_off(alarm, listed)}


def stack(**variables: str) -> dict[str, str]:
    return {"API_KEYS_TABLE": "keys", "STACK_NAME": "prod", **variables}


def test_a_stopped_table_sets_off_the_alarm_on_failed_decisions_alone(artifact: Path) -> None:
    with running(artifact, AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:9") as function:
        function.build(stack(API_KEY_TIMEOUT_SECONDS="0.2"), with_table=True)
        minutes = [metrics(function.bearer(api_key.generate("mak")).written) for _ in range(5)]
    assert alarms(minutes) == {"FailedDecisions"}
    assert alarms([{}, {}, *minutes[:2], {}]) == set()


def test_a_provider_that_stays_away_sets_off_the_alarm_on_stale_keys_while_its_users_come_in(
    authorizer: Artifact,
) -> None:
    text = token(claims(exp=NOW + 86_400))
    with serving_keys(key_set(jwk())) as url:
        variables = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": url}
        authorizer.build(stack(**variables, JWKS_TIMEOUT_SECONDS="0.2"), now=NOW)
        assert authorizer.bearer(text).outcome == ("allow", None)
    minutes = []
    for minute in range(60):
        authorizer.set_clock(NOW + minute * 60)
        decision = authorizer.bearer(text)
        assert decision.outcome == ("allow", None)
        minutes.append(metrics(decision.written))
    assert alarms(minutes[:30]) == set()
    assert alarms(minutes) == {"StaleKeys"}


def test_a_provider_that_was_never_there_sets_off_the_alarm_on_failed_decisions(authorizer: Artifact) -> None:
    variables = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": "http://127.0.0.1:9/"}
    authorizer.build(stack(**variables), now=NOW)
    assert alarms([metrics(authorizer.bearer(token()).written)] * 5) == {"FailedDecisions"}


def test_a_thousand_refusals_set_off_nothing(authorizer: Artifact) -> None:
    variables = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": "https://issuer.example/"}
    authorizer.build(stack(**variables), now=NOW, key_set=key_set(jwk()))
    refused = ["hello", "mak_x", token(claims(exp=NOW - 600)), token(header={"kid": "unknown"})]
    minutes = []
    for _minute in range(5):
        written = []
        for number in range(200):
            decision = authorizer.bearer(refused[number % len(refused)])
            assert decision.outcome[0] == "refuse"
            written.append(decision.written)
        # Lambda counts a response of 401 as an error of the function.
        lambda_errors: Minute = {("AWS/Lambda", "Errors", frozenset({("FunctionName", "function")})): [200]}
        minutes.append({**metrics("".join(written)), **lambda_errors})
    assert alarms(minutes) == set()


@pytest.mark.parametrize(
    ("metric", "dimension", "value", "alarm"),
    [
        (("AWS/Lambda", "Duration"), ("FunctionName", "function"), 10_000, "AuthorizerTimingOut"),
        (("AWS/Lambda", "Throttles"), ("FunctionName", "function"), 1, "AuthorizerThrottled"),
        (("AWS/DynamoDB", "ReadThrottleEvents"), ("TableName", "table"), 1, "TableThrottled"),
        (("AWS/ApiGateway", "5XXError"), ("ApiName", "prod"), 5, "ApiFailing"),
    ],
)
def test_what_only_the_platform_measures_sets_off_its_alarm(
    metric: tuple[str, str], dimension: tuple[str, str], value: float, alarm: str
) -> None:
    """These metrics are from AWS. The test uses their documented names and dimensions."""
    minute: Minute = {(*metric, frozenset({dimension})): [value]}
    assert alarms([minute] * 3) == {alarm}
    assert alarms([minute] * 2) == set()


def test_the_metrics_of_another_stack_set_off_nothing(artifact: Path) -> None:
    with running(artifact, AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:9") as function:
        function.build(stack(STACK_NAME="staging", API_KEY_TIMEOUT_SECONDS="0.2"), with_table=True)
        written = function.bearer(api_key.generate("mak")).written
    assert alarms([metrics(written)] * 5) == set()


def test_every_alarm_has_a_section_in_the_runbook_that_its_description_names() -> None:
    page = Path("docs/operations.md").read_text(encoding="utf-8")
    for name, alarm in ALARMS.items():
        assert f"\n### {name}\n" in page
        assert alarm["AlarmDescription"].endswith(f'docs/operations.md, "{name}"')


def test_the_dashboard_shows_metrics_that_the_artifact_writes(artifact: Path) -> None:
    body = json.loads(TEMPLATE["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])
    shown = {
        metric[1] for widget in body["widgets"] for metric in widget["properties"]["metrics"] if len(metric) > 2
    } - {"...", "Duration"}
    source = (artifact / "authorizer" / "telemetry.py").read_text(encoding="utf-8")
    assert shown == {"Decisions", "ColdStart", "JwksFetched", "JwksFetchFailed", "JwksStaleServed"}
    assert all(f'"{name}"' in source for name in shown)


def test_the_queries_of_usage_read_members_of_the_access_log() -> None:
    form = load(Path("template.yaml"))["Resources"]["Api"]["Properties"]["AccessLogSetting"]["Fn::If"][1]["Format"]
    resources = TEMPLATE["Resources"]
    rule = json.loads(resources["RefusedByKey"]["Properties"]["RuleBody"]["Fn::Sub"])["Contribution"]
    read = {*rule["Keys"], *(each["Match"] for each in rule["Filters"])}
    assert {name.removeprefix("$.") for name in read} <= json.loads(form).keys()
    widgets = json.loads(resources["UsageDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])["widgets"]
    assert all("SOURCE '${AccessLogGroup}'" in widget["properties"]["query"] for widget in widgets)
