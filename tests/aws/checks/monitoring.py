"""Alarms, dashboards and saved queries of stacks/monitoring, and the record of stacks/events."""

import json
from collections.abc import Callable
from typing import Any, Final

from tests.aws.check import Failed, check, expect
from tests.aws.deployed import Deployed

ALARM: Final = "FailedDecisions"
ALARM_SECONDS: Final = 900
POLL_SECONDS: Final = 20
QUERY_SECONDS: Final = 120
RECORD_SECONDS: Final = 60
NO_QUERIES: Final = "it has no saved queries (AWS::Logs::QueryDefinition)"


@check(
    "stacks/monitoring/template.yaml",
    "The ARN of an SNS topic that is notified when an alarm starts and when it ends.",
    needs=("cloudwatch:DescribeAlarms", "cloudwatch:PutMetricData"),
    not_on_emulator=NO_QUERIES,
)
def an_alarm_starts_and_ends(deployed: Deployed) -> None:
    name, cloudwatch = deployed.monitoring.resources[ALARM], deployed.place.client("cloudwatch")

    def described() -> Any:
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return alarm

    alarm = described()
    metric = {member: alarm[member] for member in ("MetricName", "Dimensions")}

    def fail_and_look() -> str:
        cloudwatch.put_metric_data(Namespace=alarm["Namespace"], MetricData=[{**metric, "Value": 1}])
        return str(described()["StateValue"])

    _await(deployed, "state of the alarm while decisions fail", fail_and_look, "ALARM")
    _await(deployed, "state of the alarm after the failures", lambda: str(described()["StateValue"]), "OK")


def _await(deployed: Deployed, what: str, look: Callable[[], str], wanted: str) -> None:
    started = deployed.place.now()
    while (seen := look()) != wanted and deployed.place.now() - started < ALARM_SECONDS:
        deployed.place.sleep(POLL_SECONDS)
    expect(what, seen, wanted)


@check(
    "docs/operations.md",
    "`stacks/monitoring` has six alarms, an optional one, saved queries and two dashboards for one stack of the "
    "authorizer.",
    needs=("cloudwatch:GetDashboard", "logs:DescribeQueryDefinitions", "logs:GetQueryResults", "logs:StartQuery"),
    not_on_emulator=NO_QUERIES,
)
def dashboards_have_widgets_and_saved_queries_run(deployed: Deployed) -> None:
    cloudwatch, logs = deployed.place.client("cloudwatch"), deployed.place.client("logs")
    for name in ("authorizer", "usage"):
        dashboard = cloudwatch.get_dashboard(DashboardName=f"{deployed.main.name}-{name}")
        if not json.loads(dashboard["DashboardBody"])["widgets"]:
            raise Failed(f"the dashboard {name} has no widgets")
    found = logs.describe_query_definitions(queryDefinitionNamePrefix=f"{deployed.main.name}/")["queryDefinitions"]
    # Two of them read the access log.
    expect("saved queries", len(found) >= 2, True)
    end = deployed.wall_clock()
    for each in found:
        groups = each["logGroupNames"]
        started = logs.start_query(
            logGroupNames=groups, queryString=each["queryString"], startTime=end - 3600, endTime=end
        )
        _await_query(deployed, logs, each["name"], started["queryId"])


def _await_query(deployed: Deployed, logs: Any, name: str, query: str) -> None:
    started = deployed.place.now()
    while (status := logs.get_query_results(queryId=query)["status"]) in ("Scheduled", "Running"):
        if deployed.place.now() - started > QUERY_SECONDS:
            break
        deployed.place.sleep(1)
    expect(f"status of the saved query {name}", status, "Complete")


@check(
    "docs/events.md",
    "Each event is one line in the log group of the output `RecordLogGroup`.",
    needs=("logs:FilterLogEvents",),
)
def a_revocation_is_an_event_within_a_minute(deployed: Deployed) -> None:
    group = deployed.events.outputs["RecordLogGroup"]
    key_id = deployed.create_key("--data", '{"plan": "purple-plan"}')["key_id"]
    deployed.keys("revoke", key_id, "--yes", "--reason", "acceptance")
    started = deployed.place.now()
    while True:
        texts = [text for text in deployed.log_texts(group) if key_id in text]
        if any("key.revoked" in text for text in texts):
            break
        if deployed.place.now() - started > RECORD_SECONDS:
            raise Failed(f"no event key.revoked in {RECORD_SECONDS} s, only {len(texts)} lines about the key")
        deployed.place.sleep(1)
    if any("purple-plan" in text for text in texts):
        raise Failed("an event has the data of the key")
