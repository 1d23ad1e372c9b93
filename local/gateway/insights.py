"""Queries of CloudWatch Logs Insights, in the forms that `keys.deployment.logs` sends.

Source: Amazon CloudWatch Logs user guide, "CloudWatch Logs Insights language query syntax": filter, ispresent, sort,
limit; members of JSON lines are fields. The emulator ignores filters that it does not know. Here, a query of another
form than these is refused.
"""

import json
import re
from typing import Any

from local.gateway.wrapping import Function, Wrapper

_LINES = re.compile(
    r"fields @timestamp, @message \| filter (?P<filter>.+) \| sort @timestamp asc \| limit (?P<limit>\d+)", re.ASCII
)
_PRESENT = re.compile(r"ispresent\((\w+)\)")
_EQUAL = re.compile(r'(\w+) = "([^"\\]*)"')


def _computed(original: Function) -> Function:
    def start_query(data: dict[str, Any]) -> Any:
        from ministack.core.responses import error_response_json
        from ministack.services import cloudwatch_logs

        query = _LINES.fullmatch(data.get("queryString", ""))
        conditions = query["filter"].split(" and ") if query else []
        if not query or not all(_PRESENT.fullmatch(each) or _EQUAL.fullmatch(each) for each in conditions):
            return error_response_json("MalformedQueryException", "This query is not one of the product's.", 400)
        answer = original({**data, "queryString": "fields @timestamp, @message | limit 1000000"})
        query_id = json.loads(answer[2]).get("queryId")
        if query_id is not None:
            stored = cloudwatch_logs._queries[query_id]
            # The emulator returns at most 10,000 rows, as AWS does, but before the filter. Read all lines again.
            lines = cloudwatch_logs._collect_query_records(
                cloudwatch_logs._resolve_query_log_groups(data), stored["startTime"], stored["endTime"]
            )
            found = [line for line in lines if _matches(line, conditions)]
            stored["results"] = [
                cloudwatch_logs._row_from_record(line, ["@timestamp", "@message"])
                for line in found[: int(query["limit"])]
            ]
        return answer

    return start_query


def _matches(line: dict[str, Any], conditions: list[str]) -> bool:
    try:
        members = json.loads(line.get("@message", ""))
    except ValueError:
        return False
    if not isinstance(members, dict):
        return False
    for condition in conditions:
        if equal := _EQUAL.fullmatch(condition):
            if members.get(equal[1]) != equal[2]:
                return False
        elif members.get(condition[len("ispresent(") : -1]) is None:
            return False
    return True


_SOURCE = "a9e90834cc9f0ad013f11518e0d8fab38bf43e71bbd4cb48fdd8bd01886f8977"
WRAPPERS = (Wrapper("ministack.services.cloudwatch_logs", "_start_query", _SOURCE, _computed),)
