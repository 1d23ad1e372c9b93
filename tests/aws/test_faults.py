"""Every check passes on a system that is as the pages say, and fails when its fault is put in."""

import json
from collections.abc import Callable
from dataclasses import replace
from email.message import Message
from typing import Any

import pytest

from tests.aws.api import Answer
from tests.aws.check import Check
from tests.aws.checks import CHECKS
from tests.aws.model import HTTP_API, OWN_API, Model, answer
from tests.aws.run import result

Fault = Callable[[Model], None]
BY_NAME = {check.name: check for check in CHECKS}


def made(check: Check, model: Any) -> tuple[str, str]:
    """The outcome of a check, and its reason."""
    done = result(check, model)
    return done.outcome, done.reason


def other_status(old: int, new: int) -> Fault:
    return lambda model: model.alter(lambda given: replace(given, status=new) if given.status == old else given)


def other_body(status: int, **members: object) -> Fault:
    def change(given: Answer) -> Answer:
        return replace(given, text=json.dumps({**given.body, **members})) if given.status == status else given

    return lambda model: model.alter(change)


def without_header(status: int, name: str) -> Fault:
    def change(given: Answer) -> Answer:
        headers = Message()
        for header, value in given.headers.items():
            if header != name or given.status != status:
                headers[header] = value
        return replace(given, headers=headers)

    return lambda model: model.alter(change)


def setting(**values: object) -> Fault:
    """Set attributes of the model."""

    def put(model: Model) -> None:
        for name, value in values.items():
            setattr(model, name, value)

    return put


def service(**values: object) -> Fault:
    """Set attributes of the AWS clients."""

    def put(model: Model) -> None:
        for name, value in values.items():
            setattr(model.services, name, value)

    return put


def first_header_counts(model: Model) -> None:
    """API Gateway passes the first of several headers on."""
    send = model.sample.send
    model.sample = replace(model.sample)
    model.sample.send = lambda method, path, headers=(): send(method, path, list(headers)[:1])  # type: ignore[method-assign]


def other_log_status(status: str) -> Fault:
    """Every line of the access log has this status."""

    def put(model: Model) -> None:
        kept = model.log_lines
        setting(log_lines=lambda group: [{**line, "status": status} for line in kept(group)])(model)

    return put


def log_line(text: Callable[[Model], str]) -> Fault:
    """Something is logged that must not be."""

    return lambda model: setting(log_texts=lambda _group: [text(model)])(model)


def newest_key(model: Model) -> str:
    return list(model.keys_by_text)[-1]


ALARM = {
    "MetricAlarms": [
        {"Namespace": "MultiAuth", "MetricName": "FailedDecisions", "Dimensions": [], "StateValue": "ALARM"}
    ]
}


def no_queries(**_arguments: str) -> Any:
    return {"queryDefinitions": []}


def newest_id(model: Model) -> str:
    return list(model.keys_by_text.values())[-1].key_id


FAULTS: list[tuple[str, str, Fault]] = [
    ("an_accepted_credential_reaches_the_backend", "403 for all", other_status(200, 403)),
    ("an_accepted_credential_reaches_the_backend", "another identity", other_body(200, sub="other")),
    ("an_accepted_credential_reaches_the_backend", "no data", other_body(200, data={})),
    ("a_refused_credential_gets_the_same_401", "403", other_status(401, 403)),
    ("a_refused_credential_gets_the_same_401", "503", other_status(401, 503)),
    ("a_refused_credential_gets_the_same_401", "the body names the reason", other_body(401, reason="unknown_key")),
    ("a_refused_credential_gets_the_same_401", "no challenge", without_header(401, "WWW-Authenticate")),
    ("a_refused_credential_gets_the_same_401", "no CORS header", without_header(401, "Access-Control-Allow-Origin")),
    ("a_route_that_is_not_permitted_gets_403", "200", other_status(403, 200)),
    ("a_route_that_is_not_permitted_gets_403", "the body names the rule", other_body(403, rule="POST /reports")),
    ("a_403_names_the_missing_scopes", "none named", other_body(403, missing_scopes="")),
    ("a_403_names_the_missing_scopes", "a dash for no scope", other_body(403, missing_scopes="-")),
    ("several_authorization_headers_are_refused", "the first one counts", first_header_counts),
    ("a_route_that_does_not_exist_gets_404", "403", other_status(404, 403)),
    ("a_route_that_does_not_exist_gets_404", "API Gateway's own body", without_header(404, "Content-Type")),
    ("a_preflight_needs_no_credential", "401", other_status(200, 401)),
    ("a_preflight_needs_no_credential", "no header", without_header(200, "Access-Control-Allow-Headers")),
    ("networks_of_a_key_hold_on_a_rest_api", "conditions are ignored", other_status(403, 200)),
    ("networks_of_a_key_hold_on_a_rest_api", "a condition is never met", other_status(200, 403)),
    ("networks_of_a_key_hold_on_an_http_api", "conditions are ignored", other_status(403, 201)),
    (
        "networks_of_a_key_hold_on_an_http_api_with_payload_format_1_0",
        "a condition is never met",
        other_status(201, 403),
    ),
    (
        "a_header_of_a_gateway_response_carries_a_variable_of_the_authorizers_context",
        "the header is left out",
        without_header(403, "X-Missing-Scopes"),
    ),
    ("one_decision_answers_many_requests", "no authorizer cache", setting(ttl=0)),
    ("one_decision_answers_many_requests", "no decision is logged", setting(decisions=lambda *_: [])),
    ("a_revoked_key_is_refused_within_the_bound", "the cache lasts longer", setting(ttl=90)),
    ("a_revoked_key_is_refused_within_the_bound", "revoked keys are accepted", setting(key_cache=10**6)),
    ("a_revoked_key_is_refused_within_the_bound", "the refusal is a 403", other_status(401, 403)),
    (
        "a_flush_ends_the_cached_decisions",
        "it flushes nothing",
        service(flush_stage_authorizers_cache=lambda **_: None),
    ),
    ("only_a_key_on_a_usage_plan_is_accepted", "every key is accepted", other_status(403, 200)),
    ("only_a_key_on_a_usage_plan_is_accepted", "no key is accepted", other_status(201, 403)),
    ("only_a_key_on_a_usage_plan_is_accepted", "another body", other_body(403, title="Forbidden")),
    ("callers_without_a_plan_have_the_default_one", "they have none", other_status(201, 403)),
    ("a_new_native_key_works_within_the_wait_of_the_command", "it takes longer", setting(settling=90)),
    ("a_burst_gets_429_and_another_consumer_does_not", "no limit", setting(burst=10**6)),
    ("a_burst_gets_429_and_another_consumer_does_not", "a quota", other_body(429, title="Quota Exceeded")),
    ("a_burst_gets_429_and_another_consumer_does_not", "no Retry-After", without_header(429, "Retry-After")),
    ("answers_of_the_authorizer_cache_are_limited", "no limit", setting(burst=10**6)),
    ("answers_of_the_authorizer_cache_are_limited", "no authorizer cache", setting(ttl=0)),
    ("a_quota_ends_with_429", "no quota", service(update_usage_plan=lambda **_: None)),
    ("a_quota_ends_with_429", "it is a rate", other_body(429, title="Too Many Requests")),
    ("public_routes_and_preflights_need_no_usage_plan", "401", other_status(200, 401)),
    (
        "the_authorizers_role_permits_one_read",
        "it can write",
        service(granted=("dynamodb:GetItem", "dynamodb:PutItem")),
    ),
    ("the_authorizers_role_permits_one_read", "it cannot read", service(granted=())),
    (
        "the_policies_permit_what_they_say",
        "they permit nothing",
        service(simulate_custom_policy=lambda **_: {"EvaluationResults": []}),
    ),
    ("the_role_of_self_service_is_bound_to_items", "leading keys are not compared", service(leading_keys=False)),
    (
        "the_policies_are_valid",
        "one has an error",
        service(findings=[{"findingType": "ERROR", "issueCode": "INVALID_ACTION"}]),
    ),
    ("the_log_has_no_credential", "the key", log_line(newest_key)),
    ("the_log_has_no_credential", "the token's payload", log_line(lambda model: model.jwt.split(".")[1])),
    ("the_log_has_no_credential", "the data of a key", log_line(lambda _: "purple-plan")),
    ("the_access_log_names_the_key_of_each_request", "no line", setting(log_lines=lambda _group: [])),
    (
        "the_access_log_names_the_key_of_each_request",
        "another request ID",
        setting(decisions=lambda *_: [{"request_id": "other"}]),
    ),
    ("keys_usage_counts_each_request_by_class", "no line", setting(log_lines=lambda _group: [])),
    ("keys_usage_counts_each_request_by_class", "every request is accepted", other_log_status("200")),
    ("keys_usage_counts_each_request_by_class", "another time zone", setting(last_day="2027-01-14")),
    ("the_stack_of_usage_counts_each_request_by_class", "no line", setting(log_lines=lambda _group: [])),
    ("the_stack_of_usage_counts_each_request_by_class", "no last use", setting(last_use=None)),
    ("doctor_finds_no_fault", "it finds one", setting(doctor=[{"check": "table", "state": "wrong", "detail": "none"}])),
    ("an_outage_is_503_for_its_own_kind_of_credential", "401", other_status(503, 401)),
    ("an_outage_is_503_for_its_own_kind_of_credential", "500", other_status(503, 500)),
    ("an_outage_is_503_for_its_own_kind_of_credential", "no Retry-After", without_header(503, "Retry-After")),
    ("without_concurrency_the_answer_is_503_or_429", "500", other_status(503, 500)),
    ("without_concurrency_the_answer_is_503_or_429", "it is accepted", other_status(503, 200)),
    ("an_api_in_another_stack_uses_the_authorizer", "the API cannot invoke it", other_status(201, 500)),
    ("an_api_in_another_stack_uses_the_authorizer", "no authorizer", other_status(403, 201)),
    ("an_api_in_another_stack_uses_the_authorizer", "a refusal is 500", other_status(401, 500)),
    ("keys_of_an_existing_table_work_after_the_deployment", "another table", setting(update_alone=lambda **_: None)),
    ("an_http_api_uses_the_authorizer", "the API cannot invoke it", other_status(201, 500)),
    ("an_http_api_uses_the_authorizer", "an outage is a refusal", other_status(500, 401)),
    ("an_http_api_uses_the_authorizer", "no rules", other_status(403, 201)),
    ("another_release_publishes_a_version", "the old version stays in use", service(publishes=False)),
    ("a_version_with_a_snapshot_decides", "no snapshot", service(snapshots="Off")),
    ("a_version_with_a_snapshot_decides", "it does not decide", setting(doctor=[{"state": "wrong", "detail": "none"}])),
    ("lambda_writes_no_line_for_each_invocation", "it does", log_line(lambda _: '{"type":"platform.report"}')),
    ("the_metrics_of_the_log_lines_have_their_dimensions", "none", service(metrics=[])),
    ("an_alarm_starts_and_ends", "it never starts", service(alarms_after=10**6)),
    ("an_alarm_starts_and_ends", "it never ends", service(describe_alarms=lambda **_: ALARM)),
    ("dashboards_have_widgets_and_saved_queries_run", "an empty dashboard", service(widgets=[])),
    ("dashboards_have_widgets_and_saved_queries_run", "a query with an error", service(query_status="Failed")),
    ("dashboards_have_widgets_and_saved_queries_run", "a query without end", service(query_status="Running")),
    ("dashboards_have_widgets_and_saved_queries_run", "no query", service(describe_query_definitions=no_queries)),
    ("a_revocation_is_an_event_within_a_minute", "no event", setting(log_texts=lambda _group: [])),
    (
        "a_revocation_is_an_event_within_a_minute",
        "it has the data",
        lambda model: setting(log_texts=lambda _: [f"key.revoked {newest_id(model)} purple-plan"])(model),
    ),
    ("an_upgrade_from_0_2_keeps_the_table_and_its_keys", "another table", setting(table_after_upgrade="new")),
    ("an_upgrade_from_0_2_keeps_the_table_and_its_keys", "no stream", service(stream=None)),
    ("a_restored_table_has_its_keys", "another table", setting(update_alone=lambda **_: None)),
    ("a_kms_key_encrypts_the_table_and_the_logs", "not the table", service(key_of_table="other")),
    ("a_kms_key_encrypts_the_table_and_the_logs", "not the logs", service(key_of_logs=None)),
    ("provisioned_execution_environments_are_ready", "they are not", service(provisioned="IN_PROGRESS")),
    ("the_routes_of_a_deployed_api_are_checked", "a route is open", setting(route_callers={"GET /me": "anyone"})),
    ("apis_that_use_the_authorizer_are_found", "none is found", setting(referring=[])),
    (
        "apis_that_use_the_authorizer_are_found",
        "also its own",
        setting(referring=[{"id": HTTP_API, "kind": "HTTP API"}, {"id": OWN_API, "kind": "REST API"}]),
    ),
    ("a_refused_credential_on_an_http_api_is_not_accepted", "it is accepted", other_status(401, 201)),
    (
        "the_code_of_a_function_in_a_vpc_cannot_change_network_interfaces",
        "it can",
        service(code_is_denied=False),
    ),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_passes_on_a_system_that_is_as_the_pages_say(check: Check) -> None:
    assert made(check, Model()) == ("passed", "")


@pytest.mark.parametrize(
    ("name", "fault"), [pytest.param(name, put, id=f"{name}: {what}") for name, what, put in FAULTS]
)
def test_a_check_fails_when_its_fault_is_put_in(name: str, fault: Fault) -> None:
    model = Model()
    fault(model)
    outcome, reason = made(BY_NAME[name], model)
    assert outcome == "failed"
    assert reason


def test_every_check_has_a_fault() -> None:
    assert {name for name, _what, _fault in FAULTS} == set(BY_NAME)


def test_a_reason_has_no_credential() -> None:
    for name, _what, fault in FAULTS:
        model = Model()
        fault(model)
        reason = made(BY_NAME[name], model)[1]
        assert not any(key in reason for key in model.keys_by_text)
        assert model.jwt not in reason


def test_an_answer_that_is_not_json_has_no_body() -> None:
    assert replace(answer(200, {}), text="<html>").body is None
