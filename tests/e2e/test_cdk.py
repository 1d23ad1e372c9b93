"""The CDK example: `cdk synth` with the packages that it locks, and the template that this makes, deployed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from local import environment
from local.deployment import STACK, deploy_template, rest_api_url
from local.session import client
from local.system import System
from tests.e2e.conftest import DIRECTORY, Caller
from tests.e2e.test_examples import authorizer_of, report

EXAMPLE = Path("examples/cdk")
CDK = "aws-cdk@2.1148.1"
BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
UV = Path(".venv/bin/uv").resolve()

pytestmark = [pytest.mark.long, pytest.mark.skipif(not shutil.which("npm"), reason="needs Node")]


@pytest.fixture(scope="module")
def synthesized(system: System, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cdk") / "app"
    shutil.copytree(EXAMPLE, folder)
    variables = environment.download()
    commands: list[list[str | Path]] = [
        [UV, "venv", "-q", "venv"],
        [UV, "pip", "install", "-q", "--python", "venv", "--require-hashes", "-r", "requirements.txt"],
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", "cli", CDK],
    ]
    for command in commands:
        subprocess.run(command, cwd=folder, env=variables, check=True)
    path = f"{folder / 'venv/bin'}:{variables['PATH']}"
    words = ["-c", f"authorizer={authorizer_of(system, STACK)}", "--no-version-reporting", "--output", "out"]
    subprocess.run(
        [folder / "cli/node_modules/.bin/cdk", "synth", *words], cwd=folder, env=variables | {"PATH": path}, check=True
    )
    return folder / "out" / "reports.template.json"


def test_its_template_has_nothing_that_cfn_lint_knows_to_be_wrong(synthesized: Path) -> None:
    variables = environment.clean() | {"AWS_DEFAULT_REGION": "us-east-1"}
    command: list[str | Path] = [".venv/bin/cfn-lint", "--non-zero-exit-code", "error", synthesized]
    subprocess.run(command, env=variables, check=True)


def test_its_api_uses_the_authorizer_and_its_rules(system: System, synthesized: Path) -> None:
    # What `cdk bootstrap` leaves in an account.
    client(system.emulator, "ssm").put_parameter(Name=BOOTSTRAP, Value="30", Type="String")
    log = DIRECTORY / "reports-cdk.log"
    physical = deploy_template(system.emulator, synthesized, "reports-cdk", {"BootstrapVersion": BOOTSTRAP}, log)
    (api_id,) = {value for name, value in physical.items() if name.startswith("Api") and len(name) == len("Api") + 8}
    api = Caller(rest_api_url(system.emulator, api_id, "prod"))
    client(system.emulator, "apigateway").create_deployment(restApiId=api_id, stageName="prod")
    assert report(api, system.api_key) == (201, "acme")
    assert report(api, system.jwt)[0] == 403
    assert report(api)[0] == 401
