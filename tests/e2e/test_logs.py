"""What is written down about decisions, and what is not."""

import json
from collections.abc import Callable
from typing import Any

from authorizer import api_key
from local.deployment import STACK
from local.session import client
from local.system import System
from tests.e2e.conftest import Caller, Keys
from tests.support.issuer import Issuer


def function_logs(system: System) -> str:
    """Everything that the functions of the authorizer's stack have logged.

    Other tests deploy optional stacks, and the record of events names keys and consumers.
    """
    others = ("AccessLogs", f"{STACK}-events", f"{STACK}-usage")
    return written_logs(system, lambda group: not any(name in group for name in others))


def emulator_log(system: System) -> str:
    """The emulator's own log, without what it repeats of the functions of optional stacks."""
    lines = system.emulator.log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(line for line in lines if '"service":"key-events"' not in line)


def written_logs(system: System, is_meant: Callable[[str], bool] = lambda _group: True) -> str:
    """Everything in the log groups that are meant."""
    logs = client(system.emulator, "logs")
    names = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    groups = [name for name in names if is_meant(name)]
    events: list[Any] = [
        event["message"] for group in groups for event in logs.filter_log_events(logGroupName=group)["events"]
    ]
    return "\n".join(events)


def test_a_decision_is_one_json_line_with_its_reason(system: System, caller: Caller, keys: Keys) -> None:
    created = keys.create()
    assert caller.bearer(created["key"]).status == 200
    written = function_logs(system) + emulator_log(system)
    lines = [line for line in written.splitlines() if created["key_id"] in line]
    assert len(lines) == 1
    decision = json.loads(lines[0][lines[0].index("{") :])
    assert (decision["message"], decision["outcome"], decision["kind"]) == ("decision", "allow", "api_key")
    assert decision["latency_ms"] > 0
    assert decision["request_id"]


def test_neither_credentials_nor_claims_are_in_any_log(
    system: System, caller: Caller, keys: Keys, issuer: Issuer
) -> None:
    secret = "Unmistakable-Value"
    key = keys.create("--consumer", f"{secret}-consumer", "--data", json.dumps({"note": secret}))["key"]
    token = issuer.token(sub=f"{secret}-subject", note=secret)
    tampered, unknown = token[:-8] + "AAAAAAAA", api_key.generate("mak")
    assert [caller.bearer(credential).status for credential in (key, token)] == [200, 200]
    assert [caller.bearer(credential).status for credential in (tampered, unknown, secret)] == [401, 401, 401]
    written = function_logs(system) + written_logs(system, lambda group: "AccessLogs" in group) + emulator_log(system)
    for forbidden in (key, unknown, token, token.split(".")[1], token.split(".")[2], tampered[-40:], secret):
        assert forbidden not in written
