"""The installed `keys` command on the deployed system."""

import json
import subprocess
from typing import Any

import pytest

from authorizer import VERSION
from local.deployment import STACK
from local.provider import sign_in
from local.system import KEYS, System

Answer = tuple[int, Any]


@pytest.fixture
def keys_command(system: System) -> Any:
    def run(*arguments: str, stdin: str = "") -> Answer:
        """Exit code and JSON output of a command on the stack."""
        finished = subprocess.run(
            [KEYS, *arguments, "--stack", STACK, "--output", "json"],
            env=system.emulator.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in finished.stderr
        return finished.returncode, json.loads(finished.stdout)

    return run


def test_doctor_finds_no_fault_in_the_deployed_settings(keys_command: Any) -> None:
    code, findings = keys_command("doctor")
    # The emulator makes a stage without an access log, which is a note of its own.
    rated = [finding for finding in findings if not finding["check"].startswith("access log")]
    states = {finding["check"].split(" ")[0]: finding["state"] for finding in rated}
    assert code == 0, findings
    assert (states["settings"], states["table"], states["access"]) == ("ok", "ok", "ok")
    # The providers of the local system are in its copy of the file.
    assert states["identity"] == "note"
    details = {finding["check"].split(" ")[0]: finding["detail"] for finding in findings}
    assert details["function"] == "it refused a synthetic API key with 401, after it read the table"
    assert f"apigateway-multi-auth {VERSION}" in details["versions"]
    (revocation,) = [finding["detail"] for finding in findings if finding["check"] == "revocation"]
    assert "at most 2 s: 1 s in the authorizer cache, 1 s in the key cache" in revocation


@pytest.mark.parametrize(("route", "permitted"), [("POST /reports", True), ("GET /admin/whoami", False)])
def test_verify_applies_the_deployed_rules(route: str, permitted: bool, keys_command: Any, system: System) -> None:
    code, answer = keys_command("verify", "--route", route, stdin=system.api_key)
    assert (code, answer["permitted"]) == (0 if permitted else 5, permitted)


@pytest.mark.parametrize(("route", "permitted"), [("POST /reports", False), ("GET /admin/whoami", True)])
def test_explain_applies_the_deployed_rules(route: str, permitted: bool, keys_command: Any, system: System) -> None:
    token = sign_in(system.emulator, system.provider)["IdToken"]
    code, answer = keys_command("explain", "--jwt", "-", "--route", route, stdin=token)
    assert (code, answer["accepted"], answer["permitted"]) == (0 if permitted else 5, True, permitted)


def test_check_reads_the_routes_of_the_deployed_api(keys_command: Any, system: System) -> None:
    code, checked = keys_command("check", "src/authorizer/auth.toml", "--api", system.deployment.api_id)
    callers = {route["route"]: route["caller"] for route in checked["routes"]}
    assert (code, callers["GET /me"], callers["OPTIONS /me"]) == (0, "this authorizer", "anyone")
