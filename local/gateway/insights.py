"""Queries of CloudWatch Logs Insights, in the forms that `keys.deployment.logs` sends.

Source: Amazon CloudWatch Logs user guide, "CloudWatch Logs Insights language query syntax": filter, ispresent, sort,
limit, stats, bin, toMillis; members of JSON lines are fields. The emulator ignores filters that it does not know. Here,
a query of another form than these is refused.
"""

import json
import re
from typing import Any

from local.gateway.wrapping import Function, Wrapper

_LINES = re.compile(
    r"fields @timestamp, @message \| filter (?P<filter>.+) \| sort @timestamp asc \| limit (?P<limit>\d+)", re.ASCII
)
_TOTALS = re.compile(
    r"filter (?P<filter>.+) \| stats count\(\*\) as lines, max\(@timestamp\) as newest by (?P<by>[\w(), ]+)"
    r" \| limit (?P<limit>\d+)",
    re.ASCII,
)
_PRESENT = re.compile(r"ispresent\((@?\w+)\)")
_EQUAL = re.compile(r'(\w+) = "([^"\\]*)"')
_FROM = re.compile(r"toMillis\(@timestamp\) >= (\d+)")
_BEFORE = re.compile(r"toMillis\(@timestamp\) < (\d+)")
_FORMS = (_PRESENT, _EQUAL, _FROM, _BEFORE)
_DAY = "bin(1d)"


def rows(text: str, lines: list[dict[str, Any]]) -> list[list[dict[str, str]]] | None:
    """The rows of a query of these lines, as GetQueryResults has them; None if the query has another form.

    `lines`: with `@timestamp`, `@message` and `_timestamp_ms`, oldest first.
    """
    query = _LINES.fullmatch(text) or _TOTALS.fullmatch(text)
    conditions = query["filter"].split(" and ") if query else []
    if not query or not all(any(form.fullmatch(each) for form in _FORMS) for each in conditions):
        return None
    found = [line for line in lines if _matches(line, conditions)]
    if query.re is _TOTALS:
        return _totals(found, query["by"].split(", "))[: int(query["limit"])]
    names = ("@timestamp", "@message")
    return [[{"field": name, "value": line[name]} for name in names] for line in found[: int(query["limit"])]]


def _computed(original: Function) -> Function:
    def start_query(data: dict[str, Any]) -> Any:
        from ministack.core.responses import error_response_json
        from ministack.services import cloudwatch_logs

        text = data.get("queryString", "")
        if rows(text, []) is None:
            return error_response_json("MalformedQueryException", "This query is not one of the product's.", 400)
        answer = original({**data, "queryString": "fields @timestamp, @message | limit 1000000"})
        query_id = json.loads(answer[2]).get("queryId")
        if query_id is not None:
            stored = cloudwatch_logs._queries[query_id]
            # The emulator returns at most 10,000 rows, as AWS does, but before the filter. Read all lines again.
            lines = cloudwatch_logs._collect_query_records(
                cloudwatch_logs._resolve_query_log_groups(data), stored["startTime"], stored["endTime"]
            )
            stored["results"] = rows(text, lines)
        return answer

    return start_query


def _totals(lines: list[dict[str, Any]], by: list[str]) -> list[list[dict[str, str]]]:
    """The rows of `stats`. A row does not have a member that its lines do not have."""
    groups: dict[tuple[str | None, ...], list[int]] = {}
    for line in lines:
        members, time = _members(line), line["_timestamp_ms"]
        day = f"{line['@timestamp'][:10]} 00:00:00.000"
        values = tuple(day if name == _DAY else _text(members.get(name)) for name in by)
        groups.setdefault(values, []).append(time)
    rows = []
    for values, times in groups.items():
        named = [(name, value) for name, value in zip(by, values, strict=True) if value is not None]
        cells = [*named, ("lines", str(len(times))), ("newest", str(max(times)))]
        rows.append([{"field": name, "value": value} for name, value in cells])
    return rows


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _matches(line: dict[str, Any], conditions: list[str]) -> bool:
    members = _members(line)
    return all(_holds(condition, members, line) for condition in conditions)


def _members(line: dict[str, Any]) -> dict[str, Any]:
    """The fields of a line: of a JSON object, and those that each line has."""
    try:
        members = json.loads(line["@message"])
    except ValueError:
        members = None
    return {**(members if isinstance(members, dict) else {}), "@message": line["@message"]}


def _holds(condition: str, members: dict[str, Any], line: dict[str, Any]) -> bool:
    if equal := _EQUAL.fullmatch(condition):
        return bool(members.get(equal[1]) == equal[2])
    if present := _PRESENT.fullmatch(condition):
        return members.get(present[1]) is not None
    if from_ := _FROM.fullmatch(condition):
        return bool(line["_timestamp_ms"] >= int(from_[1]))
    before = _BEFORE.fullmatch(condition)
    return before is not None and bool(line["_timestamp_ms"] < int(before[1]))


_SOURCE = "a9e90834cc9f0ad013f11518e0d8fab38bf43e71bbd4cb48fdd8bd01886f8977"
WRAPPERS = (Wrapper("ministack.services.cloudwatch_logs", "_start_query", _SOURCE, _computed),)
